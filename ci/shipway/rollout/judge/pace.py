"""How often to look and how much to ask for: about a second while things move, and few calls.

In the long run a service costs at most 30 calls a minute. What a quiet rollout does not spend it
saves up, to look every second once something moves, and as much again may be borrowed; nothing goes
beyond that: a look that cannot be paid asks for less, or comes later. One DescribeServices is
shared by all services and tells by its counts and events whether the dearer questions are worth
asking.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from math import log2

from shipway.rollout.judge.certainty import is_fresh
from shipway.rollout.judge.state import (
    BURST,
    CALLS_PER_SECOND,
    ROLLING_BACK,
    STATUS_RANK,
    TERMINAL,
    State,
    is_older,
    ours_in,
    seconds_since,
)
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.judge.update_state import fingerprint, refill
from shipway.rollout.snapshot import Deployment, ServiceDeployment, Snapshot

_FASTEST = 1.0
_SLOWEST = 4.0
_BUSY = 2.5
_BUSY_FOR = 10.0
_PAUSED = 10.0
_EAGER = 0.5
_EAGER_FOR = 2.0
# DescribeServices, the service deployment, running tasks and their targets: what a proof takes.
_PROOF = 5.0
_QUIET_PER_SECOND = 15.0
_DESCRIBE_EVERY = 5.0
_TASKS_EVERY = 4.0
_BACK_OFF_MOST = 20.0
_DOUBLINGS = 5
_HINTS = re.compile(r"unhealthy|stopped|unable|failed|has started", re.IGNORECASE)


def fetch(state: State, glance: Snapshot, now: datetime) -> FetchPlan:
    """What this look should fetch besides ``glance``, which is its DescribeServices part."""
    if state.outcome is not None or not (glance.answered and glance.exists):
        return FetchPlan()
    last = state.fingerprint[0] if state.fingerprint else None
    changed = fingerprint(glance) != last
    mine = ours_in(state, glance)
    proving = state.succeeded_since is not None or (
        mine is not None and mine.rollout_state == "COMPLETED"
    )
    arn = _to_describe(state, glance)
    described = state.described
    dear = (
        described is None
        or not state.verified
        or _dear(state, glance, described, now, changed=changed)
    )
    current = glance.current_service_deployment
    known = {None, state.service_deployment, state.target.replaced_service_deployment}
    newest = bool(state.describes and state.service_deployment and current not in known)
    ask = arn if state.describes and (dear or newest) else ""
    waiting = mine is not None and (mine.running < mine.desired or mine.pending > 0)
    due = waiting and _slot(state, now) > _slot(state, state.now)
    every_other = due and _slot(state, now) % 2 == 0
    upset = mine is not None and changed and _upset(state, glance, mine)
    moved = mine is not None and (
        state.deployment is None or mine.running != state.deployment.running
    )
    # Whether a task of ours is healthy matters only where others stopped, or as the last proof.
    doubted = bool(state.stopped) and state.announced is None and (changed or _unsure(state))
    look = state.lists_tasks and mine is not None
    # Ours failed, was rolled back and left between two looks: why is still to be found out.
    gone = mine is None and state.seen and state.announced is None and state.lists_tasks
    open_ = state.rolling_back_since is None and state.succeeded_since is None
    best = FetchPlan(
        service_deployment=ask,
        newest=newest,
        revisions=bool(ask) and (not state.verified or newest),
        tasks=look and (proving or doubted),
        stopped=gone or (look and open_ and (upset or due or doubted)),
        targets=state.sees_targets
        and ((open_ and (moved or every_other or doubted)) or _going_back(state, glance)),
    )
    return _affordable(best, _purse(refill(state, now)))


def _purse(state: State) -> float:
    """How many calls may be made before all that may be borrowed is spent."""
    return state.tokens + BURST


def _affordable(best: FetchPlan, purse: float) -> FetchPlan:
    """``best``, or what is left of it when what can wait longest goes first.

    ECS remembers a stopped task for an hour, so that it can be asked for at a later look.
    """
    fewer = replace(best, stopped=False)
    least = replace(fewer, targets=False)
    return next((some for some in (best, fewer, least) if some.calls <= purse), FetchPlan())


def _dear(
    state: State, glance: Snapshot, described: ServiceDeployment, now: datetime, *, changed: bool
) -> bool:
    """Whether our service deployment is worth describing again."""
    if STATUS_RANK.get(described.status, 1) == TERMINAL:
        return changed and described.status == "STOPPED"
    return (
        changed
        or described.status in ROLLING_BACK
        or (glance.strategy or described.strategy or "ROLLING") != "ROLLING"
        or seconds_since(state.described_at, now) >= _DESCRIBE_EVERY
    )


def _upset(state: State, glance: Snapshot, mine: Deployment) -> bool:
    """Whether counts or events hint that a task of ours stopped.

    ``failedTasks`` alone does not: a task that reached RUNNING and then exits may not be counted
    (aws/containers-roadmap #1206).
    """
    last = state.deployment
    fewer = last is not None and mine.running + mine.pending < last.running + last.pending
    more = mine.failed > (last.failed if last is not None else 0)
    fresh = (e.message for e in glance.events if e.id not in state.events)
    return fewer or more or any(_HINTS.search(message) for message in fresh)


def _unsure(state: State) -> bool:
    return state.deployment is not None and state.deployment.running > 0 and not is_fresh(state)


def next_look(state: State, now: datetime) -> float:
    """Seconds to wait before the next look; the caller adds jitter.

    One second while things move, up to four while nothing does, ten at a PAUSE hook; half a second
    at the very beginning, after a roll-back was asked for and while a proof is outstanding; longer
    after troubles, and as long as the budget of calls needs: what is borrowed is never more than
    ``BURST``.
    """
    if state.outcome is not None:
        return 0.0
    unsure = bool(state.stopped) and state.announced is None and _unsure(state)
    state = refill(state, now)
    return max(_wanted(state, unsure=unsure), _until(state, _least(state)))


def _least(state: State) -> float:
    """What a look costs that can end a watch: the service, and its deployment where one may."""
    return 2.0 if state.describes else 1.0


def _until(state: State, calls: float) -> float:
    """Seconds until ``calls`` can be paid, counting what may be borrowed."""
    return max(0.0, (calls - _purse(state)) / CALLS_PER_SECOND)


def _wanted(state: State, *, unsure: bool) -> float:
    """Seconds to the next look as far as what is going on asks for it."""
    if state.troubled_looks:
        return min(2.0 ** min(state.troubled_looks, _DOUBLINGS), _BACK_OFF_MOST)
    quiet = seconds_since(state.changed or state.started, state.now)
    wait = min(_SLOWEST, _FASTEST + quiet / _QUIET_PER_SECOND)
    if state.paused is not None:
        wait = _PAUSED
    # What never comes up is known at once, and so is a roll-back that has nothing to start again.
    if seconds_since(state.started, state.now) < _FASTEST:
        return _EAGER
    proving = state.succeeded_since or state.returned_since or state.stop_asked_at
    if unsure or (proving is not None and seconds_since(proving, state.now) < _EAGER_FOR):
        # The verdict hangs on one more look: worth borrowing for, and a look that could not ask
        # what it hangs on would only put it off.
        return max(_EAGER, _until(state, _PROOF))
    cost = _least(state)
    if state.tokens < cost:
        # Calls were borrowed while things moved: pay back, but do not look away meanwhile.
        most = _BUSY if quiet < _BUSY_FOR else _SLOWEST
        wait = max(wait, min(most, (cost - state.tokens) / CALLS_PER_SECOND))
    return wait


def _slot(state: State, at: datetime) -> int:
    """Counts up as time passes without a change: by 4 seconds at first, then by doubling.

    A task that dies between two looks may leave all counts as they were, so stopped tasks are asked
    for without an occasion too, ever more seldom the longer nothing happens.
    """
    quiet = max(0.0, seconds_since(state.changed or state.started, at))
    linear = 8 * _TASKS_EVERY
    if quiet < linear:
        return int(quiet // _TASKS_EVERY)
    return 8 + int(log2(quiet / linear))


def _to_describe(state: State, glance: Snapshot) -> str:
    if state.service_deployment:
        return state.service_deployment
    current = glance.current_service_deployment
    if current in {None, state.target.replaced_service_deployment} | state.strangers:
        return ""
    return "current"


def _going_back(state: State, glance: Snapshot) -> bool:
    """Whether the earlier revision is complete again, so that its targets are worth a call.

    A roll-back may be over before its beginning was seen: an earlier PRIMARY after ours tells it.
    """
    back = glance.primary
    overtaken = state.deployment is not None and back is not None and is_older(state, back)
    if state.rolling_back_since is None and not overtaken:
        return False
    others = [d for d in glance.deployments if d.id != state.deployment_id]
    return bool(others) and all(d.running >= d.desired for d in others)
