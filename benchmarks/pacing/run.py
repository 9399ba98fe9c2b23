"""One delivery of simulated rollouts: the product's watch loop, or a peer's way, and what it said.

What is right is known from the world alone: a success must be one, and a failure must not be a
rollout that would have succeeded in time had nobody touched it.
"""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from benchmarks.pacing.ecs import CountedLogs, ScriptedEcs, SimClock
from benchmarks.pacing.lag import Lag
from benchmarks.pacing.script import Script
from benchmarks.pacing.view import REVISIONS, T0, View, at, reference
from benchmarks.pacing.world import World

from shipway.observer import silent
from shipway.rollout.judge import judge
from shipway.rollout.judge.terms import Outcome, Policy
from shipway.rollout.task_definition import AwsLogs, ContainerDefinition, TaskDefinition
from shipway.rollout.watch import Watch, Watched, begin

_MINUTE = 60.0
_AT_LEAST_EVERY = 15.0
_DEFINITION = TaskDefinition(
    containers=(ContainerDefinition(name="web", logs=AwsLogs(group="shop", stream_prefix="web")),)
)
_ENDS = {
    "SUCCESSFUL": {"succeeded"},
    "ROLLBACK_SUCCESSFUL": {"rolled-back"},
    "ROLLBACK_FAILED": {"rollback-failed", "failing"},
    "STOPPED": {"failing"},
}
_BY = {"alarm": {"alarm"}, "person": {"stopped"}, "newer": {"superseded"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was said of one rollout.

    Attributes:
        word: The verdict, or ``success`` or ``failure`` of a peer; empty where it said nothing.
        right: Whether that was true.
        late: Seconds from the moment at which a call could first show the end until it was told;
            ``None`` where nothing ended.
        announced_late: Seconds from the moment at which a call could first show the evidence of a
            certain failure to its announcement; ``None`` where none was announced before ECS began
            to act.
        late_in_truth: ``late`` from the end itself, which reads that lag behind may not show yet.
        announced_late_in_truth: ``announced_late`` from the evidence itself.
        breaker_first: The circuit breaker had begun to roll back before anything was announced.
        missed: A failure that somebody who sees all at once could have announced, and was not.
        peak: Calls in the worst minute, of all that was watched together.
        calls: Calls of all that was watched together.
        gap: The longest time without a look in the last ten seconds before the end.
        why: What was wrong, for a person.
    """

    seed: int
    kind: str
    services: int
    word: str
    right: bool
    late: float | None
    announced_late: float | None
    missed: bool
    peak: int
    calls: int
    gap: float
    breaker_first: bool = False
    late_in_truth: float | None = None
    announced_late_in_truth: float | None = None
    why: str = ""


def policy_of(script: Script) -> Policy:
    """How the delivery is configured."""
    return Policy(
        timeout=script.timeout,
        on_failure=script.on_failure,
        on_pause=script.on_pause,
        require_breaker=False,
    )


def run(scripts: Sequence[Script]) -> list[Result]:
    """Deliver ``scripts`` together and watch them as the product does."""
    random.seed(scripts[0].seed)  # the watch spreads its looks by chance
    clock = SimClock()
    worlds = {f"web{number}": World(script) for number, script in enumerate(scripts)}
    ecs = ScriptedEcs(worlds, clock)
    watched = [
        begin(reference(world, name), policy_of(world.script), _DEFINITION, T0)
        for name, world in worlds.items()
    ]
    watch = Watch(ecs=ecs, logs=CountedLogs(ecs), cluster="shop", clock=clock, observer=silent)
    watch.follow(watched)
    return [
        _judged(rollout, ecs.worlds[rollout.target.service], ecs, scripts) for rollout in watched
    ]


def _judged(rollout: Watched, world: World, ecs: ScriptedEcs, scripts: Sequence[Script]) -> Result:
    script, outcome = world.script, rollout.outcome
    assert outcome is not None
    second = (outcome.at - T0).total_seconds()
    evidence = _evidence(script) if script.fault is not None else inf
    ends = _readable(world, outcome, evidence)
    right, why = _right(world, outcome, second)
    announced = _announced(rollout, world)
    seen, shown = _shown(script, ends, ecs.lags), _shown(script, evidence, ecs.lags)
    return Result(
        seed=script.seed,
        kind=script.kind,
        services=len(scripts),
        word=outcome.verdict.name,
        right=right,
        late=_after(seen, second),
        announced_late=_after(shown, announced),
        missed=announced is None and shown + 2.0 < min(world.rolling_back, world.ended),
        peak=peak(ecs.calls),
        calls=len(ecs.calls),
        gap=_gap(ecs.calls, min(ends, second)),
        breaker_first=announced is None and world.by == "breaker",
        late_in_truth=_after(ends, second),
        announced_late_in_truth=_after(evidence, announced),
        why=why,
    )


def _announced(rollout: Watched, world: World) -> float | None:
    """When a failure was announced, unless ECS had begun to act."""
    moments = [event.at for event in rollout.events if event.kind == "announced"]
    outcome = rollout.outcome
    if not moments and outcome is not None and outcome.announced is not None:
        moments = [outcome.announced]
    if not moments:
        return None
    second = (moments[0] - T0).total_seconds()
    acted = world.rolling_back if world.by != "us" else inf
    return second if second <= min(acted, world.ended) else None


def _readable(  # noqa: PLR0911 - one return for each kind
    world: World, outcome: Outcome, evidence: float
) -> float:
    """The second at which what was said could be known."""
    script, name = world.script, outcome.verdict.name
    if name == "superseded":
        return script.newer
    if name == "paused":
        return world.pausing_since if script.on_pause == "leave" else script.timeout
    if name == "timed-out":
        return script.timeout
    if name == "no-capacity":
        return inf
    if world.status == "ROLLBACK_FAILED" and not (script.described or script.first):
        # deployments[] does not tell it: it is what has not come back in time.
        return world.rolling_back + Policy().rollback_timeout
    second = (outcome.at - T0).total_seconds()
    if name == "failing" and world.ended > second:
        return script.timeout if second >= script.timeout else evidence
    return world.ended


def _after(moment: float, told: float | None) -> float | None:
    """Seconds by which ``told`` came later; ``None`` where one of the two never came."""
    return max(0.0, told - moment) if told is not None and moment < inf else None


def _shown(script: Script, second: float, lags: Sequence[Lag]) -> float:
    """When a call could first show what became true at ``second``.

    Where AWS does not answer then, that is when it answers again; where its reads lag behind, when
    they have caught up.
    """
    hidden = [(weather.start, weather.end) for weather in script.weather]
    hidden += [(lag.start, lag.end) for lag in lags]
    for start, end in sorted(hidden):
        if start <= second < end:
            second = end
    return second


def _right(world: World, outcome: Outcome, second: float) -> tuple[bool, str]:
    script, name = world.script, outcome.verdict.name
    by, status = world.by, world.status
    if world.ended > second and world.rolling_back > second and name == "failing":
        by, status = "", "IN_PROGRESS"  # it went on while others were still watched
    allowed = _BY.get(by) if status != "SUCCESSFUL" else None
    if allowed is None or status == "ROLLBACK_FAILED":
        allowed = set(_ENDS.get(status, ()))
    # What ended between the time-out and the word about it was not done in time.
    open_ = world.ended > min(second, script.timeout if name == "timed-out" else second)
    if open_ and name in {"failing", "timed-out", "no-capacity", "paused"}:
        allowed = {
            "failing": {"failing"} if script.fault is not None else set(),
            "timed-out": {"timed-out"} if second >= script.timeout else set(),
            "no-capacity": {"no-capacity"} if script.capacity > script.timeout * 0.6 else set(),
            "paused": {"paused"} if script.pause is not None else set(),
        }[name]
    if world.rolling_back <= second < world.ended:
        allowed = {"rollback-failed"}
    if script.fault is not None and script.fault.lasting:
        allowed = allowed | {"failing"}  # ECS may call it a success between two crashes
    if name not in allowed:
        return False, f"{name}, but {world.status} by {world.by or 'ECS'} ({outcome.text[:80]})"
    if outcome.verdict.good or world.by not in {"us", ""} or name in {"timed-out", "paused"}:
        return True, ""
    alone = World(script)
    alone.run_until(script.timeout)
    fine = alone.status == "SUCCESSFUL" and not (script.fault and script.fault.lasting)
    return not fine, f"{name}, but by itself it succeeds at {alone.ended:.0f} s" if fine else ""


def _evidence(script: Script) -> float:
    """The second at which somebody who sees everything at once is certain of a failure."""
    world = World(script)
    view = View(world, "web")
    state = judge.begin(reference(world, "web"), policy_of(script), T0)
    turns, looked = -1, -inf
    while world.next < script.timeout and world.ended == inf and world.rolling_back == inf:
        second = world.next
        world.advance(second)
        if world.turns == turns and second - looked < _AT_LEAST_EVERY:
            continue
        turns, looked = world.turns, second
        described = script.described
        snapshot = replace(
            view.glance(),
            service_deployment=view.service_deployment() if described else None,
            revisions=REVISIONS,
            tasks=view.running(),
            tasks_listed=True,
            stopped=view.stopped(),
            targets=view.targets(),
        )
        state, _, outcome = judge.step(state, snapshot, at(second))
        if state.announced is not None and world.rolling_back == inf:
            return second
        if outcome is not None:
            return inf
    return inf


def peak(calls: Sequence[float]) -> int:
    """Calls in the worst minute."""
    return max(
        (
            number + 1 - bisect.bisect_right(calls, second - _MINUTE)
            for number, second in enumerate(calls)
        ),
        default=0,
    )


def _gap(calls: Sequence[float], end: float) -> float:
    near = [second for second in calls if end - 10 <= second <= end] + [end]
    earlier = [second for second in calls if second < end - 10]
    moments = earlier[-1:] + near
    return max((b - max(a, end - 10) for a, b in itertools.pairwise(moments)), default=0.0)
