"""The log lines of an environment's services, from the streams that ``awslogs`` writes.

Read alone, with what a deploy role may: its services' tasks, and the streams of their log groups.
Nothing lists a group's streams, so they are those of the tasks that ECS remembers: which run, and
which stopped within the last hour (ECS API Reference, ListTasks).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Final

from shipway.config.environment import Environment, Service
from shipway.delivery.ports import Aws
from shipway.errors import AwsError, UsageError
from shipway.evidence.canonical_json import moment
from shipway.redact import LineRedactor
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.log_tails import place_of
from shipway.rollout.snapshot import Task
from shipway.rollout.task_definition import TaskDefinition

_AGO: Final = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PAGES: Final = 50  # of a stream at once, each up to 1 MB (GetLogEvents)


def seconds_of(text: str) -> int:
    """The seconds of ``30s``, ``10m``, ``2h`` or ``1d``. Pure.

    Raises:
        UsageError: It is none of them.
    """
    match = _AGO.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} is no span of time",
            where="--since",
            remedy="give a number and its unit: 30s, 10m, 2h or 1d",
        )
    return int(match[1]) * _SECONDS[match[2]]


def chosen(environment: Environment, key: str) -> tuple[Service, ...]:
    """The service of a key, or all where it is empty. Pure.

    Raises:
        UsageError: There is none of that key; the message names the nearest.
    """
    keys = [service.key for service in environment.services]
    if key and key not in keys:
        near = get_close_matches(key, keys, n=1)
        suggestion = f'; did you mean "{near[0]}"?' if near else ""
        raise UsageError(
            f'environment {environment.name} has no service "{key}"{suggestion}',
            where="--service",
            remedy=f"name one of {', '.join(keys)}",
        )
    return tuple(service for service in environment.services if key in {"", service.key})


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of one task's container, without secrets."""

    at: datetime
    service: str
    task: str
    container: str
    text: str

    def document(self) -> dict[str, object]:
        """The same as a JSON object."""
        return {
            "at": moment(self.at),
            "service": self.service,
            "task": self.task,
            "container": self.container,
            "text": self.text,
        }


def of_revision(tasks: Iterable[Task], revision: int) -> tuple[Task, ...]:
    """The tasks of one revision of their family; all where it is 0. Pure."""
    return tuple(
        task
        for task in tasks
        if not revision or task.task_definition.rpartition(":")[2] == str(revision)
    )


def unreadable(key: str, definition: TaskDefinition) -> Iterator[str]:
    """Each container of a task definition whose log cannot be read here, and why. Pure."""
    for container in definition.containers:
        name = f'{key}: the log of container "{container.name}"'
        driver = container.logs
        if driver is None:
            other = container.log_driver
            through = f"goes through the driver {other}" if other else "goes nowhere"
            yield f"{name} {through}: only awslogs can be read here"
        elif not driver.stream_prefix:
            yield (
                f"{name} has no awslogs-stream-prefix: its streams are not known; see "
                f"{driver.group}"
            )
        elif driver.region and definition.region not in {"", driver.region}:
            yield f"{name} is in {driver.region}: read {driver.group} there"


class _Stream:
    """One stream on its way: where it was read to, and whether a key began in it."""

    def __init__(self, key: str, task: str, container: str, definition: TaskDefinition) -> None:
        self.key, self.task, self.container = key, task, container
        self.place = place_of(definition, task, container)
        self.token = ""
        self.redactor = LineRedactor(definition.secret_values)


class ServiceLogs:
    """Reads the logs of some services, and reads on.

    Args:
        environment: Whose they are.
        aws: Its AWS.
        services: Which of its services.
        revision: The one revision whose tasks count; 0 for every one.
        since: The moment from which on lines count.

    Attributes:
        count: The lines that were read so far.
    """

    def __init__(
        self,
        environment: Environment,
        aws: Aws,
        services: Sequence[Service],
        *,
        revision: int,
        since: datetime,
    ) -> None:
        self._environment = environment
        self._aws = aws
        self._services = services
        self._revision = revision
        self._since = since
        self.count = 0
        self._definitions: dict[str, TaskDefinition] = {}
        self._streams: dict[tuple[str, str], _Stream] = {}

    def find_tasks(self) -> Iterator[str]:
        """Look which tasks there are; gives what cannot be read, each once.

        Raises:
            AwsError: ECS does not answer.
            AccessDeniedError: The services or their tasks may not be looked at.
        """
        cluster = self._environment.cluster
        ecs = self._aws.ecs
        glances = ecs.services(cluster, [service.service for service in self._services])
        for service in self._services:
            glance = glances[service.service]
            if not glance.answered:
                reasons = "; ".join(trouble.text for trouble in glance.troubles)
                raise AwsError(
                    f"ECS does not say how the service is: {reasons}",
                    where=f"{cluster}/{service.service}",
                    remedy="see the reason, then run it again",
                )
            if not glance.exists:
                yield f"{service.key}: there is no service {service.service} in {cluster}"
                continue
            fetch = FetchPlan(tasks=True, stopped=True)
            seen = ecs.complete(cluster, service.service, glance, fetch)
            tasks = of_revision((*seen.tasks, *seen.stopped), self._revision)
            if not tasks:
                which = f" of revision {self._revision}" if self._revision else ""
                yield f"{service.key}: ECS knows no task{which}, running or stopped just now"
            for task in tasks:
                yield from self._take(service, task)

    def _take(self, service: Service, task: Task) -> Iterator[str]:
        definition = self._definitions.get(task.task_definition)
        if definition is None:
            definition = self._aws.ecs.task_definition(task.task_definition)
            self._definitions[task.task_definition] = definition
            yield from unreadable(service.key, definition)
        for container in definition.containers:
            if (task.id, container.name) not in self._streams:
                stream = _Stream(service.key, task.id, container.name, definition)
                self._streams[task.id, container.name] = stream

    def read(self) -> tuple[LogLine, ...]:
        """What was written since the last look, in the order of its time.

        Raises:
            AccessDeniedError: A stream may not be read.
            AwsError: CloudWatch does not answer.
        """
        lines = [line for stream in self._streams.values() for line in self._read(stream)]
        self.count += len(lines)
        return tuple(sorted(lines, key=lambda line: line.at))

    def _read(self, stream: _Stream) -> Iterator[LogLine]:
        if stream.place is None:
            return
        for _ in range(_PAGES):
            page = self._aws.logs.page(*stream.place, self._since, stream.token)
            for at, text in page.lines:
                yield LogLine(
                    at=at,
                    service=stream.key,
                    task=stream.task,
                    container=stream.container,
                    text=stream.redactor.line(text.rstrip("\r\n")),
                )
            if page.token == stream.token:
                return
            stream.token = page.token
