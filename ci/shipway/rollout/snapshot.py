"""What ECS said at one moment, as frozen values. The judge reads only these.

Names are those of the ECS API. Times are aware datetimes in UTC. A field that the API left out is
``None`` or empty, never a made-up value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One entry of ``services[].deployments[]`` (ECS API Reference, Deployment)."""

    id: str
    status: str  # PRIMARY, ACTIVE, INACTIVE
    task_definition: str
    rollout_state: str | None = None  # COMPLETED, FAILED, IN_PROGRESS
    rollout_state_reason: str = ""
    desired: int = 0
    running: int = 0
    pending: int = 0
    failed: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionSummary:
    """Tasks and traffic of one service revision inside a service deployment."""

    arn: str
    requested: int = 0
    running: int = 0
    pending: int = 0
    production_weight: float | None = None
    test_weight: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleHook:
    """One entry of ``lifecycleHookDetails[]``; a PAUSE hook waits as AWAITING_ACTION."""

    id: str
    type: str  # PAUSE or AWS_LAMBDA
    status: str
    stage: str = ""
    expires_at: datetime | None = None
    timeout_action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDeployment:
    """``DescribeServiceDeployments`` (ECS API Reference, ServiceDeployment)."""

    arn: str
    status: str
    status_reason: str = ""
    lifecycle_stage: str | None = None
    target: RevisionSummary | None = None
    sources: tuple[RevisionSummary, ...] = ()
    hooks: tuple[LifecycleHook, ...] = ()
    rollback_reason: str = ""
    rollback_revision: str = ""
    breaker_status: str | None = None  # TRIGGERED, MONITORING, MONITORING_COMPLETE, DISABLED
    breaker_failures: int = 0
    breaker_threshold: int = 0
    alarm_status: str | None = None
    alarms_triggered: tuple[str, ...] = ()
    strategy: str | None = None  # ROLLING, BLUE_GREEN, LINEAR, CANARY
    bake_minutes: int | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    finished_at: datetime | None = None
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionImage:
    """One of ``serviceRevisions[].containerImages[]``."""

    container: str
    image: str
    digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRevision:
    """``DescribeServiceRevisions``: what a service deployment is to put into service."""

    arn: str
    task_definition: str
    images: tuple[RevisionImage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a task.

    ``essential`` is what the task definition says, for DescribeTasks does not; see
    :meth:`Snapshot.with_helpers`.
    """

    name: str
    last_status: str = ""
    image: str = ""
    image_digest: str | None = None
    exit_code: int | None = None
    reason: str = ""
    health: str | None = None  # HEALTHY, UNHEALTHY, UNKNOWN
    runtime_id: str = ""
    essential: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task (ECS API Reference, Task). ``started_by`` is the deployment that started it.

    ``stopping_at`` is when it began to stop: for a task that exited, its end. ``stopped_at`` comes
    once it is torn down, on Fargate some 20 seconds later, and is not shown before.
    """

    arn: str
    task_definition: str
    started_by: str = ""
    group: str = ""
    last_status: str = ""  # PROVISIONING PENDING ACTIVATING RUNNING … STOPPED
    desired_status: str = ""
    health: str | None = None
    stop_code: str = ""
    stopped_reason: str = ""
    containers: tuple[Container, ...] = ()
    private_ips: tuple[str, ...] = ()
    created_at: datetime | None = None
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def id(self) -> str:
        """The last part of the ARN, as log streams and people name a task."""
        return self.arn.rpartition("/")[2]

    @property
    def ended_at(self) -> datetime | None:
        """When it ceased to run, as well as ECS dates it."""
        return self.stopping_at or self.stopped_at


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHealth:
    """One target of a target group (ELB DescribeTargetHealth)."""

    group: str
    id: str  # an IP address for awsvpc tasks
    port: int
    state: str  # initial, healthy, unhealthy, draining, unused, unavailable
    reason: str = ""  # Target.Timeout, Target.ResponseCodeMismatch …
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEvent:
    """One of ``services[].events[]``."""

    id: str
    at: datetime
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a look at ECS gave less than everything.

    ``kind`` is ``throttled``, ``unreachable``, ``server-error``, ``access-denied``,
    ``credentials`` or ``unsupported``; only the fourth and fifth can end a watch.
    """

    kind: str
    text: str
    operation: str = ""


PASSING = frozenset({"throttled", "unreachable", "server-error"})
"""Kinds of trouble that pass by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One service at one moment; ``service_deployment`` and others only where asked and answered.

    ``exists`` is False where DescribeServices lists the service under ``failures`` as MISSING.
    ``stopped`` holds the tasks of this service that ECS still remembers as STOPPED.
    ``current_service_deployment`` is the ARN that DescribeServices names now; ``newest`` is the
    deployment that replaced ours, described, where there is one. ``answered`` is False where
    DescribeServices itself gave nothing (``troubles`` says why): the fields about the service then
    mean nothing. ``calls`` is how many API calls the look took, DescribeServices included.
    """

    answered: bool = True
    calls: int = 1

    exists: bool = True
    status: str = "ACTIVE"  # ACTIVE, DRAINING, INACTIVE
    controller: str = "ECS"
    task_definition: str = ""
    desired: int = 0
    running: int = 0
    pending: int = 0
    deployments: tuple[Deployment, ...] = ()
    events: tuple[ServiceEvent, ...] = ()
    current_service_deployment: str | None = None
    service_deployment: ServiceDeployment | None = None
    newest: ServiceDeployment | None = None
    revisions: tuple[ServiceRevision, ...] = ()
    tasks: tuple[Task, ...] = ()
    stopped: tuple[Task, ...] = ()
    targets: tuple[TargetHealth, ...] = ()
    balanced: bool = False  # the service has target groups
    troubles: tuple[Trouble, ...] = ()
    breaker_enabled: bool | None = None
    breaker_rollback: bool | None = None
    breaker_threshold: int | None = None
    tasks_listed: bool = False  # running tasks were asked for and answered, even if there are none
    alarms: tuple[str, ...] = ()
    alarms_enabled: bool | None = None
    strategy: str | None = None  # ROLLING, BLUE_GREEN, LINEAR, CANARY

    def with_helpers(self, helpers: frozenset[str]) -> Snapshot:
        """The same with its tasks' helpers told apart: containers that are not essential."""
        if not helpers:
            return self
        return replace(
            self,
            tasks=tuple(_with_helpers(task, helpers) for task in self.tasks),
            stopped=tuple(_with_helpers(task, helpers) for task in self.stopped),
        )

    @property
    def primary(self) -> Deployment | None:
        """The deployment that is to last: the newest, or the one that ECS went back to."""
        return next((each for each in self.deployments if each.status == "PRIMARY"), None)


def _with_helpers(task: Task, helpers: frozenset[str]) -> Task:
    containers = tuple(
        replace(each, essential=each.name not in helpers) for each in task.containers
    )
    return replace(task, containers=containers)
