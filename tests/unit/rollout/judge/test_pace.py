"""Where half a second is worth a call: at the start, and after a roll-back was asked for."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shipway.rollout.judge import judge
from shipway.rollout.judge.terms import DeploymentRef, Policy
from shipway.rollout.snapshot import Container, Deployment, Snapshot, Task

T0 = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)
TARGET = DeploymentRef(
    subject="web",
    service="shop-web",
    task_definition="arn:aws:ecs:eu-west-1:1:task-definition/shop:42",
    container="web",
    digest="sha256:" + "9c41" * 16,
    deployment_id="ecs-svc/42",
    previous_task_definition="arn:aws:ecs:eu-west-1:1:task-definition/shop:41",
    previous_deployment="ecs-svc/41",
    earlier=frozenset({"ecs-svc/41"}),
)
NEW = Deployment(
    id="ecs-svc/42",
    status="PRIMARY",
    task_definition=TARGET.task_definition,
    rollout_state="IN_PROGRESS",
    desired=2,
    pending=2,
)
OLD = Deployment(
    id="ecs-svc/41",
    status="ACTIVE",
    task_definition=TARGET.previous_task_definition,
    rollout_state="COMPLETED",
    desired=2,
    running=2,
)
UNDER_WAY = Snapshot(desired=2, running=2, pending=2, deployments=(NEW, OLD))
BACK = Snapshot(desired=2, running=2, deployments=(replace(OLD, status="PRIMARY"),))


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def after(look: Snapshot, seconds: float) -> judge.State:
    state, _, outcome = judge.step(judge.begin(TARGET, Policy(), T0), look, at(seconds))
    assert outcome is None
    return state


def test_the_first_second_is_looked_at_twice_and_the_next_ones_once() -> None:
    assert judge.next_look(after(UNDER_WAY, 0.1), at(0.1)) == 0.5
    assert judge.next_look(after(UNDER_WAY, 1.2), at(1.2)) >= 1.0


def test_an_asked_roll_back_is_looked_for_soon_though_calls_were_borrowed() -> None:
    spent = replace(after(UNDER_WAY, 10), tokens=-5.0)
    waiting = replace(spent, stop_asked_at=at(10))
    assert judge.next_look(spent, at(10)) > 1.0
    assert judge.next_look(waiting, at(10.5)) == 0.5
    assert judge.next_look(waiting, at(13)) > 1.0


def test_a_roll_back_that_was_over_before_it_was_seen_is_proven_in_one_look() -> None:
    assert judge.fetch(after(UNDER_WAY, 5), BACK, at(6)).targets


def test_the_state_before_the_update_is_no_roll_back() -> None:
    never_seen = judge.begin(TARGET, Policy(), T0)
    assert not judge.fetch(never_seen, BACK, at(0.1)).targets


def test_what_is_borrowed_has_an_end_however_much_moves() -> None:
    """Tasks that die one after another, never twice in the same way: every look wants everything.

    Nothing is ever certain, so the watch goes on; 20 calls saved, 20 borrowed, 30 a minute.
    """
    state, second, spent, dead = judge.begin(TARGET, Policy(), T0), 0.1, 0, 0
    asked_for_tasks: list[float] = []
    while second < 300:
        dead += 1
        stopped = tuple(stopped_task(number) for number in range(dead))
        failing = replace(NEW, running=1, pending=0, failed=dead)
        glance = Snapshot(desired=2, running=3, deployments=(failing, OLD))
        fetch = judge.fetch(state, glance, at(second))
        tasks = (running_task(dead),) if fetch.tasks else ()
        stopped = stopped if fetch.stopped else ()
        look = replace(
            glance, tasks=tasks, tasks_listed=fetch.tasks, stopped=stopped, calls=fetch.calls
        )
        spent += fetch.calls
        assert spent <= 40 + second / 2, (second, spent)
        asked_for_tasks += [second] if fetch.tasks else []
        state, _, outcome = judge.step(state, look, at(second))
        assert outcome is None
        second += judge.next_look(state, at(second))
    late = [b - a for a, b in itertools.pairwise(asked_for_tasks)]
    assert max(late) <= 30, "what the verdict hangs on must still be asked for"


def stopped_task(number: int) -> Task:
    return replace(
        running_task(number),
        last_status="STOPPED",
        stop_code="EssentialContainerExited",
        containers=(Container(name="web", exit_code=number + 1),),
    )


def running_task(number: int) -> Task:
    return Task(
        arn=f"arn:aws:ecs:eu-west-1:1:task/shop/{number}",
        task_definition=TARGET.task_definition,
        started_by="ecs-svc/42",
        last_status="RUNNING",
        started_at=T0,
    )


def test_a_look_that_cannot_be_paid_asks_for_less_and_waits_for_the_rest() -> None:
    fewer = replace(UNDER_WAY, deployments=(replace(NEW, pending=1, failed=1), OLD))
    rich = after(UNDER_WAY, 1)
    assert judge.fetch(rich, fewer, at(1)).stopped
    poor = replace(rich, tokens=-18.0)
    assert 1 <= judge.fetch(poor, fewer, at(1)).calls <= 2
    assert judge.next_look(replace(rich, tokens=-20.0), at(1)) >= 2.0
