"""What one simulated rollout will do: all of it drawn beforehand, from one seed.

Durations are seconds and as long as ECS takes: provisioning of a task on Fargate, the pull, the
program's start, the load balancer's checks ("Target group health checks"), deregistration delay
(up to 300 s by default), bake times, and the growing delay between replacements ("Service throttle
logic" in the Amazon ECS Developer Guide).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

FaultKind = Literal[
    "exit",
    "memory",
    "target-health",
    "container-health",
    "image-missing",
    "secret-missing",
    "command",
    "image-denied",
    "stuck",
]
NEVER_STARTS: frozenset[FaultKind] = frozenset(
    {"image-missing", "secret-missing", "command", "image-denied"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with the revision.

    Attributes:
        kind: How a task fails.
        waves: How many launches in one place fail before one holds; ``inf`` for ever.
        share: Which part of the service's tasks it strikes.
        after: Seconds that a task lives once it is RUNNING, or healthy where it ``heals``.
        heals: Whether it is healthy before it fails.
    """

    kind: FaultKind
    waves: float = inf
    share: float = 1.0
    after: float = 3.0
    heals: bool = False

    @property
    def lasting(self) -> bool:
        """Whether such a revision can never hold, whatever luck it has."""
        return self.waves == inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The deployment circuit breaker.

    Attributes:
        counts_exits: Whether a task that exits after it was RUNNING is counted
            (aws/containers-roadmap #1206).
        resets: ``resetOnHealthyTask``.
    """

    enabled: bool = True
    rollback: bool = True
    threshold: int = 3
    counts_exits: bool = True
    resets: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A PAUSE hook after scaling up: when it is answered or expires, and what happens then."""

    answered: float
    expires: float
    action: Literal["CONTINUE", "ROLLBACK"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """A time in which AWS does not answer."""

    start: float
    end: float
    kind: Literal["throttled", "unreachable", "server-error"]
    every: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One rollout.

    Attributes:
        seed: Of everything that is drawn while it runs.
        kind: A name for the table.
        batch: Tasks that ECS launches at once, every ``batch_every`` seconds.
        counted: Whether a draining task still counts as running.
        deferred: Success is reported while earlier tasks still run.
        settle: Seconds from the last earlier task's end to ECS's word that it is done.
        lag: Seconds by which the service deployment's status comes after ``rolloutState``; it
            comes before where negative.
        capacity: Second at which there is room for the first task.
        rollback_end: How a roll-back ends; empty where it stalls.
        described: Whether the account answers for service deployments.
    """

    seed: int
    kind: str
    strategy: Literal["ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"] = "ROLLING"
    desired: int = 2
    balanced: bool = True
    provisioning: float = 15.0
    pull: float = 10.0
    startup: float = 5.0
    interval: float = 10.0
    threshold: int = 2
    deregistration: float = 30.0
    batch: int = 20
    batch_every: float = 1.5
    counted: bool = True
    deferred: bool = False
    bake: float = 0.0
    steps: int = 0
    step: float = 0.0
    settle: float = 5.0
    lag: float = 0.0
    fault: Fault | None = None
    breaker: Breaker = Breaker()
    capacity: float = 0.0
    rollback: float = 60.0
    rollback_end: Literal["ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", ""] = "ROLLBACK_SUCCESSFUL"
    first: bool = False
    described: bool = True
    alarm: float = inf
    person: float = inf
    newer: float = inf
    pause: Pause | None = None
    weather: tuple[Weather, ...] = ()
    errors: float = 0.0
    stale: float = 0.0
    latency: float = 0.08
    timeout: float = 900.0
    on_failure: Literal["rollback", "leave"] = "rollback"
    on_pause: Literal["wait", "leave"] = "wait"
