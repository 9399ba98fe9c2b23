from __future__ import annotations

import copy
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.errors import ConfigurationError
from shipway.rollout.task_definition import READ_ONLY, image_of, needed, pin
from shipway.values import Digest, ImageReference

IMAGE = ImageReference(
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop", Digest("sha256:" + "9c41" * 16)
)
LIVE: dict[str, Any] = {
    "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:41",
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
    "taskRoleArn": "",
    "volumes": [],
    "somethingOfTomorrow": {"a": [1, ""]},
    "containerDefinitions": [
        {"name": "proxy", "image": "envoy:v1", "command": [], "user": ""},
        {"name": "web", "image": "shop:old", "environment": [{"name": "A", "value": ""}]},
    ],
    "tags": [{"key": "team", "value": "shop"}],
}


def test_only_the_image_and_the_read_only_fields_differ() -> None:
    before = copy.deepcopy(LIVE)
    request = pin(LIVE, "web", IMAGE)
    assert before == LIVE, "the live document must not be touched"
    expected = {k: v for k, v in LIVE.items() if k not in READ_ONLY}
    expected["containerDefinitions"] = [
        LIVE["containerDefinitions"][0],
        {**LIVE["containerDefinitions"][1], "image": str(IMAGE)},
    ]
    assert request == expected
    assert list(request) == [k for k in LIVE if k not in READ_ONLY], "in the same order"


def test_empty_tags_are_left_out_as_the_api_refuses_them() -> None:
    assert "tags" not in pin({**LIVE, "tags": []}, "web", IMAGE)


def test_read_only_is_what_botocore_answers_and_does_not_take() -> None:
    model: Any = botocore.session.get_session().get_service_model("ecs")
    takes = set(model.operation_model("RegisterTaskDefinition").input_shape.members)
    answers = set(model.shape_for("TaskDefinition").members)
    assert answers - takes == READ_ONLY


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("wbe", 'did you mean "web"?'), ("database", "it has 'proxy', 'web'")],
)
def test_an_unknown_container_is_refused_with_the_nearest_name(name: str, remedy: str) -> None:
    for ask in (pin, needed):
        with pytest.raises(ConfigurationError) as caught:
            ask(LIVE, name, IMAGE)
        assert caught.value.what == f'task definition shop has no container "{name}"'
        assert caught.value.remedy == remedy
        assert caught.value.where.endswith("task-definition/shop:41")


def test_already_running_needs_nothing() -> None:
    assert needed(LIVE, "web", IMAGE)
    assert not needed(pin(LIVE, "web", IMAGE), "web", IMAGE)
    assert needed(pin(LIVE, "proxy", IMAGE), "web", IMAGE), "another container's image is no proof"
    assert image_of(LIVE, "web") == "shop:old"
    assert image_of(LIVE, "none") == ""


@pytest.mark.parametrize(
    "broken", [{}, {"containerDefinitions": "x"}, {"containerDefinitions": [1]}]
)
def test_a_document_without_containers_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="has no container"):
        pin(broken, "web", IMAGE)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(extra=st.dictionaries(st.text(min_size=1), json))
def test_whatever_else_is_in_it_goes_through(extra: dict[str, Any]) -> None:
    own = {"containerDefinitions", "tags", *READ_ONLY}
    extra = {name: value for name, value in extra.items() if name not in own}
    request = pin({**extra, "containerDefinitions": [{"name": "web", "image": "x"}]}, "web", IMAGE)
    assert {k: v for k, v in request.items() if k != "containerDefinitions"} == extra
