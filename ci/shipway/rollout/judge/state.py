"""What the judge remembers between two looks, and small questions about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shipway.rollout.judge.terms import Cause, DeploymentRef, Outcome, Policy
from shipway.rollout.snapshot import (
    Deployment,
    LifecycleHook,
    ServiceDeployment,
    Snapshot,
    TargetHealth,
    Task,
)

# ECS API Reference, ServiceDeployment: what can still change, by how far it has gone. The test of
# known words compares these with botocore.
STATUS_RANK = {
    "PENDING": 0,
    "IN_PROGRESS": 1,
    "STOP_REQUESTED": 2,
    "ROLLBACK_REQUESTED": 2,
    "ROLLBACK_IN_PROGRESS": 3,
    "SUCCESSFUL": 4,
    "STOPPED": 4,
    "ROLLBACK_SUCCESSFUL": 4,
    "ROLLBACK_FAILED": 4,
}
TERMINAL = 4
ROLLING_BACK = frozenset({"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})

STAGES = (
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
)
ROLLOUT_STATES = frozenset({"COMPLETED", "FAILED", "IN_PROGRESS"})
MONITOR_STATES = frozenset({"TRIGGERED", "MONITORING", "MONITORING_COMPLETE", "DISABLED"})
HOOK_STATES = frozenset({"AWAITING_ACTION", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT"})
PROOF_PATIENCE = 30.0
"""Seconds that a success may wait for the tasks that prove it: reads may be stale."""
STRATEGIES = frozenset({"ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"})
CONTROLLERS = frozenset({"ECS", "CODE_DEPLOY", "EXTERNAL"})


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything the judge knows. Opaque, but for the fields its documentation names.

    Times of our own (``started``, ``now`` …) come from the caller; they measure patience and never
    decide which deployment is ours.
    """

    target: DeploymentRef
    policy: Policy
    started: datetime
    now: datetime

    # Which deployment is ours.
    service_deployment: str = ""
    verified: bool = False
    deployment_id: str = ""
    strangers: frozenset[str] = frozenset()
    describes: bool = True
    lists_tasks: bool = True
    sees_targets: bool = True
    unbound_looks: int = 0

    # What was seen last.
    service: Snapshot | None = None
    answered_at: datetime | None = None
    described: ServiceDeployment | None = None
    described_at: datetime | None = None
    rollback_requested: bool = False
    newest: ServiceDeployment | None = None
    newest_definition: str = ""
    deployment: Deployment | None = None
    seen: bool = False
    gone_looks: int = 0
    gone_since: datetime | None = None
    missing_looks: int = 0
    events: frozenset[str] = frozenset()
    baseline: bool = False
    tasks: tuple[Task, ...] = ()
    tasks_at: datetime | None = None
    images: tuple[str, ...] = ()
    since: tuple[tuple[str, datetime], ...] = ()
    live: tuple[TargetHealth, ...] = ()
    sick: tuple[TargetHealth, ...] = ()
    stopped: tuple[Task, ...] = ()
    ends: tuple[tuple[str, datetime], ...] = ()
    """By ARN, by ECS's clock: when a stopped task of ours may have ended at the earliest."""
    filled: datetime | None = None
    """By ECS's clock: since when as many tasks of ours had been launched as are wanted."""
    launches: int = 0
    """Tasks of ours that were launched so far, by the counts and the stops."""
    relaunches: tuple[datetime, ...] = ()
    """When looks first showed more launches than places: the latest ones."""
    noted: frozenset[str] = frozenset()
    targets_at: datetime | None = None
    lives: tuple[float, float] | None = None
    """Seconds from its launch to its end of the task of ours that failed soonest, and latest."""
    runs: tuple[float, float] | None = None
    """The same from its start, where each task that failed had been started."""
    starts: int = 0
    """Tasks of ours that were started so far, by the counts and the stops."""
    started_at: tuple[datetime, ...] = ()
    """When looks first showed more starts: the latest ones."""
    suspected: Cause | None = None
    """The failure that is certain unless tasks of ours are healthy."""
    suspected_since: datetime | None = None
    covered: datetime | None = None
    """Until when the last list of our tasks tells whether healthy ones speak against it."""
    struck: datetime | None = None
    """When a failed task of ours was seen last."""
    listed: int = 0
    """Tasks in the last list of stopped ones, others' included."""
    unread: int = 0
    """Tasks of ours that stopped, by the counts, and were not seen among the stopped ones yet."""
    upset_at: datetime | None = None

    # Movement and progress.
    fingerprint: tuple[object, ...] = ()
    changed: datetime | None = None
    best: tuple[float, ...] = ()
    progressed: datetime | None = None
    staged: datetime | None = None
    """When the lifecycle stage that is shown was first seen."""
    troubled_looks: int = 0
    trouble: str = ""
    throttled: bool = False

    # Patience.
    unplaced: str = ""
    unplaced_since: datetime | None = None
    paused: LifecycleHook | None = None
    paused_since: datetime | None = None

    # The road to the verdict.
    launch_error: Cause | None = None
    failed: bool = False
    failed_by: str = ""
    """What ECS's event says that it was for: ``alarm`` or ``breaker``; empty where none does."""
    failed_since: datetime | None = None
    extra_looks: int = 0
    announced: datetime | None = None
    cause: Cause | None = None
    interrupted: datetime | None = None
    recalled: str = ""
    stop_asked_at: datetime | None = None
    asks: int = 0
    refusal: str = ""
    rolling_back_since: datetime | None = None
    succeeded_since: datetime | None = None
    returned_since: datetime | None = None
    outcome: Outcome | None = None

    @property
    def first(self) -> bool:
        """Whether there was nothing before us to go back to."""
        return not self.target.previous_task_definition

    @property
    def targets(self) -> tuple[TargetHealth, ...]:
        """The targets seen last, and those that were unhealthy and are draining or gone since.

        A target that only an event told of has no ``id``.
        """
        sick = {(t.group, t.id, t.port) for t in self.sick}
        live = tuple(
            t for t in self.live if t.state != "draining" or (t.group, t.id, t.port) not in sick
        )
        shown = {(t.group, t.id, t.port) for t in live}
        gone = (t for t in self.sick if (t.group, t.id, t.port) not in shown)
        return live + tuple(dict.fromkeys(gone))

    @property
    def elapsed(self) -> float:
        """Seconds since the service was updated."""
        return (self.now - self.started).total_seconds()

    @property
    def skew(self) -> timedelta:
        """By how much ECS's clock is ahead of ours: it dated the deployment that we began."""
        mine = self.deployment
        if mine is None or mine.created_at is None:
            return timedelta()
        return mine.created_at - self.started

    @property
    def desired(self) -> int:
        """The service's desired count, as last seen."""
        return self.service.desired if self.service is not None else 0


if TYPE_CHECKING:
    evolve = dataclasses.replace
else:

    def evolve(state: State, **changes: object) -> State:
        """``dataclasses.replace``, which takes fifty times as long for so many fields.

        A look makes some thirty new states, and a simulation looks a million times.
        """
        new = object.__new__(State)
        new.__dict__.update(state.__dict__, **changes)
        return new


def label(task_definition: str) -> str:
    """``family:revision`` of a task definition's ARN."""
    return task_definition.rpartition("/")[2]


def seconds_since(moment: datetime | None, now: datetime) -> float:
    """Seconds from ``moment`` to ``now``; 0 where there was no such moment."""
    return (now - moment).total_seconds() if moment is not None else 0.0


def is_ours(state: State, task: Task) -> bool:
    """Whether our deployment started ``task``; by task definition where the id is not known."""
    if state.deployment_id:
        return task.started_by == state.deployment_id
    return task.task_definition == state.target.task_definition


def running_ours(state: State, tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Tasks of ours that run and are to go on running."""
    return tuple(
        t
        for t in tasks
        if is_ours(state, t) and t.last_status == "RUNNING" and t.desired_status != "STOPPED"
    )


def ours_in(state: State, snapshot: Snapshot) -> Deployment | None:
    """Our entry of ``deployments[]``; only ever found by its id."""
    if not state.deployment_id:
        return None
    return next((d for d in snapshot.deployments if d.id == state.deployment_id), None)


def is_older(state: State, deployment: Deployment) -> bool:
    """Whether ``deployment`` was there before ours."""
    return (
        deployment.id in state.target.earlier or deployment.id == state.target.previous_deployment
    )


def is_newer(state: State, deployment: Deployment) -> bool:
    """Whether ``deployment`` came after ours: neither ours nor one that was there before."""
    knows = bool(state.target.earlier or state.target.previous_deployment) or state.seen
    return knows and deployment.id != state.deployment_id and not is_older(state, deployment)
