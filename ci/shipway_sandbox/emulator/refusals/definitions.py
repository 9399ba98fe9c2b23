"""RegisterTaskDefinition: what ECS refuses of a task definition.

The texts are those that people met: family (aws/amazon-ecs-cli#37), names and images
(hashicorp/terraform#2888, ansible/ansible#22860, prefect-archive/prefect-aws#159), one name twice
(Shippable/support#2946), too many (aws/amazon-ecs-cli#184), none (awsdocs/aws-cloudformation-user-
guide#454), none essential (eagletmt/hako#68), memory (aws/aws-cli#4453, ansible/ansible#67647,
pulumi/pulumi-awsx#1220), CPU and log options (klothoplatform/klotho#892), ports
(aws/amazon-ecs-cli#1014, aws/aws-cli#7288), Fargate's sizes (towardsthecloud/aws-cdk-examples#1,
mongodb/terraform-aws-ecs-task-definition#38, aws/amazon-ecs-cli#982), its role
(virtual-kubelet/virtual-kubelet#193, hashicorp/terraform-provider-aws#3051), secrets
(fabfuel/ecs-deploy#87).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from shipway_sandbox.emulator import registry
from shipway_sandbox.emulator.corrections import rule
from shipway_sandbox.emulator.images import split
from shipway_sandbox.emulator.refusals.refusal import Record, Refusal, Rules, first

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
"""API Reference, RegisterTaskDefinition: family; ContainerDefinition: name."""
_MOST_CONTAINERS: Final = 10
_LARGEST_PORT: Final = 65535
_SIZE: Final = re.compile(r"(\d*\.?\d+)\s*(vcpu|gb)?", re.IGNORECASE)
_UNITS: Final = 1024

_GB: Final = 1024
_FARGATE: Final = {
    256: (512, 1 * _GB, 2 * _GB),
    512: tuple(range(1 * _GB, 4 * _GB + 1, _GB)),
    1024: tuple(range(2 * _GB, 8 * _GB + 1, _GB)),
    2048: tuple(range(4 * _GB, 16 * _GB + 1, _GB)),
    4096: tuple(range(8 * _GB, 30 * _GB + 1, _GB)),
    8192: tuple(range(16 * _GB, 60 * _GB + 1, 4 * _GB)),
    16384: tuple(range(32 * _GB, 120 * _GB + 1, 8 * _GB)),
}
"""CPU units → the MiB that go with them ("Troubleshoot Amazon ECS task definition invalid CPU or
memory errors", Amazon ECS Developer Guide)."""
_AWSLOGS: Final = ("awslogs-region", "awslogs-group")

checks_names = rule("ecs.refuses-bad-names")
checks_containers = rule("ecs.refuses-bad-containers")
checks_memory = rule("ecs.refuses-missing-memory")
checks_ports = rule("ecs.refuses-bad-ports")
checks_logs = rule("ecs.refuses-log-options")
checks_fargate = rule("ecs.refuses-fargate-sizes")
checks_network = rule("ecs.refuses-fargate-network")
checks_role = rule("ecs.refuses-missing-execution-role")


def refusal(request: Record) -> Refusal | None:
    """Why a task definition is not registered; ``None`` where it is."""
    return first(_RULES, request)


def needs_fargate(definition: Record) -> bool:
    """Whether a task definition is to be one for Fargate."""
    return "FARGATE" in (definition.get("requiresCompatibilities") or ())


def _containers(request: Record) -> list[Record]:
    return list(request.get("containerDefinitions") or ())


def _names(request: Record) -> Iterator[Refusal]:
    if not _NAME.fullmatch(str(request.get("family") or "-")):
        yield Refusal("Family contains invalid characters.")
    for container in _containers(request):
        if not container.get("name"):
            yield Refusal("Container.name should not be null or empty.")
        elif not _NAME.fullmatch(str(container["name"])):
            yield Refusal("Container.name contains invalid characters.")
        if not container.get("image"):
            yield Refusal("Container.image should not be null or empty.")


def _list(request: Record) -> Iterator[Refusal]:
    containers = _containers(request)
    if not containers:
        yield Refusal("Container list cannot be empty.")
    if len(containers) > _MOST_CONTAINERS:
        yield Refusal("Too many containers.")
    names = Counter(container.get("name") for container in containers)
    if any(number > 1 for number in names.values()):
        yield Refusal("Container names must be unique within a Task Definition.")
    if containers and not any(container.get("essential", True) for container in containers):
        yield Refusal("Task definition doesn't have any essential container.")


def _memory(request: Record) -> Iterator[Refusal]:
    whole = _size(request.get("memory"))
    for container in _containers(request):
        name, own = container.get("name"), container.get("memory")
        if own is not None and int(own) <= 0:
            yield Refusal(f"Invalid 'memory' setting for container '{name}'.")
        if not (whole or own or container.get("memoryReservation")):
            yield Refusal(
                f"Invalid setting for container '{name}'. At least one of 'memory' or "
                "'memoryReservation' must be specified."
            )
        if whole and own and int(own) > whole:
            yield Refusal(
                f"The 'memory' setting for container '{name}' is greater than for the task."
            )
    units = _size(request.get("cpu"))
    if units and sum(int(each.get("cpu") or 0) for each in _containers(request)) > units:
        yield Refusal(
            "The sum of all container 'cpu' values cannot be greater than the value of the task "
            "'cpu'."
        )


def _ports(request: Record) -> Iterator[Refusal]:
    for container in _containers(request):
        for mapping in container.get("portMappings") or ():
            port, host = mapping.get("containerPort"), mapping.get("hostPort")
            if port is None and mapping.get("containerPortRange"):
                continue
            if not 0 < int(port or 0) <= _LARGEST_PORT:
                name = container.get("name")
                yield Refusal(f"Invalid 'containerPort' setting for container '{name}'.")
            if request.get("networkMode") == "awsvpc" and host not in {None, 0, port}:
                yield Refusal(
                    "When networkMode=awsvpc, the host ports and container ports in port mappings "
                    "must match."
                )


def _logs(request: Record) -> Iterator[Refusal]:
    for container in _containers(request):
        logs = container.get("logConfiguration") or {}
        options = logs.get("options") or {}
        if logs.get("logDriver") == "awslogs" and not all(options.get(name) for name in _AWSLOGS):
            yield Refusal("Log driver awslogs requires options: awslogs-region, awslogs-group")


def _sizes(request: Record) -> Iterator[Refusal]:
    for name in ("cpu", "memory"):
        if request.get(name) and not _size(request[name]):
            yield Refusal(
                f"Invalid '{name}' setting for task. For more information, see the Troubleshooting "
                "section of the Amazon ECS Developer Guide."
            )
    if not needs_fargate(request):
        return
    for name in ("cpu", "memory"):
        if not request.get(name):
            yield Refusal(f"Fargate requires that '{name}' be defined at the task level.")
    units, memory = _size(request.get("cpu")), _size(request.get("memory"))
    if memory not in _FARGATE.get(units, ()):
        yield Refusal(
            f"No Fargate configuration exists for given values: {units} CPU, {memory} memory. See "
            "the Amazon ECS documentation for the valid values."
        )


def _network(request: Record) -> Iterator[Refusal]:
    if needs_fargate(request) and request.get("networkMode") != "awsvpc":
        yield Refusal("Fargate only supports network mode 'awsvpc'.")


def _role(request: Record) -> Iterator[Refusal]:
    if request.get("executionRoleArn"):
        return
    containers = _containers(request)
    if any(container.get("secrets") for container in containers):
        yield Refusal(
            "When you are specifying container secrets, you must also specify a value for "
            "'executionRoleArn'."
        )
    if not needs_fargate(request):
        return
    for container in containers:
        if (container.get("logConfiguration") or {}).get("logDriver") == "awslogs":
            yield Refusal(
                "Fargate requires task definition to have execution role ARN to support log "
                "driver awslogs."
            )
        if registry.locate(split(str(container.get("image") or ""))[0]) is not None:
            yield Refusal(
                "Fargate requires task definition to have execution role ARN to support ECR images."
            )


_RULES: Rules = (
    (checks_names, _names),
    (checks_containers, _list),
    (checks_network, _network),
    (checks_fargate, _sizes),
    (checks_memory, _memory),
    (checks_ports, _ports),
    (checks_logs, _logs),
    (checks_role, _role),
)


def _size(value: Any) -> int:
    """CPU units or MiB, as ``1024``, ``1 vCPU`` or ``2GB`` say them; 0 for anything else."""
    matched = _SIZE.fullmatch(str(value or "").strip())
    if matched is None:
        return 0
    number = float(matched[1])
    return int(number * _UNITS) if matched[2] else int(number)
