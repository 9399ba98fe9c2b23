"""From what is known to a verdict: the only module that makes a :class:`Outcome`.

The service deployment speaks first. Where the account does not describe it, ``deployments[]`` of
DescribeServices does, bound by id. Time and troubles speak last.
"""

from __future__ import annotations

from shipway.rollout.judge import verdict as v
from shipway.rollout.judge.certainty import announce, likeliest
from shipway.rollout.judge.progress import describe_pause, last_seen, unseen
from shipway.rollout.judge.proof import earlier_serves, guarded, our_digest
from shipway.rollout.judge.state import PROOF_PATIENCE, State, evolve, label, seconds_since
from shipway.rollout.judge.terms import Cause, Outcome
from shipway.rollout.judge.verdict import Verdict
from shipway.rollout.snapshot import Snapshot

_UNSEEN_PATIENCE = 120.0
"""The same where nobody could list the tasks since: throttled, or too many services at once."""

_RETURN_PATIENCE = 120.0
"""Seconds that a finished roll-back may wait for the earlier tasks and targets to be seen."""

_TOO_LATE = "the wish to roll back came too late: ECS had finished"

NEVER_CAME_UP = "no earlier revision ever came up: there is nothing to roll back to"

PAUSE_REMEDY = "nox -s resume continues it; with --rollback it goes back"

Ended = tuple[State, Outcome | None]


def conclude(
    state: State,
    verdict: Verdict,
    text: str,
    *,
    proof: str = "",
    by: str = "",
    remedy: str = "",
    rolled_back: bool = False,
) -> Ended:
    """End with ``verdict``; the failure that was announced goes along unless all went well."""
    cause = None if verdict.good else likeliest(state)
    outcome = Outcome(
        verdict=verdict,
        at=state.now,
        text=text,
        cause=cause,
        announced=None if verdict.good else state.announced,
        rolled_back=rolled_back,
        proof=proof,
        last_seen=last_seen(state),
        by=by,
        remedy=remedy,
    )
    return evolve(state, outcome=outcome), outcome


def success(state: State, snapshot: Snapshot) -> Ended:
    """ECS reports success: say so once what runs proves it."""
    state = evolve(state, succeeded_since=state.succeeded_since or state.now)
    objection = guarded(state, snapshot)
    if objection:
        return conclude(
            state,
            v.FAILING,
            f"deployed, but {objection}",
            remedy="enable it in the service's deployment configuration and deploy again",
        )
    running = state.deployment.running if state.deployment is not None else 0
    if snapshot.desired == 0 and running == 0:
        text = "in service with a desired count of 0"
        if _wanted_back(state):
            text = f"{text}; {_TOO_LATE}"
        return conclude(state, v.SUCCEEDED_NO_TASKS, text)
    proof = our_digest(state, snapshot)
    if proof.holds:
        # Targets of an earlier look would be told as they are no more: "2 initial" of a success.
        state = state if snapshot.targets else evolve(state, live=())
        text = f"{last_seen(state)}; {_TOO_LATE}" if _wanted_back(state) else last_seen(state)
        return conclude(state, v.SUCCEEDED, text, proof=proof.text)
    waited = seconds_since(state.succeeded_since, state.now)
    looked = state.tasks_at is not None and seconds_since(state.tasks_at, state.now) <= waited
    if waited < (PROOF_PATIENCE if looked else _UNSEEN_PATIENCE):
        return state, None
    return conclude(
        state,
        v.FAILING,
        f"ECS reports success, but {proof.text}",
        remedy="look at the tasks: something else runs than what was shipped",
    )


def _wanted_back(state: State) -> bool:
    """Whether a roll-back was asked for, or would have been as soon as ours was known.

    Where ECS refused it, or nothing could be asked, that was told when it was so.
    """
    if state.stop_asked_at is not None:
        return True
    can_ask = state.describes and not state.first and not state.refusal
    return state.interrupted is not None and can_ask


def returned(state: State, snapshot: Snapshot) -> Ended:
    """ECS reports that the roll-back is done: end once the earlier revision is seen serving."""
    state = evolve(state, returned_since=state.returned_since or state.now)
    proof = earlier_serves(state, snapshot)
    name = proof.name or label(state.target.previous_task_definition) or "the earlier revision"
    if not proof.holds:
        if seconds_since(state.returned_since, state.now) < _RETURN_PATIENCE:
            return state, None
        return conclude(
            state,
            v.ROLLBACK_FAILED,
            f"ECS reports the roll-back done, but it does not serve: {proof.text}",
            remedy=f"look at the tasks of {name} at once",
        )
    who = initiator(state)
    described = state.described
    if who == "alarm":
        text = f"{alarm(state)}: rolled back to {name}"
        return conclude(state, v.ALARM, text, proof=proof.text, rolled_back=True)
    if who == "person":
        reason = described.rollback_reason or described.status_reason if described else ""
        return conclude(
            state,
            v.STOPPED,
            f"stopped by someone: rolled back to {name}",
            by=reason,
            proof=proof.text,
            remedy="CloudTrail names who, in the event StopServiceDeployment",
            rolled_back=True,
        )
    why = {
        "interrupt": "" if state.recalled else "at your request",
        "hook": "by a lifecycle hook",
        "breaker": "by the circuit breaker",
    }.get(who, "")
    back = " ".join(filter(None, ("rolled back", why, f"to {name}")))
    back += f", because {state.recalled}" if state.recalled else ""
    cause = likeliest(state)
    return conclude(
        state,
        v.ROLLED_BACK,
        f"{cause.text}; {back}" if cause is not None else back,
        proof=proof.text,
        rolled_back=True,
    )


def initiator(state: State) -> str:  # noqa: PLR0911 - one return for each who
    """Who began the roll-back: alarm, us, interrupt, breaker, hook, person, or empty."""
    sd = state.described
    mine = state.deployment
    reason = f"{sd.rollback_reason} {sd.status_reason}".lower() if sd is not None else ""
    if sd is None and mine is not None:
        # All that an account without service deployments is told.
        reason = mine.rollout_state_reason.lower()
    triggered = sd is not None and sd.alarm_status == "TRIGGERED"
    if triggered or "alarm" in reason or state.failed_by == "alarm":
        return "alarm"
    by_breaker = sd is not None and sd.breaker_status == "TRIGGERED"
    if by_breaker or "circuit breaker" in reason or state.failed_by == "breaker":
        return "breaker"
    if state.stop_asked_at is not None:
        return "interrupt" if state.interrupted is not None else "us"
    answered = any(h.type == "PAUSE" for h in sd.hooks) if sd is not None else False
    if answered or (sd is not None and any(h.status in {"FAILED", "TIMED_OUT"} for h in sd.hooks)):
        return "hook"
    if "hook" in reason:
        return "hook"
    watched = sd is not None and sd.breaker_status is not None
    # Neither an alarm, nor the breaker, nor a hook, nor we, and no task failed: ECS itself has no
    # reason then. ROLLBACK_REQUESTED may have come and gone between two looks.
    by_hand = watched and (state.rollback_requested or not state.stopped)
    if by_hand or "request" in reason or "user" in reason:
        return "person"
    return ""


def alarm(state: State) -> str:
    """The alarm that ended it, by name as far as ECS tells it."""
    sd, service = state.described, state.service
    names = sd.alarms_triggered if sd is not None else ()
    if not names and service is not None and service.alarms_enabled:
        names = service.alarms
        if len(names) > 1:
            return f"one of the alarms {', '.join(names)}"
    return f"alarm {', '.join(names)}" if names else "alarm in ALARM"


def superseded(state: State, by: str) -> Ended:
    """Another deployment took over."""
    return conclude(
        state,
        v.SUPERSEDED,
        f"superseded by {by}",
        by=by,
        remedy="ask whoever deployed it; deploy again if ours should win",
    )


def halted(state: State) -> Ended:
    """STOPPED without a successor: by the breaker or an alarm without roll-back, or by someone."""
    who = initiator(state)
    sd = state.described
    reason = sd.status_reason if sd is not None else ""
    if who in {"alarm", "breaker"} or state.failed:
        return failed_in_place(state, "no roll-back is configured")
    if who in {"us", "interrupt"}:
        return left(state, "stopped at our request; ECS did not roll back")
    return conclude(
        state,
        v.STOPPED,
        "stopped by someone" + (f": {reason}" if reason else ""),
        by=reason,
        remedy="nothing was rolled back: look at which revision serves",
    )


def failed_in_place(state: State, after: str) -> Ended:
    """ECS called it failed, and nothing was put back: by whom, where ECS tells it.

    Args:
        state: What is known.
        after: What became of the roll-back.
    """
    who, sd, mine = initiator(state), state.described, state.deployment
    reason = sd.status_reason if sd is not None else mine.rollout_state_reason if mine else ""
    after = NEVER_CAME_UP if state.first else after
    if who == "alarm":
        stopped = "stopped" if state.first else "stopped, not rolled back"
        text = f"{alarm(state)}: {stopped}; {after}"
        return conclude(state, v.ALARM, text, by=reason)
    if state.first:
        return left(state, after)
    unnamed = f"ECS stopped it as failed{f': {reason}' if reason else ''}"
    return left(state, f"{'the circuit breaker opened' if who == 'breaker' else unnamed}; {after}")


def left(
    state: State,
    why: str,
    remedy: str = "the failed revision stays as it is: roll back or deploy a fixed one",
) -> Ended:
    """Failed, and nothing was put back."""
    cause = likeliest(state)
    state = announce(state, cause or Cause(kind="breaker", text=why))
    text = f"{cause.text}; {why}" if cause is not None and cause.text != why else why
    return conclude(
        state,
        v.FAILING,
        text,
        remedy=remedy,
    )


def out_of_time(state: State) -> Ended:  # noqa: PLR0911 - one return for each budget
    """The budgets: roll-back, capacity, then the whole rollout."""
    policy = state.policy
    # What was seen long ago is told with its age, and nothing is advised on the strength of it.
    hidden = unseen(state)

    def then(usual: str) -> str:
        return _look_again(state) if hidden else usual

    if state.rolling_back_since is not None:
        took = seconds_since(state.rolling_back_since, state.now)
        if took < policy.rollback_timeout:
            return state, None
        return conclude(
            state,
            v.ROLLBACK_FAILED,
            f"the roll-back was not seen to end within {took:.0f} s: {hidden}"
            if hidden
            else f"the roll-back did not end within {took:.0f} s: {last_seen(state)}",
            remedy=then("ECS is still at it: look at the tasks of the earlier revision"),
        )
    over = state.elapsed >= policy.timeout
    started = state.deployment.running + state.deployment.pending if state.deployment else 0
    unplaced = state.unplaced_since is not None and started == 0
    if unplaced and (
        over or seconds_since(state.unplaced_since, state.now) >= policy.no_capacity_after
    ):
        return conclude(
            state,
            v.NO_CAPACITY,
            "; ".join(filter(None, (f"no task of ours could be placed: {state.unplaced}", hidden))),
            remedy=then("add capacity, or ask for less CPU and memory; ECS goes on trying"),
        )
    if not over:
        return state, None
    if state.paused is not None and state.described is not None:
        waiting = describe_pause(state.paused, state.described)
        unanswered = f"nobody answered within {state.elapsed:.0f} s: {waiting}"
        text = "; ".join(filter(None, (unanswered, hidden)))
        return conclude(state, v.PAUSED, text, remedy=then(PAUSE_REMEDY))
    cause = likeliest(state)
    if cause is not None and cause.kind == "capacity" and started == 0:
        return conclude(
            state,
            v.NO_CAPACITY,
            "; ".join(filter(None, (cause.text, hidden))),
            remedy=then("add capacity; ECS goes on trying"),
        )
    if state.announced is not None and state.interrupted is None:
        if hidden:
            why = "; ".join(filter(None, (state.refusal, hidden)))
            return left(state, why, _look_again(state))
        return left(state, state.refusal or "no roll-back began in time")
    return conclude(
        state,
        v.TIMED_OUT,
        _pace_words(state, hidden),
        remedy=then("ECS goes on; raise timeout if it is slow"),
    )


def _look_again(state: State) -> str:
    """What to do where ECS could not be seen: time was not what was missing."""
    first = (
        "wait until AWS answers again"
        if state.throttled
        else "check the network, AWS_ENDPOINT_URL and the credentials"
    )
    return f"ECS goes on unwatched: {first}, then run verify to see what runs"


def _pace_words(state: State, hidden: str) -> str:
    limit = f"not done after {state.elapsed:.0f} s"
    if state.service is None:
        return f"{limit}: ECS could not be read at all ({state.trouble or 'no answer'})"
    if hidden:
        return f"{limit}: {hidden}"
    quiet = seconds_since(state.progressed or state.started, state.now)
    if quiet < state.policy.stuck_after:
        return f"{limit}: slow but moving, last progress {quiet:.0f} s ago ({last_seen(state)})"
    return f"{limit}: stuck, no progress for {quiet:.0f} s ({last_seen(state)})"
