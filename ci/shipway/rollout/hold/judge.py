"""Whether a release stays good: state + look + now → state, and in the end one outcome.

Pure and total, as :mod:`shipway.rollout.judge.judge` is for the rollout itself. A task that an
operator's scaling, somebody's StopTask or the maintenance of AWS ends is no failure; one that ends
by itself is. Weather (throttling, no answer) is waited out and never breaks a hold.

A look costs one DescribeServices, shared by ten services. Tasks and targets are asked for where its
counts or events say that something happened, now and then, and at the end: about 12 calls a minute
for a service alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shipway.rollout.diagnosis.reasons import Reading, exit_meaning, read, says_more
from shipway.rollout.hold.terms import TRIES, End, HoldLook, HoldOutcome, HoldTarget
from shipway.rollout.judge.state import label, seconds_since
from shipway.rollout.judge.terms import Cause, FetchPlan
from shipway.rollout.snapshot import Snapshot, TargetHealth, Task

_PACE: Final = 8.0
_SOON: Final = 1.5
_SHORTEST: Final = 1.0
_LOOKS_OF_A_SHORT_HOLD: Final = 4
_TARGETS_EVERY: Final = 25.0
_BACK_OFF: Final = 2.0
_BACK_OFF_MOST: Final = 10.0
_PATIENCE: Final = 120.0
"""Seconds after its time that a hold waits for a whole look, before it says that none came."""
_OWED_LOOKS: Final = 5
"""Looks for which a task that vanished or has no exit code yet is asked for again."""
_HINTS: Final = re.compile(r"unhealthy|stopped|unable|failed|has started", re.IGNORECASE)

TargetKey = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldState:
    """Everything that is known of one service's hold.

    Attributes:
        target: What must stay good.
        started: When the hold began.
        now: The last look.
        running: ``runningCount`` as last seen.
        events: Ids of the service's events that were seen.
        tasks: Our tasks as last seen running.
        healthy: Targets that were healthy once.
        targets_at: When targets were last asked for.
        muted: Alarms that were off before the rollout and have not been otherwise since.
        owed: Further looks at stopped tasks that a hint is still worth.
        blind_looks: How many looks in a row gave less than everything.
        trouble: Why not.
        looks: How many looks were taken.
        outcome: How it ended.
    """

    target: HoldTarget
    started: datetime
    now: datetime
    running: int | None = None
    events: frozenset[str] = frozenset()
    tasks: tuple[Task, ...] = ()
    healthy: frozenset[TargetKey] = frozenset()
    targets_at: datetime | None = None
    muted: frozenset[str] = frozenset()
    owed: int = 0
    blind_looks: int = 0
    trouble: str = ""
    looks: int = 0
    outcome: HoldOutcome | None = None

    @property
    def held(self) -> float:
        """Seconds since the hold began, never more than it is to last."""
        return min(seconds_since(self.started, self.now), self.target.seconds)

    def is_over(self, now: datetime) -> bool:
        """Whether the time is over, so that a whole look decides."""
        return seconds_since(self.started, now) >= self.target.seconds


def begin(target: HoldTarget, at: datetime) -> HoldState:
    """Start to hold; ``at`` is the time."""
    return HoldState(
        target=target,
        started=at,
        now=at,
        events=target.known_events,
        tasks=target.tasks,
        healthy=frozenset(_key(each) for each in target.targets if each.state == "healthy"),
        targets_at=at if target.targets else None,
        muted=target.already_off,
    )


def fetch(state: HoldState, glance: Snapshot, now: datetime) -> FetchPlan:
    """What this look should fetch besides ``glance``, which is its DescribeServices part."""
    if not (glance.answered and glance.exists):
        return FetchPlan()
    last = state.is_over(now)
    hint = state.owed > 0 or _hints(state, glance)
    stale = seconds_since(state.targets_at or state.started, now) >= _TARGETS_EVERY
    return FetchPlan(
        tasks=hint or last,
        stopped=hint,
        targets=glance.balanced and (hint or last or stale),
    )


def asks_alarms(state: HoldState, now: datetime) -> bool:
    """Whether its alarms are worth a call: at every other look, and at the end."""
    return bool(state.target.alarms) and (state.looks % 2 == 0 or state.is_over(now))


def step(state: HoldState, look: HoldLook, now: datetime) -> HoldState:
    """Judge one look; a state with an outcome never changes again."""
    if state.outcome is not None:
        return state
    state = replace(state, now=max(now, state.now), looks=state.looks + 1)
    snapshot = look.snapshot
    if snapshot.answered:
        gone = _gone(state, snapshot)
        if gone is not None:
            return gone
    hint = snapshot.answered and _hints(state, snapshot)
    broken = next(_breaks(state, look), None)
    state = _absorb(state, look, hint=hint)
    if broken is not None:
        return replace(state, outcome=replace(broken, held=state.held))
    whole = snapshot.answered and not snapshot.troubles and look.fetch.tasks
    alarms_seen = look.alarms is not None or not state.target.alarms
    if state.is_over(state.now) and whole and alarms_seen and not state.owed:
        return _ended(state, "held", "")
    if seconds_since(state.started, state.now) >= state.target.seconds + _PATIENCE:
        why = state.trouble or "no whole look could be taken"
        return _ended(state, "unseen", f"it could not be seen to its end: {why}")
    return state


def cut(state: HoldState, subject: str, now: datetime) -> HoldState:
    """End early, because ``subject``, which is delivered together with it, did not hold."""
    if state.outcome is not None:
        return state
    return _ended(
        replace(state, now=max(now, state.now)), "cut", f"ended early: {subject} did not hold"
    )


def next_look(state: HoldState, now: datetime) -> float:
    """Seconds to wait before the next look."""
    if state.outcome is not None:
        return 0.0
    if state.blind_looks:
        return min(_BACK_OFF * state.blind_looks, _BACK_OFF_MOST)
    left = state.target.seconds - seconds_since(state.started, now)
    if state.owed or left <= 0:
        return _SOON
    pace = max(_SHORTEST, min(_PACE, state.target.seconds / _LOOKS_OF_A_SHORT_HOLD))
    return min(pace, left)


def _ended(state: HoldState, end: End, text: str) -> HoldState:
    return replace(state, outcome=HoldOutcome(end=end, at=state.now, held=state.held, text=text))


def _gone(state: HoldState, snapshot: Snapshot) -> HoldState | None:
    """The service is not there any more, or runs what somebody else deployed."""
    if not snapshot.exists or snapshot.status != "ACTIVE":
        status = snapshot.status if snapshot.exists else "not in the cluster"
        return _ended(state, "missing", f"the service is {status}")
    primary = snapshot.primary
    ours = state.target.definition.arn
    if primary is None or primary.task_definition == ours:
        return None
    text = f"superseded by deployment {primary.id} of {label(primary.task_definition)}"
    return _ended(state, "superseded", text)


def _hints(state: HoldState, glance: Snapshot) -> bool:
    """Whether counts or events say that a task stopped, or a target became unhealthy."""
    # What is fewer than wanted at first may never have been enough; later on only a change tells.
    fewer = glance.running < (glance.desired if state.running is None else state.running)
    fresh = (event.message for event in glance.events if event.id not in state.events)
    return fewer or any(_HINTS.search(message) for message in fresh)


def _absorb(state: HoldState, look: HoldLook, *, hint: bool) -> HoldState:
    snapshot, asked = look.snapshot, look.fetch
    trouble = snapshot.troubles[0].text if snapshot.troubles else ""
    if not snapshot.answered:
        return replace(state, blind_looks=state.blind_looks + 1, trouble=trouble or "no answer")
    state = replace(
        state,
        blind_looks=state.blind_looks + 1 if trouble else 0,
        trouble=trouble,
        running=snapshot.running,
        events=state.events | {event.id for event in snapshot.events},
        owed=_OWED_LOOKS if hint and not state.owed else max(0, state.owed - 1),
    )
    if asked.targets and snapshot.targets:
        good = {_key(each) for each in snapshot.targets if each.state == "healthy"}
        state = replace(state, healthy=state.healthy | good, targets_at=state.now)
    if look.alarms is not None:
        off = {alarm.name for alarm in look.alarms if alarm.state == "ALARM"}
        state = replace(state, muted=state.muted & off)
    if not snapshot.tasks_listed:
        return state
    running = {task.arn for task in _ours(state, snapshot.tasks)}
    settled = {task.arn for task in snapshot.stopped if _reading(task) is not None}
    vanished = [task for task in state.tasks if task.arn not in running and task.arn not in settled]
    unread = [task for task in _stopped(state, snapshot) if _reading(task) is None]
    if vanished or unread:
        if not asked.stopped:
            return replace(state, owed=_OWED_LOOKS)
        if state.owed:
            return state
    return replace(
        state, tasks=_ours(state, snapshot.tasks), owed=0 if asked.stopped else state.owed
    )


def _breaks(state: HoldState, look: HoldLook) -> Iterator[HoldOutcome]:
    """Everything that breaks the hold in this look, the likeliest cause first."""
    snapshot = look.snapshot
    stopped = [(task, reading) for task in _stopped(state, snapshot) if (reading := read(task))]
    failed = [(task, reading) for task, reading in stopped if _by_itself(task, reading)]
    if failed:
        # A task that was killed for its memory tells more than one that ended with it.
        failed.sort(key=lambda pair: pair[1].kind != "memory")
        task, reading = failed[0]
        cause = Cause(
            kind=reading.kind,
            text=_stop_words(state, task, reading),
            ecs=reading.ecs,
            tasks=tuple(task.arn for task, _ in failed),
        )
        yield _broken(state, cause, tasks=tuple(task for task, _ in failed))
    for task in _ours(state, snapshot.tasks):
        words = _container_words(state, task)
        if words:
            yield _broken(state, Cause(kind="container", text=words, tasks=(task.arn,)))
    sick = tuple(
        each
        for each in snapshot.targets
        if each.state == "unhealthy" and _key(each) in state.healthy
    )
    if sick:
        why = ": ".join(filter(None, (sick[0].reason, sick[0].description)))
        count = "a target" if len(sick) == 1 else f"{len(sick)} targets"
        text = f"{count} became unhealthy{f' ({why})' if why else ''}"
        yield _broken(state, Cause(kind="target-health", text=text), targets=sick)
    for alarm in look.alarms or ():
        if alarm.state == "ALARM" and alarm.name not in state.muted:
            text = f"alarm {alarm.name} went off"
            yield _broken(state, Cause(kind="alarm", text=text, ecs=alarm.reason))
    wrong = [each for each in look.answers if each.status != state.target.expected_status]
    if len(wrong) == len(look.answers) >= TRIES:
        text = f"{state.target.url} answered {wrong[-1]}, {len(wrong)} times in a row"
        yield _broken(state, Cause(kind="address", text=text))


def _broken(
    state: HoldState,
    cause: Cause,
    *,
    tasks: tuple[Task, ...] = (),
    targets: tuple[TargetHealth, ...] = (),
) -> HoldOutcome:
    return HoldOutcome(
        end="broken",
        at=state.now,
        held=state.held,
        text=cause.text,
        cause=cause,
        tasks=tasks,
        targets=targets,
    )


def _ours(state: HoldState, tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    return tuple(task for task in tasks if task.task_definition == state.target.definition.arn)


def _stopped(state: HoldState, snapshot: Snapshot) -> tuple[Task, ...]:
    """Tasks of ours that stopped, or are about to, since the rollout ended."""
    since, known = state.target.since, state.target.known_stops
    return tuple(
        task
        for task in _ours(state, (*snapshot.stopped, *snapshot.tasks))
        if "STOPPED" in {task.last_status, task.desired_status}
        and task.arn not in known
        and not (since and task.stopped_at and task.stopped_at <= since)
    )


def _reading(task: Task) -> Reading | None:
    """Why it stopped; ``None`` while that is not to be known, of one that still stops too."""
    return read(task) if "STOPPED" in {task.last_status, task.desired_status} else None


def _by_itself(task: Task, reading: Reading) -> bool:
    """Whether a stop is the program's own.

    A task that never started failed for want of capacity, or of a registry that answers, unless
    what is wrong is certain: then none of the revision can ever start again.
    """
    if reading.weight in {"ignored", "transient"}:
        return False
    return reading.weight == "certain" or task.started_at is not None


def _stop_words(state: HoldState, task: Task, reading: Reading) -> str:
    who = f"task {task.id[:8]}"
    code = reading.exit_code
    if reading.kind == "memory":
        definition = state.target.definition
        limit = definition.container(reading.container).memory or definition.memory
        words = f"out of memory{f': {limit} MiB' if limit else ''}"
        return f"{who} was killed ({f'{code}, ' if code is not None else ''}{words})"
    if reading.kind == "exit" and code is not None:
        meaning = f" ({exit_meaning(code)})" if says_more(code) else ""
        return f"{who}: {reading.text}{meaning}"
    return f"{who} {reading.text.removeprefix('it ')}"


def _container_words(state: HoldState, task: Task) -> str:
    """What befell a container of a task that goes on: it ended badly, or was started anew."""
    before = next((known for known in state.tasks if known.arn == task.arn), None)
    for container in task.containers:
        was = (
            next((known for known in before.containers if known.name == container.name), None)
            if before
            else None
        )
        ended = container.last_status == "STOPPED" and container.exit_code not in {0, None}
        if ended and (was is None or was.last_status != "STOPPED"):
            why = f": {container.reason}" if container.reason else ""
            return (
                f'container "{container.name}" of task {task.id[:8]} exited with code '
                f"{container.exit_code}{why}"
            )
        if was and was.runtime_id and container.runtime_id not in {"", was.runtime_id}:
            return f'container "{container.name}" of task {task.id[:8]} was started anew'
    return ""


def _key(target: TargetHealth) -> TargetKey:
    return target.group, target.id, target.port
