"""What a person is told at the first failure, before it is a verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shipway.rollout.judge.first_failure import explain
from shipway.rollout.judge.judge import begin
from shipway.rollout.judge.state import State, evolve
from shipway.rollout.judge.terms import DeploymentRef, Policy, RolloutEvent
from shipway.rollout.snapshot import Container, Snapshot, Task

T0 = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)


def struck(**known: object) -> State:
    target = DeploymentRef(
        subject="web", service="web", task_definition="web:2", container="web", digest=""
    )
    tasks = tuple(
        Task(
            arn=f"task/{number}",
            task_definition="web:2",
            last_status="STOPPED",
            desired_status="STOPPED",
            stop_code="EssentialContainerExited",
            stopped_reason="Essential container in task exited",
            started_at=T0,
            stopped_at=T0 + timedelta(seconds=1),
            containers=(Container(name="web", exit_code=1),),
        )
        for number in (1, 2)
    )
    service = Snapshot(breaker_enabled=True, breaker_threshold=3)
    state = evolve(begin(target, Policy(), T0), stopped=tasks, service=service)
    return evolve(state, **known)


def test_the_first_failure_is_told_once_with_what_would_prove_it() -> None:
    events: list[RolloutEvent] = []
    state = explain(explain(struck(), events), events)
    assert [event.kind for event in events] == ["first-failure"]
    text = events[0].text
    assert text.startswith("2 of 2 new tasks exited with 1")
    assert "no verdict yet: it fails once a replacement does the same" in text
    assert text.endswith("ECS's circuit breaker counts 0 of 3")
    assert "first failure" in state.noted


def test_nothing_is_explained_of_what_is_certain() -> None:
    events: list[RolloutEvent] = []
    explain(struck(announced=T0), events)
    assert not events
