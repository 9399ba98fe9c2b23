"""Which jobs a release runs, with what and where."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.fake_clock import Clock
from tests.unit.rollout.jobs.fakes import IMAGE, NEW, NOW, Ecs, Tasks, definition, task

from shipway.config.environment import Environment, Service
from shipway.config.images import ImageSettings
from shipway.config.job import Job
from shipway.errors import ConfigurationError
from shipway.rollout.images import ReleaseImage, ReleaseImages
from shipway.rollout.jobs.plan import JobStep, plan_by_hand, plan_jobs
from shipway.rollout.jobs.terms import Placement, release_of
from shipway.rollout.plan import Step
from shipway.rollout.snapshot import Deployment, Snapshot
from shipway.rollout.task_definition import ContainerDefinition, UnbuiltImage

MIGRATE = Job(key="migrate", when="before", service="web", network="web")
WARM = Job(key="warm", when="after", task_definition="warm", network="web")
IN_ITS_SUBNET = Placement(subnets=("subnet-1",), launch_type="FARGATE")


def environment(*jobs: Job) -> Environment:
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
        jobs=jobs,
    )


def steps(ecs: Ecs, *, moves: bool = True, age: float = 0.0) -> tuple[Step, ...]:
    live = ecs.task_definition("web:1")
    primary = Deployment(
        id="ecs-svc/1",
        status="PRIMARY",
        task_definition="web:1",
        created_at=NOW - timedelta(seconds=age),
    )
    return (
        Step(
            service=environment().services[0],
            before=Snapshot(deployments=(primary,)),
            live=live,
            revision=live.with_image("web", IMAGE) if moves else None,
            image=ReleaseImage(reference=IMAGE),
        ),
    )


def planned(
    *jobs: Job,
    ecs: Ecs | None = None,
    tasks: Tasks | None = None,
    image: UnbuiltImage | None = None,
    moves: bool = True,
    age: float = 0.0,
) -> tuple[JobStep, ...]:
    ecs = ecs or Ecs({"web:1": definition("web:1"), "warm:1": definition("warm:1")})
    return plan_jobs(
        ecs,
        tasks or Tasks(Clock(), placed=IN_ITS_SUBNET),
        environment(*jobs),
        images=ReleaseImages.alone(image or IMAGE),
        steps=steps(ecs, moves=moves, age=age),
        now=NOW,
    )


def test_a_job_takes_the_revision_that_its_service_will_run() -> None:
    [step] = planned(MIGRATE)
    assert (step.due.what, step.container, step.definition.arn) == ("start", "web", "")
    assert step.definition.pins("web", IMAGE)
    assert step.placement == IN_ITS_SUBNET


def test_one_with_a_task_definition_of_its_own_takes_the_newest_and_its_only_container() -> None:
    ecs = Ecs({"web:1": definition("web:1"), "warm:7": definition("warm:7", NEW)})
    [step] = planned(WARM, ecs=ecs)
    assert step.definition.arn == "warm:7"
    assert step.container == "web"


def test_a_task_definition_that_is_not_there_is_told_with_its_place() -> None:
    with pytest.raises(ConfigurationError, match="there is no task definition warm") as missing:
        planned(WARM, ecs=Ecs({"web:1": definition("web:1")}))
    assert missing.value.where == "ci/delivery.toml  environments.staging.jobs.warm.task_definition"
    assert missing.value.remedy.endswith("nothing was changed")


def test_written_subnets_go_before_those_of_a_service() -> None:
    job = replace(WARM, subnets=("subnet-9",), security_groups=("sg-9",), public_ip=True)
    [step] = planned(job)
    assert step.placement == Placement(
        subnets=("subnet-9",), security_groups=("sg-9",), public_ip=True, launch_type="FARGATE"
    )


def test_jobs_stand_before_and_after_and_those_by_hand_not_at_all() -> None:
    by_hand = replace(MIGRATE, key="clean", when="by-hand")
    assert [step.job.key for step in planned(WARM, by_hand, MIGRATE)] == ["migrate", "warm"]


def test_what_ran_for_this_release_does_not_run_again() -> None:
    name = release_of(MIGRATE, "staging", "shop", IMAGE.digest)
    tasks = Tasks(Clock(), known=[task("a", 0, started_by=name), task("b", 0, started_by="other")])
    [step] = planned(MIGRATE, tasks=tasks)
    assert (step.due.what, step.runs, len(step.earlier)) == ("done", False, 1)


@pytest.mark.parametrize(("age", "what"), [(60.0, "start"), (4000.0, "idle")])
def test_where_nothing_moves_only_a_fresh_release_gets_its_last_jobs(age: float, what: str) -> None:
    before, after = planned(MIGRATE, WARM, moves=False, age=age)
    assert (before.due.what, after.due.what) == ("idle", what)


def test_of_an_image_that_is_not_built_nothing_can_have_run() -> None:
    [step] = planned(MIGRATE, image=UnbuiltImage("registry.example/shop"))
    assert (step.due.what, step.started_by) == ("start", "")


def test_by_hand_any_job_runs_again() -> None:
    name = release_of(MIGRATE, "staging", "shop", IMAGE.digest)
    ecs = Ecs({"web:1": definition("web:1")})
    tasks = Tasks(Clock(), known=[task("a", 0, started_by=name)])
    step = plan_by_hand(
        ecs,
        tasks,
        environment(MIGRATE),
        MIGRATE,
        images=ReleaseImages.alone(IMAGE),
        steps=steps(ecs, moves=False),
    )
    assert step.due.what == "start"


def refusal(job: Job, *containers: ContainerDefinition) -> ConfigurationError:
    warm = replace(definition("warm:1"), containers=containers)
    with pytest.raises(ConfigurationError) as caught:
        planned(job, ecs=Ecs({"web:1": definition("web:1"), "warm:1": warm}))
    assert caught.value.where == "ci/delivery.toml  environments.staging.jobs.warm.container"
    return caught.value


def test_a_container_must_be_known_and_its_end_the_tasks_end() -> None:
    one, two = ContainerDefinition(name="one"), ContainerDefinition(name="two", essential=False)
    assert refusal(WARM, one, two).remedy == "name one of 'one', 'two'"
    assert "not essential" in refusal(replace(WARM, container="two"), one, two).what
    assert refusal(replace(WARM, container="onn"), one).remedy == 'did you mean "one"?'
