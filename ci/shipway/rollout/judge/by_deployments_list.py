"""Following our entry of ``deployments[]``, where ECS does not describe service deployments.

After a circuit breaker's roll-back the service looks perfectly stable, on the earlier task
definition: the earlier entry goes back to PRIMARY, ours ends FAILED and leaves the list. So what
counts is what became of *our* id.
"""

from __future__ import annotations

from shipway.rollout.judge.ending import (
    NEVER_CAME_UP,
    Ended,
    failed_in_place,
    left,
    returned,
    success,
    superseded,
)
from shipway.rollout.judge.progress import describe_newer
from shipway.rollout.judge.state import (
    State,
    evolve,
    is_newer,
    is_older,
    ours_in,
    seconds_since,
)
from shipway.rollout.snapshot import Deployment, Snapshot

_GONE_LOOKS = 3
"""Looks without our entry before that counts: a stale read shows the state before the update."""

_GONE_FOR = 5.0
"""Seconds of the same: looks may come faster than stale reads go."""

_ROLLBACK_PATIENCE = 30.0
"""Seconds that a FAILED deployment waits for ECS to begin the roll-back."""


def follow_listed(  # noqa: PLR0911 - one return for each state of the list
    state: State, snapshot: Snapshot
) -> Ended:
    """Judge by ``deployments[]`` of this look."""
    mine = ours_in(state, snapshot)
    first = snapshot.primary
    if mine is None:
        return _absent(state, snapshot, first)
    if mine.rollout_state == "FAILED" or _told_as_failed(state, snapshot, mine):
        return _failed(state, snapshot, first)
    if first is not None and first.id != mine.id:
        if is_newer(state, first):
            return superseded(state, describe_newer(state, snapshot))
        if is_older(state, first):
            return _going_back(state), None
        return state, None
    if mine.rollout_state == "COMPLETED" and mine.status == "PRIMARY":
        return success(state, snapshot)
    if mine.rollout_state is None and mine.status == "PRIMARY":
        # Behind a Classic Load Balancer there is no rolloutState (ECS API Reference, Deployment).
        alone = len(snapshot.deployments) == 1
        if alone and mine.running >= mine.desired and mine.pending == 0:
            return success(state, snapshot)
    return state, None


def _told_as_failed(state: State, snapshot: Snapshot, mine: Deployment) -> bool:
    """Whether ECS's event says what ``rolloutState`` would, and nobody will go back.

    Only rolling updates that are not behind a Classic Load Balancer have a ``rolloutState`` (ECS
    API Reference, Deployment). Without one, what the circuit breaker stopped stays PRIMARY for
    ever, and the event "(deployment ecs-svc/…) deployment failed" is all that tells it. Where a
    roll-back is to come, its end is waited for.
    """
    going_back = snapshot.breaker_rollback is not False and not state.first
    return mine.rollout_state is None and state.failed and not going_back


def _previous(state: State) -> str:
    return state.target.previous_task_definition


def _going_back(state: State) -> State:
    return evolve(state, rolling_back_since=state.rolling_back_since or state.now)


def _absent(  # noqa: PLR0911 - one return for each way to vanish
    state: State, snapshot: Snapshot, first: Deployment | None
) -> Ended:
    if first is None:
        return state, None
    if is_newer(state, first) and not (state.failed and first.task_definition == _previous(state)):
        if state.failed:
            return left(state, f"then superseded by {describe_newer(state, snapshot)}")
        return superseded(state, describe_newer(state, snapshot))
    if not state.seen:
        return state, None
    certain = state.failed or state.rolling_back_since is not None
    stale = seconds_since(state.gone_since, state.now) < _GONE_FOR
    if not certain and (state.gone_looks < _GONE_LOOKS or stale):
        return state, None
    state = _going_back(state)
    if first.rollout_state not in {"COMPLETED", None}:
        return state, None
    return returned(state, snapshot)


def _failed(  # noqa: PLR0911 - one return for each way a failure can go on
    state: State, snapshot: Snapshot, first: Deployment | None
) -> Ended:
    if state.first:
        return failed_in_place(state, NEVER_CAME_UP)
    if first is not None and first.id != state.deployment_id:
        if is_newer(state, first) and first.task_definition != _previous(state):
            return left(state, f"then superseded by {describe_newer(state, snapshot)}")
        state = _going_back(state)
        if first.rollout_state == "COMPLETED" and first.running >= first.desired:
            return returned(state, snapshot)
        return state, None
    if snapshot.breaker_rollback is False:
        return failed_in_place(state, "no roll-back is configured")
    state = evolve(state, failed_since=state.failed_since or state.now)
    if seconds_since(state.failed_since, state.now) < _ROLLBACK_PATIENCE:
        return state, None
    return failed_in_place(state, "ECS began no roll-back")
