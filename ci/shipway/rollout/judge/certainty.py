"""When a failure is certain: what can be said before ECS says it.

One stop is certainty only where a second try cannot end otherwise: no such image, no such secret, a
role that cannot be assumed, a command that cannot be run. Anything else must strike replacements in
the same way (:mod:`.waves`) while no task of ours is healthy. One wave more proves it though others
are healthy: a rollout that replaces its tasks for ever does not come to an end.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shipway.rollout.diagnosis.reasons import Reading, exit_meaning, read, says_more
from shipway.rollout.judge.state import State, evolve, running_ours, seconds_since
from shipway.rollout.judge.terms import Cause
from shipway.rollout.judge.waves import lived, waves
from shipway.rollout.snapshot import Task

_TITLES = {
    "exit": "crash loop",
    "memory": "out of memory",
    "target-health": "unhealthy",
    "container-health": "unhealthy",
    "command": "cannot start",
    "start": "cannot start",
}
_CLEARLY = 1.25
"""By so much the lives of tasks that crash alike may differ."""
_HEALTH = frozenset({"target-health", "container-health"})
BY_WAVES = _HEALTH | {"exit", "memory"}
"""Kinds of failure that are certain only while no task of ours is healthy."""


def certain(state: State) -> Cause | None:
    """The failure that is certain now, or ``None``."""
    if state.suspected is None:
        return None
    if is_fresh(state) or covers(state, state.now):
        return _proven(state, blind=False)
    return _replaced_for_ever(state)


def suspect(state: State) -> State:
    """Note the failure that is certain unless tasks of ours are healthy."""
    suspected = _proven(state, blind=True)
    since = None if suspected is None else state.suspected_since or state.now
    state = evolve(state, suspected=suspected, suspected_since=since)
    return evolve(state, covered=_covered(state) if suspected is not None else None)


def _covered(state: State) -> datetime | None:
    """Until when the last list of our tasks answers whether one of them speaks against a crash.

    What has been started since has not lived as long as what crashed. What was listed and not yet
    checked may have become healthy: it speaks once it has lived so long.
    """
    groups = [group for group in by_failure(state.stopped) if group[1].weight != "transient"]
    if state.tasks_at is None or any(reading.kind in _HEALTH for _, reading in groups):
        return None
    usual = _CLEARLY * min((lived(state, tasks)[1] for tasks, _ in groups), default=0.0)
    dead, since = {task.arn for task in state.stopped}, dict(state.since)
    checked = {target.id for target in state.live if target.state != "initial"}
    until = state.tasks_at + timedelta(seconds=usual)
    for task in running_ours(state, state.tasks):
        if task.arn not in dead and state.live and checked.isdisjoint(task.private_ips):
            young = usual - _age(state, task, since.get(task.arn))
            until = min(until, state.now + timedelta(seconds=young))
    return until


def covers(state: State, now: datetime) -> bool:
    """Whether no new list is needed to know whether tasks of ours speak against the failure."""
    return state.covered is not None and now < state.covered


def _proven(state: State, *, blind: bool) -> Cause | None:
    """The failure that is certain; ``blind`` supposes that no task is healthy."""
    if state.launch_error is not None and (blind or not healthy(state, "role")):
        return state.launch_error
    groups = [group for group in by_failure(state.stopped) if group[1].weight != "transient"]
    total = sum(len(tasks) for tasks, _ in by_failure(state.stopped))
    enough = state.policy.same_failure
    for tasks, reading in groups:
        proven = reading.weight == "certain" or waves(state, tasks) >= enough
        if proven and (blind or not healthy(state, reading.kind, tasks)):
            return cause_of(tasks, reading, total)
    every = tuple(task for tasks, _ in groups for task in tasks)
    if waves(state, every) > enough and (blind or not healthy(state, "", every)):
        return cause_of(*groups[0], total)
    return _replaced_for_ever(state)


def _replaced_for_ever(state: State) -> Cause | None:
    """The failure that goes on wave after wave: certain, whoever else is healthy."""
    readings = by_failure(state.stopped)
    groups = [group for group in readings if group[1].weight != "transient"]
    every = tuple(task for tasks, _ in groups for task in tasks)
    if waves(state, every, replacements=True) > state.policy.same_failure:
        return cause_of(*groups[0], sum(len(tasks) for tasks, _ in readings))
    return None


def is_fresh(state: State) -> bool:
    """Whether this look shows which of our tasks run; no look is needed where none does."""
    running = state.deployment.running if state.deployment is not None else 0
    return running == 0 or not state.lists_tasks or state.tasks_at == state.now


def likeliest(state: State) -> Cause | None:
    """The failure that struck most tasks, for when ECS itself says that it is over."""
    if state.cause is not None:
        return state.cause
    groups = by_failure(state.stopped)
    if not groups:
        return state.launch_error
    return cause_of(*groups[0], sum(len(tasks) for tasks, _ in groups))


def by_failure(tasks: tuple[Task, ...]) -> list[tuple[tuple[Task, ...], Reading]]:
    """Stopped tasks by distinct failure, the most frequent first, else in order of appearance."""
    found: dict[str, tuple[list[Task], Reading]] = {}
    for task in tasks:
        reading = read(task)
        if reading is not None and reading.weight != "ignored":
            found.setdefault(reading.signature, ([], reading))[0].append(task)
    ordered = sorted(found.values(), key=lambda group: -len(group[0]))
    return [(tuple(group), reading) for group, reading in ordered]


def cause_of(tasks: tuple[Task, ...], reading: Reading, total: int) -> Cause:
    """One failure in a line: ``crash loop: 2 of 2 new tasks exited with 1 within 3 s``.

    Args:
        tasks: The tasks that failed so.
        reading: How.
        total: How many tasks of ours failed in any way.
    """
    count = f"{len(tasks)} of {total} new task{'' if total == 1 else 's'}"
    if reading.kind in {"exit", "memory"} and reading.exit_code is not None:
        what = f"{count} exited with {reading.exit_code}{_quickly(tasks)}"
        if reading.kind == "exit" and says_more(reading.exit_code):
            what += f" ({exit_meaning(reading.exit_code)})"
    else:
        what = f"{reading.text.removeprefix('it ')} ({count})"
    title = _TITLES.get(reading.kind, "cannot start")
    return Cause(
        kind=reading.kind,
        text=f"{title}: {what}",
        ecs=reading.ecs,
        tasks=tuple(task.arn for task in tasks),
    )


def healthy(state: State, kind: str, failed: tuple[Task, ...] = ()) -> tuple[Task, ...]:
    """Tasks of ours that count as healthy when ``failed`` ones failed in the way of ``kind``.

    A task behind a load balancer is healthy when its target is; one with a container health check
    when that passes; one with neither when it has run for ``settle`` seconds. What is not checked
    yet is healthy as far as a crash goes when it has run twice as long as those that crashed. And
    what crashes after it was healthy was healthy, too: a task that has not lived clearly longer
    than half of those did says nothing against a crash.
    """
    shortest, usual = lived(state, failed)
    crashed_after = _CLEARLY * usual if kind not in _HEALTH else 0.0
    outlived = max(state.policy.settle, 2 * shortest + 5)
    dead = {task.arn for task in state.stopped}
    since = dict(state.since)
    alive = [t for t in running_ours(state, state.tasks) if t.arn not in dead]
    good = []
    for task in alive:
        states = {t.state for t in state.live if t.id in task.private_ips}
        age = _age(state, task, since.get(task.arn))
        settled = age >= outlived
        if task.health == "UNHEALTHY" or age < crashed_after:
            continue
        if states:
            ok = states == {"healthy"} or (
                kind not in _HEALTH and states <= {"healthy", "initial"} and settled
            )
        elif kind in _HEALTH:
            # Whether it answers is the very question: running long is no answer.
            # Targets of instances cannot be told apart by task: there, running long must do.
            instances = any(t.id.startswith("i-") for t in state.live)
            ok = (task.health == "HEALTHY" and kind == "container-health") or (
                instances and settled
            )
        else:
            ok = task.health == "HEALTHY" or settled
        if ok:
            good.append(task)
    return tuple(good)


def _age(state: State, task: Task, since: datetime | None) -> float:
    """Seconds that ``task`` has run, by our own watch or by ECS's clock, whichever knows more."""
    seen = seconds_since(since, state.now)
    return max(seen, seconds_since(task.started_at, state.now + state.skew))


def announce(state: State, cause: Cause) -> State:
    """Remember that failure is certain, since when, and why; the first reason stays."""
    if state.announced is not None:
        return evolve(state, cause=state.cause or cause)
    return evolve(state, announced=state.now, cause=cause)


def _quickly(tasks: tuple[Task, ...]) -> str:
    """`` within 3 s`` where every one of them ran for less than a minute (ECS's own clock)."""
    spans = [
        (t.ended_at - t.started_at).total_seconds()
        for t in tasks
        if t.started_at is not None and t.ended_at is not None
    ]
    longest = max(spans, default=-1.0)
    minute = 60
    if len(spans) < len(tasks) or not 0 <= longest < minute:
        return ""
    return f" within {max(1, round(longest))} s"
