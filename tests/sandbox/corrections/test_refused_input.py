"""What ECS refuses, each with its code and its words; without the rule it would take it.

The ECS runs in this process, without an engine and without a port: nothing here starts.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

ACCOUNT, REGION = "123456789012", "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"
WEB = {"name": "web", "image": "nginx:1", "memory": 64, "portMappings": [{"containerPort": 80}]}
PLAIN = {"family": "plain", "containerDefinitions": [WEB]}
FARGATE = {
    "family": "fargate",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "0.5GB",
    "containerDefinitions": [{**WEB, "memory": None}],
}
SUBNETS = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
LOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": REGION}}
_names = itertools.count(1)


class Ecs:
    """The API's calls in an account of their own, as the server gets them."""

    def __init__(self, actions: Any, corrections: Any, scope: Any) -> None:
        self._actions, self._corrections, self._scope = actions, corrections, scope

    def call(self, action: str, request: dict[str, Any], *without: str) -> tuple[str, str]:
        """Code and message of a refusal, two empty texts for none; some rules out of force."""
        self._corrections.leave_out(without)
        try:
            with self._scope(ACCOUNT, REGION):
                status, _, body = self._actions[action](json.loads(json.dumps(request)))
        finally:
            self._corrections.leave_out([])
        answer = json.loads(body)
        return ("", "") if status == 200 else (answer["__type"], answer["message"])


@pytest.fixture(scope="module")
def ecs() -> Iterator[Ecs]:
    from shipway_sandbox.emulator import hosting  # noqa: PLC0415  # it takes two seconds

    settings = hosting.Settings(port=1, region=REGION, account=ACCOUNT)
    with pytest.MonkeyPatch.context() as patch:
        hosting.set_environment(settings, "secret")
        hosting.load()
        from ministack.core.responses import request_scope  # noqa: PLC0415  # see there
        from ministack.services import ecs as theirs  # noqa: PLC0415  # see there

        from shipway_sandbox.emulator import state  # noqa: PLC0415  # see there
        from shipway_sandbox.emulator.corrections import CORRECTIONS  # noqa: PLC0415  # see there

        nobody: Any = None
        # What asks for an engine finds none, whatever this machine has.
        patch.setattr(theirs, "_get_docker", lambda: None)
        before = state._current[:]
        state.begin(state.Emulator(engine=nobody, checker=nobody, port=1))
        made = Ecs(theirs._ACTION_MAP, CORRECTIONS, request_scope)
        for action, request in (
            ("CreateCluster", {"clusterName": "default"}),
            ("RegisterTaskDefinition", PLAIN),
            ("RegisterTaskDefinition", FARGATE),
            ("RegisterTaskDefinition", {**PLAIN, "family": "gone"}),
            ("DeregisterTaskDefinition", {"taskDefinition": "gone:1"}),
        ):
            assert made.call(action, request) == ("", ""), (action, request)
        yield made
        state._current[:] = before


def definition(**changed: Any) -> dict[str, Any]:
    return {**PLAIN, **changed}


def container(**changed: Any) -> dict[str, Any]:
    return definition(containerDefinitions=[{**WEB, **changed}])


def fargate(**changed: Any) -> dict[str, Any]:
    return {**FARGATE, **changed}


REGISTER: dict[str, tuple[str, dict[str, Any], str]] = {
    "family": ("bad-names", definition(family="a b"), "Family contains invalid characters."),
    "no-name": ("bad-names", container(name=""), "Container.name should not be null or empty."),
    "name": ("bad-names", container(name="a.b"), "Container.name contains invalid characters."),
    "image": ("bad-names", container(image=""), "Container.image should not be null or empty."),
    "none": ("bad-containers", definition(containerDefinitions=[]),
             "Container list cannot be empty."),
    "many": ("bad-containers",
             definition(containerDefinitions=[{**WEB, "name": f"c{n}"} for n in range(11)]),
             "Too many containers."),
    "twice": ("bad-containers", definition(containerDefinitions=[WEB, WEB]),
              "Container names must be unique within a Task Definition."),
    "helpers": ("bad-containers", container(essential=False),
                "Task definition doesn't have any essential container."),
    "memory": ("missing-memory", container(memory=None),
               ("Invalid setting for container 'web'. At least one of 'memory' or "
               "'memoryReservation' must be specified.")),
    "no-memory": ("missing-memory", container(memory=0),
                  "Invalid 'memory' setting for container 'web'."),
    "too-much": ("missing-memory", {**container(memory=2048), "memory": "1GB"},
                 "The 'memory' setting for container 'web' is greater than for the task."),
    "cpu": ("missing-memory", {**container(cpu=512), "cpu": "256"},
            ("The sum of all container 'cpu' values cannot be greater than the value of the task "
            "'cpu'.")),
    "port": ("bad-ports", container(portMappings=[{"containerPort": 70000}]),
             "Invalid 'containerPort' setting for container 'web'."),
    "host-port": ("bad-ports",
                  {**container(portMappings=[{"containerPort": 80, "hostPort": 81}]),
                   "networkMode": "awsvpc"},
                  ("When networkMode=awsvpc, the host ports and container ports in port mappings "
                  "must match.")),
    "logs": ("log-options", container(logConfiguration={"logDriver": "awslogs"}),
             "Log driver awslogs requires options: awslogs-region, awslogs-group"),
    "size-word": ("fargate-sizes", definition(cpu="much"),
                  ("Invalid 'cpu' setting for task. For more information, see the Troubleshooting "
                  "section of the Amazon ECS Developer Guide.")),
    "no-cpu": ("fargate-sizes", fargate(cpu=None),
               "Fargate requires that 'cpu' be defined at the task level."),
    "size": ("fargate-sizes", fargate(cpu="128", memory="64"),
             ("No Fargate configuration exists for given values: 128 CPU, 64 memory. See the "
             "Amazon ECS documentation for the valid values.")),
    "large": ("fargate-sizes", fargate(cpu="1 vCPU", memory="9 GB"),
              ("No Fargate configuration exists for given values: 1024 CPU, 9216 memory. See the "
              "Amazon ECS documentation for the valid values.")),
    "bridge": ("fargate-network", fargate(networkMode="bridge"),
               "Fargate only supports network mode 'awsvpc'."),
    "secrets": ("missing-execution-role", container(secrets=[{"name": "A", "valueFrom": "/a"}]),
                ("When you are specifying container secrets, you must also specify a value for "
                "'executionRoleArn'.")),
    "log-role": ("missing-execution-role",
                 fargate(containerDefinitions=[{**WEB, "logConfiguration": LOGS}]),
                 ("Fargate requires task definition to have execution role ARN to support log "
                 "driver awslogs.")),
    "ecr-role": ("missing-execution-role",
                 fargate(containerDefinitions=[
                     {**WEB, "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop:1"}]),
                 ("Fargate requires task definition to have execution role ARN to support ECR "
                 "images.")),
}  # fmt: skip

INVALID = "InvalidParameterException"
BALANCER = {"targetGroupArn": "arn", "containerName": "web", "containerPort": 80}
BOTH = {"maximumPercent": 100, "minimumHealthyPercent": 100}
OVERRIDES = {"containerOverrides": [{"name": "django"}]}
NEEDED = "Network Configuration must be provided when networkMode 'awsvpc' is specified."
UNWANTED = "Network Configuration is not valid for the given networkMode of this task definition."
OTHER_TYPE = "Task definition does not support launch_type FARGATE."
INACTIVE = "TaskDefinition is inactive"

CALLS: dict[str, tuple[str, str, dict[str, Any], str, str]] = {
    "create-unknown": ("unknown-definitions", "CreateService", {"taskDefinition": "none"},
                       "ClientException", "TaskDefinition not found."),
    "create-inactive": ("unknown-definitions", "CreateService", {"taskDefinition": "gone:1"},
                        "ClientException", INACTIVE),
    "update-inactive": ("unknown-definitions", "UpdateService", {"taskDefinition": "gone:1"},
                        "ClientException", INACTIVE),
    "run-inactive": ("unknown-definitions", "RunTask", {"taskDefinition": "gone:1"},
                     INVALID, INACTIVE),
    "negative": ("bad-counts", "CreateService", {"desiredCount": -1},
                 INVALID, "Invalid desiredCount: -1. It must not be negative."),
    "update-negative": ("bad-counts", "UpdateService", {"desiredCount": -1},
                        INVALID, "Invalid desiredCount: -1. It must not be negative."),
    "run-many": ("bad-counts", "RunTask", {"count": 11},
                 INVALID, "Invalid count: 11. It must be from 1 to 10."),
    "percent": ("blocking-percentages", "CreateService", {"deploymentConfiguration": BOTH},
                INVALID, ("Both maximumPercent and minimumHealthyPercent cannot be 100 as this "
                "will block deployments")),
    "network": ("missing-network", "CreateService",
                {"taskDefinition": "fargate", "launchType": "FARGATE"}, INVALID, NEEDED),
    "run-network": ("missing-network", "RunTask",
                    {"taskDefinition": "fargate", "launchType": "FARGATE"}, INVALID, NEEDED),
    "no-network": ("missing-network", "UpdateService", {"networkConfiguration": SUBNETS},
                   INVALID, UNWANTED),
    "launch-type": ("other-launch-types", "CreateService", {"launchType": "FARGATE"},
                    INVALID, OTHER_TYPE),
    "provider": ("other-launch-types", "RunTask",
                 {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]},
                 INVALID, OTHER_TYPE),
    "balanced": ("unknown-balanced-containers", "CreateService",
                 {"loadBalancers": [{**BALANCER, "containerName": "api"}]},
                 INVALID, "The container api does not exist in the task definition."),
    "port": ("unknown-balanced-containers", "UpdateService",
             {"loadBalancers": [{**BALANCER, "containerPort": 81}]},
             INVALID, "The container web did not have a container port 81 defined."),
    "override": ("unknown-overrides", "RunTask", {"overrides": OVERRIDES},
                 INVALID, ("Override for container named django is not a container in the "
                 "TaskDefinition.")),
    "exec": ("exec-without-role", "UpdateService", {"enableExecuteCommand": True},
             INVALID, ("The service couldn't be updated because a valid taskRoleArn is not being "
             "used. Specify a valid task role in your task definition and try again.")),
}  # fmt: skip


def request(action: str, changed: dict[str, Any]) -> dict[str, Any]:
    """A call that would be right but for what is changed, on a service of its own if on one."""
    name = f"shop-{next(_names)}"
    own: dict[str, Any] = {
        "CreateService": {"serviceName": name, "taskDefinition": "plain"},
        "UpdateService": {"service": name},
        "RunTask": {"taskDefinition": "plain"},
    }[action]
    return {**own, **changed}


ROWS = [
    *(
        pytest.param((rule, "RegisterTaskDefinition", changed, "ClientException", text), id=name)
        for name, (rule, changed, text) in REGISTER.items()
    ),
    *(pytest.param(row, id=f"call-{name}") for name, row in CALLS.items()),
]


@pytest.mark.parametrize("row", ROWS)
def test_ecs_refuses_it_and_without_the_rule_does_not(
    ecs: Ecs, row: tuple[str, str, dict[str, Any], str, str]
) -> None:
    rule, action, changed, code, text = row
    asked = changed if action == "RegisterTaskDefinition" else request(action, changed)
    if action == "UpdateService":
        made = {"serviceName": asked["service"], "taskDefinition": "plain"}
        assert ecs.call("CreateService", made) == ("", "")
    assert ecs.call(action, asked) == (code, text)
    assert ecs.call(action, asked, f"ecs.refuses-{rule}") != (code, text)


@pytest.mark.parametrize(
    "right",
    [
        definition(memory="64", containerDefinitions=[{**WEB, "memory": None}]),
        container(memory=None, memoryReservation=32),
        container(portMappings=[{"containerPort": 80, "hostPort": 0}]),
        fargate(cpu=".5 vCPU", memory="4 GB"),
        fargate(cpu="16384", memory="122880"),
        fargate(executionRoleArn=ROLE, containerDefinitions=[{**WEB, "logConfiguration": LOGS}]),
    ],
)
def test_what_is_right_is_registered(ecs: Ecs, right: dict[str, Any]) -> None:
    assert ecs.call("RegisterTaskDefinition", right) == ("", "")


def test_a_service_may_keep_a_definition_that_is_inactive_by_now(ecs: Ecs) -> None:
    for action, asked in (
        ("RegisterTaskDefinition", definition(family="old")),
        ("CreateService", {"serviceName": "keeps", "taskDefinition": "old:1"}),
        ("DeregisterTaskDefinition", {"taskDefinition": "old:1"}),
        ("UpdateService", {"service": "keeps", "desiredCount": 2}),
    ):
        assert ecs.call(action, asked) == ("", "")
