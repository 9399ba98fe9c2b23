"""What a call is worth: at the start, on the way, near the end, and when the minute is spent."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shipway.rollout.judge import judge
from shipway.rollout.judge.terms import DeploymentRef, FetchPlan, Policy
from shipway.rollout.snapshot import (
    Container,
    Deployment,
    LifecycleHook,
    RevisionSummary,
    ServiceDeployment,
    ServiceRevision,
    Snapshot,
    Task,
)

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
    assert judge.next_look(after(UNDER_WAY, 1.2), at(1.2)) >= 0.8


def test_an_asked_roll_back_is_looked_for_soon() -> None:
    under_way = after(UNDER_WAY, 10)
    stopping = replace(under_way, stop_asked_at=at(10))
    assert judge.next_look(under_way, at(10)) > 0.5
    assert judge.next_look(stopping, at(10.5)) == 0.5
    assert judge.next_look(stopping, at(13)) > 0.5


def test_a_roll_back_that_was_over_before_it_was_seen_is_proven_in_one_look() -> None:
    assert judge.fetch(after(UNDER_WAY, 5), BACK, at(6)).targets


def test_the_state_before_the_update_is_no_roll_back() -> None:
    never_seen = judge.begin(TARGET, Policy(), T0)
    assert not judge.fetch(never_seen, BACK, at(0.1)).targets


def test_a_minute_has_an_end_however_much_moves() -> None:
    """Tasks that die one after another, each in its own way: every look wants everything."""
    state, second, dead, budget = judge.begin(TARGET, Policy(), T0), 0.1, 0, judge.Budget()
    looks: list[float] = []
    while second < 300:
        dead += 1
        stopped = tuple(stopped_task(number) for number in range(dead))
        failing = replace(NEW, running=1, pending=0, failed=dead)
        glance = Snapshot(desired=2, running=3, deployments=(failing, OLD))
        budget = budget.after(at(second), 1)
        fetch = judge.fetch(state, glance, at(second), budget)
        budget = budget.after(at(second), fetch.calls - 1)
        tasks = (running_task(dead),) if fetch.tasks else ()
        stopped = stopped if fetch.stopped else ()
        look = replace(
            glance, tasks=tasks, tasks_listed=fetch.tasks, stopped=stopped, calls=fetch.calls
        )
        assert budget.left(at(second)) >= 0, second
        looks += [second]
        state, _, outcome = judge.step(state, look, at(second))
        assert outcome is None
        second += judge.next_look(state, at(second), budget)
    assert max(b - a for a, b in itertools.pairwise(looks)) <= 5.1, "it must not look away"


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
    state = after(UNDER_WAY, 1)
    assert judge.fetch(state, fewer, at(1)).stopped
    poor = judge.Budget().after(at(1), 52)
    assert judge.fetch(state, fewer, at(1), poor) == FetchPlan()
    assert judge.next_look(state, at(2), poor) >= 4.0
    spent = judge.Budget().after(at(1), 60)
    assert judge.next_look(state, at(2), spent) == 59.0, "not before the minute is over"


def test_what_is_kept_for_the_end_is_spent_there() -> None:
    state = after(UNDER_WAY, 1)
    done = replace(NEW, rollout_state="COMPLETED", running=2, pending=0)
    over = Snapshot(desired=2, running=2, deployments=(done,))
    poor = judge.Budget().after(at(1), 54)
    assert judge.fetch(state, over, at(2), poor).tasks
    state, _, outcome = judge.step(state, over, at(2))
    assert outcome is None
    assert judge.next_look(state, at(2), poor) < 0.1, "the proof is made at once"


def test_every_second_where_the_end_may_be_near_and_every_other_before() -> None:
    full = replace(NEW, running=2, pending=0)
    drained = Snapshot(desired=2, running=2, deployments=(full, replace(OLD, desired=0, running=0)))
    draining = replace(drained, deployments=(full, replace(OLD, desired=1, running=1)))
    starting = Snapshot(desired=2, running=3, deployments=(replace(full, running=1), OLD))
    first = judge.next_look(after(UNDER_WAY, 60), at(60))
    assert 1.0 <= first <= 1.2, "what cannot start shows it now, and calls last for the minute"
    assert judge.next_look(after(starting, 60), at(60)) == 2.0
    assert judge.next_look(after(draining, 60), at(60)) == 2.0
    assert judge.next_look(after(drained, 60), at(60)) <= 1.1


def test_a_hook_and_the_time_out_are_not_slept_through() -> None:
    hook = LifecycleHook(id="h", type="PAUSE", status="AWAITING_ACTION", expires_at=at(100))
    paused = replace(after(UNDER_WAY, 10), paused=hook, paused_since=at(10))
    assert judge.next_look(paused, at(20)) == 10.0
    assert 2.0 <= judge.next_look(paused, at(98)) <= 2.5
    assert 3.0 <= judge.next_look(paused, at(897)) <= 3.5


def test_services_that_are_watched_together_share_a_minute() -> None:
    alone, ten = judge.Budget(), judge.Budget(services=10)
    assert (alone.most, ten.most) == (60, 78)
    assert ten.after(at(0), 70).left(at(30)) == 8
    assert ten.after(at(0), 70).left(at(60)) == 78


DESCRIBED = replace(
    UNDER_WAY,
    current_service_deployment="sd42",
    service_deployment=ServiceDeployment(
        arn="sd42", status="IN_PROGRESS", target=RevisionSummary(arn="rev/42")
    ),
    revisions=(ServiceRevision(arn="rev/42", task_definition=TARGET.task_definition),),
)
GLANCE = replace(DESCRIBED, service_deployment=None, revisions=())


def test_a_description_that_another_service_paid_for_is_taken_whatever_is_left() -> None:
    state = after(DESCRIBED, 1)
    spent = judge.Budget(services=10).after(at(2), 78)
    assert judge.fetch(state, GLANCE, at(2), spent) == FetchPlan()
    shared = judge.fetch(state, GLANCE, at(2), spent, described=True)
    assert shared == FetchPlan(service_deployment="sd42")


def test_a_pause_is_not_waited_for_until_calls_are_plenty() -> None:
    """Of a hook that waits nothing tells but the description."""
    state = after(DESCRIBED, 1)
    poor = judge.Budget(services=10).after(at(25), 70)
    assert judge.fetch(state, GLANCE, at(25), poor) == FetchPlan()
    assert judge.fetch(state, GLANCE, at(32), poor) == FetchPlan(service_deployment="sd42")
