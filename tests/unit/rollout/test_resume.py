"""Who waits at a PAUSE hook, and what is to be watched once it is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pytest
from tests.unit.rollout.unchanged import Unchanged

from shipway.config.environment import Environment, Service
from shipway.config.images import ImageSettings
from shipway.delivery.facts import resumed_fact
from shipway.errors import UsageError
from shipway.evidence.canonical_json import to_json
from shipway.rollout import resume
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.snapshot import (
    Deployment,
    LifecycleHook,
    RevisionSummary,
    ServiceDeployment,
    ServiceRevision,
    Snapshot,
)
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition
from shipway.values import Digest, ImageReference

IMAGE = ImageReference("host/shop", Digest("sha256:" + "9c41" * 16))
OLD, NEW = (
    Deployment(id="ecs-svc/1", status="PRIMARY", task_definition="shop:41"),
    Deployment(id="ecs-svc/2", status="ACTIVE", task_definition="shop:42"),
)
HOOK = LifecycleHook(id="hook", type="PAUSE", status="AWAITING_ACTION")
WAITS = ServiceDeployment(
    arn="sd42",
    status="IN_PROGRESS",
    lifecycle_stage="POST_SCALE_UP",
    target=RevisionSummary(arn="rev42"),
    hooks=(HOOK,),
)
SECRET = (("DB_PASSWORD", "hunter22"),)
PLACE = Environment(
    name="staging",
    account="111122223333",
    region="eu-west-1",
    registry="host",
    repository="shop",
    cluster="shop",
    role="",
    image=ImageSettings(
        name="shop", context=".", dockerfile="Dockerfile", platforms=(), build_args={}
    ),
    services=(Service(key="web", service="shop-web", container="web"),),
)


@dataclass
class Ecs(Unchanged):
    """One service whose deployment may wait; nothing is changed but by an answer."""

    image: str = str(IMAGE)
    deployments: tuple[Deployment, ...] = (OLD, NEW)
    described: ServiceDeployment = WAITS
    answers: list[tuple[str, str, str]] = field(default_factory=list)

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        assert (cluster, list(names)) == ("shop", ["shop-web"])
        return {"shop-web": Snapshot(task_definition="shop:41", deployments=self.deployments)}

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        assert (cluster, name, fetch.revisions) == ("shop", "shop-web", True)
        revision = ServiceRevision(arn="rev42", task_definition="shop:42")
        return replace(glance, service_deployment=self.described, revisions=(revision,))

    def task_definition(self, arn: str) -> TaskDefinition:
        assert arn == "shop:42", "that which is rolled out, not that which the service names"
        web = ContainerDefinition(name="web", image=self.image, environment=SECRET)
        document = {"containerDefinitions": [{"environment": [dict(SECRET)]}]}
        return TaskDefinition(arn=arn, containers=(web,), document=document)

    def resume(self, arn: str, hook: str, action: Literal["CONTINUE", "ROLLBACK"]) -> None:
        self.answers.append((arn, hook, action))


@pytest.mark.parametrize(
    ("deployments", "adopted"),
    [((OLD, NEW), NEW), ((OLD,), OLD), ((), None)],
    ids=["of what is rolled out", "else the primary one", "none"],
)
def test_what_waits_is_adopted(
    deployments: tuple[Deployment, ...], adopted: Deployment | None
) -> None:
    ecs = Ecs(deployments=deployments)
    (waiting,) = resume.waiting(ecs, PLACE)
    assert (waiting.deployment, waiting.stage, waiting.image) == ("sd42", "POST_SCALE_UP", IMAGE)
    assert (waiting.step.adopt, waiting.step.revision) == (adopted, None)
    resume.answer(ecs, waiting, "CONTINUE")
    assert ecs.answers == [("sd42", "hook", "CONTINUE")]


def test_an_image_by_tag_cannot_be_told_for_sure() -> None:
    with pytest.raises(UsageError, match="'shop:latest' is not an image pinned by digest"):
        resume.waiting(Ecs(image="shop:latest"), PLACE)


def test_nobody_waits() -> None:
    with pytest.raises(UsageError, match="no deployment of staging waits at a PAUSE hook"):
        resume.waiting(Ecs(described=replace(WAITS, hooks=())), PLACE)


def test_what_is_recorded_of_it_holds_no_value_of_a_variable() -> None:
    (waiting,) = resume.waiting(Ecs(), PLACE)
    assert "hunter22" not in str(to_json(waiting))
    assert "hunter22" not in str(to_json(resumed_fact(waiting)))
