"""Calls of ECS wait for their turn, so that none is throttled."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from shipway.aws.quotas import CATEGORIES, Turns


@dataclass
class Seconds:
    """Seconds that pass by sleeping alone."""

    now: float = 100.0
    slept: float = 0.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@dataclass
class Bucket:
    """As ECS keeps it: gives whether a call passes."""

    burst: float
    a_second: float
    tokens: float = 0.0
    at: float = 100.0

    def passes(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.a_second)
        self.at = now
        self.tokens -= 1
        return self.tokens >= 0


@pytest.mark.parametrize("operation", CATEGORIES)
def test_a_hundred_and_fifty_calls_are_never_throttled(operation: str) -> None:
    seconds = Seconds()
    turns = Turns(seconds.read, seconds.sleep)
    _, quota = CATEGORIES[operation]
    ecs = Bucket(quota.burst, quota.a_second, tokens=quota.burst)
    for _ in range(150):
        turns.take(operation)
        assert ecs.passes(seconds.now)
    least = (150 - quota.burst) / quota.a_second
    assert least <= seconds.slept <= 1.4 * least + 1


def test_a_few_calls_wait_for_nothing_and_categories_not_for_each_other() -> None:
    seconds = Seconds()
    turns = Turns(seconds.read, seconds.sleep)
    for operation in ("RegisterTaskDefinition", "UpdateService", "DescribeServices") * 18:
        turns.take(operation)
    assert seconds.slept == 0


def test_what_shares_a_bucket_waits_for_each_other() -> None:
    seconds = Seconds()
    turns = Turns(seconds.read, seconds.sleep)
    for _ in range(18):
        turns.take("RegisterTaskDefinition")
    turns.take("DeregisterTaskDefinition")
    assert seconds.slept == pytest.approx(1 / 0.9)


def test_an_operation_that_nobody_counts_passes() -> None:
    seconds = Seconds()
    turns = Turns(seconds.read, seconds.sleep)
    for _ in range(1000):
        turns.take("StopServiceDeployment")
        turns.wait()
    assert seconds.slept == 0
