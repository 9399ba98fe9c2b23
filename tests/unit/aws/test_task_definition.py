"""A task definition is read into a value, and registered again as it was but for the image."""

from __future__ import annotations

import copy
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.aws.task_definition import read, registration
from shipway.rollout.task_definition import (
    READ_ONLY,
    AwsLogs,
    ContainerDefinition,
    TaskDefinition,
)
from shipway.values import Digest, ImageReference

IMAGE = ImageReference(
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop", Digest("sha256:" + "9c41" * 16)
)
ARN = "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:41"
DATABASE = "arn:aws:ssm:eu-west-1:111122223333:parameter/shop/db"
LOGS = {"awslogs-group": "/shop", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web"}
TAGS = [{"key": "team", "value": "shop"}]
LIVE: dict[str, Any] = {
    "taskDefinitionArn": ARN,
    "family": "shop",
    "revision": 41,
    "status": "ACTIVE",
    "requiresAttributes": [{"name": "ecs.capability.execution-role-awslogs"}],
    "compatibilities": ["EC2", "FARGATE"],
    "registeredAt": "2026-11-01T00:00:00Z",
    "registeredBy": "arn:aws:sts::111122223333:assumed-role/x/y",
    "deregisteredAt": None,
    "deleteRequestedAt": None,
    "pidMode": "task",
    "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
    "memory": "512",
    "executionRoleArn": "arn:aws:iam::111122223333:role/execution",
    "taskRoleArn": "",
    "volumes": [],
    "somethingOfTomorrow": {"a": [1, ""]},
    "containerDefinitions": [
        {"name": "proxy", "image": "envoy:v1", "command": [], "user": "", "essential": False},
        {
            "name": "web",
            "image": "shop:old",
            "memory": 256,
            "environment": [{"name": "A", "value": ""}],
            "secrets": [{"name": "DATABASE_URL", "valueFrom": DATABASE}],
            "portMappings": [{"containerPort": 8080}, {"containerPortRange": "9000-9010"}],
            "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 5},
            "logConfiguration": {"logDriver": "awslogs", "options": LOGS},
        },
    ],
}


def live(**more: Any) -> TaskDefinition:
    return read({"taskDefinition": {**LIVE, **more}, "tags": TAGS})


def test_every_field_is_read() -> None:
    assert live() == TaskDefinition(
        arn=ARN,
        family="shop",
        containers=(
            ContainerDefinition(name="proxy", image="envoy:v1", essential=False),
            ContainerDefinition(
                name="web",
                image="shop:old",
                ports=(8080,),
                memory="256",
                health_command=("CMD-SHELL", "true"),
                environment=(("A", ""),),
                secrets=(("DATABASE_URL", DATABASE),),
                logs=AwsLogs(group="/shop", region="eu-west-1", stream_prefix="web"),
                log_driver="awslogs",
            ),
        ),
        memory="512",
        execution_role="arn:aws:iam::111122223333:role/execution",
        registered_by="arn:aws:sts::111122223333:assumed-role/x/y",
        region="eu-west-1",
        processor="ARM64",
        document={**LIVE, "tags": TAGS},
    )


@pytest.mark.parametrize(
    ("configuration", "logs"),
    [
        ({"logDriver": "awslogs", "options": {"awslogs-group": "/a"}}, AwsLogs(group="/a")),
        ({"logDriver": "awslogs", "options": {"awslogs-stream-prefix": "a"}}, None),
        ({"logDriver": "awslogs"}, None),
        ({"logDriver": "splunk", "options": {"splunk-url": "https://splunk.example"}}, None),
        ({}, None),
    ],
)
def test_where_a_container_logs(configuration: dict[str, Any], logs: AwsLogs | None) -> None:
    web = {"name": "web", "logConfiguration": configuration}
    assert live(containerDefinitions=[web]).container("web").logs == logs


def test_only_the_image_and_the_read_only_fields_differ() -> None:
    before = copy.deepcopy(LIVE)
    request = registration(live().with_image("web", IMAGE))
    assert before == LIVE, "the live document must not be touched"
    expected = {k: v for k, v in LIVE.items() if k not in READ_ONLY}
    expected["containerDefinitions"] = [
        LIVE["containerDefinitions"][0],
        {**LIVE["containerDefinitions"][1], "image": str(IMAGE)},
    ]
    assert request == {**expected, "tags": TAGS}
    assert list(request) == [*(k for k in LIVE if k not in READ_ONLY), "tags"], "in the same order"


def test_as_it_was_read_it_is_registered() -> None:
    again = {k: v for k, v in LIVE.items() if k not in READ_ONLY}
    assert registration(live()) == {**again, "tags": TAGS}


@pytest.mark.parametrize("beside", [{}, {"tags": []}])
def test_empty_tags_are_left_out_as_the_api_refuses_them(beside: dict[str, Any]) -> None:
    for document in (LIVE, {**LIVE, "tags": []}):
        definition = read({"taskDefinition": document, **beside})
        assert "tags" not in registration(definition.with_image("web", IMAGE))


@pytest.mark.parametrize(
    "reserved",
    ["aws:cloudformation:stack-name", "aws:cloudformation:logical-id", "AWS:ecs:clusterName"],
)
def test_tags_that_aws_keeps_for_itself_are_not_registered_again(reserved: str) -> None:
    own = {"key": "team", "value": "shop"}
    tags = [{"key": reserved, "value": "shop"}, own, {"key": "awsome", "value": ""}]
    request = registration(read({"taskDefinition": LIVE, "tags": tags}))
    assert request["tags"] == [own, {"key": "awsome", "value": ""}]
    alone = registration(read({"taskDefinition": LIVE, "tags": tags[:1]}))
    assert "tags" not in alone


def test_read_only_is_what_botocore_answers_and_does_not_take() -> None:
    model: Any = botocore.session.get_session().get_service_model("ecs")
    takes = set(model.operation_model("RegisterTaskDefinition").input_shape.members)
    answers = set(model.shape_for("TaskDefinition").members)
    assert answers - takes == READ_ONLY


@pytest.mark.parametrize(
    "broken", [{}, {"containerDefinitions": "x"}, {"containerDefinitions": [1]}]
)
def test_a_document_without_containers_has_none(broken: dict[str, Any]) -> None:
    assert read({"taskDefinition": broken}).containers == ()


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    extra=st.dictionaries(st.text(min_size=1), json),
    inside=st.dictionaries(st.text(min_size=1), json),
)
def test_whatever_else_is_in_it_goes_through(extra: dict[str, Any], inside: dict[str, Any]) -> None:
    own = {"containerDefinitions", "tags", *READ_ONLY}
    extra = {name: value for name, value in extra.items() if name not in own}
    known = {"environment", "essential", "healthCheck", "logConfiguration", "memory"}
    known |= {"image", "name", "portMappings", "secrets"}
    inside = {name: value for name, value in inside.items() if name not in known}
    document = {**extra, "containerDefinitions": [{"name": "web", "image": "x", **inside}]}
    request = registration(read({"taskDefinition": document}).with_image("web", IMAGE))
    assert request == {
        **extra,
        "containerDefinitions": [{"name": "web", "image": str(IMAGE), **inside}],
    }
