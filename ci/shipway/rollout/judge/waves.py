"""Failures counted by launch: tasks that were started together are one piece of evidence.

Two tasks of a first wave that exit because a dependency was not up yet prove nothing; that what was
started in their place fails in the same way does. Which tasks were started together is told by
ECS's own times; where it gives none, a task counts to the first wave.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from shipway.rollout.judge.state import State
from shipway.rollout.snapshot import Task

_SURELY_LATER = timedelta(seconds=10)
"""A task created so long after a failure was not launched together with what failed, though ECS is
not done launching: where ``maximumPercent`` allows few at once."""

_SOONER, _LATER = 0.6, 1.6
"""By so much the life of one task may differ from that of another that fails alike."""
_SEEN_LATE = 2.0
_GRACE = 10.0


def waves(state: State, tasks: Sequence[Task], *, replacements: bool = False) -> int:
    """How many launches, each after the failure of the one before, ``tasks`` failed in.

    Args:
        state: What is known: when each stop was seen, and when every place had been filled once.
        tasks: Stopped tasks of ours.
        replacements: Count only what was launched after every place had been filled once: what
            comes before may be the rollout going on beside a task that fails.
    """
    ends = dict(state.ends)
    dated = dict(_dated(tasks))
    # An end that is only known by the look before may lie before the launch: never here, or what
    # failed would follow itself for ever.
    left = sorted((at, max(at, ends.get(arn, at))) for arn, at in dated.items())
    # A failure without a date is one of the first wave.
    undated = [ends.get(task.arn, state.now) for task in tasks if task.arn not in dated]
    border = min(undated, default=None)
    count = 1 if undated else 0
    while left:
        if border is not None:
            left = [life for life in left if _later(state, life[0], border, strict=replacements)]
        if not left:
            break
        count += 1
        border = min(end for _, end in left)
        left = [life for life in left if life[0] > border]
    return count


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

    A program that fails by itself fails about as long after its launch as it did before.
    """
    if not state.relaunches or not state.stopped:
        return False
    soonest, latest = state.lives or (0.0, 0.0)
    ages = [(now - launched).total_seconds() for launched in state.relaunches]
    return any(_SOONER * soonest - _SEEN_LATE <= age <= _LATER * latest + _GRACE for age in ages)


def lived(state: State, tasks: Sequence[Task]) -> float:
    """Seconds that the shortest-lived of ``tasks`` ran before it failed; 0 where none did.

    Where ECS dates no end it is known by the looks around it, which may be far apart: a longer life
    may be a later look, and would have healthy tasks count as doomed.
    """
    ends = dict(state.ends)
    spans = [
        (ends[task.arn] - task.started_at).total_seconds()
        for task in tasks
        if task.started_at is not None and task.arn in ends
    ]
    return max(0.0, min(spans, default=0.0))
