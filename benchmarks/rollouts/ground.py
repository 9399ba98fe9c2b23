"""What a rollout needs before it can begin: images, a load balancer, a service that is steady."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.rollouts import kinds
from benchmarks.rollouts.kinds import CONTAINER, PORT, Kind
from benchmarks.rollouts.truth import Observer, Truth

from shipway.aws.credentials import Credentials, client
from shipway.errors import SandboxError
from shipway_sandbox.compute import put_image
from shipway_sandbox.world import World

CLUSTER: Final = "verdict"
REPOSITORY: Final = "verdict"
_NOWHERE = "sha256:" + "0" * 64
_STEADY_SECONDS = 60.0
_TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
    "Action": "sts:AssumeRole",
}
_PULL, _REST = "pull", "rest"
_RIGHTS: Final = {
    # As AmazonECSTaskExecutionRolePolicy and the developer guide's statement for secrets have it.
    _PULL: (
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchGetImage",
    ),
    _REST: ("logs:CreateLogStream", "logs:PutLogEvents", "secretsmanager:GetSecretValue"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One service, ready for one rollout.

    Attributes:
        name: The service's name, and its load balancer's.
        kind: What is going to be rolled out.
        image: The new image, pinned by digest.
        newer: A task definition that runs well, for whoever supersedes.
    """

    name: str
    kind: Kind
    image: str
    newer: str


class Grounds:
    """Makes and removes them, as the account's administrator.

    Args:
        world: The sandbox.
        busybox: The program inside every image.
        observer: Knows when a service is steady.
    """

    def __init__(self, world: World, busybox: bytes, observer: Observer) -> None:
        self._world = world
        self._busybox = busybox
        self._observer = observer
        self._images: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self.ecs = admin(world, "ecs")
        self._elb = admin(world, "elbv2")
        self._iam, self._logs = admin(world, "iam"), admin(world, "logs")
        self._secrets = admin(world, "secretsmanager")
        admin(world, "ecr").create_repository(repositoryName=REPOSITORY)
        self.ecs.create_cluster(clusterName=CLUSTER)

    def make(self, name: str, kind: Kind) -> Ground:
        """A service of its own that is steady, or that never worked where the kind says so.

        Raises:
            SandboxError: It did not get there in time.
        """
        good = Kind(name="good")
        before = self._image(good, "1") if kind.starts_with == "good" else self._nothing()
        self._surround(name)
        group = self._balancer(name)
        first = self._register(name, kind, before)
        created = self.ecs.create_service(
            cluster=CLUSTER,
            serviceName=name,
            taskDefinition=first,
            desiredCount=kind.desired,
            loadBalancers=[
                {"targetGroupArn": group, "containerName": CONTAINER, "containerPort": PORT}
            ],
            deploymentConfiguration={
                "deploymentCircuitBreaker": {"enable": True, "rollback": True}
            },
            **kind.service,
        )
        begun = self._observer.follow(created["service"]["currentServiceDeployment"])
        if not begun.ended.wait(_STEADY_SECONDS):
            found = self.ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]
            raise SandboxError(
                f"the service {name} is not steady after {_STEADY_SECONDS:.0f} s: {begun.status}",
                details=tuple(event["message"] for event in found["events"][:8]),
            )
        image = self._image(kind, "2") if kind.script else self._nothing()
        newer = self._register(name, kind, self._image(good, "3")) if kind.meddling else ""
        self._take(name, kind)
        return Ground(name=name, kind=kind, image=image, newer=newer)

    def meddle(self, ground: Ground, truth: Truth) -> None:
        """Do what somebody else does in the middle of a rollout of this kind."""
        if ground.kind.meddling == "supersede":
            self.ecs.update_service(
                cluster=CLUSTER, service=ground.name, taskDefinition=ground.newer
            )
            # That answer already shows a newer PRIMARY: ours can no longer succeed.
            truth.settle(time.monotonic())
        elif ground.kind.meddling == "stop":
            self.ecs.stop_service_deployment(serviceDeploymentArn=truth.arn, stopType="ROLLBACK")

    def launched(self, ground: Ground) -> tuple[Mapping[str, Any], ...]:
        """Every task of the new image that ECS knows, those that stopped too."""
        arns = [
            arn
            for status in ("STOPPED", "RUNNING")
            for page in self.ecs.get_paginator("list_tasks").paginate(
                cluster=CLUSTER, serviceName=ground.name, desiredStatus=status
            )
            for arn in page["taskArns"]
        ]
        if not arns:
            return ()
        tasks = self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]
        return tuple(task for task in tasks if task["containers"][0]["image"] == ground.image)

    def remove(self, ground: Ground) -> None:
        """Delete the service; its tasks stop by and by."""
        self.ecs.delete_service(cluster=CLUSTER, service=ground.name, force=True)

    def _surround(self, name: str) -> None:
        """An execution role, a log group and a secret of the service's own."""
        trust = json.dumps({"Version": "2012-10-17", "Statement": [_TRUST]})
        self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        for policy, actions in _RIGHTS.items():
            statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self._iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
        self._logs.create_log_group(logGroupName=f"/{name}")
        self._secrets.create_secret(Name=name, SecretString="price")

    def _take(self, name: str, kind: Kind) -> None:
        """Take away what tasks of this kind lose; those that run keep running."""
        if kind.loses == "pull":
            self._iam.delete_role_policy(RoleName=name, PolicyName=_PULL)
        elif kind.loses == "secret":
            self._secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        elif kind.loses == "log group":
            self._logs.delete_log_group(logGroupName=f"/{name}")

    def _nothing(self) -> str:
        return f"{self._world.state['registry']}/{REPOSITORY}@{_NOWHERE}"

    def _image(self, kind: Kind, version: str) -> str:
        key = (f"{kind.script}{kind.well}", version)
        with self._lock:
            if key not in self._images:
                made = kinds.image(self._busybox, kind, version)
                tag = f"image-{len(self._images)}"
                self._images[key] = put_image(self._world.state, REPOSITORY, made, tag)
            return self._images[key]

    def _register(self, name: str, kind: Kind, image: str) -> str:
        container = {
            "name": CONTAINER,
            "image": image,
            "essential": True,
            "stopTimeout": 2,
            "portMappings": [{"containerPort": PORT}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": f"/{name}",
                    "awslogs-region": self._world.state["region"],
                    "awslogs-stream-prefix": name,
                },
            },
            **(
                {"secrets": [{"name": "PRICE", "valueFrom": self._secret(name)}]}
                if kind.loses
                else {}
            ),
            **kind.container,
        }
        answer = self.ecs.register_task_definition(
            family=name,
            executionRoleArn=f"arn:aws:iam::{self._world.account('local')}:role/{name}",
            containerDefinitions=[container],
            networkMode="bridge",
            cpu="128",
            memory="48",
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def _secret(self, name: str) -> str:
        return str(self._secrets.describe_secret(SecretId=name)["ARN"])

    def _balancer(self, name: str) -> str:
        group = self._elb.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=PORT,
            TargetType="ip",
            HealthCheckPath="/health",
            # As short as Elastic Load Balancing takes them.
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        self._elb.modify_target_group_attributes(
            TargetGroupArn=group,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}],
        )
        balancer = self._elb.create_load_balancer(Name=name)["LoadBalancers"][0]
        self._elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        return str(group)


def credentials(world: World) -> Credentials:
    """The administrator of the account that the benchmark uses."""
    return Credentials(
        access_key_id=world.account("local"),
        secret_access_key=str(world.state["root_secret_access_key"]),
    )


def admin(world: World, service: str) -> Any:
    """A client that goes straight to the embedded AWS, counted by nobody."""
    return client(
        service,
        region=str(world.state["region"]),
        endpoint=world.endpoint,
        credentials=credentials(world),
    )
