"""What a hold is told and what it says: values only.

The hold (:mod:`.judge`) is told a :class:`HoldTarget`, then one :class:`HoldLook` after another. It
answers with the next :class:`~shipway.rollout.judge.terms.FetchPlan`, and in the end with one
:class:`HoldOutcome`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from shipway.rollout.judge.terms import Cause, FetchPlan
from shipway.rollout.snapshot import Snapshot, TargetHealth, Task
from shipway.rollout.task_definition import TaskDefinition
from shipway.values import HttpAnswer

TRIES: Final = 3
"""So many wrong answers in a row are the service's: a single one may be the network's."""

End = Literal["held", "broken", "superseded", "missing", "unseen", "cut"]
"""How a hold ends: the release is good still; it is not; another deployment took the service over;
the service is gone; AWS did not show it; it was ended because another service did not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A CloudWatch alarm at one moment (CloudWatch API Reference, MetricAlarm)."""

    name: str
    state: str  # OK, ALARM, INSUFFICIENT_DATA
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldTarget:
    """What must stay good.

    Attributes:
        subject: The service's name in delivery.toml.
        service: Its name in ECS.
        definition: The task definition in service; its ARN says which tasks are ours.
        seconds: For how long.
        url: The address that must go on answering; empty where none is asked.
        expected_status: The HTTP status that counts as an answer.
        interval: Seconds between two requests while a wrong answer is asked again.
        alarms: Names of the alarms that must not go off.
        already_off: Those of them that were off before the rollout: they say nothing of it until
            they were seen otherwise.
        tasks: Running tasks as they were seen when the rollout ended.
        targets: Targets of the load balancer then.
        known_events: Ids of the service's events from before.
        known_stops: ARNs of tasks of ours that stopped during the rollout, which is judged.
        since: When the rollout ended by ECS's clock; what stopped before is the rollout's.
    """

    subject: str
    service: str
    definition: TaskDefinition
    seconds: float
    url: str = ""
    expected_status: int = 200
    interval: float = 1.0
    alarms: tuple[str, ...] = ()
    already_off: frozenset[str] = frozenset()
    tasks: tuple[Task, ...] = ()
    targets: tuple[TargetHealth, ...] = ()
    known_events: frozenset[str] = frozenset()
    known_stops: frozenset[str] = frozenset()
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLook:
    """One service at one moment of its hold.

    Attributes:
        snapshot: What ECS and the load balancer said.
        fetch: What was asked of them: only that can be missed in the answer.
        alarms: What CloudWatch said of its alarms; ``None`` where it was not asked, or gave none.
        answers: What its address answered; empty where it was not asked.
    """

    snapshot: Snapshot
    fetch: FetchPlan = field(default_factory=FetchPlan)
    alarms: tuple[Alarm, ...] | None = None
    answers: tuple[HttpAnswer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOutcome:
    """How a hold ended.

    Attributes:
        end: Which way.
        at: When that was known.
        held: For how many seconds the release had been good.
        text: One line without the service's name: ``task 46f0ea27 was killed (137, out of memory:
            64 MiB)``.
        cause: What broke it.
        tasks: The tasks that stopped by themselves.
        targets: The targets that became unhealthy.
    """

    end: End
    at: datetime
    held: float
    text: str
    cause: Cause | None = None
    tasks: tuple[Task, ...] = ()
    targets: tuple[TargetHealth, ...] = ()
