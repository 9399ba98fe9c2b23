"""What a release moves in a task definition, and what it leaves behind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.rollout.unchanged import Unchanged

from shipway.aws.task_definition import read, registration
from shipway.config.environment import Environment, Service
from shipway.config.images import ImageSettings
from shipway.errors import ConfigurationError
from shipway.rollout.images import ReleaseImages
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.plan import Step, left_behind, plan
from shipway.rollout.snapshot import Deployment, Snapshot
from shipway.rollout.task_definition import TaskDefinition
from shipway.values import Digest, ImageReference

CASE = Path(__file__).parents[1] / "cases" / "two-containers-one-image" / "task-definition.json"
REPOSITORY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop"
OLD, NEW = (Digest("sha256:" + digit * 64) for digit in "ab")
IMAGE = ImageReference(REPOSITORY, NEW)
ARN = "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:1"


def definition(**images: str) -> TaskDefinition:
    """The case's, with other images where they are given."""
    document = json.loads(CASE.read_text())
    for container in document["containerDefinitions"]:
        image = f"{REPOSITORY}@{OLD}"
        container["image"] = images.get(container["name"], image)
    return read({"taskDefinition": {**document, "family": "shop", "taskDefinitionArn": ARN}})


class Looks(Unchanged):
    """An ECS that shows one service, and is never changed."""

    def __init__(self, live: TaskDefinition) -> None:
        self._live = live

    def services(self, cluster: str, names: object) -> dict[str, Snapshot]:
        assert (cluster, names) == ("shop", ["shop-web"])
        primary = Deployment(
            id="ecs-svc/1", status="PRIMARY", task_definition=ARN, rollout_state="COMPLETED"
        )
        return {
            "shop-web": Snapshot(
                task_definition=ARN, desired=1, deployments=(primary,), breaker_enabled=True
            )
        }

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        assert fetch.calls, (cluster, name)
        return glance

    def task_definition(self, arn: str) -> TaskDefinition:
        assert arn in {ARN, "shop"}, "what runs, or its family's newest revision"
        return self._live


def planned(live: TaskDefinition, *same_image: str) -> Step:
    service = Service(key="web", service="shop-web", container="web", same_image=same_image)
    environment = Environment(
        name="staging",
        account="111122223333",
        region="eu-west-1",
        registry=REPOSITORY.partition("/")[0],
        repository="shop",
        cluster="shop",
        role="",
        image=ImageSettings(
            name="shop", context=".", dockerfile="Dockerfile", platforms=(), build_args={}
        ),
        services=(service,),
    )
    (step,) = plan(Looks(live), environment, ReleaseImages.alone(IMAGE))
    return step


def images(step: Step) -> dict[str, str]:
    assert step.revision is not None
    request = registration(step.revision)["containerDefinitions"]
    assert isinstance(request, list)
    return {container["name"]: container["image"] for container in request}


def test_both_move_where_both_are_named() -> None:
    step = planned(definition(), "migrate")
    assert images(step) == {"migrate": str(IMAGE), "web": str(IMAGE)}
    assert left_behind(step) == ""


def test_what_stays_on_the_same_image_is_said_where_one_is_named() -> None:
    step = planned(definition())
    assert images(step) == {"migrate": f"{REPOSITORY}@{OLD}", "web": str(IMAGE)}
    said = left_behind(step)
    assert said.startswith(f'container "migrate" keeps {REPOSITORY}@{OLD}, an older image')
    assert "same_image" in said


@pytest.mark.parametrize(
    ("migrate", "told"),
    [
        (f"{REPOSITORY}:v1", True),  # pinned by a tag, and of the same repository all the same
        (f"{REPOSITORY}-tools@{OLD}", False),
        ("registry.example:5000/shop:v1", False),
        ("", False),
    ],
)
def test_only_an_image_of_the_same_repository_is_told(migrate: str, *, told: bool) -> None:
    assert bool(left_behind(planned(definition(migrate=migrate)))) is told


def test_one_that_lags_behind_is_moved_though_the_first_runs_the_image_already() -> None:
    step = planned(definition(web=str(IMAGE)), "migrate")
    assert images(step) == {"migrate": str(IMAGE), "web": str(IMAGE)}
    assert planned(definition(web=str(IMAGE), migrate=str(IMAGE)), "migrate").revision is None


def test_a_container_that_is_not_there_is_refused_with_its_key() -> None:
    with pytest.raises(ConfigurationError, match='no container "migrat"') as caught:
        planned(definition(), "migrat")
    assert caught.value.where.endswith("services.web.same_image")
    assert caught.value.remedy == 'did you mean "migrate"?'
    assert planned(replace(definition()), "web").service.containers == ("web",)
