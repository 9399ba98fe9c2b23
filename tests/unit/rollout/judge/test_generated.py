"""Rollouts as long as ECS's, drawn from fixed seeds: right, soon told, and within the budget."""

from __future__ import annotations

import statistics
from dataclasses import replace
from math import inf

import pytest
from benchmarks.pacing.generate import KINDS, generate, group
from benchmarks.pacing.run import Result, run
from benchmarks.pacing.script import Breaker, Fault, Script
from benchmarks.pacing.table import CALLS, MEDIAN, MORE, TAIL, percentile
from benchmarks.pacing.world import World

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


@pytest.mark.parametrize("bake", [0.0, 60.0])
@pytest.mark.parametrize("lag", [-1.5, 0.0, 2.0])
def test_what_was_told_to_stop_never_succeeds(lag: float, bake: float) -> None:
    good = Script(seed=1, kind="superseded", lag=lag, bake=bake)
    alone = World(good)
    alone.run_until(inf)
    assert alone.status == "SUCCESSFUL"
    ends = set()
    for tenth in range(-100, 21):
        world = World(replace(good, newer=alone.ended + tenth / 10))
        world.run_until(inf)
        world.advance(alone.ended + 600)
        ends.add(world.status)
        assert world.status == ("STOPPED" if world.superseded else "SUCCESSFUL"), tenth
        assert world.rollout_state == ("IN_PROGRESS" if world.superseded else "COMPLETED"), tenth
    assert ends == {"STOPPED", "SUCCESSFUL"}


def test_a_breaker_that_only_an_event_tells_of_is_no_time_out() -> None:
    script = Script(
        seed=100_008_007,
        kind="good, some fail twice",
        strategy="BLUE_GREEN",
        desired=10,
        bake=60.0,
        fault=Fault(kind="exit", waves=2, share=0.4, after=1.2),
        breaker=Breaker(rollback=False),
        described=False,
    )
    (result,) = run([script])
    assert (result.word, result.right, result.why) == ("failing", True, "")
    assert result.late is not None
    assert result.late <= TAIL
