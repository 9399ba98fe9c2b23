"""ECS, its tasks and their log in memory, as far as jobs ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from tests.unit.fake_clock import Clock

from shipway.errors import ConfigurationError, ShipwayError
from shipway.rollout.jobs.terms import JobRequest, NotPlaced, Placement
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.ports import LogPage, Updated
from shipway.rollout.snapshot import Container, Snapshot, Task, Trouble
from shipway.rollout.task_definition import AwsLogs, ContainerDefinition, TaskDefinition
from shipway.values import Digest, ImageReference

OLD, NEW = (Digest("sha256:" + digit * 64) for digit in "01")
IMAGE = ImageReference("registry.example/shop", NEW)
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def definition(arn: str, image: Digest = OLD, *, essential: bool = True) -> TaskDefinition:
    """A task definition with one container, which logs."""
    web = ContainerDefinition(
        name="web",
        image=f"registry.example/shop@{image}",
        essential=essential,
        environment=(("DB_PASSWORD", "canary-secret"),),
        logs=AwsLogs(group="/shop", stream_prefix="web"),
    )
    return TaskDefinition(
        arn=arn,
        family=arn.partition(":")[0],
        containers=(web,),
        document={"family": arn.partition(":")[0]},
    )


def task(
    name: str, exit_code: int | None = None, *, status: str = "STOPPED", started_by: str = "s"
) -> Task:
    """A task of the job."""
    container = Container(name="web", last_status=status, exit_code=exit_code)
    return Task(
        arn=f"arn:aws:ecs:eu-west-1:111122223333:task/shop/{name}",
        task_definition="web:2",
        started_by=started_by,
        last_status=status,
        containers=(container,),
    )


@dataclass
class Ecs:
    """Task definitions; everything else is not asked."""

    definitions: dict[str, TaskDefinition] = field(default_factory=dict)
    registered: list[str] = field(default_factory=list)

    def task_definition(self, arn: str) -> TaskDefinition:
        if arn in self.definitions:
            return self.definitions[arn]
        of_family = [each for each in self.definitions.values() if each.family == arn]
        if not of_family:
            raise ConfigurationError(f"there is no task definition {arn}", remedy="register it")
        return of_family[-1]

    def register(self, definition: TaskDefinition) -> str:
        arn = f"{definition.family}:{len(self.definitions) + 1}"
        self.definitions[arn] = replace(definition, arn=arn)
        self.registered.append(arn)
        return arn

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        raise AssertionError((cluster, names))

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        raise AssertionError((cluster, name, glance, fetch))

    def service_names(self, cluster: str) -> tuple[str, ...]:
        raise AssertionError(cluster)

    def update(self, cluster: str, service: str, task_definition: str) -> Updated:
        raise AssertionError((cluster, service, task_definition))

    def resume(self, arn: str, hook: str, action: Literal["CONTINUE", "ROLLBACK"]) -> None:
        raise AssertionError((arn, hook, action))

    def stop(self, arn: str, stop_type: Literal["ROLLBACK", "ABORT"]) -> Trouble | None:
        raise AssertionError((arn, stop_type))


@dataclass
class Tasks:
    """A cluster in which each task ends after some seconds, with the exit code that is next."""

    clock: Clock
    exits: list[int | None] = field(default_factory=lambda: [0])
    lasts: float = 3.0
    known: list[Task] = field(default_factory=list)
    placed: Placement = field(default_factory=Placement)
    refusals: list[str] = field(default_factory=list)
    remembered: dict[str, Task] = field(default_factory=dict)
    requests: list[JobRequest] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    log_fails: ShipwayError | None = None
    forgets: bool = False
    ends: dict[str, datetime] = field(default_factory=dict)

    def placement(self, cluster: str, service: str) -> Placement:
        assert cluster == "shop", service
        return self.placed

    def started_by(self, cluster: str, family: str, started_by: str) -> tuple[Task, ...]:
        assert cluster == "shop", family
        return tuple(each for each in self.known if each.started_by == started_by)

    def of_job(self, cluster: str, family: str, key: str) -> tuple[Task, ...]:
        assert cluster == "shop", family
        return tuple(
            each
            for each in self.known
            if each.started_by.startswith(f"shipway/{key}/")
            and each.task_definition.rpartition("/")[2].startswith(f"{family}:")
        )

    def run(self, request: JobRequest) -> Task | NotPlaced:
        self.requests.append(request)
        if self.refusals:
            return NotPlaced(reason=self.refusals.pop(0))
        if request.client_token in self.remembered:
            return self.remembered[request.client_token]
        begun = replace(
            task(f"t{len(self.known)}", status="PENDING", started_by=request.started_by),
            task_definition=request.task_definition,
        )
        self.known.append(begun)
        self.remembered[request.client_token] = begun
        self.ends[begun.arn] = self.clock.now() + timedelta(seconds=self.lasts)
        return begun

    def task(self, cluster: str, arn: str) -> Task | None:
        assert cluster == "shop"
        if self.forgets:
            return None
        at = next(number for number, each in enumerate(self.known) if each.arn == arn)
        seen = self.known[at]
        over = self.clock.now() >= self.ends.get(arn, self.clock.now())
        if seen.last_status != "STOPPED" and (over or arn in self.stopped):
            code = 143 if arn in self.stopped else self.exits.pop(0)
            container = Container(name="web", last_status="STOPPED", exit_code=code)
            reason = "Essential container in task exited" if code is not None else _NO_IMAGE
            self.known[at] = replace(
                seen,
                last_status="STOPPED",
                stop_code="EssentialContainerExited" if code is not None else "TaskFailedToStart",
                stopped_reason=reason,
                containers=(container,),
            )
        return self.known[at]

    def stop(self, cluster: str, arn: str, reason: str) -> None:
        assert cluster == "shop"
        assert reason.startswith("shipway: job")
        self.stopped.append(arn)

    def read_log(self, group: str, stream: str, token: str) -> LogPage:
        assert (group, stream.rpartition("/")[0]) == ("/shop", "web/web")
        if self.log_fails is not None:
            raise self.log_fails
        start = int(token or 0)
        page = tuple((NOW, line) for line in self.lines[start : start + 1])
        return LogPage(lines=page, token=str(start + len(page)))


_NO_IMAGE = "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found"
