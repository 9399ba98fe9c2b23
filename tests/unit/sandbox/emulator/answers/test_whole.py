from __future__ import annotations

from typing import Any

import pytest

from shipway_sandbox.emulator.answers import whole

ARN = "arn:aws:ecs:eu-west-1:123456789012:task/shop/1"
TASK: dict[str, Any] = {
    "taskArn": ARN,
    "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3",
    "containerInstanceArn": "arn:aws:ecs:eu-west-1:123456789012:container-instance/x",
    "launchType": "FARGATE",
    "lastStatus": "RUNNING",
    "containers": [{"name": "web", "memory": "0", "networkInterfaces": []}],
    "overrides": {"containerOverrides": []},
    "_network_mode": "awsvpc",
    "_subnet": "subnet-1",
    "_container_ip": "10.0.0.4",
}
SERVICE: dict[str, Any] = {
    "serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/shop/web",
    "launchType": "FARGATE",
    "loadBalancers": [{"targetGroupArn": "x"}],
    "deployments": [{"id": "ecs-svc/1"}],
    "deploymentConfiguration": {"maximumPercent": 100},
}


def test_a_task_on_fargate_has_an_interface_and_no_instance() -> None:
    told = whole.task(TASK)
    details = {each["name"]: each["value"] for each in told["attachments"][0]["details"]}
    assert details["subnetId"] == "subnet-1"
    assert details["privateDnsName"] == "ip-10-0-0-4.eu-west-1.compute.internal"
    assert details["networkInterfaceId"].startswith("eni-0")
    assert "containerInstanceArn" not in told
    assert told["containers"] == [
        {
            "name": "web",
            "networkInterfaces": [
                {
                    "attachmentId": told["attachments"][0]["id"],
                    "privateIpv4Address": "10.0.0.4",
                }
            ],
        }
    ]
    assert told["overrides"]["containerOverrides"] == [{"name": "web"}]
    assert told["group"] == "family:web"
    assert told == whole.task(TASK), "an interface keeps its name"
    assert TASK["containers"][0]["networkInterfaces"] == []


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"_container_ip": None}, "PRECREATED"), ({"lastStatus": "STOPPED"}, "DELETED")],
)
def test_an_interface_comes_and_goes_with_its_task(changed: dict[str, Any], status: str) -> None:
    assert whole.task(TASK | changed)["attachments"][0]["status"] == status


def test_a_task_on_an_instance_keeps_what_it_has() -> None:
    told = whole.task(TASK | {"launchType": "EC2", "_network_mode": "bridge"})
    assert told["containerInstanceArn"] == TASK["containerInstanceArn"]
    assert "attachments" not in told


def test_a_service_is_told_with_what_nobody_asked_for() -> None:
    told = whole.service(SERVICE)
    assert told["deploymentConfiguration"] == {
        "bakeTimeInMinutes": 0,
        "maximumPercent": 100,
        "minimumHealthyPercent": 100,
        "strategy": "ROLLING",
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    }
    assert told["placementConstraints"] == told["placementStrategy"] == []
    assert told["availabilityZoneRebalancing"] == "DISABLED", "it may never start one more"
    assert (told["platformVersion"], told["deployments"][0]["platformVersion"]) == (
        "LATEST",
        "1.4.0",
    )
    assert told["roleArn"].endswith(":role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")


def test_a_definition_says_what_its_agent_must_be_able_to_do() -> None:
    container = {
        "name": "web",
        "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1",
        "portMappings": [{"containerPort": 80}],
        "secrets": [{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:eu-west-1:1:secret:k"}],
        "logConfiguration": {"logDriver": "awslogs"},
    }
    told = whole.definition(
        {"networkMode": "awsvpc", "executionRoleArn": "x", "containerDefinitions": [container]}
    )
    names = {each["name"] for each in told["requiresAttributes"]}
    assert {
        "com.amazonaws.ecs.capability.ecr-auth",
        "com.amazonaws.ecs.capability.logging-driver.awslogs",
        "ecs.capability.execution-role-awslogs",
        "ecs.capability.execution-role-ecr-pull",
        "ecs.capability.secrets.asm.environment-variables",
        "ecs.capability.task-eni",
    } <= names
    ports = told["containerDefinitions"][0]["portMappings"]
    assert ports == [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]
    assert told["containerDefinitions"][0]["environment"] == []
    assert whole.definition(told) == told, "what is told is taken again as it is"
