"""How much to ask for in one look: what an answer can tell that is not known yet.

One DescribeServices is shared by all services and tells by its counts and events whether the dearer
questions are worth asking.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from math import ceil, log2

from shipway.rollout.judge.budget import MARGIN, Budget
from shipway.rollout.judge.certainty import covers
from shipway.rollout.judge.pace import (
    A_PAGE,
    PLENTY,
    SPARE,
    STOPS,
    bake_ends,
    cost,
    doubted,
    first_outcome,
    kept,
    near,
    tells,
)
from shipway.rollout.judge.state import (
    STATUS_RANK,
    TERMINAL,
    State,
    is_newer,
    is_older,
    ours_in,
    seconds_since,
)
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.judge.update_state import fingerprint, upset
from shipway.rollout.judge.waves import another, due
from shipway.rollout.snapshot import Deployment, Snapshot

_UNREAD_FOR = 15.0
_RETRY = 4.0
_RETRY_LATER = 20.0
_ALONE_FOR = 8.0
_DESCRIBE = {"near": 0.0, "back": 4.0, "shifting": 3.0, "usual": 5.0, "scarce": 20.0}
_OVERDUE = 30.0
"""Seconds after which a description is worth calls that are kept for the end: a hook may wait."""
_COUNTS_EVERY = 4.0
_HEALTH_EVERY = 15.0
_TOLD_EVERY = 8.0
_SLOTS_FROM = 5.0
_RARER = 0.5
FULL = Budget()


def fetch(
    state: State,
    glance: Snapshot,
    now: datetime,
    budget: Budget = FULL,
    *,
    described: bool = False,
) -> FetchPlan:
    """What this look should fetch besides ``glance``, which is its DescribeServices part.

    Args:
        state: What is known.
        glance: The look so far.
        now: The time.
        budget: The calls of the last minute, that for ``glance`` among them.
        described: Whether our service deployment has been described for another service at this
            look: its answer is there.
    """
    if state.outcome is not None or not (glance.answered and glance.exists):
        return FetchPlan()
    wanted = _worth_it(state, glance, now, budget, free=described and state.verified)
    if described and state.verified and not wanted.newest:
        wanted = replace(wanted, service_deployment=state.service_deployment)
    return wanted


def _worth_it(
    state: State, glance: Snapshot, now: datetime, budget: Budget, *, free: bool
) -> FetchPlan:
    """What is worth its calls; what is ``free``, the description of ours, aside."""
    # Some of the services may have to be stopped at the end of this look.
    left = budget.left(now) - min(budget.services, STOPS)
    ending = _ending(state, glance)
    # What is only for show, or is likely to tell nothing new, is asked the more seldom the more
    # services share the calls and the fewer calls are left.
    scarce = 1 if left >= kept(state, budget) else 2
    rarer = (1 + _RARER * (budget.services - 1)) * scarce
    usual = "usual" if left >= PLENTY else "scarce"
    # Whoever asks for a description has those of all services: it is worth its call the more.
    alone = budget.services == 1 and not near(state)
    every = _every(state, usual) * (scarce if alone else 1)
    wanted = _wanted(state, glance, now, ending=ending, rarer=rarer, every=every)
    if free and not wanted.newest:
        wanted = replace(wanted, service_deployment="")
    if ending:
        return _affordable(wanted, state, left)
    if _decides(state, glance, now):
        if state.verified and not wanted.newest and left < PLENTY:
            wanted = replace(wanted, service_deployment="", targets=wanted.tasks and wanted.targets)
        # The looks until calls are free again: however much moves, none is far off. And what it
        # shows is of this service, which alone may have to be stopped for it.
        left = budget.left(now) - (not state.first)
        return _affordable(wanted, state, left - budget.looks_on(now) + MARGIN)
    keep = kept(state, budget)
    expects = state.announced is None and due(state, now)
    if wanted.service_deployment and cost(wanted, state) == 1 and not expects:
        keep -= SPARE  # it may be the end itself, or a hook that waits
    plan = _affordable(wanted, state, left - keep)
    overdue = seconds_since(state.described_at, now) >= _OVERDUE
    if overdue and plan == FetchPlan() and left > STOPS:
        # Of a hook that waits nothing else tells, and it may wait for as long as calls are few.
        return FetchPlan(service_deployment=wanted.service_deployment, revisions=wanted.revisions)
    return plan


def _wanted(
    state: State, glance: Snapshot, now: datetime, *, ending: bool, rarer: float, every: float
) -> FetchPlan:
    mine = ours_in(state, glance)
    proving = state.succeeded_since is not None or _completes(state, mine)
    current = glance.current_service_deployment
    known = {None, state.service_deployment, state.target.replaced_service_deployment}
    newest = bool(state.describes and state.service_deployment and current not in known)
    dear = newest or (state.describes and _dear(state, glance, now, ending=ending, every=every))
    arn = _to_describe(state, glance) if dear else ""
    look = state.lists_tasks and mine is not None
    # Ours failed, was rolled back and left between two looks: why is still to be found out.
    gone = mine is None and state.seen and state.announced is None and state.lists_tasks
    open_ = state.rolling_back_since is None and state.succeeded_since is None
    fallen = upset(state, glance, mine) if mine is not None else 0
    undecided = open_ and state.announced is None
    # A stop of one wave more proves it alone.
    proves = fallen > 0 and another(state, now)
    doubtful = undecided and not proves and doubted(state, now)
    # What proves it is read at once with what may complete it, now and then.
    decisive = undecided and fallen > 0 and mine is not None and mine.running > 0
    decisive = decisive and not proves and not covers(state, now)
    recent = state.tasks_at is not None and seconds_since(state.tasks_at, now) < _COUNTS_EVERY
    both = decisive and not recent and due(state, now)
    unread = _unread(state, now, struck=fallen > 0, rarer=rarer)
    # Where only the health of the others is in doubt, further stops prove nothing more.
    stopped = open_ and not doubtful and (unread or _listing_due(state, now, mine))
    shown = open_ and not due(state, now) and _health_due(state, mine, now, rarer)
    return FetchPlan(
        service_deployment=arn,
        newest=newest,
        revisions=bool(arn) and (not state.verified or newest),
        tasks=look and (proving or doubtful or both),
        stopped=gone or (look and stopped),
        targets=state.sees_targets and (_returned(state, glance) or doubtful or both or shown),
    )


def _completes(state: State, mine: Deployment | None) -> bool:
    """Whether ``deployments[]`` tells success, and our service deployment is likely to as well.

    Where that comes later it is waited for without asking for the tasks again and again.
    """
    if mine is None or mine.rollout_state != "COMPLETED":
        return False
    last = state.deployment
    return not state.describes or last is None or last.rollout_state != "COMPLETED"


def _decides(state: State, glance: Snapshot, now: datetime) -> bool:
    """Whether what this look may show can make a failure certain."""
    if state.announced is not None or state.rolling_back_since is not None:
        return False
    if doubted(state, now):
        return True
    mine = ours_in(state, glance)
    struck = bool(state.unread) or (mine is not None and upset(state, glance, mine) > 0)
    return struck and (not state.stopped or due(state, now))


def _affordable(best: FetchPlan, state: State, left: int) -> FetchPlan:
    """``best``, or what is left of it when what can wait longest goes first.

    ECS remembers a stopped task for an hour, so that it can be asked for at a later look.
    """
    if cost(best, state) <= left:
        return best
    plans = []
    if state.succeeded_since is None and best.service_deployment and not state.stopped:
        plans.append(replace(best, tasks=False))  # whether it is over comes before its proof
    bare = replace(best, service_deployment="", newest=False, revisions=False)
    if best.tasks and best.stopped:
        plans.append(bare)  # else what stopped comes first: only after it the others matter
    elif best.tasks:
        plans += [bare, replace(bare, targets=False)]
    fewer = replace(best, tasks=False, targets=False)
    plans.append(fewer)
    plans.append(replace(bare, tasks=False, targets=False))
    plans.append(replace(fewer, stopped=False))
    return next((plan for plan in plans if cost(plan, state) <= left), FetchPlan())


def _ending(state: State, glance: Snapshot) -> bool:
    """Whether this look can be the one that proves the end."""
    mine, first = ours_in(state, glance), glance.primary
    told = {"COMPLETED"} if state.rolling_back_since is not None else {"COMPLETED", "FAILED"}
    return (
        state.succeeded_since is not None
        or (mine is not None and mine.rollout_state in told)
        or (first is not None and is_newer(state, first))
        or _returned(state, glance)
        or _alone(state, glance, mine)
    )


def _alone(state: State, glance: Snapshot, mine: Deployment | None) -> bool:
    """Whether ours has just become the only deployment, with every task: ECS is about to say so."""
    if mine is None or len(glance.deployments) > 1 or mine.running < mine.desired:
        return False
    if state.announced is None and due(state, state.now) and tells(mine):
        return False  # ours is likelier to fail once more, and deployments[] tells the end
    last = state.service
    if last is not None and len(last.deployments) > 1:
        return True
    return seconds_since(state.changed, max(state.now, state.answered_at or state.now)) < _ALONE_FOR


def _returned(state: State, glance: Snapshot) -> bool:
    """Whether the roll-back may be over, so that the earlier targets are worth a call.

    It may be over before its beginning was seen: an earlier PRIMARY after ours tells it.
    """
    if state.returned_since is not None:
        return True
    back = glance.primary
    if state.deployment is None or back is None or not is_older(state, back):
        return False
    finished = back.rollout_state == "COMPLETED" or ours_in(state, glance) is None
    return finished and back.running >= back.desired


def _dear(state: State, glance: Snapshot, now: datetime, *, ending: bool, every: float) -> bool:
    """Whether our service deployment is worth describing again."""
    described, service = state.described, state.service
    if described is None or not state.verified or service is None:
        return True
    changed = glance is not service and fingerprint(glance) != fingerprint(service)
    if STATUS_RANK.get(described.status, 1) == TERMINAL:
        return changed and described.status == "STOPPED"
    since = seconds_since(state.described_at, now)
    mine = ours_in(state, glance)
    if mine is not None and changed and not state.stopped and upset(state, glance, mine):
        return True
    turned = _states(glance) != _states(service)
    expects = state.announced is None and due(state, now)
    if ending or turned or (not expects and _full(glance) != _full(service)):
        return True
    if state.paused is not None or bake_ends(state, now):
        return True
    return since >= (min(_COUNTS_EVERY, every) if changed else every)


def _every(state: State, usual: str) -> float:
    described, service = state.described, state.service
    if state.rolling_back_since is not None or state.stop_asked_at is not None:
        return _DESCRIBE["near" if near(state) and not _told(state) else "back"]
    if near(state):
        return _DESCRIBE[usual if _told(state) else "near"]
    strategy = service.strategy if service is not None else None
    if state.announced is None and (due(state, state.now) or first_outcome(state)):
        return _DESCRIBE[usual]
    shifting = (strategy or (described and described.strategy) or "ROLLING") != "ROLLING"
    return _DESCRIBE["shifting" if shifting else usual]


def _told(state: State) -> bool:
    return state.deployment is not None and tells(state.deployment)


def _states(glance: Snapshot) -> tuple[object, ...]:
    """What changes where the rollout turns, counts aside."""
    entries = sorted((d.id, d.status, d.rollout_state or "") for d in glance.deployments)
    return (glance.status, glance.current_service_deployment, tuple(entries))


def _full(glance: Snapshot) -> tuple[object, ...]:
    """Which deployments have every task that they want, and which have none."""
    return tuple(
        sorted(
            (d.id, d.running >= d.desired and not d.pending, d.running > 0)
            for d in glance.deployments
        )
    )


def _unread(state: State, now: datetime, *, struck: bool, rarer: float) -> bool:
    """Whether tasks of ours stopped, by the counts, that were not seen yet."""
    since, before = seconds_since(state.upset_at, now), seconds_since(state.upset_at, state.now)
    every = _RETRY if since < _UNREAD_FOR else _RETRY_LATER
    again = since < _RETRY or since // every > before // every
    if not (struck or (state.unread and again)):
        return False
    # Further failures of the first wave prove nothing; they can be told a little later.
    if not state.stopped or due(state, now):
        return True
    pages = max(1, ceil(len(state.ends) / A_PAGE))
    return seconds_since(state.struck, now) >= _TOLD_EVERY * pages * rarer


def _listing_due(state: State, now: datetime, mine: Deployment | None) -> bool:
    """A task that dies between two looks may leave all counts as they were.

    So stopped tasks are asked for without an occasion too, ever more seldom the longer nothing
    happens.
    """
    if mine is None or (mine.running >= mine.desired and not mine.pending):
        return False
    return _slot(state, now) > _slot(state, state.now)


def _slot(state: State, at: datetime) -> int:
    quiet = max(0.0, seconds_since(state.changed or state.started, at))
    return 0 if quiet < _SLOTS_FROM else 1 + int(log2(quiet / _SLOTS_FROM))


def _health_due(state: State, mine: Deployment | None, now: datetime, rarer: float) -> bool:
    """Whether the targets' health is worth showing again: a task is new, or not healthy."""
    if mine is None or not mine.running:
        return False
    last = state.deployment.running if state.deployment is not None else 0
    if mine.running != last and seconds_since(state.targets_at, now) >= _COUNTS_EVERY * rarer:
        return True
    waiting = any(t.state not in {"healthy", "draining"} for t in state.live) or not state.live
    due = state.targets_at is None or seconds_since(state.targets_at, now) >= _HEALTH_EVERY * rarer
    return waiting and due


def _to_describe(state: State, glance: Snapshot) -> str:
    if state.service_deployment:
        return state.service_deployment
    current = glance.current_service_deployment
    if current in {None, state.target.replaced_service_deployment} | state.strangers:
        return ""
    return "current"
