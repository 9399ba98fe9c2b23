"""What ECS tells of every task, service and task definition, whoever made it.

"Amazon ECS, API Reference" (Task, Service, Deployment, TaskDefinition) lists the members; that they
are there without having been asked for is seen in the answers of AWS that its command line's
documentation shows (aws/aws-cli, awscli/examples/ecs).
"""

from __future__ import annotations

import hashlib
import platform
import uuid
from collections.abc import Iterator
from typing import Any, Final

Record = dict[str, Any]

_MACHINES: Final = {"amd64": "x86_64", "aarch64": "arm64"}
_PLATFORM: Final = "1.4.0"
"""The platform version that ``LATEST`` is, for Linux (Fargate platform versions)."""
_STOPPED: Final = "STOPPED"
_GROUP: Final = "autoScalingGroupProvider"
_API: Final = "com.amazonaws.ecs.capability."
_NO_ENTRIES: Final = ("environment", "mountPoints", "portMappings", "systemControls", "volumesFrom")


def task(record: Record) -> Record:
    """A task's record with its processor, its network interface and its overrides.

    Args:
        record: MiniStack's, its private members included; it is not changed.
    """
    whole = record.copy()
    family = str(whole["taskDefinitionArn"]).rpartition("/")[2].partition(":")[0]
    whole["group"] = whole.get("group") or f"family:{family}"
    whole["attributes"] = [{"name": "ecs.cpu-architecture", "value": processor()}]
    if _is_fargate(whole):
        whole.pop("containerInstanceArn", None)
    containers = [container.copy() for container in whole.get("containers", [])]
    for container in containers:
        if container.get("memory") == "0":
            del container["memory"]
    overrides = whole.get("overrides") or {}
    named = {override.get("name") for override in overrides.get("containerOverrides", [])}
    whole["overrides"] = {
        "inferenceAcceleratorOverrides": [],
        **overrides,
        "containerOverrides": [
            *overrides.get("containerOverrides", []),
            *({"name": each["name"]} for each in containers if each["name"] not in named),
        ],
    }
    if whole.get("_network_mode") == "awsvpc":
        attachment = _attachment(whole)
        whole["attachments"] = [attachment]
        if address := whole.get("_container_ip"):
            interface = {"attachmentId": attachment["id"], "privateIpv4Address": address}
            for container in containers:
                container["networkInterfaces"] = [interface]
    whole["containers"] = containers
    return whole


def processor() -> str:
    """This machine's, as ECS names it: ``x86_64`` or ``arm64``."""
    machine = platform.machine().lower()
    return _MACHINES.get(machine, machine)


def _attachment(record: Record) -> Record:
    """A task's network interface, whose names follow from the task's: they are told twice alike."""
    arn, address = record["taskArn"], record.get("_container_ip")
    digest = hashlib.sha256(arn.encode()).hexdigest()
    status = "ATTACHED" if address else "PRECREATED"
    if record.get("lastStatus") == _STOPPED:
        status = "DELETED"
    subnet = record.get("_subnet")
    details = [{"name": "subnetId", "value": subnet}] if subnet else []
    if address:
        region = arn.split(":")[3]
        mac = ":".join(digest[at : at + 2] for at in range(20, 30, 2))
        host = f"ip-{address.replace('.', '-')}.{region}.compute.internal"
        details += [
            {"name": "networkInterfaceId", "value": f"eni-0{digest[:16]}"},
            {"name": "macAddress", "value": f"0a:{mac}"},
            {"name": "privateDnsName", "value": host},
            {"name": "privateIPv4Address", "value": address},
        ]
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, arn)),
        "type": "ElasticNetworkInterface",
        "status": status,
        "details": details,
    }


def _is_fargate(record: Record) -> bool:
    return record.get("launchType") == "FARGATE" or str(
        record.get("capacityProviderName") or ""
    ).startswith("FARGATE")


def configured(record: Record) -> Record:
    """A service, or a deployment of one, with the whole of its deployment's configuration."""
    if "deploymentConfiguration" not in record:
        return record
    configuration = {
        "bakeTimeInMinutes": 0,
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "strategy": "ROLLING",
        **record["deploymentConfiguration"],
    }
    breaker = configuration.get("deploymentCircuitBreaker") or {}
    configuration["deploymentCircuitBreaker"] = {"enable": False, "rollback": False, **breaker}
    return {**record, "deploymentConfiguration": configuration}


def service(record: Record) -> Record:
    """A service as it is sent, with what ECS adds to what was asked for.

    Tasks are spread over zones again unless the service may never have more than it wants
    ("Balancing an Amazon ECS service across Availability Zones").
    """
    whole = configured({"deploymentConfiguration": {}, **record})
    moves = int(whole["deploymentConfiguration"]["maximumPercent"]) > 100  # noqa: PLR2004  # per cent
    whole = {
        "placementConstraints": [],
        "placementStrategy": [],
        "availabilityZoneRebalancing": "ENABLED" if moves else "DISABLED",
        **whole,
    }
    if record.get("loadBalancers") and not record.get("roleArn"):
        account = record["serviceArn"].split(":")[4]
        whole["roleArn"] = (
            f"arn:aws:iam::{account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
        )
    if _is_fargate(record):
        whole["platformVersion"] = record.get("platformVersion") or "LATEST"
        whole["platformFamily"] = record.get("platformFamily") or "Linux"
        whole["deployments"] = [_deployment(each) for each in record.get("deployments", [])]
    return whole


def _deployment(record: Record) -> Record:
    version = record.get("platformVersion") or "LATEST"
    return {
        **record,
        "platformVersion": _PLATFORM if version == "LATEST" else version,
        "platformFamily": record.get("platformFamily") or "Linux",
    }


def definition(record: Record) -> Record:
    """A task definition as it is sent, with empty lists and what its agent must be able to do."""
    network = record.get("networkMode") or "bridge"
    containers = [_container(each, network) for each in record.get("containerDefinitions", [])]
    whole = {**record, "containerDefinitions": containers}
    whole["requiresAttributes"] = [{"name": name} for name in sorted({*_required(whole)})]
    return whole


def _container(record: Record, network: str) -> Record:
    whole = {**{name: [] for name in _NO_ENTRIES}, "cpu": 0, "essential": True, **record}
    whole["portMappings"] = [
        {
            "hostPort": mapping["containerPort"] if network == "awsvpc" else 0,
            "protocol": "tcp",
            **mapping,
        }
        if "containerPort" in mapping
        else mapping
        for mapping in whole["portMappings"]
    ]
    return whole


def _required(record: Record) -> Iterator[str]:
    """The attributes that ECS derives ("Amazon ECS container instance attributes")."""
    yield f"{_API}docker-remote-api.1.18"
    if record.get("networkMode") == "awsvpc":
        yield "ecs.capability.task-eni"
    if record.get("taskRoleArn"):
        yield f"{_API}task-iam-role"
    execution = bool(record.get("executionRoleArn"))
    for container in record["containerDefinitions"]:
        if ".ecr." in str(container.get("image", "")):
            yield f"{_API}ecr-auth"
            if execution:
                yield "ecs.capability.execution-role-ecr-pull"
        if driver := (container.get("logConfiguration") or {}).get("logDriver"):
            yield f"{_API}logging-driver.{driver}"
            if driver == "awslogs" and execution:
                yield "ecs.capability.execution-role-awslogs"
        for secret in container.get("secrets") or []:
            kind = "asm" if ":secretsmanager:" in str(secret.get("valueFrom")) else "ssm"
            yield f"ecs.capability.secrets.{kind}.environment-variables"
        if container.get("healthCheck"):
            yield "ecs.capability.container-health-check"


def capacity_provider(record: Record) -> Record:
    """A capacity provider; Fargate's has no group of instances."""
    return {key: value for key, value in record.items() if value or key != _GROUP}


def account_setting(record: Record) -> Record:
    """A setting of the account; what nobody set is AWS's (``aws_managed``)."""
    return {**record, "type": "aws_managed" if record.get("type") == "aws" else record.get("type")}
