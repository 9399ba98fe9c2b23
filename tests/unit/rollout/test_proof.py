"""From when on the benchmark holds a failure for proven: by waves, and by what cannot start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from benchmarks.rollouts.proof import Proof, proof

_BEGAN = datetime(2026, 11, 29, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return _BEGAN + timedelta(seconds=seconds)


def _stopped(
    created: float, stopping: float, code: str = "EssentialContainerExited", reason: str = "exited"
) -> Mapping[str, Any]:
    return {
        "taskArn": f"task/{created}/{stopping}",
        "createdAt": _at(created),
        "stoppingAt": _at(stopping),
        "stopCode": code,
        "stoppedReason": reason,
    }


def _running(created: float) -> Mapping[str, Any]:
    return {"taskArn": f"task/{created}", "createdAt": _at(created)}


def test_the_first_wave_proves_nothing() -> None:
    assert proof([_stopped(0, 3), _stopped(0.1, 4), _running(5)], 2) is None


@pytest.mark.parametrize(("desired", "number"), [(1, 2), (2, 3)])
def test_the_first_replacement_that_fails_proves_it(desired: int, number: int) -> None:
    tasks = [_stopped(0.1 * place, 3 + 0.1 * place) for place in range(desired)]
    tasks = [_stopped(8, 11), _stopped(5, 9), *tasks]

    found = proof(tasks, desired)

    assert found == Proof(at=_at(9), number=number, threshold=3)
    assert found.sooner is (desired == 1), "with two tasks the proof opens the breaker"


def test_what_cannot_start_is_certain_with_the_first_task() -> None:
    tasks = [_stopped(0, 2, "TaskFailedToStart"), _stopped(0.1, 1, "TaskFailedToStart")]

    assert proof(tasks, 2) == Proof(at=_at(1), number=1, threshold=3)


def test_health_failures_count_and_what_ecs_takes_away_does_not() -> None:
    scheduler = "ServiceSchedulerInitiated"
    tasks = [
        _stopped(0, 9, scheduler, "Task failed ELB health checks in (target-group x)"),
        _stopped(10, 12, scheduler, "Scaling activity initiated by (deployment ecs-svc/1)"),
        _stopped(11, 20, scheduler, "Task failed container health checks"),
    ]

    assert proof(tasks, 1) == Proof(at=_at(20), number=2, threshold=3)


@pytest.mark.parametrize(("desired", "threshold"), [(1, 3), (7, 4), (600, 200)])
def test_the_breaker_opens_at_half_of_the_desired_count(desired: int, threshold: int) -> None:
    found = proof([_stopped(0, 1, "TaskFailedToStart")], desired)

    assert found is not None
    assert found.threshold == threshold
