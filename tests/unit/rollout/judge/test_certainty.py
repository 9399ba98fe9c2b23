"""Who speaks against a crash: what has lived clearly longer than what crashed, by the last list."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shipway.rollout.judge import judge
from shipway.rollout.judge.certainty import covers
from shipway.rollout.judge.terms import DeploymentRef, Policy
from shipway.rollout.snapshot import Container, Deployment, Snapshot, TargetHealth, Task

T0 = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)
TARGET = DeploymentRef(
    subject="web",
    service="web",
    task_definition="shop:42",
    container="web",
    digest="sha256:" + "9c41" * 16,
    deployment_id="ecs-svc/42",
    previous_task_definition="shop:41",
    previous_deployment="ecs-svc/41",
    earlier=frozenset({"ecs-svc/41"}),
)
FIRST = ("a", "b", "c")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def task(name: str, created: float, started: float, ended: float | None = None) -> Task:
    return Task(
        arn=f"task/{name}",
        task_definition="shop:42",
        started_by="ecs-svc/42",
        last_status="RUNNING" if ended is None else "DEPROVISIONING",
        desired_status="RUNNING" if ended is None else "STOPPED",
        stop_code="" if ended is None else "EssentialContainerExited",
        containers=(Container(name="web", exit_code=None if ended is None else 1),),
        private_ips=(f"10.0.0.{ord(name)}",),
        created_at=at(created),
        started_at=at(started),
        stopping_at=None if ended is None else at(ended),
    )


def target(name: str, state: str = "healthy") -> TargetHealth:
    return TargetHealth(group="tg", id=f"10.0.0.{ord(name)}", port=80, state=state)


def glance(running: int, pending: int, failed: int) -> Snapshot:
    ours = Deployment(
        id="ecs-svc/42",
        status="PRIMARY",
        task_definition="shop:42",
        rollout_state="IN_PROGRESS",
        desired=3,
        running=running,
        pending=pending,
        failed=failed,
        created_at=T0,
    )
    return Snapshot(desired=3, deployments=(ours,), balanced=True)


def until_the_second_wave(e_started: float, state_of_e: str) -> judge.State:
    """Three that crashed 40 s after their start; of their replacements ``d`` has just done so."""
    stopped = tuple(task(name, 1, 20, 60) for name in FIRST)
    looks = (
        (1.0, glance(0, 3, 0)),
        (20.0, glance(3, 0, 0)),
        (61.0, replace(glance(0, 0, 3), stopped=stopped)),
        (63.0, glance(0, 3, 3)),
        (81.0, glance(3, 0, 3)),
        (
            121.0,
            replace(
                glance(2, 0, 4),
                stopped=(*stopped, task("d", 62, 80, 120)),
                tasks=(task("e", 62, e_started), task("f", 62, 81)),
                tasks_listed=True,
                targets=(target("e", state_of_e), target("f")),
            ),
        ),
    )
    state = judge.begin(TARGET, Policy(settle=10), T0)
    for second, look in looks:
        state, _, _ = judge.step(state, look, at(second))
    return state


@pytest.mark.parametrize(("e_started", "certain"), [(79, True), (72, True), (65, False)])
def test_a_healthy_task_that_lived_no_longer_than_what_crashed_says_nothing(
    e_started: float, *, certain: bool
) -> None:
    assert (until_the_second_wave(e_started, "healthy").announced is not None) is certain


def test_the_last_list_is_enough_while_whatever_came_since_is_younger_than_what_crashed() -> None:
    state = until_the_second_wave(65, "healthy")
    assert covers(state, at(160))
    assert not covers(state, at(172)), "a task that was started since may have lived long enough"
    fewer = glance(1, 0, 5)
    fetch = judge.fetch(state, fewer, at(124))
    assert (fetch.stopped, fetch.tasks, fetch.targets) == (True, False, False)
    ended = (*(task(name, 1, 20, 60) for name in FIRST), task("d", 62, 80, 120))
    look = replace(fewer, stopped=(*ended, task("e", 62, 65, 123)))
    state, _, _ = judge.step(state, look, at(124))
    assert state.announced == at(124), "f alone is left, and it is as old as d was"


def test_what_was_not_checked_yet_may_have_become_healthy() -> None:
    assert covers(until_the_second_wave(79, "initial"), at(128))
    assert not covers(until_the_second_wave(79, "initial"), at(130)), "e is as old as d by then"
