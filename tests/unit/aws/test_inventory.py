"""What an account holds, read into the terms of delivery.toml: AWS answers from a dictionary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from shipway.aws.inventory import AwsInventory
from shipway.aws.session import Session
from shipway.config.inventory import LiveService
from shipway.errors import ConfigurationError

ARN = "arn:aws:ecs:eu-west-1:111122223333"
REGISTRY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
DIGEST = f"sha256:{'a' * 64}"


def container(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": f"{REGISTRY}/acme/{name}@{DIGEST}", **more}


def service(**more: Any) -> dict[str, Any]:
    return {
        "status": "ACTIVE",
        "serviceName": "tally",
        "clusterArn": f"{ARN}:cluster/acme",
        "taskDefinition": f"{ARN}:task-definition/tally:41",
        **more,
    }


@dataclass
class Cloud:
    """Every client of an account with one service."""

    found: list[dict[str, Any]] = field(default_factory=lambda: [service()])
    containers: list[dict[str, Any]] = field(default_factory=lambda: [container("api")])
    listeners: tuple[str, ...] = ("HTTP",)
    region: str = "eu-west-1"

    def client(self, _service: str) -> Cloud:
        return self

    def get_paginator(self, operation: str) -> Cloud:
        assert operation in {"list_clusters", "list_services"}
        return self

    def paginate(self, cluster: str = "") -> Iterator[dict[str, Any]]:
        if cluster:
            yield {"serviceArns": [f"{ARN}:service/acme/web", f"{ARN}:service/acme/tally"]}
            return
        yield {"clusterArns": []}
        yield {"clusterArns": [f"{ARN}:cluster/acme"]}

    def describe_services(self, **_asked: Any) -> dict[str, Any]:
        return {"services": self.found}

    def describe_task_definition(self, **_asked: Any) -> dict[str, Any]:
        document = {"cpu": "256", "memory": "512", "containerDefinitions": self.containers}
        return {"taskDefinition": document}

    def describe_target_groups(self, **_asked: Any) -> dict[str, Any]:
        return {"TargetGroups": [{"HealthCheckPath": "/live", "LoadBalancerArns": ["balancer"]}]}

    def describe_load_balancers(self, **_asked: Any) -> dict[str, Any]:
        return {"LoadBalancers": [{"DNSName": "alb.example"}]}

    def describe_listeners(self, **_asked: Any) -> dict[str, Any]:
        return {"Listeners": [{"Protocol": protocol} for protocol in self.listeners]}

    def get_parameters_by_path(self, **asked: Any) -> dict[str, Any]:
        assert asked["Recursive"]
        if "NextToken" not in asked:
            one = {"Name": "/tally/cluster", "Type": "String", "Value": f"{ARN}:cluster/acme"}
            secret = {"Name": "/tally/db", "Type": "SecureString", "Value": "hidden"}
            return {"Parameters": [one, secret], "NextToken": "2"}
        uri = f"{REGISTRY}/acme/tally"
        return {"Parameters": [{"Name": "/tally/repo", "Type": "String", "Value": uri}]}

    def describe_stacks(self, **_asked: Any) -> dict[str, Any]:
        outputs = [{"OutputKey": "Url", "OutputValue": "http://alb.example/"}]
        return {"Stacks": [{"StackName": "empty"}, {"StackName": "tally", "Outputs": outputs}]}


def of(cloud: Cloud) -> AwsInventory:
    return AwsInventory(cast("Session", cloud))


def test_every_service_is_listed_by_its_names() -> None:
    assert of(Cloud()).services() == [("acme", "tally"), ("acme", "web")]


def test_a_balanced_service_says_everything() -> None:
    balancers = [{"targetGroupArn": "group", "containerName": "api", "containerPort": 8080}]
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    variables = [
        {"name": "MODE", "value": "web"},
        {"name": "API_TOKEN", "value": "abc"},
    ]
    secrets = [{"name": "DATABASE_URL", "valueFrom": "arn"}]
    cloud = Cloud(
        found=[service(loadBalancers=balancers, deploymentConfiguration=breaker)],
        containers=[container("proxy"), container("api", environment=variables, secrets=secrets)],
        listeners=("HTTP", "HTTPS"),
    )
    assert of(cloud).service("acme", "tally") == LiveService(
        cluster="acme",
        service="tally",
        container="api",
        port=8080,
        repository="acme/api",
        health_path="/live",
        url="https://alb.example",
        circuit_breaker=True,
        cpu=256,
        memory=512,
        environment=(("MODE", "web"),),
        secrets=("API_TOKEN", "DATABASE_URL"),
    )


def test_a_worker_has_neither_port_nor_address() -> None:
    containers = [
        container("sidecar", essential=False),
        container("worker", image="docker.io/acme/worker:1"),
    ]
    live = of(Cloud(containers=containers)).service("acme", "tally")
    assert (live.container, live.port, live.url, live.repository) == ("worker", 0, "", "")
    assert not live.circuit_breaker


def test_a_tag_is_no_part_of_the_repositorys_name() -> None:
    containers = [container("api", image=f"{REGISTRY}/acme/api:3f9c2ab")]
    assert of(Cloud(containers=containers)).service("acme", "tally").repository == "acme/api"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ([], "there is no service tally in cluster acme"),
        ([service(status="INACTIVE")], "there is no service tally"),
        ([service(deploymentController={"type": "CODE_DEPLOY"})], "controlled by CODE_DEPLOY"),
    ],
)
def test_what_cannot_be_delivered_to_is_told(found: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as refused:
        of(Cloud(found=found)).service("acme", "tally")
    assert refused.value.remedy


def test_published_values_are_compared_by_name_and_secrets_are_left_alone() -> None:
    assert of(Cloud()).published() == {
        "ssm:/tally/cluster": "acme",
        "ssm:/tally/repo": "acme/tally",
        "cfn:tally.Url": "http://alb.example",
    }
