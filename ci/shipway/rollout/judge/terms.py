"""What the judge is told, and what it says: values only.

The judge (:mod:`.judge`) is told a :class:`DeploymentRef` and a :class:`Policy`, then one
:class:`~shipway.rollout.snapshot.Snapshot` after another. It answers with :class:`RolloutEvent`
values, with :class:`FetchPlan` for the next look, and in the end with one :class:`Outcome`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shipway.errors import UsageError
from shipway.rollout.judge.verdict import Verdict
from shipway.rollout.snapshot import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRef:
    """Which deployment is ours, bound when UpdateService answered; never found by a clock.

    Attributes:
        subject: The service's name in delivery.toml, as people read it.
        service: The service's name in ECS.
        task_definition: ARN of the task definition that was rolled out.
        container: Name of the container that carries our image.
        digest: The digest the task definition pins, ``sha256:…``; empty where what is put back
            pins none, so that its tasks are known by their task definition alone.
        platforms: Digests of that index's platform manifests; a task may report one of these.
        deployment_id: ``ecs-svc/…`` of the PRIMARY in UpdateService's answer, with our task
            definition.
        service_deployment: ARN of our service deployment where it is known; else the judge binds
            to the one whose target revision is ours.
        previous_task_definition: ARN of what ECS can go back to; empty where nothing before us
            was ever completed, as on a service's first deployment.
        previous_deployment: ``ecs-svc/…`` that was PRIMARY before the update.
        earlier: Ids of all other deployments in UpdateService's answer: each is older than ours, so
            a PRIMARY that is none of them and not ours is newer.
        replaced_service_deployment: ``currentServiceDeployment`` from before the update: never
            ours, whatever a stale read says.
        known_events: Ids of the service's events from before the update.
    """

    subject: str
    service: str
    task_definition: str
    container: str
    digest: str
    platforms: frozenset[str] = frozenset()
    deployment_id: str = ""
    service_deployment: str = ""
    previous_task_definition: str = ""
    previous_deployment: str = ""
    earlier: frozenset[str] = frozenset()
    replaced_service_deployment: str = ""
    known_events: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How patient and how strict to be. Times are seconds.

    Attributes:
        timeout: For the whole rollout, from :func:`~shipway.rollout.judge.judge.begin`, the time
            at a PAUSE hook and for capacity included.
        rollback_timeout: For a roll-back, from the moment it began.
        stuck_after: Without any progress for this long, "slow" becomes "stuck" in the text.
        no_capacity_after: Nothing placed for this long while ECS says it cannot place.
        settle: How long a task without any health check must run to count as healthy.
        same_failure: So many launches, each after the failure of the one before, whose tasks fail
            in the same way while none is healthy, are certainty; one more where some are.
        on_failure: Once failure is certain: ask ECS to roll back, or leave everything as it is.
        on_pause: At a PAUSE hook: wait for the answer, or leave with the verdict ``paused``.
        require_breaker: Success needs a circuit breaker that is not disabled.
        require_alarms: Success needs the alarms that the service names to be enabled.

    Raises:
        UsageError: A time that is not positive, or a count below 1.
    """

    timeout: float = 900.0
    rollback_timeout: float = 600.0
    stuck_after: float = 120.0
    no_capacity_after: float = 600.0
    settle: float = 15.0
    same_failure: int = 2
    on_failure: Literal["rollback", "leave"] = "rollback"
    on_pause: Literal["wait", "leave"] = "wait"
    require_breaker: bool = True
    require_alarms: bool = True

    def __post_init__(self) -> None:
        for name in ("timeout", "rollback_timeout", "stuck_after", "no_capacity_after"):
            if not getattr(self, name) > 0:
                raise UsageError(
                    f"a {name.replace('_', '-')} of {getattr(self, name)} seconds is no time",
                    remedy="give a number of seconds above 0",
                )
        if self.same_failure < 1:
            raise UsageError(
                f"{self.same_failure} equal failures cannot be waited for",
                remedy="give 1 or more",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPlan:
    """What this look should fetch besides DescribeServices, to stay within the budget of calls.

    Attributes:
        service_deployment: ARN for DescribeServiceDeployments; ``current`` for the one that
            DescribeServices names; empty for none. The answer goes to
            ``Snapshot.service_deployment``.
        newest: Describe ``currentServiceDeployment`` too, in the same call, into
            ``Snapshot.newest``.
        revisions: DescribeServiceRevisions for the target revision of each described deployment.
        tasks: ListTasks and DescribeTasks with desired status RUNNING.
        stopped: The same with desired status STOPPED; what both list is described in one go.
        targets: DescribeTargetHealth of every target group.
    """

    service_deployment: str = ""
    newest: bool = False
    revisions: bool = False
    tasks: bool = False
    stopped: bool = False
    targets: bool = False

    @property
    def calls(self) -> int:
        """How many API calls such a look costs with one target group, DescribeServices included."""
        described = bool(self.service_deployment or self.newest)
        lists = self.tasks + self.stopped
        return 1 + described + self.revisions + lists + bool(lists) + self.targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What the judge asks its hands to do: StopServiceDeployment of ``arn``."""

    arn: str
    why: str
    stop_type: Literal["ROLLBACK"] = "ROLLBACK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One distinct failure.

    Attributes:
        kind: A word of :mod:`shipway.rollout.diagnosis.reasons`: ``exit``, ``image-missing`` …
        text: The failure in plain words, without a full stop.
        ecs: ECS's own words.
        tasks: ARNs of the tasks of ours that failed so.
    """

    kind: str
    text: str
    ecs: str = ""
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutEvent:
    """Something that a person or the record should know; ``kind`` says what.

    Kinds: ``bound`` (our service deployment is known), ``stage``, ``event`` (ECS's own line),
    ``trouble``, ``task-stopped`` (fetch the logs of ``task`` now), ``first-failure`` (what would
    make it a verdict), ``placement``, ``announced`` (failure is certain), ``ask`` (do ``action``),
    ``rolling-back``, ``paused``, ``superseded``, ``interrupted``, ``waiting`` and ``concluded``.
    """

    at: datetime
    kind: str
    text: str
    level: Literal["info", "warning"] = "info"
    task: Task | None = None
    action: Action | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The verdict and its reasons.

    Attributes:
        verdict: How it ended.
        at: When the judge knew.
        text: One line without the service's name: ``crash loop: 2 of 2 new tasks exited with 1``.
        cause: The failure, where it was a failure of tasks.
        announced: When failure was certain; earlier than ``at`` where a roll-back was watched.
        rolled_back: Whether the earlier revision is in service again.
        proof: What shows that the verdict is right: digests seen, tasks and targets counted.
        last_seen: What the last good look showed.
        by: Superseded by which deployment, task definition and when; or stopped by what.
        remedy: What to do next.
    """

    verdict: Verdict
    at: datetime
    text: str
    cause: Cause | None = None
    announced: datetime | None = None
    rolled_back: bool = False
    proof: str = ""
    last_seen: str = ""
    by: str = ""
    remedy: str = ""
