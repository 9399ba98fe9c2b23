"""Which revision every scheduled task is to run after a release."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rollout.jobs.fakes import IMAGE, Ecs, definition
from tests.unit.rollout.schedules.fakes import FakeSchedules

from shipway.config.environment import Environment, Service
from shipway.config.images import ImageSettings
from shipway.config.schedule import Schedule
from shipway.errors import ConfigurationError
from shipway.rollout.images import ReleaseImage, ReleaseImages
from shipway.rollout.plan import Step
from shipway.rollout.schedules.plan import ScheduleStep, all_targets, plan_schedules
from shipway.rollout.schedules.ports import ScheduleTarget
from shipway.rollout.snapshot import Snapshot
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition, UnbuiltImage

WEB = Schedule(key="a", kind="rule", name="a", service="web")
REPORT = Schedule(key="r", kind="schedule", name="r", group="night", task_definition="report")


def target(task_definition: str, role: str = "") -> ScheduleTarget:
    return ScheduleTarget(id="t", task_definition=task_definition, role=role)


def environment(*schedules: Schedule) -> Environment:
    return Environment(
        name="staging",
        account="111122223333",
        region="eu-west-1",
        registry="registry.example",
        repository="shop",
        cluster="shop",
        role="",
        image=ImageSettings(
            name="shop", context=".", dockerfile="Dockerfile", platforms=(), build_args={}
        ),
        services=(Service(key="web", service="shop-web", container="web"),),
        schedules=schedules,
    )


def planned(
    schedule: Schedule, live: TaskDefinition, *, starts: str, built: bool = True
) -> ScheduleStep:
    ecs = Ecs({live.arn: live})
    image = ReleaseImage(reference=IMAGE if built else UnbuiltImage(IMAGE.repository))
    step = Step(
        service=environment().services[0],
        before=Snapshot(),
        live=live,
        revision=live.with_image("web", IMAGE),
        image=image,
    )
    [found] = plan_schedules(
        ecs,
        FakeSchedules({schedule.described: [target(starts)]}),
        environment(schedule),
        images=ReleaseImages({schedule.image: image}),
        steps=(step,) if schedule.service else (),
    )
    assert ecs.registered == []
    return found


def with_two(live: TaskDefinition) -> TaskDefinition:
    side = ContainerDefinition(name="side", image="side:1")
    return replace(live, containers=(*live.containers, side))


def test_a_service_gives_the_revision_that_it_will_run() -> None:
    found = planned(WEB, definition("web:1"), starts="web:1")
    assert found.definition.pins("web", IMAGE)
    assert found.definition.arn == "", "it is registered by the rollout"
    assert found.changes


@pytest.mark.parametrize("built", [True, False])
def test_a_family_of_its_own_gets_the_image(*, built: bool) -> None:
    found = planned(REPORT, definition("report:1"), starts="report:1", built=built)
    assert found.changes
    assert found.definition.arn == ""


def test_a_family_that_has_the_image_is_registered_no_second_time() -> None:
    live = replace(definition("report:1").with_image("web", IMAGE), arn="report:1")
    assert not planned(REPORT, live, starts="report:1").changes
    assert planned(REPORT, live, starts="report").changes, "the newest one is not this one"


def test_of_several_containers_one_is_named() -> None:
    live = with_two(definition("report:1"))
    with pytest.raises(ConfigurationError) as caught:
        planned(REPORT, live, starts="report:1")
    assert caught.value.where.endswith("environments.staging.schedules.r.container")
    assert "'web', 'side'" in caught.value.remedy
    named = replace(REPORT, container="web")
    assert planned(named, live, starts="report:1").definition.pins("web", IMAGE)


def test_a_container_that_is_not_there_is_told_with_its_key() -> None:
    wrong = replace(REPORT, container="wep")
    with pytest.raises(ConfigurationError) as caught:
        planned(wrong, definition("report:1"), starts="report:1")
    assert caught.value.where.endswith("environments.staging.schedules.r.container")
    assert caught.value.remedy == 'did you mean "web"?'


def test_another_family_is_told_with_what_is_started() -> None:
    with pytest.raises(ConfigurationError) as caught:
        planned(REPORT, definition("report:1"), starts="web:1")
    assert caught.value.what == "schedule night/r starts no task of the family report"
    assert caught.value.where.endswith("environments.staging.schedules.r")
    assert caught.value.details == ("it starts web",)


def test_a_rule_s_other_targets_are_left_out() -> None:
    other, *ours = target("x:1", "arn:other"), target("web:1", "arn:clock"), target("web:1", "")
    schedules = FakeSchedules({"rule a": [other, *ours]})
    assert all_targets(schedules, environment(WEB), {"a": "web"}) == {"a": tuple(ours)}


def test_of_several_images_it_takes_the_one_that_it_names() -> None:
    found = planned(replace(REPORT, image="report"), definition("report:1"), starts="report:1")
    assert found.definition.pins("web", IMAGE)
