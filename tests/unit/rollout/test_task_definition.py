"""What a rollout, a verification and a diagnosis ask of a task definition."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shipway.errors import ConfigurationError
from shipway.rollout.task_definition import AwsLogs, ContainerDefinition, TaskDefinition
from shipway.values import Digest, ImageReference

IMAGE = ImageReference(
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop", Digest("sha256:" + "9c41" * 16)
)
PROXY = ContainerDefinition(name="proxy", image="envoy:v1")
WEB = ContainerDefinition(name="web", image="shop:old", environment=(("A", ""),))
LIVE = TaskDefinition(
    arn="arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:41",
    family="shop",
    containers=(PROXY, WEB),
    memory="512",
    document={"somethingOfTomorrow": {"a": [1, ""]}},
)


def test_only_the_image_differs() -> None:
    revision = LIVE.with_image("web", IMAGE)
    assert revision.containers == (PROXY, replace(WEB, image=str(IMAGE)))
    assert replace(revision, arn=LIVE.arn, containers=LIVE.containers) == LIVE
    assert revision.arn == "", "it is not registered yet"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("wbe", 'did you mean "web"?'), ("database", "it has 'proxy', 'web'")],
)
def test_an_unknown_container_is_refused_with_the_nearest_name(name: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        LIVE.with_image(name, IMAGE)
    assert caught.value.what == f'task definition shop has no container "{name}"'
    assert caught.value.remedy == remedy
    assert caught.value.where == LIVE.arn


def test_a_task_definition_without_containers_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="has no container") as caught:
        TaskDefinition().with_image("web", IMAGE)
    assert caught.value.remedy == "it has no containers at all"


def test_already_running_is_exactly_this_image_in_exactly_this_container() -> None:
    assert not LIVE.pins("web", IMAGE)
    assert LIVE.with_image("web", IMAGE).pins("web", IMAGE)
    other = LIVE.with_image("proxy", IMAGE)
    assert not other.pins("web", IMAGE), "another container's image is no proof"


def test_of_a_container_that_is_not_there_nothing_is_known() -> None:
    assert LIVE.container("web").image == "shop:old"
    assert LIVE.container("none") == ContainerDefinition(name="none")


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        (str(IMAGE), IMAGE),
        ("shop:old", None),
        ("shop@sha256:short", None),
        ("", None),
    ],
)
def test_an_image_is_pinned_by_digest_or_not(image: str, reference: ImageReference | None) -> None:
    container = replace(WEB, image=image)
    assert container.reference == reference
    digests = {reference.digest} if reference else set()
    assert replace(LIVE, containers=(PROXY, container)).digests == digests


def test_the_log_stream_of_a_task() -> None:
    logs = AwsLogs(group="/shop", stream_prefix="web")
    assert logs.stream("app", "0123abcd") == "web/app/0123abcd"
    assert AwsLogs(group="/shop").stream("app", "0123abcd") == "", "it cannot be known"


def test_its_roles_are_those_that_it_has() -> None:
    assert TaskDefinition(execution_role="arn:e", task_role="arn:t").roles == ("arn:e", "arn:t")
    assert TaskDefinition(task_role="arn:t").roles == ("arn:t",)
    assert TaskDefinition().roles == ()


def test_no_secret_is_shown_and_each_is_known() -> None:
    """What is said of it may land in a log: of a variable not even the value is said."""
    variables = (("DB_PASSWORD", "hunter22"), ("DB_URL", "postgres://shop:hunter23@db/shop"))
    definition = replace(
        LIVE,
        containers=(PROXY, replace(WEB, environment=variables)),
        document={"containerDefinitions": [{"environment": [dict(variables)]}]},
    )
    assert definition.secret_values == {"hunter22", "hunter23"}
    assert "hunter" not in repr(definition)
    assert "hunter" not in repr(definition.with_image("web", IMAGE))
