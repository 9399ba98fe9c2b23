"""Following our service deployment by its ARN, where ECS describes it."""

from __future__ import annotations

from shipway.rollout.judge import verdict as v
from shipway.rollout.judge.ending import (
    NEVER_CAME_UP,
    PAUSE_REMEDY,
    Ended,
    conclude,
    failed_in_place,
    halted,
    returned,
    success,
    superseded,
)
from shipway.rollout.judge.progress import describe_newer, describe_pause
from shipway.rollout.judge.state import ROLLING_BACK, State, evolve, is_newer
from shipway.rollout.judge.terms import RolloutEvent
from shipway.rollout.snapshot import ServiceDeployment, Snapshot

_STOPPING = frozenset({"STOP_REQUESTED", "STOPPED"})
_SUCCESSOR_PATIENCE = 3
"""Looks that a stopped deployment waits for its successor to show: reads may be stale."""


def follow(  # noqa: PLR0911 - one return for each status
    state: State, snapshot: Snapshot, events: list[RolloutEvent]
) -> Ended:
    """Judge by ``state.described``, which is ours and verified."""
    sd = state.described
    if sd is None:
        return state, None
    state = _pause(state, sd, events)
    if state.paused is not None and state.policy.on_pause == "leave":
        return conclude(
            state,
            v.PAUSED,
            describe_pause(state.paused, sd),
            remedy=PAUSE_REMEDY,
        )
    if sd.status == "SUCCESSFUL":
        return success(state, snapshot)
    if sd.status == "ROLLBACK_SUCCESSFUL":
        return returned(_back(state), snapshot)
    if sd.status == "ROLLBACK_FAILED" and state.first:
        # The breaker opened before a second wave was looked at; ECS had nowhere to go.
        return failed_in_place(state, NEVER_CAME_UP)
    if sd.status == "ROLLBACK_FAILED":
        reason = sd.status_reason or sd.rollback_reason
        return conclude(
            _back(state),
            v.ROLLBACK_FAILED,
            "the roll-back failed" + (f": {reason}" if reason else ""),
            remedy="neither revision is known to serve: look at the service at once",
        )
    if sd.status in _STOPPING:
        return _stopped(state, snapshot, sd)
    if sd.status in ROLLING_BACK:
        return _back(state), None
    return state, None


def _back(state: State) -> State:
    return evolve(state, rolling_back_since=state.rolling_back_since or state.now)


def _stopped(state: State, snapshot: Snapshot, sd: ServiceDeployment) -> Ended:
    """Ours was stopped: by a newer deployment if there is one, else by the breaker or someone."""
    other = snapshot.primary
    listed = other is not None and is_newer(state, other)
    current = snapshot.current_service_deployment
    known = {
        None,
        sd.arn,
        state.target.replaced_service_deployment,
    }
    newest = state.newest
    older = bool(
        newest is not None
        and newest.arn == current
        and newest.created_at is not None
        and sd.created_at is not None
        and newest.created_at < sd.created_at
    )
    if listed or (current not in known and newest is not None and not older):
        return superseded(state, describe_newer(state, snapshot))
    if sd.status == "STOP_REQUESTED":
        return state, None
    looks = state.extra_looks + 1
    state = evolve(state, extra_looks=looks)
    if current not in known and not older and looks < _SUCCESSOR_PATIENCE:
        return state, None
    if current not in known and not older:
        return superseded(state, describe_newer(state, snapshot))
    by_itself = "TRIGGERED" in {sd.alarm_status, sd.breaker_status} or bool(state.failed_by)
    # The service was read before its deployment: what replaced ours in between shows in the next.
    if not by_itself and looks < (2 if sd.status_reason else _SUCCESSOR_PATIENCE):
        return state, None
    return halted(state)


def _pause(state: State, sd: ServiceDeployment, events: list[RolloutEvent]) -> State:
    waiting = next(
        (h for h in sd.hooks if h.type == "PAUSE" and h.status == "AWAITING_ACTION"), None
    )
    if waiting is None:
        if state.paused_since is None:
            return state
        events.append(RolloutEvent(at=state.now, kind="event", text="the pause is over"))
        return evolve(
            state,
            paused=None,
            paused_since=None,
            progressed=state.now,
        )
    if state.paused is None or state.paused.id != waiting.id:
        events.append(
            RolloutEvent(
                at=state.now, kind="paused", text=describe_pause(waiting, sd), level="warning"
            )
        )
    return evolve(state, paused=waiting, paused_since=state.paused_since or state.now)
