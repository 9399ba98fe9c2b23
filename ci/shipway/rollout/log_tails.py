"""The last log lines of tasks that are named: of those that stopped, or of those that run."""

from __future__ import annotations

from collections.abc import Iterable

from shipway.errors import AccessDeniedError, AwsError, CredentialsError, UsageError
from shipway.redact import redact_lines
from shipway.rollout.diagnosis.diagnosis import LogTail
from shipway.rollout.ports import Logs
from shipway.rollout.snapshot import Task
from shipway.rollout.task_definition import TaskDefinition
from shipway.util.clock import Clock

LINES = 20


def tails(
    logs: Logs, definition: TaskDefinition, tasks: Iterable[Task], clock: Clock
) -> tuple[LogTail, ...]:
    """The tail of each container that failed, or of all of a task where none says so."""
    wanted = [(task.id, name) for task in tasks for name in _containers(task)]
    found = (_tail(logs, definition, *one, clock) for one in wanted)
    return tuple(tail for tail in found if tail is not None)


def last_lines(
    logs: Logs, definition: TaskDefinition, container: str, tasks: Iterable[Task], clock: Clock
) -> tuple[str, ...]:
    """What the first of these tasks that said anything said last, as people read it.

    Values that the task definition gives away are hidden.
    """
    for task in tasks:
        tail = _tail(logs, definition, task.id, container, clock)
        if tail is not None:
            texts = redact_lines([text for _, text in tail.lines], definition.secret_values)
            stamped = zip(tail.lines, texts, strict=True)
            return tuple(f"{at:%Y-%m-%d %H:%M:%S}  {text}" for (at, _), text in stamped)
    return ()


def _containers(task: Task) -> tuple[str, ...]:
    failed = tuple(each.name for each in task.containers if each.exit_code not in {0, None})
    return failed or tuple(each.name for each in task.containers)


def _tail(
    logs: Logs, definition: TaskDefinition, task_id: str, container: str, clock: Clock
) -> LogTail | None:
    driver = definition.container(container).logs
    stream = driver.stream(container, task_id) if driver else ""
    if driver is None or not stream:
        return None
    try:
        lines = logs.tail(driver.group, stream, LINES)
    except AccessDeniedError as error:
        # Told where the log would stand, with the statement that the role lacks.
        lines = tuple((clock.now(), line) for line in (error.what, *error.details))
    except (AwsError, CredentialsError, UsageError):
        return None
    return LogTail(task_id=task_id, container=container, lines=lines) if lines else None
