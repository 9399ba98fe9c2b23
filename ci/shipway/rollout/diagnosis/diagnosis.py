"""Why a rollout failed: for each distinct failure one block, so that nobody opens the console.

Pure: the tasks that stopped, targets, log tails and both task definitions in; blocks out, with
every secret already hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shipway.observer import Detail
from shipway.redact import redact, redact_lines
from shipway.rollout.diagnosis.advice import Case, next_step, sick_ones
from shipway.rollout.diagnosis.reasons import Reading, exit_meaning
from shipway.rollout.judge.certainty import by_failure, cause_of
from shipway.rollout.judge.state import label
from shipway.rollout.judge.terms import Cause, DeploymentRef
from shipway.rollout.snapshot import TargetHealth, Task
from shipway.rollout.task_definition import TaskDefinition

LOG_LINES = 20
"""How many of the last log lines a block shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTail:
    """The last lines of one container of one task, fetched when it stopped."""

    task_id: str
    container: str
    lines: tuple[tuple[datetime, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosedImages:
    """The image now and before, each with a note such as the short commit, and its EXPOSE ports.

    ``processors`` are the platforms that the image holds, such as ``linux/arm64``.
    """

    now: str = ""
    before: str = ""
    now_note: str = ""
    before_note: str = ""
    exposed: tuple[int, ...] = ()
    processors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One distinct failure.

    Attributes:
        kind: As in :mod:`shipway.rollout.diagnosis.texts`.
        title: ``crash loop: 2 new tasks exited with 1 within 3 s``.
        tasks: How many tasks it struck.
        details: ``cause``, ``health``, ``log``, ``image`` and ``next``, in the order to show them.
    """

    kind: str
    title: str
    tasks: int
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What every block of one diagnosis shares."""

    target: DeploymentRef
    now: TaskDefinition
    before: TaskDefinition | None
    images: DiagnosedImages
    hidden: frozenset[str]

    def clean(self, text: str) -> str:
        """``text`` without secrets."""
        return redact(text, self.hidden)


def diagnose(
    tasks: tuple[Task, ...],
    targets: tuple[TargetHealth, ...],
    tails: tuple[LogTail, ...],
    *,
    target: DeploymentRef,
    now: TaskDefinition | None,
    before: TaskDefinition | None,
    images: DiagnosedImages | None = None,
    secrets: frozenset[str] = frozenset(),
    cause: Cause | None = None,
) -> tuple[Block, ...]:
    """Explain a failed rollout.

    Args:
        tasks: The tasks of ours that stopped (``state.stopped``).
        targets: Targets, unhealthy ones among them (``state.targets``).
        tails: Log tails.
        target: What was rolled out.
        now: Its task definition, where it is known.
        before: The task definition before it, where there was one.
        images: The images now and before; from the task definitions where not given.
        secrets: Values to hide besides those that the task definitions themselves give away.
        cause: ``outcome.cause``: makes a block where no task was left to explain, as when ECS
            could not even start one.

    Returns:
        One block for each distinct failure, the most frequent first; none where no task failed and
        no target is unhealthy.
    """
    now = now or TaskDefinition()
    given = images or DiagnosedImages(
        now=now.container(target.container).image,
        before=before.container(target.container).image if before else "",
    )
    hidden = secrets | now.secret_values | (before.secret_values if before else frozenset())
    facts = _Facts(target=target, now=now, before=before, images=given, hidden=hidden)
    groups = by_failure(tasks)
    total = sum(len(struck) for struck, _ in groups)
    blocks = [_block(facts, (struck, total), reading, targets, tails) for struck, reading in groups]
    sick = tuple(t for t in targets if t.state == "unhealthy" and t.id)
    if sick and not any(block.kind == "target-health" for block in blocks):
        blocks.append(_unhealthy(facts, sick))
    if not blocks and cause is not None:
        blocks.append(_taskless(facts, cause))
    return tuple(blocks)


def _block(
    facts: _Facts,
    counted: tuple[tuple[Task, ...], int],
    reading: Reading,
    targets: tuple[TargetHealth, ...],
    tails: tuple[LogTail, ...],
) -> Block:
    clean = facts.clean
    struck, total = counted
    name = reading.container or facts.target.container
    log = _log(struck, name, tails)
    ips = {ip for task in struck for ip in task.private_ips}
    touched = tuple(t for t in targets if t.id in ips and t.state != "draining") or targets
    case = _case(facts, reading, name, log, touched)
    shown = redact_lines([text for _, text in log], facts.hidden)
    details = [
        Detail(label="cause", lines=tuple(map(clean, _cause(struck, reading)))),
        Detail(label="health", lines=tuple(map(clean, _health(reading, case)))),
        Detail(
            label="log",
            lines=tuple(
                f"{at:%Y-%m-%d %H:%M:%S}  {text}" for (at, _), text in zip(log, shown, strict=True)
            ),
        ),
        Detail(label="image", lines=(*_images(facts.images), *_beside(facts, name))),
        Detail(label="next", lines=(clean(next_step(case)),)),
    ]
    return Block(
        kind=reading.kind,
        title=clean(cause_of(struck, reading, total).text),
        tasks=len(struck),
        details=tuple(detail for detail in details if detail.lines),
    )


def _taskless(facts: _Facts, cause: Cause) -> Block:
    """A failure that left no task behind: a role that cannot be assumed, an open breaker."""
    reading = Reading(
        kind=cause.kind, weight="certain", text=cause.text, ecs=cause.ecs, signature=cause.kind
    )
    case = _case(facts, reading, facts.target.container, (), ())
    lines = (
        (cause.text, f"ECS: {cause.ecs}") if cause.ecs not in {"", cause.text} else (cause.text,)
    )
    details = (
        Detail(label="cause", lines=tuple(map(facts.clean, lines))),
        Detail(label="image", lines=_images(facts.images)),
        Detail(label="next", lines=(facts.clean(next_step(case)),)),
    )
    shown = tuple(detail for detail in details if detail.lines)
    return Block(kind=cause.kind, title=facts.clean(cause.text), tasks=0, details=shown)


def _unhealthy(facts: _Facts, sick: tuple[TargetHealth, ...]) -> Block:
    """Targets that are unhealthy while no task was stopped for it yet."""
    count = f"{len(sick)} target{' fails' if len(sick) == 1 else 's fail'}"
    reading = Reading(
        kind="target-health",
        weight="repeated",
        text="the load balancer's health checks fail",
        ecs="",
        signature="target-health",
    )
    case = _case(facts, reading, facts.target.container, (), sick)
    details = (
        Detail(label="cause", lines=(f"{count} the load balancer's health checks",)),
        Detail(label="health", lines=tuple(map(facts.clean, _health(reading, case)))),
        Detail(label="image", lines=_images(facts.images)),
        Detail(label="next", lines=(facts.clean(next_step(case)),)),
    )
    title = f"unhealthy: {count} the load balancer's health checks"
    shown = tuple(detail for detail in details if detail.lines)
    return Block(kind="target-health", title=title, tasks=0, details=shown)


def _case(
    facts: _Facts,
    reading: Reading,
    name: str,
    log: tuple[tuple[datetime, str], ...],
    targets: tuple[TargetHealth, ...],
) -> Case:
    return Case(
        reading=reading,
        container=name,
        now=facts.now,
        before=facts.before,
        now_label=label(facts.target.task_definition),
        before_label=label(facts.target.previous_task_definition),
        image=(facts.images.now if name == facts.target.container else "")
        or facts.now.container(name).image,
        log=tuple(text for _, text in log),
        targets=targets,
        exposed=facts.images.exposed,
        processors=facts.images.processors,
    )


def _cause(struck: tuple[Task, ...], reading: Reading) -> list[str]:
    """Plain words first, then ECS's own."""
    first = reading.text
    if reading.exit_code is not None and reading.kind == "exit":
        code = next((t.stop_code for t in struck if t.stop_code), "")
        first = f"{first}{f' ({code})' if code else ''}: {exit_meaning(reading.exit_code)}"
    elif reading.exit_code is not None and reading.container and "health" not in reading.kind:
        first = f'{first} (container "{reading.container}" exited with {reading.exit_code})'
    if reading.helpers:
        first = f"{first}; {reading.helpers}"
    names = ", ".join(task.id[:8] for task in struck[:3])
    more = f" and {len(struck) - 3} more" if len(struck) > 3 else ""  # noqa: PLR2004 - as shown
    lines = [first, f"task{'' if len(struck) == 1 else 's'} {names}{more}"]
    if reading.ecs:
        lines.append(f"ECS: {reading.ecs}")
    return lines


def _health(reading: Reading, case: Case) -> list[str]:
    lines = []
    if reading.kind == "target-health":
        seen = {(t.port, t.reason, t.description): t for t in sick_ones(case.targets)}
        for (port, reason, description), target in seen.items():
            words = ": ".join(filter(None, (reason, description)))
            lines.append(f"target port {port} {target.state}{f': {words}' if words else ''}")
    if reading.kind == "container-health":
        command = " ".join(case.definition.health_command)
        lines.append(f"command {command or 'unknown'}; ECS keeps no output of it")
    return lines


def _log(
    struck: tuple[Task, ...], name: str, tails: tuple[LogTail, ...]
) -> tuple[tuple[datetime, str], ...]:
    """The tail of the first struck task that said anything."""
    by_task = {(tail.task_id, tail.container): tail.lines for tail in tails}
    for task in struck:
        lines = by_task.get((task.id, name), ())
        if lines:
            return lines[-LOG_LINES:]
    return ()


def _images(images: DiagnosedImages) -> tuple[str, ...]:
    if not images.now:
        return ()
    now = _short(images.now) + (f" ({images.now_note})" if images.now_note else "")
    if not images.before:
        return (now,)
    was = _short(images.before) + (f" ({images.before_note})" if images.before_note else "")
    return (f"{now}   was {was}",)


def _beside(facts: _Facts, name: str) -> tuple[str, ...]:
    """The image of the container that failed, where that is not the one we deliver."""
    image = facts.now.container(name).image if name != facts.target.container else ""
    return (f'{_short(image)} in container "{name}"',) if image else ()


def _short(image: str) -> str:
    """``…/web@sha256:9c41…``: the registry and most of the digest help no eye."""
    name, at, digest = image.partition("@")
    short = f"…/{name.rpartition('/')[2]}" if "/" in name else name
    return f"{short}{at}{digest[:19]}{'…' if len(digest) > 19 else ''}"  # noqa: PLR2004 - 12 digits
