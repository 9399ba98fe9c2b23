"""What ECS fills in is no difference to a file that leaves it out; all else is one."""

from __future__ import annotations

from typing import Any

import pytest

from shipway.rollout.difference import differences
from shipway.rollout.task_document import read_document


def document(container: dict[str, Any], **task: Any) -> dict[str, Any]:
    web = {"name": "web", "image": "shop:1", **container}
    return {"family": "shop", "containerDefinitions": [web], **task}


def fields(live: dict[str, Any], written: dict[str, Any]) -> list[str]:
    changes = differences(read_document(live), read_document(written))
    back = differences(read_document(written), read_document(live))
    assert {each.field for each in changes} == {each.field for each in back}
    return [each.field for each in changes]


def test_what_describe_task_definition_adds_is_no_difference() -> None:
    written = document(
        {
            "portMappings": [{"containerPort": 8080}],
            "healthCheck": {"command": ["CMD", "true"]},
            "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}],
        },
        networkMode="awsvpc",
        cpu="1 vCPU",
        memory="2GB",
        volumes=[{"name": "data", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
    )
    live = document(
        {
            "cpu": 0,
            "essential": True,
            "environment": [],
            "volumesFrom": [],
            "systemControls": [],
            "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
            "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3},
            "mountPoints": [{"sourceVolume": "data", "containerPath": "/data", "readOnly": False}],
        },
        networkMode="awsvpc",
        cpu="1024",
        memory="2048",
        volumes=[
            {
                "name": "data",
                "host": {},
                "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/"},
            }
        ],
        tags=[{"key": "aws:cloudformation:stack-name", "value": "shop"}],
        revision=7,
        status="ACTIVE",
        compatibilities=["FARGATE"],
    )
    assert fields(live, written) == []


@pytest.mark.parametrize(
    ("live", "written", "field"),
    [
        ({"essential": True}, {"essential": False}, "web.essential"),
        ({"cpu": 0}, {"cpu": 128}, "web.cpu"),
        (
            {"portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]},
            {"portMappings": [{"containerPort": 80, "hostPort": 80}]},
            "web.portMappings.80.hostPort",
        ),
        ({}, {"portMappings": [{"containerPort": 80}]}, "web.portMappings.80"),
        (
            {"healthCheck": {"command": ["CMD", "a"], "interval": 30}},
            {"healthCheck": {"command": ["CMD", "a"], "interval": 10}},
            "web.healthCheck.interval",
        ),
        ({"fieldOfTomorrow": False}, {}, "web.fieldOfTomorrow"),
        ({"user": "root"}, {}, "web.user"),
    ],
)
def test_what_is_no_default_is_a_difference(
    live: dict[str, Any], written: dict[str, Any], field: str
) -> None:
    assert field in fields(document(live), document(written))


def test_other_peoples_tags_and_sizes_are_differences() -> None:
    live = document({}, cpu="1024", tags=[{"key": "team", "value": "shop"}])
    assert fields(live, document({}, cpu=".5 vCPU")) == ["cpu", "tags.team"]
