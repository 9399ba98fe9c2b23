"""Taking one snapshot in: binding, bookkeeping of tasks and events, movement. No verdicts here.

Snapshots come late, twice, in the wrong order and with holes. What is taken in only ever adds to
what is known: a status never goes back from a later one to an earlier one, and a stopped task that
ECS has forgotten stays known.
"""

from __future__ import annotations

import re
from datetime import datetime

from shipway.rollout.judge.events import take_events, take_tasks
from shipway.rollout.judge.state import (
    STAGES,
    STATUS_RANK,
    TERMINAL,
    State,
    evolve,
    ours_in,
)
from shipway.rollout.judge.terms import RolloutEvent
from shipway.rollout.snapshot import Deployment, ServiceDeployment, Snapshot

_TASK_READS = frozenset({"ListTasks", "DescribeTasks"})
_DEPLOYMENT_READS = frozenset(
    {"DescribeServiceDeployments", "ListServiceDeployments", "DescribeServiceRevisions"}
)
_SETTLED = 5.0
"""Seconds after which a list of stopped tasks shows all that the counts told of."""
_RELAUNCHES = 20
_CLOSED = frozenset({"unsupported", "access-denied"})
_HINTS = re.compile(r"has stopped|unable to consistently", re.IGNORECASE)
# What is started while no more tasks of ours live than before replaces one that died.
_STARTED = re.compile(r"has started", re.IGNORECASE)


def absorb(state: State, snapshot: Snapshot) -> tuple[State, list[RolloutEvent]]:
    """Add what ``snapshot`` shows to ``state``; ``state.now`` is the time of the look."""
    events: list[RolloutEvent] = []
    state = _troubles(state, snapshot, events)
    if not snapshot.answered:
        return state, events
    before = state.answered_at or state.started
    state = evolve(state, answered_at=state.now)
    gone = not snapshot.exists or snapshot.status in {"INACTIVE", "DRAINING"}
    state = evolve(state, missing_looks=state.missing_looks + 1 if gone else 0)
    if not snapshot.exists:
        return state, events
    state = evolve(state, service=snapshot)
    mine, ran = ours_in(state, snapshot), state.deployment.running if state.deployment else 0
    stopped = upset(state, snapshot, mine) if mine is not None and state.seen else 0
    state = _deployment(state, snapshot, events)
    state = _described(state, snapshot, events)
    seen = len(state.noted)
    state = take_tasks(state, snapshot, events, before)
    state = _unread(state, snapshot, stopped, len(state.noted) - seen)
    state = _launched(state, ran)
    state = take_events(state, snapshot, events)
    return _movement(state, snapshot), events


def fingerprint(snapshot: Snapshot) -> tuple[object, ...]:
    """What DescribeServices shows that can change; equal when nothing moved."""
    return (
        snapshot.status,
        snapshot.desired,
        snapshot.current_service_deployment,
        tuple(sorted(_counts(snapshot))),
        tuple(sorted(event.id for event in snapshot.events)),
    )


def _counts(snapshot: Snapshot) -> list[tuple[object, ...]]:
    return [
        (d.id, d.status, d.rollout_state or "", d.desired, d.running, d.pending, d.failed)
        for d in snapshot.deployments
    ]


def _unread(state: State, snapshot: Snapshot, stopped: int, seen: int) -> State:
    """Count the stops that the counts told of and no list has shown yet."""
    unread = max(0, state.unread + stopped - seen)
    settled = (state.now - (state.upset_at or state.now)).total_seconds() > _SETTLED
    if snapshot.stopped and not (seen or stopped) and settled:
        unread = 0  # the list has been shown, and it held no more
    return evolve(state, unread=unread, upset_at=state.now if stopped else state.upset_at)


def _launched(state: State, ran: int) -> State:
    """Note when tasks are launched in place of others, and started: what is next may fail then.

    ``ran`` is how many of ours ran at the look before.
    """
    mine = state.deployment
    if mine is None or not mine.desired:
        return state
    ended = len(state.ends) + state.unread
    if mine.running > ran or mine.running + ended > state.starts:
        times = (*state.started_at, state.now)[-_RELAUNCHES:]
        starts = max(state.starts, mine.running + ended)
        state = evolve(state, starts=starts, started_at=times)
    launches = mine.running + mine.pending + ended
    if launches <= state.launches:
        return state
    more = launches > mine.desired and bool(state.stopped or state.unread)
    relaunches = (*state.relaunches, state.now)[-_RELAUNCHES:] if more else state.relaunches
    return evolve(state, launches=launches, relaunches=relaunches)


def moved_to(state: State, now: datetime) -> State:
    """Move the clock to ``now``, never back."""
    return evolve(state, now=max(now, state.now))


def upset(state: State, glance: Snapshot, mine: Deployment) -> int:
    """How many tasks of ours stopped since the last look, as far as counts and events hint.

    ``failedTasks`` alone does not: a task that reached RUNNING and then exits may not be counted
    (aws/containers-roadmap #1206).
    """
    last = state.deployment
    if last is None:
        return mine.failed
    fewer = last.running + last.pending - mine.running - mine.pending
    hints = any(
        (_STARTED if fewer >= 0 and mine.id == last.id else _HINTS).search(event.message)
        or _HINTS.search(event.message)
        for event in glance.events
        if event.id not in state.events
    )
    # What ran and does not run any more has ended, even where its replacement is there already.
    return max(fewer, last.running - mine.running, mine.failed - last.failed, int(hints))


def _troubles(state: State, snapshot: Snapshot, events: list[RolloutEvent]) -> State:
    passing = [t for t in snapshot.troubles if t.kind not in _CLOSED]
    if not passing:
        if state.trouble and snapshot.answered:
            events.append(RolloutEvent(at=state.now, kind="trouble", text="ECS answers again"))
        state = evolve(state, troubled_looks=0, trouble="")
    noted = set(state.noted)
    for trouble in snapshot.troubles:
        key = f"trouble {trouble.kind} {trouble.operation}"
        # A refusal stays one: it is told once. What passes is told each time it comes back.
        if key not in noted or (trouble.kind not in _CLOSED and not state.trouble):
            text = f"{trouble.operation or 'ECS'}: {trouble.text or trouble.kind}"
            events.append(RolloutEvent(at=state.now, kind="trouble", text=text, level="warning"))
        noted.add(key)
        if trouble.kind in _CLOSED and trouble.operation in _DEPLOYMENT_READS:
            state = evolve(state, describes=False)
        if trouble.kind in _CLOSED and trouble.operation in _TASK_READS:
            state = evolve(state, lists_tasks=False)
        if trouble.kind in _CLOSED and trouble.operation == "DescribeTargetHealth":
            state = evolve(state, sees_targets=False)
    state = evolve(state, noted=frozenset(noted))
    if not passing:
        return state
    return evolve(
        state,
        troubled_looks=state.troubled_looks + 1,
        trouble=passing[-1].text or passing[-1].kind,
        throttled=passing[-1].kind == "throttled",
    )


def _deployment(state: State, snapshot: Snapshot, events: list[RolloutEvent]) -> State:
    if not state.deployment_id:
        first = snapshot.primary
        known = state.target.earlier | {state.target.previous_deployment}
        ours = state.target.task_definition
        if first is not None and first.id not in known and first.task_definition == ours:
            state = evolve(state, deployment_id=first.id)
    mine = ours_in(state, snapshot)
    if mine is None:
        if not state.seen and "waiting" not in state.noted:
            events.append(
                RolloutEvent(
                    at=state.now, kind="waiting", text="ECS does not show our deployment yet"
                )
            )
            state = evolve(state, noted=state.noted | {"waiting"})
        looks = state.gone_looks + 1 if state.seen else 0
        return evolve(state, gone_looks=looks, gone_since=state.gone_since or state.now)
    failed = state.failed or mine.rollout_state == "FAILED"
    return evolve(state, deployment=mine, seen=True, gone_looks=0, gone_since=None, failed=failed)


def _described(state: State, snapshot: Snapshot, events: list[RolloutEvent]) -> State:
    if snapshot.newest is not None and snapshot.newest.arn != state.service_deployment:
        definition = _definition(snapshot, snapshot.newest)
        state = evolve(
            state,
            newest=snapshot.newest,
            newest_definition=definition or state.newest_definition,
        )
    for candidate in (snapshot.service_deployment, snapshot.newest):
        if candidate is not None:
            state = _bind(state, snapshot, candidate, events)
    bound = bool(state.service_deployment)
    unbound = 0 if bound or not state.seen else state.unbound_looks + 1
    return evolve(state, unbound_looks=unbound)


def _bind(
    state: State, snapshot: Snapshot, candidate: ServiceDeployment, events: list[RolloutEvent]
) -> State:
    if (
        candidate.arn in state.strangers
        or candidate.arn == state.target.replaced_service_deployment
    ):
        return state
    definition = _definition(snapshot, candidate)
    ours = definition == state.target.task_definition and not _of_another(
        state, snapshot, candidate
    )
    if definition and not ours:
        # A stale answer may have named somebody else's deployment as ours: let go of it.
        state = evolve(state, strangers=state.strangers | {candidate.arn})
        if state.service_deployment == candidate.arn:
            state = evolve(state, service_deployment="", verified=False, described=None)
        return state
    if not state.service_deployment and definition:
        events.append(
            RolloutEvent(
                at=state.now, kind="bound", text=f"follows service deployment {_id(candidate.arn)}"
            )
        )
        state = evolve(state, service_deployment=candidate.arn)
    if candidate.arn != state.service_deployment:
        return state
    images = tuple(
        image.digest or image.image
        for revision in snapshot.revisions
        if candidate.target is not None and revision.arn == candidate.target.arn
        for image in revision.images
        if image.container == state.target.container
    )
    return _advance(
        evolve(state, verified=state.verified or bool(definition), images=images or state.images),
        candidate,
        events,
    )


def _advance(state: State, deployment: ServiceDeployment, events: list[RolloutEvent]) -> State:
    """Take a newer description of our service deployment; drop one from the past."""
    last = state.described
    if last is not None:
        if STATUS_RANK.get(last.status, 1) > STATUS_RANK.get(deployment.status, 1):
            return state
        if STATUS_RANK.get(last.status, 1) == TERMINAL and last.status != deployment.status:
            return state
        if last.updated_at and deployment.updated_at and deployment.updated_at < last.updated_at:
            return state
    if deployment.lifecycle_stage and (
        last is None or last.lifecycle_stage != deployment.lifecycle_stage
    ):
        events.append(RolloutEvent(at=state.now, kind="stage", text=deployment.lifecycle_stage))
        state = evolve(state, staged=state.now)
    for hook in deployment.hooks:
        key = f"hook {hook.id} {hook.status}"
        if hook.type != "PAUSE" and key not in state.noted:
            text = f"hook {hook.id} at {hook.stage or deployment.lifecycle_stage}: {hook.status}"
            bad = hook.status in {"FAILED", "TIMED_OUT"}
            events.append(
                RolloutEvent(
                    at=state.now, kind="event", text=text, level="warning" if bad else "info"
                )
            )
            state = evolve(state, noted=state.noted | {key})
    return evolve(
        state,
        described=deployment,
        described_at=state.now,
        rollback_requested=state.rollback_requested or deployment.status == "ROLLBACK_REQUESTED",
    )


def _definition(snapshot: Snapshot, deployment: ServiceDeployment) -> str:
    if deployment.target is None:
        return ""
    arn = deployment.target.arn
    return next((r.task_definition for r in snapshot.revisions if r.arn == arn), "")


def _of_another(state: State, snapshot: Snapshot, candidate: ServiceDeployment) -> bool:
    """Whether the target revision bears the number of another entry of ``deployments[]``.

    Examples in the ECS API Reference give a service revision the same number as the ``ecs-svc/``
    id of its deployment. That tells two deployments of one task definition apart; where the
    numbers are unrelated this says nothing.
    """
    if candidate.target is None or not state.deployment_id:
        return False
    number = _id(candidate.target.arn)
    others = {_id(d.id) for d in snapshot.deployments} - {_id(state.deployment_id)}
    return number in others


def _id(arn: str) -> str:
    return arn.rpartition("/")[2]


def _movement(state: State, snapshot: Snapshot) -> State:
    described = state.described
    new = described.target if described is not None else None
    mine = state.deployment
    print_ = (
        fingerprint(snapshot),
        described.status if described else "",
        described.lifecycle_stage if described else "",
        new.production_weight if new else None,
        len(state.stopped),
        tuple(sorted((t.id, t.state) for t in state.live)),
    )
    if print_ != state.fingerprint:
        state = evolve(state, fingerprint=print_, changed=state.now)
    running = max(mine.running if mine else 0, new.running if new else 0)
    stage = described.lifecycle_stage if described and described.lifecycle_stage else ""
    others = sum(d.running for d in snapshot.deployments if d.id != state.deployment_id)
    reached = (
        float(STAGES.index(stage)) if stage in STAGES else -1.0,
        float(running),
        float(new.production_weight or 0.0) if new else 0.0,
        -float(others),
        float(sum(t.state == "healthy" for t in state.live)),
        float(state.rolling_back_since is not None),
    )
    best = state.best or (float("-inf"),) * len(reached)
    if any(now > then for now, then in zip(reached, best, strict=True)):
        state = evolve(state, progressed=state.now)
    if running:
        state = evolve(state, unplaced_since=None)
    top = tuple(max(now, then) for now, then in zip(reached, best, strict=True))
    return evolve(state, best=top)
