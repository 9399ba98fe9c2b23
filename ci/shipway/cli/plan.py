"""``inv plan``, ``inv rollback --plan``: what it would do, in words or as JSON, if anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from shipway.cli.deliver import terminable
from shipway.cli.run_command import run_command
from shipway.console import Console
from shipway.delivery.order import Order
from shipway.delivery.plan import REFUSED, plan_delivery
from shipway.delivery.planned import DeliveryPlan
from shipway.delivery.ports import DeliveryContext
from shipway.errors import ShipwayError
from shipway.evidence.good import PREVIOUS
from shipway.observer import Concluded
from shipway.policy.contract import Task
from shipway.policy.facts import Overrides
from shipway.values import ImageReference
from shipway.wiring import delivery_context

_LABEL: Final = 10
_FIELD: Final = 12
_DIGEST: Final = "@sha256:"
_DIGITS: Final = 12


def run(
    env: str,
    *,
    task: Task = "deploy",
    image: str = "",
    to: str = PREVIOUS,
    overrides: Overrides | None = None,
    json: bool,
) -> int:
    """Plan; nothing is raised but what is a bug of ours.

    Args:
        env: ``--env``; empty where the release contract is to say it.
        task: What is planned: ``deploy`` or ``rollback``.
        image: ``--image``; empty for a build.
        to: What ``rollback`` would go back to.
        overrides: What the contract's rules are to let through, by name.
        json: One JSON object for each event, and one of type ``plan``, instead of words.

    Returns:
        0 where nothing would change, 3 where something would, else what would end the delivery.
    """

    def work(console: Console) -> int:
        with terminable():
            order = Order(
                task=task,
                environment=env or None,
                image=ImageReference.parse(image) if image else None,
                overrides=overrides or Overrides(),
                to=to,
            )
            return show(order, delivery_context(console), console)

    return run_command(work, interrupted="nothing was changed", json=json)


def show(order: Order, context: DeliveryContext, console: Console) -> int:
    """Plan, and say what it comes to: to the log, and in a job to its summary and outputs, too.

    Args:
        order: What would be asked for.
        context: The outside.
        console: Says it.

    Returns:
        The exit code of the task.

    Raises:
        ShipwayError: There was nothing to plan.
    """
    try:
        plan = plan_delivery(order, context, console)
    except ShipwayError as error:
        if not console.memory.concluded:  # before there was anything to plan
            raise
        return error.exit_code
    document = plan.document()
    console.answer("plan", document, lines(document))
    console(Concluded(text=_verdict(plan), kind=plan.kind, exit_code=plan.exit_code))
    return plan.exit_code


def _verdict(plan: DeliveryPlan) -> str:
    if plan.refusals:
        return REFUSED
    if not plan.changes:
        return "No change. Nothing was changed."
    count = "1 change" if plan.changes == 1 else f"{plan.changes} changes"
    return f"{count}. Nothing was changed."


def lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The plan's JSON object in words. Pure."""
    for rule in document["decision"]["rules"]:
        state = "holds" if rule["holds"] else "BROKEN"
        yield _line("rule", f"{rule['rule']}  {state}")
    for image in document["images"]:
        yield _line(f"image {image['name']}".strip(), image["text"])
    yield from _jobs(document, "before")
    for service in document["services"]:
        yield from _service(service)
    yield from _jobs(document, "after")
    yield from map(_schedule, document["schedules"])
    services = document["services"]
    if any(service["action"] != "none" for service in services):
        yield from _afterwards(document)
    lock = document["lock"]
    if lock is not None and lock["held"]:
        yield _line("lock", lock["text"])
    for refusal in document["refusals"]:
        yield _line("refused", f"{refusal['what']}  (exit {refusal['exit_code']})")
        yield from (_line("", detail) for detail in refusal["details"])
        yield _line("", refusal["remedy"])


def _service(service: Mapping[str, Any]) -> Iterator[str]:
    revision = service["task_definition"].rpartition("/")[2]
    what = {
        "new-revision": f"{revision} → new revision",
        "known-revision": f"{revision} → {service['again'].rpartition('/')[2]}, registered before",
        "watch": f"{revision} is being rolled out already: watched to its end",
        "none": f"{revision}  no change",
    }
    yield _line(service["key"], what[service["action"]])
    changes = service["changes"]
    for change in changes:
        before, after = (_short(change[side]) or "(none)" for side in ("before", "after"))
        name = change["field"]
        yield _line("", f"{name:<{_FIELD}}  {before} → {after}")
    if service["action"] in {"new-revision", "known-revision"}:
        if not changes:
            yield _line("", "the same again: its last deployment failed")
        breaker = "circuit breaker" if service["circuit_breaker"] else "no circuit breaker"
        words = f"{service['strategy']}, {service['running']} of {service['desired']} tasks run"
        failure = f"on failure {service['on_failure']}"
        yield _line("", f"{'strategy':<{_FIELD}}  {words}, {breaker}, {failure}")


def _jobs(document: Mapping[str, Any], when: str) -> Iterator[str]:
    for job in document["jobs"]:
        if job["when"] == when:
            yield from _job(job)


def _job(job: Mapping[str, Any]) -> Iterator[str]:
    """What would be done about one job."""
    moment = {"before": "before the rollout", "after": "once it is verified"}[job["when"]]
    revision = job["task_definition"].rpartition("/")[2]
    new = " → new revision" if job["new_revision"] else ""
    what = {
        "start": f"{moment}: runs {revision}{new}, at most {job['timeout']} s",
        "follow": f"{moment}: {job['why']}, and is followed",
    }
    yield _line("job", f"{job['key']}  {what.get(job['action'], 'not run: ' + job['why'])}")
    if job["action"] == "start" and job["command"]:
        yield _line("", f"{'command':<{_FIELD}}  {' '.join(job['command'])}")


def _schedule(schedule: Mapping[str, Any]) -> str:
    """Which revision a task that the clock starts would be, once the release held."""
    now = " and ".join(
        dict.fromkeys(arn.rpartition("/")[2] for arn in schedule["task_definitions"])
    )
    what = f"{now}  no change"
    if schedule["action"] != "none":
        service = schedule["service"]
        new = f"the new revision of {service}" if service else "a new revision"
        what = f"{now} → {schedule['becomes'] or new}, once the release held"
    return _line("schedule", f"{schedule['key']}  {schedule['kind']} starts {what}")


def _afterwards(document: Mapping[str, Any]) -> Iterator[str]:
    """What would be watched once it is in service, and told to stacks."""
    held = {
        (service["hold"], ", ".join(service["alarms"]))
        for service in document["services"]
        if service["action"] != "none"
    }
    for seconds, alarms in sorted(held):
        yield _line("hold", f"{seconds:g} s{', alarms: ' + alarms if alarms else ''}")
    for name in document["image_parameters"]:
        yield _line("parameter", f"{name} would name the image")


def _line(label: str, text: str) -> str:
    return f"   {label:<{_LABEL}} {text}".rstrip()


def _short(value: str) -> str:
    """An image's digest as far as an eye compares it."""
    name, at, digest = value.partition(_DIGEST)
    return f"…{at}{digest[:_DIGITS]}…" if at and "/" in name else value
