"""What breaks a hold and what does not: looks in, an outcome out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shipway.rollout.hold import judge
from shipway.rollout.hold.judge import HoldState
from shipway.rollout.hold.terms import Alarm, HoldLook, HoldTarget
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.snapshot import (
    Container,
    Deployment,
    ServiceEvent,
    Snapshot,
    TargetHealth,
    Task,
    Trouble,
)
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition
from shipway.values import HttpAnswer

T0 = datetime(2026, 11, 22, 3, 10, tzinfo=UTC)
OURS = "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:42"
OLD = "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:41"
URL = "https://shop.example/health"
PRIMARY = Deployment(
    id="ecs-svc/42", status="PRIMARY", task_definition=OURS, rollout_state="COMPLETED"
)
EVERYTHING = FetchPlan(tasks=True, stopped=True, targets=True)


def task(name: str = "46f0ea27aa", **more: object) -> Task:
    running = Task(
        arn=f"arn:aws:ecs:eu-west-1:111122223333:task/shop/{name}",
        task_definition=OURS,
        last_status="RUNNING",
        desired_status="RUNNING",
        started_at=T0 - timedelta(minutes=1),
        containers=(Container(name="web", last_status="RUNNING", runtime_id="one"),),
    )
    return replace(running, **more)  # type: ignore[arg-type]  # fields by name


def stopped(code: str, reason: str = "", exit_code: int | None = None, why: str = "") -> Task:
    container = Container(name="web", last_status="STOPPED", exit_code=exit_code, reason=why)
    return task(
        last_status="STOPPED",
        desired_status="STOPPED",
        stop_code=code,
        stopped_reason=reason,
        stopped_at=T0 + timedelta(seconds=20),
        containers=(container,),
    )


def target_health(state: str, ip: str = "10.0.0.1") -> TargetHealth:
    return TargetHealth(group="tg", id=ip, port=8080, state=state, reason="Target.Timeout")


TARGET = HoldTarget(
    subject="web",
    service="shop-web",
    definition=TaskDefinition(arn=OURS, memory="64", containers=(ContainerDefinition(name="web"),)),
    seconds=60,
    url=URL,
    tasks=(task(),),
    targets=(target_health("healthy"),),
    since=T0,
)
GOOD = Snapshot(
    desired=1,
    running=1,
    deployments=(PRIMARY,),
    balanced=True,
    tasks=(task(),),
    tasks_listed=True,
    targets=(target_health("healthy"),),
)
KILLED = stopped(
    "EssentialContainerExited",
    "Essential container in task exited",
    137,
    "OutOfMemoryError: Container killed due to memory usage",
)
EXITED = stopped("EssentialContainerExited", "Essential container in task exited", 7)


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def look_at(
    snapshot: Snapshot, *, at: float = 22, target: HoldTarget = TARGET, **more: object
) -> HoldState:
    look = HoldLook(snapshot=snapshot, fetch=EVERYTHING)
    look = replace(look, **more)  # type: ignore[arg-type]  # fields by name
    return judge.step(judge.begin(target, T0), look, after(at))


@pytest.mark.parametrize(
    ("task_", "words"),
    [
        (KILLED, "task 46f0ea27 was killed (137, out of memory: 64 MiB)"),
        (EXITED, 'task 46f0ea27: container "web" exited with code 7'),
        (
            stopped("EssentialContainerExited", "Essential container in task exited", 139),
            'task 46f0ea27: container "web" exited with code 139 (segmentation fault (SIGSEGV))',
        ),
        (
            stopped("ServiceSchedulerInitiated", "Task failed ELB health checks in (tg)", 143),
            "task 46f0ea27 failed the load balancer's health checks",
        ),
        (
            stopped("ServiceSchedulerInitiated", "Task failed container health checks", 143),
            "task 46f0ea27 failed its container health check",
        ),
    ],
)
def test_a_task_that_stops_by_itself_breaks_it(task_: Task, words: str) -> None:
    outcome = look_at(replace(GOOD, running=0, tasks=(), stopped=(task_,))).outcome
    assert outcome is not None
    assert (outcome.end, outcome.text, outcome.held) == ("broken", words, 22)
    assert outcome.tasks == (task_,)
    assert outcome.cause is not None
    assert outcome.cause.tasks == (task_.arn,)


@pytest.mark.parametrize(
    "task_",
    [
        stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment x)", 143),
        # "Task retirement and maintenance for AWS Fargate" (Amazon ECS Developer Guide).
        stopped("ServiceSchedulerInitiated", "ECS is performing maintenance on the host", 143),
        stopped("UserInitiated", "by mona", 143),
        stopped("SpotInterruption", "Your Spot Task was interrupted.", 143),
        stopped("TerminationNotice", "", 143),
        replace(EXITED, task_definition=OLD),
        replace(EXITED, stopped_at=T0 - timedelta(seconds=1)),
        replace(
            stopped("TaskFailedToStart", "CannotPullContainerError: toomanyrequests"),
            started_at=None,
        ),
    ],
    ids=["scaling", "maintenance", "person", "spot", "notice", "earlier", "before", "throttled"],
)
def test_what_others_end_breaks_nothing(task_: Task) -> None:
    assert look_at(replace(GOOD, stopped=(task_,))).outcome is None


def test_a_stop_that_the_rollout_knew_is_the_rollouts() -> None:
    target = replace(TARGET, known_stops=frozenset({EXITED.arn}), since=None)
    assert look_at(replace(GOOD, stopped=(EXITED,)), target=target).outcome is None


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (
            Container(name="web", last_status="RUNNING", runtime_id="two"),
            'container "web" of task 46f0ea27 was started anew',
        ),
        (
            Container(name="web", last_status="STOPPED", exit_code=137, reason="OutOfMemoryError"),
            'container "web" of task 46f0ea27 exited with code 137: OutOfMemoryError',
        ),
    ],
)
def test_a_container_that_ends_or_begins_anew_breaks_it(container: Container, words: str) -> None:
    outcome = look_at(replace(GOOD, tasks=(task(containers=(container,)),))).outcome
    assert outcome is not None
    assert (outcome.end, outcome.text) == ("broken", words)


def test_a_target_that_becomes_unhealthy_breaks_it() -> None:
    outcome = look_at(replace(GOOD, targets=(target_health("unhealthy"),))).outcome
    assert outcome is not None
    assert outcome.text == "a target became unhealthy (Target.Timeout)"


def test_a_target_that_was_never_healthy_is_judged_by_ecs() -> None:
    new = target_health("unhealthy", "10.0.0.2")
    assert look_at(replace(GOOD, targets=(*GOOD.targets, new))).outcome is None


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_an_alarm_breaks_it_that_goes_off(state: str) -> None:
    target = replace(TARGET, alarms=("shop-5xx",))
    quiet = look_at(GOOD, target=target, alarms=(Alarm(name="shop-5xx", state=state),))
    assert quiet.outcome is None
    off = HoldLook(snapshot=GOOD, alarms=(Alarm(name="shop-5xx", state="ALARM"),))
    outcome = judge.step(quiet, off, after(30)).outcome
    assert outcome is not None
    assert outcome.text == "alarm shop-5xx went off"


def test_an_alarm_that_was_off_before_counts_once_it_was_ok() -> None:
    target = replace(TARGET, alarms=("shop-5xx",), already_off=frozenset({"shop-5xx"}))
    off, fine = (Alarm(name="shop-5xx", state=state) for state in ("ALARM", "OK"))
    state = look_at(GOOD, target=target, alarms=(off,))
    assert state.outcome is None
    state = judge.step(state, HoldLook(snapshot=GOOD, alarms=(fine,)), after(30))
    assert state.outcome is None
    state = judge.step(state, HoldLook(snapshot=GOOD, alarms=(off,)), after(40))
    assert state.outcome is not None


def test_wrong_answers_break_it_and_a_single_one_does_not() -> None:
    wrong, good = HttpAnswer(status=500), HttpAnswer(status=200)
    assert look_at(GOOD, answers=(wrong, good)).outcome is None
    outcome = look_at(GOOD, answers=(wrong,) * 3).outcome
    assert outcome is not None
    assert outcome.text == f"{URL} answered {wrong}, 3 times in a row"


@pytest.mark.parametrize(
    ("snapshot", "end"),
    [
        (replace(GOOD, deployments=(replace(PRIMARY, task_definition=OLD),)), "superseded"),
        (Snapshot(exists=False), "missing"),
        (replace(GOOD, status="DRAINING"), "missing"),
    ],
)
def test_what_is_no_more_ours_is_neither_good_nor_bad(snapshot: Snapshot, end: str) -> None:
    outcome = look_at(snapshot).outcome
    assert outcome is not None
    assert outcome.end == end


def test_it_holds_after_a_whole_look_at_its_end() -> None:
    state = look_at(GOOD, at=30)
    assert state.outcome is None
    asked = judge.fetch(state, GOOD, after(60))
    assert asked.tasks
    assert asked.targets
    blind = replace(GOOD, troubles=(Trouble(kind="throttled", text="slow down"),))
    state = judge.step(state, HoldLook(snapshot=blind, fetch=asked), after(60))
    assert state.outcome is None, "what was not seen has not held"
    assert judge.next_look(state, after(60)) == 2
    state = judge.step(state, HoldLook(snapshot=GOOD, fetch=asked), after(62))
    assert state.outcome is not None
    assert (state.outcome.end, state.outcome.held) == ("held", 60)


def test_weather_is_no_verdict() -> None:
    state = judge.begin(TARGET, T0)
    nothing = Snapshot(answered=False, troubles=(Trouble(kind="throttled", text="slow down"),))
    for second in range(2, 180, 10):
        state = judge.step(state, HoldLook(snapshot=nothing), after(second))
        assert state.outcome is None
    state = judge.step(state, HoldLook(snapshot=nothing), after(180))
    assert state.outcome is not None
    assert state.outcome.end == "unseen"
    assert "slow down" in state.outcome.text


def test_a_task_that_vanished_is_looked_for_before_it_holds() -> None:
    """Its count was made good by another before anybody looked."""
    other = task("bbbbbbbbbb")
    state = look_at(replace(GOOD, tasks=(other,)), at=60, fetch=FetchPlan(tasks=True))
    assert state.outcome is None
    assert judge.fetch(state, GOOD, after(62)).stopped
    shown = replace(GOOD, tasks=(other,), stopped=(EXITED,))
    outcome = judge.step(state, HoldLook(snapshot=shown, fetch=EVERYTHING), after(62)).outcome
    assert outcome is not None
    assert outcome.end == "broken"


def test_a_task_of_which_nothing_is_known_does_not_keep_it_for_ever() -> None:
    other = replace(GOOD, tasks=(task("bbbbbbbbbb"),))
    state = judge.begin(TARGET, T0)
    second = 60.0
    while state.outcome is None and second < 90:
        fetch = judge.fetch(state, other, after(second))
        state = judge.step(state, HoldLook(snapshot=other, fetch=fetch), after(second))
        second += judge.next_look(state, after(second))
    assert state.outcome is not None
    assert state.outcome.end == "held"


def test_a_hint_in_counts_or_events_is_followed_at_once() -> None:
    state = look_at(GOOD, at=8)
    assert judge.fetch(state, GOOD, after(16)) == FetchPlan()
    assert judge.fetch(state, replace(GOOD, running=0), after(16)).stopped
    event = ServiceEvent(id="e1", at=T0, message="(service web) has started 1 tasks: (task x).")
    assert judge.fetch(state, replace(GOOD, events=(event,)), after(16)).stopped
    steady = replace(event, message="(service web) has reached a steady state.")
    assert not judge.fetch(state, replace(GOOD, events=(steady,)), after(16)).stopped


@pytest.mark.parametrize(("seconds", "most"), [(60, 16), (600, 120)])
def test_it_costs_about_twelve_calls_a_minute(seconds: int, most: int) -> None:
    state = judge.begin(replace(TARGET, seconds=seconds), T0)
    at, calls = 0.0, 0
    while state.outcome is None:
        fetch = judge.fetch(state, GOOD, after(at))
        calls += fetch.calls
        state = judge.step(state, HoldLook(snapshot=GOOD, fetch=fetch), after(at))
        at += judge.next_look(state, after(at))
    assert state.outcome.end == "held"
    assert calls <= most, calls


def test_another_service_ends_it_early() -> None:
    outcome = judge.cut(look_at(GOOD), "worker", after(25)).outcome
    assert outcome is not None
    assert (outcome.end, outcome.held) == ("cut", 25)
    assert outcome.text == "ended early: worker did not hold"
