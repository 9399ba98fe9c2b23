"""The judge: state + snapshot + now → state, happenings, and in the end one conclusion.

Pure and total: no clock, no network, no exception for any snapshot. It follows one service
deployment, ours, and says what became of it; it has no hands, and asks for what should be done with
an :class:`~shipway.rollout.judge.terms.Action`.

::

    state = begin(target, policy, now())
    while conclusion is None:
        glance = DescribeServices
        snapshot = glance completed with fetch(state, glance, now(), budget)
        state, happenings, conclusion = step(state, snapshot, now())
        sleep(next_look(state, now(), budget))
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shipway.rollout.judge import verdict as v
from shipway.rollout.judge.budget import Budget
from shipway.rollout.judge.by_deployments_list import follow_listed
from shipway.rollout.judge.by_service_deployment import follow
from shipway.rollout.judge.certainty import BY_WAVES, announce, certain, likeliest, suspect
from shipway.rollout.judge.ending import (
    NEVER_CAME_UP,
    alarm,
    conclude,
    initiator,
    left,
    out_of_time,
)
from shipway.rollout.judge.fetch import fetch
from shipway.rollout.judge.first_failure import explain
from shipway.rollout.judge.pace import next_look
from shipway.rollout.judge.progress import last_seen, noticed, objections, progress
from shipway.rollout.judge.proof import check_digest
from shipway.rollout.judge.state import STATUS_RANK, TERMINAL, State, evolve, label
from shipway.rollout.judge.terms import Action, Cause, DeploymentRef, Outcome, Policy, RolloutEvent
from shipway.rollout.judge.update_state import absorb, moved_to
from shipway.rollout.snapshot import Snapshot, Trouble

_MISSING_LOOKS = 2
_ASKS = 4
_INTERRUPTED = "interrupted; Ctrl-C once more leaves without watching"
_UNBOUND_LOOKS = 5
_EVIDENCE = ("stopped", "ends", "filled", "launch_error", "tasks_at")
_PASSING = frozenset({"throttled", "unreachable", "server-error"})

Step = tuple[State, tuple[RolloutEvent, ...], Outcome | None]


def begin(target: DeploymentRef, policy: Policy, at: datetime) -> State:
    """Start to follow ``target``; ``at`` is when UpdateService answered.

    Raises:
        UsageError: The target's digest is malformed.
    """
    check_digest(target.digest)
    return State(
        target=target,
        policy=policy,
        started=at,
        now=at,
        service_deployment=target.service_deployment,
        deployment_id=target.deployment_id,
        events=target.known_events,
    )


def step(state: State, snapshot: Snapshot, now: datetime) -> Step:
    """Judge one look.

    Args:
        state: What was known.
        snapshot: What ECS said.
        now: The time of the look; a time before the last look counts as that one.

    Returns:
        The new state, what happened since, and the conclusion once there is one. A conclusion
        never changes: every later step gives it again, and nothing happens any more.
    """
    if state.outcome is not None:
        return state, (), state.outcome
    before = state
    state, events = absorb(moved_to(state, now), snapshot)
    if any(getattr(state, name) is not getattr(before, name) for name in _EVIDENCE):
        state = suspect(state)
    state, outcome = _judge(state, snapshot, events)
    if outcome is None:
        state = explain(state, events)
    if outcome is not None:
        events.append(
            RolloutEvent(
                at=state.now,
                kind="concluded",
                text=f"{outcome.verdict.name}: {outcome.text}",
                level="info" if outcome.verdict.good else "warning",
            )
        )
    return state, tuple(events), outcome


def interrupt(state: State, now: datetime) -> tuple[State, tuple[RolloutEvent, ...]]:
    """Ctrl-C, once: ask ECS to put the earlier revision back, and watch that to its end.

    Where nothing can be asked (a first deployment, or an account without service deployments) the
    happening says so and the watch goes on.
    """
    if state.outcome is not None or state.interrupted is not None:
        return state, ()
    state = moved_to(state, now)
    state = evolve(state, interrupted=state.now)
    events = [RolloutEvent(at=state.now, kind="interrupted", text=_INTERRUPTED, level="warning")]
    why = _cannot_ask(state)
    if why:
        events.append(RolloutEvent(at=state.now, kind="waiting", text=why, level="warning"))
        return state, tuple(events)
    state = _ask(state, "interrupted by a person", events)
    return state, tuple(events)


def recall(state: State, why: str, now: datetime) -> tuple[State, tuple[RolloutEvent, ...]]:
    """Another service of the same release failed: put the earlier revision back, as Ctrl-C would.

    Args:
        state: What was known.
        why: The reason, for people: ``web failed``.
        now: The time.
    """
    by_itself = state.announced is not None or state.rolling_back_since is not None
    if by_itself or state.policy.on_failure == "leave":
        return state, ()
    before = state
    state, events = interrupt(state, now)
    if state.interrupted is before.interrupted:
        return state, ()
    text = f"taken back with the release: {why}"
    told = (replace(each, text=text) if each.kind == "interrupted" else each for each in events)
    return evolve(state, recalled=why), tuple(told)


def answered(state: State, trouble: Trouble | None, now: datetime) -> State:
    """What became of the action that was asked for: done, or why not.

    A passing trouble is asked for again at the next look, a few times; any other refusal stands.
    """
    state = moved_to(state, now)
    if trouble is None:
        return state
    if trouble.kind in _PASSING and state.asks < _ASKS:
        return evolve(state, stop_asked_at=None)
    why = f"ECS refused to roll back: {trouble.text or trouble.kind}"
    return evolve(state, stop_asked_at=None, refusal=why)


def _judge(
    state: State, snapshot: Snapshot, events: list[RolloutEvent]
) -> tuple[State, Outcome | None]:
    if state.missing_looks >= _MISSING_LOOKS:
        status = snapshot.status if snapshot.exists else "MISSING"
        return conclude(
            state,
            v.SERVICE_MISSING,
            f"the service is {status}",
            remedy="somebody deleted it, or the cluster's name is wrong",
        )
    present = snapshot.answered and snapshot.exists and not state.missing_looks
    if present:
        state, outcome = _followed(state, snapshot, events)
        if outcome is None:
            state, outcome = _fail_fast(state, events)
        if outcome is not None:
            return state, outcome
    outcome = _unseeing(state, snapshot)
    if outcome is not None:
        return evolve(state, outcome=outcome), outcome
    return out_of_time(state)


def _followed(
    state: State, snapshot: Snapshot, events: list[RolloutEvent]
) -> tuple[State, Outcome | None]:
    before = state
    if state.describes and state.service_deployment and state.verified:
        state, outcome = follow(state, snapshot, events)
    elif (
        not state.describes
        or snapshot.current_service_deployment is None
        or state.unbound_looks >= _UNBOUND_LOOKS
    ):
        state, outcome = follow_listed(state, snapshot)
    else:
        return state, None
    if before.rolling_back_since is None and state.rolling_back_since is not None:
        name = label(state.target.previous_task_definition) or "the earlier revision"
        if state.announced is None and state.interrupted is None:
            cause = likeliest(state) or _unexplained(state)
            state = announce(state, cause)
            events.append(_announcement(state, cause))
        events.append(
            RolloutEvent(
                at=state.now, kind="rolling-back", text=f"rolling back to {name}", level="warning"
            )
        )
    return state, outcome


def _unexplained(state: State) -> Cause:
    sd = state.described
    if initiator(state) == "alarm":
        return Cause(kind="ecs", text=alarm(state))
    reason = (sd.rollback_reason or sd.status_reason) if sd is not None else ""
    if not reason and state.deployment is not None:
        reason = state.deployment.rollout_state_reason
    return Cause(kind="ecs", text=reason or "ECS began to roll back", ecs=reason)


def _fail_fast(state: State, events: list[RolloutEvent]) -> tuple[State, Outcome | None]:
    """Announce a failure that is certain, and do about it what the policy says."""
    sd = state.described
    over = sd is not None and STATUS_RANK.get(sd.status, 1) == TERMINAL
    if state.succeeded_since is not None or state.returned_since is not None or over:
        return state, None
    if state.announced is None and state.rolling_back_since is None:
        cause = certain(state)
        # Where another deployment is the PRIMARY one by now, ECS takes ours back: that nobody of
        # ours is healthy any more proves nothing, and ECS says why it does.
        taken_back = state.deployment is not None and state.deployment.status != "PRIMARY"
        if cause is not None and not (taken_back and cause.kind in BY_WAVES):
            state = announce(state, cause)
            events.append(_announcement(state, cause))
    waiting = state.rolling_back_since is not None or state.stop_asked_at is not None
    if waiting or (state.announced is None and state.interrupted is None):
        return state, None
    return _react(state, events)


def _react(state: State, events: list[RolloutEvent]) -> tuple[State, Outcome | None]:
    """Ask for the roll-back, wait for the breaker's, or end with the failure left as it is."""
    asking = state.interrupted is not None
    if state.policy.on_failure == "leave" and not asking:
        still = "; its circuit breaker may still roll it back" if _breaker_acts(state) else ""
        return left(state, f"left as it is, as configured{still}")
    why = _cannot_ask(state)
    if not why:
        text = state.cause.text if state.cause is not None else "interrupted by a person"
        if state.service_deployment and state.verified:
            state = _ask(state, text, events)
        return state, None
    if asking and state.announced is None:
        return state, None
    if _breaker_will(state):
        if "breaker" not in state.noted:
            events.append(
                RolloutEvent(
                    at=state.now, kind="waiting", text="the circuit breaker will roll back"
                )
            )
        return evolve(state, noted=state.noted | {"breaker"}), None
    return left(state, why)


def _announcement(state: State, cause: Cause) -> RolloutEvent:
    return RolloutEvent(at=state.now, kind="announced", text=cause.text, level="warning")


def _cannot_ask(state: State) -> str:
    """Why ECS cannot be asked to roll back; empty where it can, now or once ours is bound."""
    if state.first:
        return NEVER_CAME_UP
    if state.refusal:
        return state.refusal
    if not state.describes:
        return "this account does not answer for service deployments: cannot ask for a roll-back"
    if not state.service_deployment and state.unbound_looks >= _UNBOUND_LOOKS:
        return "our service deployment is not to be found: cannot ask for a roll-back"
    return ""


def _breaker_will(state: State) -> bool:
    return _breaker_acts(state) and state.policy.on_failure == "rollback"


def _breaker_acts(state: State) -> bool:
    service = state.service
    return bool(
        service is not None
        and service.breaker_enabled
        and service.breaker_rollback
        and not state.first
    )


def _ask(state: State, why: str, events: list[RolloutEvent]) -> State:
    if not (state.service_deployment and state.verified):
        return state  # asked as soon as it is bound
    action = Action(arn=state.service_deployment, why=why)
    events.append(
        RolloutEvent(
            at=state.now,
            kind="ask",
            text="asks ECS to stop the service deployment and roll back",
            level="warning",
            action=action,
        )
    )
    return evolve(state, stop_asked_at=state.now, asks=state.asks + 1)


def _unseeing(state: State, snapshot: Snapshot) -> Outcome | None:
    """The troubles that end a watch: no credentials any more, or no right to look at all."""
    for trouble in snapshot.troubles:
        denied = trouble.kind == "access-denied" and trouble.operation == "DescribeServices"
        if trouble.kind != "credentials" and not denied:
            continue
        verdict = v.CREDENTIALS if trouble.kind == "credentials" else v.ACCESS_DENIED
        _, outcome = conclude(
            state,
            verdict,
            f"{trouble.text or trouble.kind}; last seen: {last_seen(state)}",
            remedy="the rollout goes on in ECS: look at it with fresh credentials"
            if verdict is v.CREDENTIALS
            else "allow ecs:DescribeServices on the service",
        )
        return outcome
    return None


__all__ = [
    "Budget",
    "State",
    "answered",
    "begin",
    "fetch",
    "interrupt",
    "next_look",
    "noticed",
    "objections",
    "progress",
    "recall",
    "step",
]
