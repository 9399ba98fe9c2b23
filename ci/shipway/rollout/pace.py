"""How often to look and how much to ask for: about a second while things move, and few calls.

In the long run a service costs at most 30 calls a minute. What a quiet rollout does not spend it
saves up, to look every second once something moves. One DescribeServices is shared by all services
and tells by its counts and events whether the dearer questions are worth asking.
"""

from __future__ import annotations

from datetime import datetime

from shipway.rollout.absorb import fingerprint, refill
from shipway.rollout.snapshot import Snapshot
from shipway.rollout.state import CALLS_PER_SECOND, ROLLING_BACK, State, ours_in, seconds_since
from shipway.rollout.terms import Wants

_FASTEST = 1.0
_SLOWEST = 5.0
_PAUSED = 10.0
_EAGER = 0.5
_EAGER_FOR = 5.0
_QUIET_PER_SECOND = 15.0
_DESCRIBE_EVERY = 5.0
_TASKS_EVERY = 20.0
_BACK_OFF_MOST = 20.0


def wants(state: State, glance: Snapshot, now: datetime) -> Wants:
    """What this look should fetch besides ``glance``, which is its DescribeServices part."""
    if state.conclusion is not None or not (glance.answered and glance.exists):
        return Wants()
    last = state.fingerprint[0] if state.fingerprint else None
    changed = fingerprint(glance) != last
    mine = ours_in(state, glance)
    proving = (
        state.succeeded_since is not None
        or state.returned_since is not None
        or (mine is not None and mine.rollout_state == "COMPLETED")
    )
    arn = _to_describe(state, glance)
    described = state.described
    dear = (
        changed
        or proving
        or not state.verified
        or described is None
        or described.status in ROLLING_BACK
        or state.asked is not None
        or (glance.strategy or described.strategy or "ROLLING") != "ROLLING"
        or seconds_since(state.described_at, now) >= _DESCRIBE_EVERY
    )
    current = glance.current_service_deployment
    known = {None, state.service_deployment, state.target.replaced_service_deployment}
    newest = bool(state.describes and state.service_deployment and current not in known)
    ask = arn if state.describes and (dear or newest) else ""
    waiting = mine is not None and (mine.running < mine.desired or mine.pending > 0)
    due = waiting and seconds_since(state.tasks_at or state.started, now) >= _TASKS_EVERY
    look = state.lists_tasks and mine is not None and (changed or due or proving)
    return Wants(
        service_deployment=ask,
        newest=newest,
        revisions=bool(ask) and (not state.verified or newest),
        tasks=look,
        stopped=look and state.returned_since is None,
        targets=(mine is not None and (changed or due or proving)) or _going_back(state, glance),
    )


def next_look(state: State, now: datetime) -> float:
    """Seconds to wait before the next look; the caller adds jitter.

    One second while things move, up to five while nothing does, ten at a PAUSE hook, half a second
    while a proof is outstanding; longer after troubles, and as long as the budget of calls needs.
    """
    if state.conclusion is not None:
        return 0.0
    state = refill(state, now)
    if state.troubled_looks:
        return float(min(2.0**state.troubled_looks, _BACK_OFF_MOST))
    quiet = seconds_since(state.changed or state.started, state.now)
    wait = min(_SLOWEST, _FASTEST + quiet / _QUIET_PER_SECOND)
    if state.paused is not None:
        wait = _PAUSED
    proving = state.succeeded_since or state.returned_since
    if proving is not None and seconds_since(proving, state.now) < _EAGER_FOR:
        wait = _EAGER
    cost = 2.0 if state.describes else 1.0
    if state.tokens < cost:
        wait = max(wait, (cost - state.tokens) / CALLS_PER_SECOND)
    return wait


def _to_describe(state: State, glance: Snapshot) -> str:
    if state.service_deployment:
        return state.service_deployment
    current = glance.current_service_deployment
    if current in {None, state.target.replaced_service_deployment} | state.strangers:
        return ""
    return "current"


def _going_back(state: State, glance: Snapshot) -> bool:
    """Whether the earlier revision is complete again, so that its targets are worth a call."""
    if state.rolling_back_since is None:
        return False
    others = [d for d in glance.deployments if d.id != state.deployment_id]
    return bool(others) and all(d.running >= d.desired for d in others)
