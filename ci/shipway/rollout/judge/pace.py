"""How often to look: what a look can tell now decides when it is worth a call.

While a task may fail a look comes every two seconds, and every second where the end may be near
(all tasks run and none of the earlier is left, a roll-back's tasks run, a bake time or a hook ends)
or where the first tasks, or replacements, are about to fail. Looks are spread evenly over the calls
that the minute has left (:class:`.budget.Budget`), without those that reading what they may show
will take, and those that prove the end.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil, inf

from shipway.rollout.judge.budget import LOOK_EVERY, MARGIN, Budget
from shipway.rollout.judge.certainty import covers
from shipway.rollout.judge.state import (
    PROOF_PATIENCE,
    ROLLING_BACK,
    State,
    seconds_since,
)
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.judge.update_state import moved_to
from shipway.rollout.judge.waves import due
from shipway.rollout.snapshot import Deployment

_USUAL = 2.0
_QUIET = 4.0
_NEAR = 1.0
_DUE = 0.8
_SOON = 15.0
"""Seconds for which calls are to last where evidence or the end is due."""
_PAUSED = 10.0
_EAGER = 0.5
_AT_ONCE = 0.05
_EAGER_FOR = 2.0
_PROOF_COMES = 6.0
_PROOF_LATE = 4.0
_PROOF_RARE = 8.0
_PROVING_FOR = 130.0
_BACK_OFF_MOST = 4.0
_BACK_OFF_NEAR = 2.0
_DOUBLINGS = 5
_ALONE_FOR = 8.0
_WINDOW = 12.0
"""Seconds around the end of a bake time in which it may come: its beginning was seen late."""
_LISTING_EVERY = 20.0
SPARE = 3
_TOGETHER, _TOGETHER_MOST = 2, 18
"""Calls more that are kept for each further service: they may come to their end together."""
_FIRST = 0.9
_FIRST_FOR = 180.0
"""Seconds after the update in which a task that cannot even start shows it."""
_TELLING_FOR = 4.0
"""Seconds after the counts told of a stop that a list should show."""
_SCARCE_DUE = 1.5
"""Seconds between two looks where evidence is due and few calls are left."""
PLENTY = 24
STOPS = 3
"""Service deployments that a look may have to stop at once."""
A_PAGE = 100
"""Tasks that ListTasks names in one answer, and DescribeTasks takes."""
FULL = Budget()


def tells(mine: Deployment) -> bool:
    """Whether ``deployments[]`` tells the state of the rollout, and so its end."""
    return mine.rollout_state is not None


def doubted(state: State, now: datetime) -> bool:
    """Whether only the health of our other tasks keeps a failure from being certain."""
    if state.suspected is None or covers(state, now):
        return False
    if state.tasks_at is None or (state.struck is not None and state.tasks_at < state.struck):
        return True
    return seconds_since(state.tasks_at, now) >= _LISTING_EVERY


def next_look(state: State, now: datetime, budget: Budget = FULL) -> float:
    """Seconds to wait before the next look; the caller adds jitter.

    Args:
        state: What is known.
        now: The time.
        budget: The calls of the last minute.
    """
    if state.outcome is not None:
        return 0.0
    state = moved_to(state, now)
    wait = _worth(state)
    if _proving(state):
        wait = max(wait, _spread(state, budget))
    elif not _eager(state):
        wait = max(wait, _even(state, budget))
    wait = min(wait, max(_EAGER, _deadline(state)))
    return max(wait, budget.until(state.now, 1))


def _spread(state: State, budget: Budget) -> float:
    """Seconds between looks at a proof that does not come, so that calls last for the last one."""
    since = seconds_since(state.succeeded_since, state.now)
    if state.succeeded_since is None or since < _PROOF_COMES:
        return 0.0
    look = 1 + cost(FetchPlan(tasks=True), state)
    return min(_deadline(state) / max(1, budget.left(state.now) // look), _PROOF_RARE)


def _even(state: State, budget: Budget) -> float:
    """Seconds between looks that the calls allow, and those kept for what a look may show."""
    expects = _undecided(state) and due(state, state.now)
    most, horizon = LOOK_EVERY, _SOON if expects or near(state) else 60.0
    left = budget.left(state.now) - budget.looks_on(state.now)
    if expects and left > MARGIN:
        most = _SCARCE_DUE
    if _undecided(state) and left > _told_by(state):
        most = _EAGER
    return min(budget.even(state.now, _keep(state, budget), horizon), most)


def _told_by(state: State) -> float:
    """Calls that read what is there already, as far as is known; ``inf`` where nothing is."""
    if doubted(state, state.now):
        return cost(FetchPlan(tasks=True, targets=True), state)
    if state.unread and seconds_since(state.upset_at, state.now) < _TELLING_FOR:
        return _evidence(state)
    return inf


def _keep(state: State, budget: Budget) -> int:
    """Calls that the next look leaves: to read what it may show, to act, and to look on."""
    if not _undecided(state) or doubted(state, state.now):
        return max(kept(state, budget), budget.looks_on(state.now))
    if _expects(state):
        return _evidence(state) + min(budget.services, STOPS) + 2 * MARGIN
    return kept(state, budget)


def _expects(state: State) -> bool:
    """Whether a failure may become certain at any moment."""
    return state.suspected is not None or due(state, state.now) or first_outcome(state)


def _evidence(state: State) -> int:
    """Calls that read a failure: where others of ours run, their health is read with it."""
    running = state.desired > 1 and bool(state.stopped) and not covers(state, state.now)
    return cost(FetchPlan(tasks=running, stopped=True, targets=running), state)


def kept(state: State, budget: Budget) -> int:
    """Calls that a look leaves which decides nothing: for evidence, and for what proves the end.

    A look that may show evidence, or the end, leaves what is needed to read it.
    """
    if _proving(state):
        return 0
    if _undecided(state) and doubted(state, state.now):
        return cost(FetchPlan(tasks=True, targets=True), state) + min(budget.services, STOPS)
    together = min(_TOGETHER * (budget.services - 1), _TOGETHER_MOST)
    evidence = _evidence(state)
    if _undecided(state) and (due(state, state.now) or first_outcome(state)):
        return evidence + SPARE + together
    if near(state):
        proof = cost(FetchPlan(service_deployment="ours", tasks=True), state)
        return proof + SPARE + together
    return budget.reserve + (evidence if state.announced is None else 0)


def cost(plan: FetchPlan, state: State) -> int:
    """Calls beside DescribeServices: a page of a list for each 100 tasks, and of descriptions."""
    entries = state.service.deployments if state.service is not None else ()
    live = sum(entry.running + entry.pending for entry in entries)
    others = sum(entry.running for entry in entries if entry.id != state.deployment_id)
    # The earlier tasks that are gone are listed among the stopped ones too.
    ended = max(state.listed, len(state.ends)) + state.unread + max(0, state.desired - others)
    if state.stop_asked_at is not None or state.rolling_back_since is not None:
        ended += state.desired  # and ours that ran are stopped by ECS
    live, ended = live * plan.tasks, ended * plan.stopped
    pages = sum(max(0, ceil(tasks / A_PAGE) - 1) for tasks in (live, ended, live + ended))
    return plan.calls - 1 + pages


def _deadline(state: State) -> float:
    """Seconds to the next moment at which time alone decides."""
    moments = [state.policy.timeout - state.elapsed]
    if state.succeeded_since is not None:
        moments.append(PROOF_PATIENCE - seconds_since(state.succeeded_since, state.now))
    if state.paused is not None and state.paused.expires_at is not None:
        expires = state.paused.expires_at - state.skew
        moments.append((expires - state.now).total_seconds())
    return min((moment + _AT_ONCE for moment in moments if moment > 0), default=_NEAR)


def _worth(state: State) -> float:  # noqa: PLR0911 - one return for each reason
    """Seconds to the next look as far as what is going on asks for it."""
    close = near(state)
    if state.troubled_looks:
        partly = state.answered_at == state.now
        soon = close or partly or (_undecided(state) and _expects(state))
        most = _BACK_OFF_NEAR if soon else _BACK_OFF_MOST
        return min(2.0 ** (min(state.troubled_looks, _DOUBLINGS) - 1 - soon - partly), most)
    if _proving(state):
        since = seconds_since(state.succeeded_since or state.returned_since, state.now)
        paces = ((_AT_ONCE, _AT_ONCE), (_NEAR, _EAGER), (_PROOF_COMES, _USUAL))
        return next((pause for until, pause in paces if since < until), _PROOF_LATE)
    if _eager(state):
        return _EAGER
    if _undecided(state) and doubted(state, state.now):
        return _AT_ONCE if state.struck == state.now else _EAGER
    if state.paused is not None:
        return _PAUSED
    if close and state.deployment is not None and not tells(state.deployment):
        return _NEAR if seconds_since(state.changed, state.now) < _ALONE_FOR else _USUAL
    if _undecided(state) and due(state, state.now):
        return _DUE
    if close or (state.unread and seconds_since(state.upset_at, state.now) < _EAGER_FOR):
        return _NEAR
    if state.unplaced_since is not None:
        return _QUIET
    return _FIRST if first_outcome(state) else _USUAL


def _eager(state: State) -> bool:
    """What never comes up is known at once, and a roll-back that has nothing to start again."""
    asked = state.stop_asked_at
    soon = asked is not None and seconds_since(asked, state.now) < _EAGER_FOR
    return soon or seconds_since(state.started, state.now) < _NEAR


def _undecided(state: State) -> bool:
    return state.announced is None and state.rolling_back_since is None


def first_outcome(state: State) -> bool:
    """Whether the first tasks are still on their way: what can never start fails here."""
    mine = state.deployment
    if mine is None or state.stopped or state.announced is not None:
        return False
    return bool(mine.pending) and state.elapsed < _FIRST_FOR


def _proving(state: State) -> bool:
    """Whether ECS has told the end and only its proof is missing."""
    since = state.succeeded_since or state.returned_since
    return since is not None and seconds_since(since, state.now) < _PROVING_FOR


def near(state: State) -> bool:
    """Whether the end may come at any moment."""
    service, mine = state.service, state.deployment
    if service is None or mine is None:
        return False
    described = state.described
    back = state.rolling_back_since is not None or (
        described is not None and described.status in ROLLING_BACK
    )
    if back:
        earlier = service.primary
        return (
            earlier is not None
            and earlier.id != state.deployment_id
            and earlier.running >= max(1, earlier.desired)
            and not earlier.pending
        )
    if state.failed or (described is not None and described.status in _STOPPING):
        return True
    if bake_ends(state, state.now):
        return True
    if described is not None and described.lifecycle_stage in _BEFORE_THE_END:
        return False
    others = sum(d.running + d.pending for d in service.deployments if d.id != mine.id)
    return mine.running >= mine.desired and not mine.pending and not others


def bake_ends(state: State, now: datetime) -> bool:
    """Whether the bake time ends about now."""
    described = state.described
    if described is None or described.lifecycle_stage != "BAKE_TIME" or state.staged is None:
        return False
    end = state.staged + timedelta(minutes=described.bake_minutes or 0)
    return abs((end - now).total_seconds()) <= _WINDOW


_STOPPING = frozenset({"STOP_REQUESTED", "STOPPED"})
_BEFORE_THE_END = frozenset(
    {
        "PRE_SCALE_UP",
        "POST_SCALE_UP",
        "TEST_TRAFFIC_SHIFT",
        "POST_TEST_TRAFFIC_SHIFT",
        "PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
        "BAKE_TIME",
    }
)
