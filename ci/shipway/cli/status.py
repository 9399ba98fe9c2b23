"""``inv status``: what runs where, and whether it is what the last record says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shipway.cli.run_command import run_command
from shipway.config.environment import Environment
from shipway.console import Console
from shipway.delivery import maintenance
from shipway.delivery.ports import Aws
from shipway.delivery.status import NOT_AS_RECORDED, ServiceStatus, look, open_environment
from shipway.errors import AccessDeniedError, ConfigurationError
from shipway.evidence import archive, history
from shipway.evidence.history import RecordedDelivery
from shipway.observer import Concluded
from shipway.util.paths import evidence_folder
from shipway.wiring import delivery_context


def run(env: str, *, evidence: str = "", json: bool) -> int:
    """Look; nothing is raised but what is a bug of ours.

    Args:
        env: ``--env``.
        evidence: Another folder with records; empty for the repository's own.
        json: One JSON object of type ``status`` instead of words.

    Returns:
        0; 4 where a service is not what the last record says, or is not there.
    """

    def work(console: Console) -> int:
        context = delivery_context(console)
        environment, aws = open_environment(env, context)
        folder = Path(evidence) if evidence else evidence_folder(context.root, context.variables)
        deliveries = _deliveries(folder, env)
        statuses = look(environment, aws, context, deliveries)
        held = _held(environment, aws)
        document = {
            "environment": environment.name,
            "account": environment.account,
            "region": environment.region,
            "cluster": environment.cluster,
            "records": len(deliveries),
            "services": [each.document() for each in statuses],
            "lock": held,
        }
        shown = (*lines(statuses), *([f" {held['text']}"] if held and held["owner"] else []))
        console.answer("status", document, shown)
        return _conclude(statuses, console)

    return run_command(work, interrupted="nothing was changed", json=json)


def _held(environment: Environment, aws: Aws) -> Mapping[str, object] | None:
    """How the lock stands; ``None`` where there is none, or whoever asks may not see it."""
    try:
        return maintenance.document(environment, maintenance.seen(environment, aws))
    except (AccessDeniedError, ConfigurationError):
        return None


def _deliveries(folder: Path, environment: str) -> Sequence[RecordedDelivery]:
    """The records that lie here; there are none before the first delivery, or where CI delivers."""
    return history.deliveries(archive.read(folder), environment) if folder.is_dir() else ()


def _conclude(statuses: Sequence[ServiceStatus], console: Console) -> int:
    differing = [each.key for each in statuses if each.drift or not each.exists]
    if differing:
        text = f"Not as recorded: {', '.join(differing)}."
        end = Concluded(text=text, kind=NOT_AS_RECORDED.name, exit_code=NOT_AS_RECORDED.exit_code)
    elif all(each.recorded for each in statuses):
        end = Concluded(text="As recorded.", kind="as-recorded", exit_code=0)
    else:
        text = "No record of every service lies here: --evidence names another folder."
        end = Concluded(text=text, kind="unrecorded", exit_code=0)
    console(end)
    return end.exit_code


def lines(statuses: Sequence[ServiceStatus]) -> Iterator[str]:
    """Every service in a line, its drift below it. Pure."""
    widest = max((len(each.key) for each in statuses), default=0)
    for each in statuses:
        label = f" {each.key:<{widest}}  "
        if not each.exists:
            yield f"{label}{each.service} is not there"
            continue
        image = each.image.partition("@sha256:")[2]
        shown = f"@sha256:{image[:12]}…" if image else each.image
        parts = [
            shown,
            f"{each.commit[:7]}{'+changes' * each.changed}",
            f"since {each.since:%Y-%m-%d %H:%M} UTC" if each.since else "",
            f"by {each.by}" if each.by else "",
            _health(each),
            "" if each.rollout in {"", "COMPLETED"} else each.rollout.lower().replace("_", " "),
            _standing(each),
        ]
        yield label + "  ".join(filter(None, parts))
        if each.drift:
            yield f" {'':<{widest}}  {each.drift}"


def _health(status: ServiceStatus) -> str:
    if status.healthy is not None:
        return f"{status.healthy}/{status.desired} healthy"
    return f"{status.running}/{status.desired} running"


def _standing(status: ServiceStatus) -> str:
    if status.recorded is None:
        return "no record"
    if not status.recorded.task_definition:
        return f"how {status.recorded.record} ended is not known"
    return "NOT as recorded" if status.drift else "as recorded"
