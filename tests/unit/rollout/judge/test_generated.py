"""Rollouts as long as ECS's, drawn from fixed seeds: right, soon told, and within the budget."""

from __future__ import annotations

import statistics

import pytest
from benchmarks.pacing.generate import KINDS, generate, group
from benchmarks.pacing.run import Result, run
from benchmarks.pacing.table import CALLS, MEDIAN, MORE, TAIL, percentile

SEEDS = range(50_000, 50_180)


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return [run([generate(seed)])[0] for seed in SEEDS]


def test_each_is_judged_right_within_its_budget(results: list[Result]) -> None:
    assert not [(r.seed, r.why) for r in results if not r.right]
    assert max(r.peak for r in results) <= CALLS


def test_the_end_is_told_soon(results: list[Result]) -> None:
    late = [r.late for r in results if r.late is not None]
    assert statistics.median(late) <= MEDIAN
    assert percentile(late, 0.95) <= TAIL


@pytest.mark.parametrize("seed", [60_000, 60_001, 60_002])
def test_four_services_together(seed: int) -> None:
    results = run(group(seed, 4))
    assert not [(r.seed, r.why) for r in results if not r.right]
    assert results[0].peak <= CALLS + MORE * 3


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_judged_right(kind: str) -> None:
    results = [run([generate(seed, kind)])[0] for seed in (70_001, 70_002)]
    assert not [(r.seed, r.why) for r in results if not r.right]


def test_a_seed_is_always_the_same_rollout() -> None:
    assert generate(7) == generate(7)
    assert run([generate(7)]) == run([generate(7)])
