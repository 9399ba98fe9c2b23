"""Tasks and service events of one look, taken in: each told once, none forgotten."""

from __future__ import annotations

import re
from datetime import datetime

from shipway.rollout.diagnosis.reasons import read, read_text
from shipway.rollout.judge.state import State, evolve, is_ours, running_ours
from shipway.rollout.judge.terms import Cause, RolloutEvent
from shipway.rollout.snapshot import ServiceEvent, Snapshot, TargetHealth, Task

# "service event messages" (Amazon ECS Developer Guide): the reason is what Elastic Load Balancing
# shows as the target's description; its reason code follows from it ("Target health status").
_UNHEALTHY = re.compile(
    r"\(port (?P<port>\d+)\) is unhealthy in \(?target-group (?P<group>[^\s)]+)\)? "
    r"due to \(reason (?P<reason>[^)]+)\)"
)
_CODES = (
    ("with these codes", "Target.ResponseCodeMismatch"),
    ("timed out", "Target.Timeout"),
    ("", "Target.FailedHealthChecks"),
)


def take_tasks(
    state: State, snapshot: Snapshot, events: list[RolloutEvent], before: datetime
) -> State:
    """Keep the tasks of ours that run and those that failed, and tell of each new stop once.

    Args:
        state: What is known.
        snapshot: This look.
        events: What happened is added here.
        before: When the look before this one was taken: what is new ended after it.
    """
    if snapshot.targets:
        state = evolve(
            state, live=snapshot.targets, targets_at=state.now, sick=_sick(state, snapshot)
        )
    if snapshot.tasks or snapshot.tasks_listed:
        mine = running_ours(state, snapshot.tasks)
        known = dict(state.since)
        since = tuple((task.arn, known.get(task.arn, state.now)) for task in mine)
        state = evolve(state, tasks=snapshot.tasks, tasks_at=state.now, since=since)
    if snapshot.stopped:
        state = evolve(state, listed=len(snapshot.stopped))
    open_ = {task.arn for task in state.stopped if task.last_status != "STOPPED"}
    for task in (*snapshot.stopped, *snapshot.tasks):
        if f"stopped {task.arn}" in state.noted and task.arn not in open_:
            continue
        if is_ours(state, task) and (
            task.last_status == "STOPPED" or task.desired_status == "STOPPED"
        ):
            state = _stop(state, task, events, before)
    return _filled(state)


def _filled(state: State) -> State:
    """Note when every place had a task of ours for the first time: later ones are replacements."""
    mine = state.deployment
    if state.filled is not None or mine is None or not mine.desired:
        return state
    ended = sum(key.startswith("stopped ") for key in state.noted)
    if mine.running + mine.pending + ended < mine.desired:
        return state
    return evolve(state, filled=state.now + state.skew)


def _sick(state: State, snapshot: Snapshot) -> tuple[TargetHealth, ...]:
    """Unhealthy targets as last seen: after a roll-back they are gone, and still the cause."""
    if state.returned_since is not None:
        return state.sick
    known = {(t.group, t.id, t.port): t for t in state.sick}
    known |= {
        (t.group, t.id, t.port): t for t in snapshot.targets if t.state.startswith("unhealthy")
    }
    return tuple(known.values())


def _stop(state: State, task: Task, events: list[RolloutEvent], before: datetime) -> State:
    reading = read(task)
    key = f"stopped {task.arn}"
    if reading is None:
        return state
    if key in state.noted:
        if task.last_status != "STOPPED":
            return state
        fuller = tuple(
            task if old.arn == task.arn and old.last_status != "STOPPED" else old
            for old in state.stopped
        )
        return evolve(state, stopped=fuller)
    state = evolve(state, noted=state.noted | {key})
    text = f"task {task.id[:8]}: {reading.text}"
    if reading.weight == "ignored":
        events.append(RolloutEvent(at=state.now, kind="event", text=text))
        return state
    events.append(
        RolloutEvent(at=state.now, kind="task-stopped", text=text, level="warning", task=task)
    )
    # Where ECS shows no time for its end, it may have ended right after the look before.
    began = task.started_at or task.created_at or before + state.skew
    ended = task.ended_at or max(began, before + state.skew)
    return evolve(
        state,
        stopped=(*state.stopped, task),
        ends=(*state.ends, (task.arn, ended)),
        lives=_widened(state.lives, task.created_at or task.started_at, ended),
        runs=_runs(state, task, ended),
        struck=state.now,
    )


def _widened(
    span: tuple[float, float] | None, began: datetime | None, ended: datetime
) -> tuple[float, float] | None:
    if began is None:
        return span
    seconds = (ended - began).total_seconds()
    soonest, latest = span or (seconds, seconds)
    return min(soonest, seconds), max(latest, seconds)


def _runs(state: State, task: Task, ended: datetime) -> tuple[float, float] | None:
    known = state.runs is not None or not state.stopped
    return _widened(state.runs, task.started_at, ended) if task.started_at and known else None


def take_events(state: State, snapshot: Snapshot, events: list[RolloutEvent]) -> State:
    """Tell of each of ECS's own lines once, and keep what they prove."""
    fresh = [e for e in snapshot.events if e.id not in state.events]
    state = evolve(state, events=state.events | {e.id for e in fresh})
    if not state.baseline:
        state = evolve(state, baseline=True)
        if not state.target.known_events:
            # Nobody noted what was there before; ECS's own clock tells (both times are its).
            since = state.deployment.created_at if state.deployment is not None else None
            fresh = [e for e in fresh if since is not None and e.at >= since]
    for event in sorted(fresh, key=lambda e: (e.at, e.id)):
        state = _event(state, event, events)
    return state


def _event(state: State, event: ServiceEvent, events: list[RolloutEvent]) -> State:
    text = event.message
    if "unable to place" in text or "failed to launch" in text:
        known = read_text(text)
        events.append(RolloutEvent(at=state.now, kind="placement", text=text, level="warning"))
        if known is not None and known[1] == "certain":
            return evolve(state, launch_error=Cause(kind=known[0], text=known[2], ecs=text))
        return evolve(state, unplaced=text, unplaced_since=state.unplaced_since or state.now)
    if state.deployment_id and state.deployment_id in text and "deployment failed" in text:
        state = evolve(state, failed=True, failed_by=state.failed_by or _failed_by(text))
    unhealthy = _UNHEALTHY.search(text)
    if unhealthy is not None and state.returned_since is None:
        state = evolve(state, sick=(*state.sick, _told_of(unhealthy)))
    quiet = "unable to consistently start" not in text and "unhealthy" not in text
    events.append(
        RolloutEvent(at=state.now, kind="event", text=text, level="info" if quiet else "warning")
    )
    return state


def _failed_by(text: str) -> str:
    """Who made ECS call the deployment failed, in its own words.

    "(deployment ecs-svc/…) deployment failed: tasks failed to start." is the circuit breaker's, and
    "… deployment failed: alarm detected." that of an alarm. So services have said; AWS documents
    neither line, so other words name nobody.
    """
    reason = text.partition("deployment failed")[2]
    if "alarm" in reason:
        return "alarm"
    return "breaker" if "tasks failed to start" in reason or "circuit breaker" in reason else ""


def _told_of(unhealthy: re.Match[str]) -> TargetHealth:
    """The target that an event calls unhealthy: it may be gone before anybody can look at it."""
    reason = unhealthy["reason"].strip()
    return TargetHealth(
        group=unhealthy["group"],
        id="",
        port=int(unhealthy["port"]),
        state="unhealthy",
        reason=next(code for words, code in _CODES if words in reason),
        description=reason,
    )
