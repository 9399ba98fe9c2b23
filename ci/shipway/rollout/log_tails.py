"""The last log lines of tasks that are named: of those that stopped, or of those that run."""

from __future__ import annotations

from collections.abc import Iterable

from shipway.errors import AccessDeniedError, AwsError, CredentialsError, UsageError
from shipway.redact import redact_lines
from shipway.rollout.diagnosis.diagnosis import LOG_LINES, LogTail
from shipway.rollout.diagnosis.reasons import read
from shipway.rollout.ports import Logs
from shipway.rollout.snapshot import Task
from shipway.rollout.task_definition import TaskDefinition
from shipway.util.clock import Clock


def tails(
    logs: Logs, definition: TaskDefinition, tasks: Iterable[Task], clock: Clock
) -> tuple[LogTail, ...]:
    """The tail of each container that failed, or of all of a task where none says so."""
    wanted = [(task.id, name) for task in tasks for name in worth_reading(task)]
    read = (_tail(logs, definition, *each, clock) for each in wanted)
    return tuple(log for log in read if log is not None)


def last_lines(
    logs: Logs, definition: TaskDefinition, container: str, tasks: Iterable[Task], clock: Clock
) -> tuple[str, ...]:
    """What the first of these tasks that said anything said last, as people read it.

    Values that the task definition gives away are hidden.
    """
    for task in tasks:
        log = _tail(logs, definition, task.id, container, clock)
        if log is not None:
            texts = redact_lines([text for _, text in log.lines], definition.secret_values)
            stamped = zip(log.lines, texts, strict=True)
            return tuple(f"{at:%Y-%m-%d %H:%M:%S}  {text}" for (at, _), text in stamped)
    return ()


def worth_reading(task: Task) -> tuple[str, ...]:
    """The containers that failed and the one whose end ended the task, or all of them."""
    failed = [each.name for each in task.containers if each.exit_code not in {0, None}]
    reading = read(task)
    if failed and reading is not None and reading.container:
        failed.insert(0, reading.container)
    return tuple(dict.fromkeys(failed)) or tuple(each.name for each in task.containers)


def place_of(definition: TaskDefinition, task_id: str, container: str) -> tuple[str, str] | None:
    """Log group and stream of one task's container; ``None`` where they cannot be known."""
    driver = definition.container(container).logs
    if driver is None or (driver.region and definition.region not in {"", driver.region}):
        return None  # our right to read is about this region; the diagnosis says where it is
    stream = driver.stream(container, task_id)
    return (driver.group, stream) if stream else None


def tail(
    logs: Logs, place: tuple[str, str], task_id: str, container: str, clock: Clock
) -> LogTail | None:
    """The last lines at a place; ``None`` where there are none, or CloudWatch does not answer."""
    try:
        lines = logs.tail(*place, LOG_LINES)
    except AccessDeniedError as error:
        # Told where the log would stand, with the statement that the role lacks.
        lines = tuple((clock.now(), line) for line in (error.what, *error.details))
    except (AwsError, CredentialsError, UsageError):
        return None
    return LogTail(task_id=task_id, container=container, lines=lines) if lines else None


def _tail(
    logs: Logs, definition: TaskDefinition, task_id: str, container: str, clock: Clock
) -> LogTail | None:
    place = place_of(definition, task_id, container)
    return tail(logs, place, task_id, container, clock) if place is not None else None
