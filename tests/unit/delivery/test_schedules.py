"""Tasks that the clock starts: planned, moved once the release held, put back with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shipway.delivery.order import Order
from shipway.delivery.plan import plan_delivery
from shipway.delivery.planned import DeliveryPlan
from shipway.errors import AccessDeniedError
from shipway.image.build import REVISION
from shipway.observer import Concluded, Failed
from shipway.rollout.schedules.ports import ScheduleTarget

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

TD = "arn:aws:ecs:eu-west-1:111122223333:task-definition"
ROLE = "arn:aws:iam::111122223333:role/clock"
SCHEDULES = """
[environments.staging.schedules.nightly]
rule = "shop-nightly"
service = "web"
[environments.staging.schedules.hourly]
schedule = "hourly"
group = "reports"
service = "web"
"""


def target(what: str) -> ScheduleTarget:
    return ScheduleTarget(id="task", task_definition=f"{TD}/{what}", role=ROLE)


@pytest.fixture
def world(world: World) -> World:
    """The same with a rule, which starts a foreign task beside ours, and a schedule."""
    file = world.root / "ci" / "delivery.toml"
    file.write_text(file.read_text() + SCHEDULES)
    world.cloud.schedules.started = {
        "rule shop-nightly": [target("other:7"), target("shop:41")],
        "schedule reports/hourly": [target("shop")],
    }
    return world


def planned(world: World) -> DeliveryPlan:
    return plan_delivery(Order(task="deploy", environment="staging"), world.context, lambda _: None)


def delivered(world: World) -> None:
    """Deliver, and let the registry know of which commit the image is."""
    assert world.deliver().exit_code == 0
    assert world.builder.layout is not None
    world.cloud.store.built_by[world.builder.layout.root] = {REVISION: world.git.commit.sha}


def facts(world: World, outcome: Any) -> list[dict[str, Any]]:
    schedules: list[dict[str, Any]] = world.record(outcome)["predicate"]["schedules"]
    return schedules


def test_a_release_that_held_is_what_the_clock_starts(world: World) -> None:
    outcome = world.deliver()
    assert outcome.exit_code == 0
    new = world.cloud.ecs.updates[-1]
    assert new == f"{TD}/shop:42"
    assert world.cloud.schedules.moved == [
        ("rule shop-nightly", new),
        ("schedule reports/hourly", new),
    ]
    assert world.cloud.schedules.started["rule shop-nightly"][0] == target("other:7")
    nightly, hourly = facts(world, outcome)
    assert nightly == {
        "key": "nightly",
        "kind": "rule",
        "name": "shop-nightly",
        "taskDefinition": new,
        "previousTaskDefinition": f"{TD}/shop:41",
        "text": "rule shop-nightly starts shop:42, not shop:41 any more",
    }
    assert hourly["name"] == "reports/hourly"


def test_a_second_delivery_finds_nothing_to_move(world: World) -> None:
    delivered(world)
    world.cloud.schedules.moved.clear()
    assert planned(world).kind == "no-change"
    assert world.deliver().exit_code == 0
    assert world.cloud.schedules.moved == []


def test_a_plan_says_what_each_would_start_and_moves_nothing(world: World) -> None:
    found = planned(world)
    assert found.kind == "changes"
    documents: Any = found.document()["schedules"]
    assert [(each["key"], each["action"], each["becomes"]) for each in documents] == [
        ("nightly", "update", ""),
        ("hourly", "update", ""),
    ]
    assert documents[0]["task_definitions"] == [f"{TD}/shop:41"]
    assert world.cloud.schedules.moved == []


def test_what_stays_behind_alone_is_a_change_too(world: World) -> None:
    delivered(world)
    world.cloud.schedules.started["rule shop-nightly"][1] = target("shop:41")
    found = planned(world)
    assert (found.kind, found.changes) == ("changes", 1)
    assert world.deliver().exit_code == 0
    assert world.changed == (1, 1, 1)
    assert world.cloud.schedules.moved[-1] == ("rule shop-nightly", f"{TD}/shop:42")


@pytest.mark.parametrize("ends", ["rolled-back", "unhealthy"])
def test_a_release_that_fails_leaves_the_clock_alone(world: World, ends: str) -> None:
    if ends == "rolled-back":
        world.cloud.ecs.ends = "rolled-back"
    else:
        world.address.answers = [500]
    assert world.deliver().exit_code in {31, 40}
    assert world.cloud.schedules.moved == []


@pytest.mark.parametrize("task", ["build", "publish", "verify"])
def test_what_rolls_nothing_out_moves_nothing(world: World, task: str) -> None:
    assert world.deliver(task).exit_code == 0
    assert world.cloud.schedules.moved == []


def test_a_rollback_puts_them_back(world: World) -> None:
    for name in "ab":
        world.git.commit = replace(world.git.commit, sha=name * 40)
        world.builder.content = name.encode()
        assert world.deliver().exit_code == 0
    assert world.cloud.schedules.moved[-1][1] == f"{TD}/shop:43"
    back = world.deliver("rollback")
    assert back.exit_code == 0
    assert world.cloud.schedules.moved[-2:] == [
        ("rule shop-nightly", f"{TD}/shop:42"),
        ("schedule reports/hourly", f"{TD}/shop:42"),
    ]


def test_one_that_cannot_be_moved_keeps_the_release_and_the_others(world: World) -> None:
    world.cloud.schedules.fails["rule shop-nightly"] = AccessDeniedError(
        "events:PutTargets is not allowed", remedy="allow events:PutTargets"
    )
    outcome = world.deliver()
    assert (outcome.exit_code, outcome.kind) == (43, "schedule")
    assert world.cloud.schedules.moved == [("schedule reports/hourly", f"{TD}/shop:42")]
    assert world.cloud.ecs.updates == [f"{TD}/shop:42"]
    [failed] = [event for event in world.of(Failed) if isinstance(event, Failed)]
    assert (failed.stage, failed.subject) == ("schedule", "nightly")
    assert "the release is in service" in failed.text
    lines = [line for detail in failed.details for line in detail.lines]
    assert any("allow events:PutTargets; then deliver this commit again" in line for line in lines)
    assert isinstance(world.events[-1], Concluded)
    assert [fact["key"] for fact in facts(world, outcome)] == ["hourly"]


def test_a_parameter_that_fails_keeps_the_clock_on_the_release(world: World) -> None:
    file = world.root / "ci" / "delivery.toml"
    head = "[environments.staging.services"
    file.write_text(file.read_text().replace(head, f'image_parameter = "/shop/i"\n{head}', 1))
    world.cloud.published.values["ssm:/shop/i"] = "the image before"
    world.cloud.parameters.fails = AccessDeniedError("ssm:PutParameter is not allowed")
    assert world.deliver().exit_code == 42
    assert len(world.cloud.schedules.moved) == 2


@pytest.mark.parametrize(
    ("started", "told"),
    [
        (None, "there is no rule shop-nightly"),
        ([], "rule shop-nightly starts no task of the family shop"),
        (["other:7"], "rule shop-nightly starts no task of the family shop"),
    ],
)
def test_what_is_not_as_the_file_says_ends_it_before_anything_moves(
    world: World, started: list[str] | None, told: str
) -> None:
    schedules = world.cloud.schedules.started
    if started is None:
        del schedules["rule shop-nightly"]
    else:
        schedules["rule shop-nightly"] = [target(each) for each in started]
    outcome = world.deliver()
    assert outcome.exit_code == 10
    assert world.cloud.ecs.updates == []
    assert world.cloud.schedules.moved == []
    assert any(told in event.text for event in world.of(Failed) if isinstance(event, Failed))
