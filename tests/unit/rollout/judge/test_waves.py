"""What failed together is one piece of evidence; what replaced it and failed is another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shipway.rollout.judge import judge
from shipway.rollout.judge.terms import DeploymentRef, Policy
from shipway.rollout.judge.waves import waves
from shipway.rollout.snapshot import Task

T0 = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)
TARGET = DeploymentRef(
    subject="web",
    service="shop-web",
    task_definition="shop:42",
    container="web",
    digest="sha256:" + "9c41" * 16,
)


def counted(*lives: tuple[float | None, float], filled: float = 1, strict: bool = False) -> int:
    """Waves of tasks given as the seconds at which each was created and ended."""
    tasks = tuple(
        Task(
            arn=f"task/{number}",
            task_definition="shop:42",
            created_at=None if created is None else T0 + timedelta(seconds=created),
        )
        for number, (created, _) in enumerate(lives)
    )
    ends = tuple(
        (f"task/{number}", T0 + timedelta(seconds=ended)) for number, (_, ended) in enumerate(lives)
    )
    state = judge.begin(TARGET, Policy(), T0)
    state = replace(state, ends=ends, filled=T0 + timedelta(seconds=filled))
    return waves(state, tasks, replacements=strict)


@pytest.mark.parametrize(
    ("lives", "count"),
    [
        ((), 0),
        (((0, 20), (0.5, 21), (1, 30)), 1),
        (((0, 20), (25, 40)), 2),
        (((0, 20), (0, 22), (25, 40), (26, 45), (50, 60)), 3),
        (((0, 20), (0, 30), (25, 40), (45, 60)), 2),
        (((0, 20), (0, 30), (25, 40), (45, 60), (65, 70)), 3),
        (((0, 20), (15, 40)), 1),
        (((None, 20), (None, 60)), 1),
        (((None, 20), (25, 40)), 2),
    ],
    ids=[
        "none",
        "together",
        "replaced",
        "three",
        "the second of a place that failed later",
        "more than all places failed twice",
        "before the first failed",
        "undated",
        "one dated",
    ],
)
def test_waves(lives: tuple[tuple[float | None, float], ...], count: int) -> None:
    assert counted(*lives) == count


def test_what_is_launched_while_places_are_still_filled_for_the_first_time_is_the_first_wave() -> (
    None
):
    late = ((0.0, 8.0), (9.0, 17.0))
    assert counted(*late, filled=20) == 1
    assert counted(*late, filled=5) == 2


def test_long_after_the_failure_it_is_a_later_one_unless_only_replacements_count() -> None:
    late = ((0.0, 8.0), (30.0, 40.0))
    assert counted(*late, filled=60) == 2
    assert counted(*late, filled=60, strict=True) == 1


def test_an_end_before_its_launch_is_no_wave_after_itself() -> None:
    """Where ECS shows no end yet the look before is taken for it, maybe before the launch."""
    assert counted((10.0, 5.0)) == 1
    assert counted((10.0, 5.0), (11.0, 5.0)) == 2
