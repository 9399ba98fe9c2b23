"""The judge beside its timelines: preflight, patience, Ctrl-C, what a person sees."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shipway.config.environment import Service
from shipway.errors import UsageError
from shipway.observer import Noticed, TaskCounts
from shipway.rollout.judge import judge
from shipway.rollout.judge.proof import our_digest
from shipway.rollout.judge.terms import DeploymentRef, FetchPlan, Policy, RolloutEvent
from shipway.rollout.plan import policy_of
from shipway.rollout.snapshot import (
    Container,
    Deployment,
    RevisionSummary,
    ServiceDeployment,
    ServiceRevision,
    Snapshot,
    TargetHealth,
    Task,
    Trouble,
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
    desired=4,
    running=3,
    pending=1,
    failed=1,
)
OLD = Deployment(
    id="ecs-svc/41",
    status="ACTIVE",
    task_definition=TARGET.previous_task_definition,
    rollout_state="COMPLETED",
    desired=4,
    running=2,
)
DESCRIBED = ServiceDeployment(
    arn="sd42",
    status="IN_PROGRESS",
    lifecycle_stage="SCALE_UP",
    target=RevisionSummary(arn="rev/42", production_weight=10.0),
    breaker_status="MONITORING",
    breaker_failures=1,
    breaker_threshold=3,
)
LOOK = Snapshot(
    desired=4,
    deployments=(NEW, OLD),
    current_service_deployment="sd42",
    service_deployment=DESCRIBED,
    revisions=(ServiceRevision(arn="rev/42", task_definition=TARGET.task_definition),),
    targets=(
        TargetHealth(group="tg", id="10.0.0.1", port=80, state="healthy"),
        TargetHealth(group="tg", id="10.0.0.2", port=80, state="healthy"),
        TargetHealth(group="tg", id="10.0.0.3", port=80, state="initial"),
    ),
)


def later(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def seen(look: Snapshot = LOOK, policy: Policy | None = None) -> judge.State:
    state, _, outcome = judge.step(judge.begin(TARGET, policy or Policy(), T0), look, later(1))
    assert outcome is None
    return state


def test_what_a_person_sees_of_a_rollout_under_way() -> None:
    rolling = judge.progress(seen(), LOOK, later(24))
    assert (rolling.old, rolling.new, rolling.stage) == ("shop:41", "shop:42", "SCALE_UP")
    assert rolling.new_tasks == TaskCounts(desired=4, running=3, pending=1, failed=1)
    assert rolling.old_tasks == TaskCounts(desired=4, running=2, pending=0)
    assert rolling.health == (("healthy", 2), ("initial", 1))
    assert rolling.breaker == (1, 3)
    assert rolling.traffic is None
    assert rolling.elapsed == 24


def test_traffic_is_shown_where_the_strategy_shifts_it() -> None:
    look = replace(LOOK, strategy="CANARY")
    assert judge.progress(seen(look), look, later(1)).traffic == 10.0


def test_a_hole_in_a_look_shows_what_was_seen_before() -> None:
    hole = Snapshot(answered=False, troubles=(Trouble(kind="throttled", text="slow down"),))
    state, events, _ = judge.step(seen(), hole, later(2))
    assert judge.progress(state, hole, later(2)).new_tasks.running == 3
    assert [(h.kind, h.level) for h in events] == [("trouble", "warning")]


def test_numbers_from_before_a_long_silence_are_told_with_their_age() -> None:
    hole = Snapshot(answered=False, troubles=(Trouble(kind="unreachable", text="no route"),))
    state, shown = seen(), []
    for second in (2, 10, 11, 60):
        state, _, _ = judge.step(state, hole, later(second))
        rolling = judge.progress(state, hole, later(second))
        shown.append((rolling.unseen, rolling.trouble))
    assert shown == [(None, ""), (None, ""), (1.0, "no route"), (1.0, "no route")]
    state, _, _ = judge.step(state, LOOK, later(61))
    assert judge.progress(state, LOOK, later(61)).unseen is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"rolling_back_since": T0},
            "the roll-back was not seen to end within 900 s: nothing seen",
        ),
        ({"unplaced": "no memory", "unplaced_since": T0, "deployment": None}, "; nothing seen for"),
        ({"announced": T0}, "nothing seen for 899 s, since second 1"),
        ({"announced": T0, "refusal": "ECS refused"}, "ECS refused; nothing seen for 899 s"),
    ],
    ids=["rolling back", "no capacity", "announced", "refused"],
)
def test_no_budget_ends_with_advice_on_what_was_not_seen(
    changes: dict[str, Any], text: str
) -> None:
    hole = Snapshot(answered=False, troubles=(Trouble(kind="unreachable", text="no route"),))
    _, _, outcome = judge.step(replace(seen(), **changes), hole, later(900))
    assert outcome is not None
    assert text in outcome.text
    assert outcome.text.endswith(": no route")
    assert outcome.remedy.startswith("ECS goes on unwatched: check the network")


def test_a_happening_becomes_the_observers_event() -> None:
    event = RolloutEvent(at=T0, kind="announced", text="crash loop", level="warning")
    assert judge.noticed(event, "web") == Noticed(
        stage="deploy", text="crash loop", subject="web", level="warning"
    )


@pytest.mark.parametrize(
    ("service", "policy", "part"),
    [
        (Snapshot(exists=False), Policy(), "not in the cluster"),
        (Snapshot(status="INACTIVE"), Policy(), "INACTIVE"),
        (Snapshot(controller="CODE_DEPLOY"), Policy(), "CODE_DEPLOY is not supported"),
        (Snapshot(controller="EXTERNAL"), Policy(), "EXTERNAL is not supported"),
        (Snapshot(breaker_enabled=False), Policy(), "circuit breaker is disabled"),
        (Snapshot(alarms=("a",), alarms_enabled=False), Policy(), "alarms (a) are named but"),
    ],
)
def test_objections_before_anything_is_changed(
    service: Snapshot, policy: Policy, part: str
) -> None:
    (objection,) = judge.objections(service, policy)
    assert part in objection


def test_no_objection_where_all_is_well_or_allowed() -> None:
    assert judge.objections(Snapshot(breaker_enabled=True), Policy()) == ()
    bare = Snapshot(breaker_enabled=False, alarms=("a",), alarms_enabled=False)
    assert judge.objections(bare, Policy(require_breaker=False, require_alarms=False)) == ()


def test_an_objection_names_the_keys_that_let_the_service_through() -> None:
    bare = Snapshot(breaker_enabled=False, alarms=("a",), alarms_enabled=False)
    text = " ".join(judge.objections(bare, Policy()))
    named = re.findall(r"set (\w+) = false", text)
    off: Any = dict.fromkeys(named, False)
    service = replace(Service(key="web", service="web", container="web"), **off)
    assert named == ["require_circuit_breaker", "require_alarms"]
    assert judge.objections(bare, policy_of(service)) == ()


@pytest.mark.parametrize("name", ["timeout", "rollback_timeout", "stuck_after"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_time_that_is_none_is_refused(name: str, value: float) -> None:
    with pytest.raises(UsageError, match="is no time"):
        replace(Policy(), **{name: value})  # type: ignore[arg-type]  # any of the float fields


def test_a_count_of_equal_failures_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be waited for"):
        Policy(same_failure=0)


def test_a_malformed_digest_is_refused_before_anything_is_watched() -> None:
    with pytest.raises(UsageError, match="is not a digest"):
        judge.begin(replace(TARGET, digest="latest"), Policy(), T0)


def test_one_interrupt_asks_once() -> None:
    state, events = judge.interrupt(seen(), later(2))
    assert [h.kind for h in events] == ["interrupted", "ask"]
    action = events[-1].action
    assert action is not None
    assert (action.arn, action.stop_type) == ("sd42", "ROLLBACK")
    assert judge.interrupt(state, later(3))[1] == ()


def test_an_interrupt_before_ours_is_known_asks_as_soon_as_it_is() -> None:
    state = judge.begin(TARGET, Policy(), T0)
    state, events = judge.interrupt(state, later(0.5))
    assert [h.kind for h in events] == ["interrupted"]
    _, happened, _ = judge.step(state, LOOK, later(1))
    assert [h.kind for h in happened if h.action is not None] == ["ask"]


def test_an_interrupt_of_a_first_deployment_says_why_nothing_is_asked() -> None:
    first = replace(TARGET, previous_task_definition="", previous_deployment="")
    state, _, _ = judge.step(judge.begin(first, Policy(), T0), LOOK, later(1))
    _, events = judge.interrupt(state, later(2))
    assert [h.kind for h in events] == ["interrupted", "waiting"]
    assert "nothing to roll back to" in events[-1].text


def test_a_stale_service_deployment_that_was_given_as_ours_is_let_go() -> None:
    """UpdateService's answer may still name somebody else's service deployment."""
    state = judge.begin(replace(TARGET, service_deployment="sd40"), Policy(), T0)
    stale = replace(
        LOOK,
        service_deployment=replace(
            DESCRIBED, arn="sd40", status="SUCCESSFUL", target=RevisionSummary(arn="rev/40")
        ),
        revisions=(ServiceRevision(arn="rev/40", task_definition="shop:40"),),
    )
    state, _, outcome = judge.step(state, stale, later(1))
    assert outcome is None
    assert state.service_deployment == ""
    state, _, _ = judge.step(state, LOOK, later(2))
    assert state.service_deployment == "sd42"


def test_two_deployments_of_one_task_definition_are_told_apart_by_their_numbers() -> None:
    other = replace(
        DESCRIBED, arn="sd43", status="SUCCESSFUL", target=RevisionSummary(arn="rev/43")
    )
    look = replace(
        LOOK,
        deployments=(replace(NEW, id="ecs-svc/43"), replace(NEW, status="ACTIVE"), OLD),
        current_service_deployment="sd43",
        service_deployment=other,
        revisions=(ServiceRevision(arn="rev/43", task_definition=TARGET.task_definition),),
    )
    state, _, _ = judge.step(judge.begin(TARGET, Policy(), T0), look, later(1))
    assert state.service_deployment == ""


def test_troubles_slow_the_looks_down_and_passing_ones_only() -> None:
    state = seen()
    hole = Snapshot(answered=False, troubles=(Trouble(kind="throttled", text="slow down"),))
    waits = []
    for second in range(2, 8):
        state, _, _ = judge.step(state, hole, later(second))
        waits.append(judge.next_look(state, later(second)))
    assert max(waits[:2]) <= 1.2, "once more as before: the first tasks are on their way"
    assert waits[2:] == [2.0, 2.0, 2.0, 2.0]
    state, _, _ = judge.step(state, LOOK, later(60))
    assert judge.next_look(state, later(60)) <= 5.0, "ECS answers again"


def test_a_steady_look_costs_one_call() -> None:
    state = seen()
    glance = replace(LOOK, service_deployment=None, revisions=(), targets=())
    assert judge.fetch(state, glance, later(2)) == FetchPlan()
    assert judge.fetch(state, glance, later(2)).calls == 1


def test_a_task_that_vanished_from_the_counts_is_looked_for_at_once() -> None:
    state = seen()
    glance = replace(LOOK, deployments=(replace(NEW, running=2, pending=1), OLD))
    wanted = judge.fetch(state, glance, later(2))
    assert wanted.stopped
    assert wanted.service_deployment == "sd42"


def test_a_refusal_is_told_once_and_not_asked_for_again() -> None:
    refused = Trouble(kind="access-denied", text="no", operation="DescribeTargetHealth")
    state = seen()
    look = replace(LOOK, targets=(), troubles=(refused,))
    state, events, _ = judge.step(state, look, later(2))
    assert [h.kind for h in events] == ["trouble"]
    state, events, _ = judge.step(state, replace(look, troubles=()), later(3))
    state, again, _ = judge.step(state, look, later(4))
    assert (events, again) == ((), ())
    moved = replace(LOOK, deployments=(replace(NEW, running=4, pending=0), OLD))
    assert not judge.fetch(state, moved, later(5)).targets
    assert judge.fetch(seen(), moved, later(5)).targets


def test_a_first_crash_is_certain_where_the_list_of_tasks_is_truly_empty() -> None:
    """DescribeServices still counts a running task that ListTasks does not show any more."""
    stop = Task(
        arn="task/1",
        task_definition=TARGET.task_definition,
        started_by="ecs-svc/42",
        last_status="STOPPED",
        stop_code="TaskFailedToStart",
        stopped_reason="CannotPullContainerError: manifest unknown",
    )
    look = replace(LOOK, stopped=(stop,))
    for listed in (False, True):
        state, events, _ = judge.step(seen(), replace(look, tasks_listed=listed), later(2))
        assert ("announced" in [h.kind for h in events]) is listed
        assert (state.announced is not None) is listed


def test_a_status_never_goes_back() -> None:
    back = replace(LOOK, service_deployment=replace(DESCRIBED, status="ROLLBACK_IN_PROGRESS"))
    state, _, _ = judge.step(seen(), back, later(2))
    state, _, _ = judge.step(state, LOOK, later(3))
    rolling = judge.progress(state, LOOK, later(3))
    assert (rolling.stage, rolling.rolling_back) == ("ROLLBACK_IN_PROGRESS", True)


OTHER = "sha256:" + "77d0" * 16


@pytest.mark.parametrize(
    ("image", "reported", "platforms", "holds"),
    [
        # The case of the field: ECS reports no digest, and the task definition pins ours.
        (f"r/shop@{TARGET.digest}", None, {TARGET.digest}, True),
        (f"r/shop@{TARGET.digest}", "", {TARGET.digest}, True),
        (f"r/shop@{TARGET.digest}", None, {OTHER}, True),
        (f"r/shop@{OTHER}", None, {TARGET.digest}, False),
        ("r/shop:latest", None, {TARGET.digest}, False),
        (f"r/shop@{TARGET.digest}", OTHER, {TARGET.digest}, False),
    ],
)
def test_a_digest_that_ecs_does_not_report_is_no_other_digest(
    image: str, reported: str | None, platforms: set[str], *, holds: bool
) -> None:
    target = replace(TARGET, platforms=frozenset(platforms))
    state, _, _ = judge.step(judge.begin(target, Policy(), T0), LOOK, later(1))
    task = Task(
        arn="task/1",
        task_definition=TARGET.task_definition,
        started_by=TARGET.deployment_id,
        last_status="RUNNING",
        containers=(Container(name="web", image=image, image_digest=reported),),
    )
    assert our_digest(state, Snapshot(tasks=(task,))).holds is holds
