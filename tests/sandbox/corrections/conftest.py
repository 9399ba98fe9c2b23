"""Servers, clients and throw-away services for the tests of the emulator's corrections."""

# ruff: noqa: S310  # every address here is the loopback endpoint of our own server

from __future__ import annotations

import itertools
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3  # the tests ask as any client would
import pytest
from botocore.config import Config  # the same
from tests.sandbox.server import execution_role, serving

from shipway_sandbox import compute
from shipway_sandbox.engine import busybox
from shipway_sandbox.engine.engine import Engine

ACCOUNT = "123456789012"
EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/tests-execution"
"""A role that may do everything, for tasks that ask for secrets."""
SHELL = ["/bin/busybox", "sh", "-c"]
SERVE = "trap 'exit 0' TERM; /bin/busybox httpd -f -p 8080 -h /www & wait"
DEAF = "trap 'exit 0' TERM; /bin/busybox sleep 1000 & wait"
ENDED = {"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}
_names = itertools.count(1)


@dataclass
class World:
    """One running server and clients of it."""

    state: dict[str, Any]
    process: subprocess.Popen[bytes]
    busybox: bytes
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    image: str = ""
    roles: dict[str, str] = field(default_factory=dict)

    def client(self, name: str, account: str = ACCOUNT, **keys: str) -> Any:
        if keys:
            return self._make(name, **keys)
        key = (name, account)
        if key not in self.clients:
            self.clients[key] = self._make(
                name,
                aws_access_key_id=account,
                aws_secret_access_key=self.state["root_secret_access_key"],
            )
        return self.clients[key]

    def _make(self, name: str, **keys: Any) -> Any:
        return boto3.client(
            name,
            endpoint_url=self.state["endpoint"],
            region_name=self.state["region"],
            # Without botocore's own check a health check may be quicker than AWS's 5 s.
            config=Config(retries={"max_attempts": 1}, parameter_validation=False),
            **keys,
        )

    def admin(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return compute.call(self.state, path, body)

    def repository(self, account: str = ACCOUNT, **settings: Any) -> str:
        name = f"repository-{next(_names)}"
        self.client("ecr", account).create_repository(repositoryName=name, **settings)
        return name


@dataclass
class Shop:
    """A service of its own, with a load balancer of its own."""

    world: World
    name: str
    group: str
    desired: int = 2

    @property
    def ecs(self) -> Any:
        return self.world.client("ecs")

    def definition(self, script: str = SERVE, **container: Any) -> str:
        web = {
            "name": "web",
            "image": self.world.image,
            "essential": True,
            "entryPoint": SHELL,
            "command": [script],
            "stopTimeout": 2,
            "portMappings": [{"containerPort": 8080}],
            **container,
        }
        answer = self.ecs.register_task_definition(
            family=self.name,
            containerDefinitions=[{key: value for key, value in web.items() if value is not None}],
            cpu="128",
            memory="48",
            networkMode="bridge",
            **({"executionRoleArn": EXECUTION_ROLE} if "secrets" in container else {}),
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def create(self, definition: str, **settings: Any) -> str:
        configuration = {
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            **settings.pop("deploymentConfiguration", {}),
        }
        balancer = {"targetGroupArn": self.group, "containerName": "web", "containerPort": 8080}
        answer = self.ecs.create_service(
            cluster="tests",
            serviceName=self.name,
            taskDefinition=definition,
            desiredCount=self.desired,
            loadBalancers=[balancer] if self.group else [],
            deploymentConfiguration=configuration,
            **settings,
        )
        return str(answer["service"].get("currentServiceDeployment", ""))

    def update(self, definition: str, **settings: Any) -> str:
        answer = self.ecs.update_service(
            cluster="tests", service=self.name, taskDefinition=definition, **settings
        )
        return str(answer["service"].get("currentServiceDeployment", ""))

    def described(self) -> Any:
        return self.ecs.describe_services(cluster="tests", services=[self.name])["services"][0]

    def deployment(self, arn: str) -> Any:
        described = self.ecs.describe_service_deployments(serviceDeploymentArns=[arn])
        return described["serviceDeployments"][0]

    def until_over(self, arn: str, seconds: float = 20.0) -> Any:
        return self.until(
            lambda: (
                (service_deployment := self.deployment(arn))["status"] in ENDED
                and service_deployment
            ),
            seconds,
        )

    def until(self, condition: Callable[[], Any], seconds: float = 20.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (outcome := condition()):
            assert time.monotonic() < deadline, self.described()
            time.sleep(0.05)
        return outcome

    def tasks(self, status: str = "RUNNING") -> list[Any]:
        arns = self.ecs.list_tasks(cluster="tests", family=self.name, desiredStatus=status)
        if not arns["taskArns"]:
            return []
        described = self.ecs.describe_tasks(cluster="tests", tasks=arns["taskArns"])["tasks"]
        return [
            task for task in described if status == "RUNNING" or task["lastStatus"] == "STOPPED"
        ]

    def health(self) -> list[Any]:
        described = self.world.client("elbv2").describe_target_health(TargetGroupArn=self.group)
        return [target["TargetHealth"] for target in described["TargetHealthDescriptions"]]

    def get(self, path: str = "/") -> int:
        url = f"{self.world.state['endpoint']}/_alb/{self.name}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return int(error.code)

    def delete(self) -> None:
        self.ecs.delete_service(cluster="tests", service=self.name, force=True)


Serving = Callable[..., World]


@pytest.fixture(scope="session")
def docker_host(docker_engine: Engine) -> str:
    """The engine that all tests of this room share."""
    return docker_engine.host


@pytest.fixture(scope="session")
def program() -> bytes:
    cache = Path(os.environ.get("SHIPWAY_TEST_CACHE") or Path.home() / ".cache/shipway")
    return busybox.program(cache, lambda _text: None)


@contextmanager
def seeded(folder: Path, docker: str, program: bytes, *options: str) -> Iterator[World]:
    """A server with what every test needs in it."""
    with serving(folder, docker, *options) as (state, process):
        world = World(state, process, program)
        _seed(world)
        yield world


def _seed(world: World) -> None:
    """What every test needs: a cluster, and an image in a repository."""
    world.client("ecs").create_cluster(clusterName="tests")
    assert execution_role(world.client("iam")) == EXECUTION_ROLE
    world.client("ecr").create_repository(repositoryName="seeded")
    image = compute.seed_image(world.busybox)
    world.image = compute.put_image(world.state, "seeded", image)


@pytest.fixture(scope="module")
def serve(
    docker_host: str, program: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """Starts servers with given options; all end with the module."""
    with ExitStack() as stack:

        def start(*options: str) -> World:
            folder = tmp_path_factory.mktemp("serve")
            return stack.enter_context(seeded(folder, docker_host, program, *options))

        yield start


@pytest.fixture(scope="module")
def world(serve: Serving) -> World:
    """One server for all tests of a module, every correction in place."""
    return serve()


ShopMaker = Callable[..., Shop]


def make_shop(world: World, *, balanced: bool = True, desired: int = 2, **check: Any) -> Shop:
    """A service's surroundings; the service itself is made by :meth:`Shop.create`."""
    name = f"shop-{next(_names)}"
    if not balanced:
        return Shop(world, name, "", desired)
    elb = world.client("elbv2")
    settings = {
        "HealthCheckPath": "/health",
        "HealthCheckIntervalSeconds": 5,
        "HealthCheckTimeoutSeconds": 2,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 2,
        **check,
    }
    group = elb.create_target_group(
        Name=name, Protocol="HTTP", Port=8080, TargetType="ip", **settings
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(
        TargetGroupArn=group,
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}],
    )
    balancer = elb.create_load_balancer(Name=name)["LoadBalancers"][0]["LoadBalancerArn"]
    elb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    return Shop(world, name, group, desired)


@pytest.fixture(scope="module")
def shops(world: World) -> ShopMaker:
    """Makes services that live as long as the module's server."""

    def make(**settings: Any) -> Shop:
        return make_shop(world, **settings)

    return make


@pytest.fixture
def shop(request: pytest.FixtureRequest) -> Iterator[ShopMaker]:
    """Makes services that are deleted when the test is over."""
    made: list[Shop] = []

    def make(in_world: World | None = None, **settings: Any) -> Shop:
        made.append(make_shop(in_world or request.getfixturevalue("world"), **settings))
        return made[-1]

    yield make
    for service in made:
        services = service.ecs.describe_services(cluster="tests", services=[service.name])[
            "services"
        ]
        if services and services[0]["status"] == "ACTIVE":
            service.delete()
