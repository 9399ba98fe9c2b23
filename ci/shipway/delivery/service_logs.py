"""The log lines of an environment's services and jobs, from the streams that ``awslogs`` writes.

Read alone, with what a deploy role may: tasks, and the streams of their log groups.
Nothing lists a group's streams, so they are those of the tasks that ECS remembers: which run, and
which stopped within the last hour (ECS API Reference, ListTasks).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Final, Literal

from shipway.config.environment import Environment, Service
from shipway.config.job import Job
from shipway.delivery.ports import Aws
from shipway.errors import AwsError, UsageError
from shipway.evidence.canonical_json import moment
from shipway.redact import LineRedactor
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.log_tails import place_of
from shipway.rollout.snapshot import Snapshot, Task
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
    if key:
        _require(key, [service.key for service in environment.services], environment, "service")
    return tuple(service for service in environment.services if key in {"", service.key})


def chosen_job(environment: Environment, key: str) -> tuple[Job, ...]:
    """The job of a key. Pure.

    Raises:
        UsageError: There is none of that key; the message names the nearest.
    """
    _require(key, [job.key for job in environment.jobs], environment, "job")
    return tuple(job for job in environment.jobs if job.key == key)


def _require(key: str, keys: Sequence[str], environment: Environment, what: str) -> None:
    if key in keys:
        return
    near = get_close_matches(key, keys, n=1)
    suggestion = f'; did you mean "{near[0]}"?' if near else ""
    raise UsageError(
        f'environment {environment.name} has no {what} "{key}"{suggestion}',
        where=f"--{what}",
        remedy=f"name one of {', '.join(keys)}" if keys else f"it declares no {what}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of one task's container, without secrets.

    Attributes:
        at: When it was written.
        what: Whether it is a service's task or a job's.
        key: The name of that one in delivery.toml.
        task: The task's id.
        container: The container's name.
        text: The line.
    """

    at: datetime
    what: Literal["service", "job"]
    key: str
    task: str
    container: str
    text: str

    def document(self) -> dict[str, object]:
        """The same as a JSON object."""
        return {
            "at": moment(self.at),
            self.what: self.key,
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


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose tasks are read."""

    what: Literal["service", "job"]
    key: str


class _Stream:
    """One stream on its way: where it was read to, and whether a key began in it."""

    def __init__(
        self, owner: _Owner, task: str, container: str, definition: TaskDefinition
    ) -> None:
        self.owner, self.task, self.container = owner, task, container
        self.place = place_of(definition, task, container)
        self.token = ""
        self.redactor = LineRedactor(definition.secret_values)


class ServiceLogs:
    """Reads the logs of some services or jobs, and reads on.

    Args:
        environment: Whose they are.
        aws: Its AWS.
        services: Which of its services.
        jobs: Which of its jobs, whatever the release.
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
        jobs: Sequence[Job] = (),
        revision: int,
        since: datetime,
    ) -> None:
        self._environment = environment
        self._aws = aws
        self._services = services
        self._jobs = jobs
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
        glances = self._glances()
        for service in self._services:
            glance = glances[service.service]
            if not glance.exists:
                yield f"{service.key}: there is no service {service.service} in {cluster}"
                continue
            fetch = FetchPlan(tasks=True, stopped=True)
            seen = self._aws.ecs.complete(cluster, service.service, glance, fetch)
            owner = _Owner("service", service.key)
            yield from self._take_all(owner, (*seen.tasks, *seen.stopped))
        for job in self._jobs:
            family = self._family(job, glances)
            tasks = self._aws.tasks.of_job(cluster, family, job.key) if family else ()
            yield from self._take_all(_Owner("job", job.key), tasks)

    def _glances(self) -> Mapping[str, Snapshot]:
        """How the services are whose tasks, or whose task definitions, are looked for."""
        cluster = self._environment.cluster
        keys = {job.service for job in self._jobs}
        names = [service.service for service in self._services]
        names += [each.service for each in self._environment.services if each.key in keys]
        glances = self._aws.ecs.services(cluster, names) if names else {}
        for name, glance in glances.items():
            if not glance.answered:
                reasons = "; ".join(trouble.text for trouble in glance.troubles)
                raise AwsError(
                    f"ECS does not say how the service is: {reasons}",
                    where=f"{cluster}/{name}",
                    remedy="see the reason, then run it again",
                )
        return glances

    def _family(self, job: Job, glances: Mapping[str, Snapshot]) -> str:
        """The family of a job's task definitions; empty where its service is not there."""
        named = job.task_definition
        if job.service:
            services = {each.key: each.service for each in self._environment.services}
            named = glances[services[job.service]].task_definition or ""
        return named.rpartition("/")[2].partition(":")[0]

    def _take_all(self, owner: _Owner, tasks: Sequence[Task]) -> Iterator[str]:
        wanted = of_revision(tasks, self._revision)
        if not wanted:
            which = f" of revision {self._revision}" if self._revision else ""
            yield f"{owner.key}: ECS knows no task{which}, running or stopped just now"
        for task in wanted:
            yield from self._take(owner, task)

    def _take(self, owner: _Owner, task: Task) -> Iterator[str]:
        definition = self._definitions.get(task.task_definition)
        if definition is None:
            definition = self._aws.ecs.task_definition(task.task_definition)
            self._definitions[task.task_definition] = definition
            yield from unreadable(owner.key, definition)
        for container in definition.containers:
            if (task.id, container.name) not in self._streams:
                stream = _Stream(owner, task.id, container.name, definition)
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
                    what=stream.owner.what,
                    key=stream.owner.key,
                    task=stream.task,
                    container=stream.container,
                    text=stream.redactor.line(text.rstrip("\r\n")),
                )
            if page.token == stream.token:
                return
            stream.token = page.token
