"""Failures counted by launch: tasks that were started together are one piece of evidence.

Two tasks of a first wave that exit because a dependency was not up yet prove nothing; that what was
started in their place fails in the same way does. Which tasks were started together is told by
ECS's own times; where it gives none, a task counts to the first wave.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from statistics import median_low

from shipway.rollout.judge.state import State
from shipway.rollout.snapshot import Task

_SURELY_LATER = timedelta(seconds=10)
"""A task created so long after a failure was not launched together with what failed, though ECS is
not done launching: where ``maximumPercent`` allows few at once."""

_SOONER, _LATER = 0.6, 1.6
"""By so much the life of one task may differ from that of another that fails alike."""
_RUN_SOONER = 0.75
_SHORT_RUN = 6.0
"""A task that runs so many seconds or more ends as long after its start as those before it."""
_SEEN_LATE = 2.0
_GRACE = 10.0


def waves(state: State, tasks: Sequence[Task], *, replacements: bool = False) -> int:
    """How often, at the least, one and the same place failed among ``tasks``.

    ECS does not tell which task a new one replaces. So each is taken to stand in for the failure
    before its launch that had failed least often: eight places that fail twice, some of them sooner
    than others, are two waves, and only what cannot be shared out so is a third.

    Args:
        state: What is known: when each stop was seen, and when every place had been filled once.
        tasks: Stopped tasks of ours.
        replacements: Count only what was launched after every place had been filled once: what
            comes before may be the rollout going on beside a task that fails.
    """
    ends = dict(state.ends)
    dated = dict(_dated(tasks))
    # A failure without a date is one of the first wave.
    first = [ends.get(task.arn, state.now) for task in tasks if task.arn not in dated]
    heapify(first)
    # By how often a place failed: when it did, where nothing that failed stands in for it yet.
    empty = [first]
    for arn, created in sorted(dated.items(), key=lambda life: life[1]):
        # An end that is only known by the look before may lie before the launch: never here, or
        # what failed would follow itself for ever.
        end = max(created, ends.get(arn, created))
        for number, places in enumerate(empty):
            if places and _later(state, created, places[0], strict=replacements):
                heappop(places)
                if number + 1 == len(empty):
                    empty.append([])
                heappush(empty[number + 1], end)
                break
        else:
            heappush(first, end)
    return len(empty) if first or len(empty) > 1 else 0


def _later(state: State, created: datetime, border: datetime, *, strict: bool) -> bool:
    """Whether a task was launched after ``border``, and not in the same go."""
    if created <= border:
        return False
    if state.filled is not None and created > state.filled:
        return True
    return not strict and created >= border + _SURELY_LATER


def _dated(tasks: Sequence[Task]) -> list[tuple[str, datetime]]:
    """ARN and launch of those whose launch ECS dates."""
    launches = ((task.arn, task.created_at or task.started_at) for task in tasks)
    return [(arn, created) for arn, created in launches if created is not None]


def due(state: State, now: datetime) -> bool:
    """Whether what replacements do may show at any moment, as soon as those before them failed.

    A program that fails by itself fails about as long after its launch as it did before, and even
    more so after its start.
    """
    if not state.relaunches or not state.stopped:
        return False
    soonest, latest = state.lives or (0.0, 0.0)
    first, last = _SOONER * soonest - _SEEN_LATE, _LATER * latest + _GRACE
    if not _within(state.relaunches, now, first, last):
        return False
    if state.runs is None or state.runs[0] < _SHORT_RUN:
        return True
    first, last = _RUN_SOONER * state.runs[0] - _SEEN_LATE, _LATER * state.runs[1] + _GRACE
    return _within(state.started_at, now, first, last)


def _within(moments: Sequence[datetime], now: datetime, first: float, last: float) -> bool:
    return any(first <= (now - moment).total_seconds() <= last for moment in moments)


def another(state: State, now: datetime) -> bool:
    """Whether a task that stops now may be of one wave more than those that raised suspicion."""
    soonest, _ = state.lives or (0.0, 0.0)
    since = state.suspected_since
    return since is not None and (now - since).total_seconds() >= _SOONER * soonest


def lived(state: State, tasks: Sequence[Task]) -> tuple[float, float]:
    """Seconds that the shortest-lived of ``tasks`` ran before it failed, and that half of them did.

    Zeros where none did. Where ECS dates no end it is known by the looks around it, which may be
    far apart: the earliest is taken, or healthy tasks would count as doomed.
    """
    ends = dict(state.ends)
    spans = [
        max(0.0, (ends[task.arn] - task.started_at).total_seconds())
        for task in tasks
        if task.started_at is not None and task.arn in ends
    ]
    return (min(spans), median_low(spans)) if spans else (0.0, 0.0)
