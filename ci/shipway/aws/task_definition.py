"""DescribeTaskDefinition's answer read into a value, and that value as it is registered again.

Pure. The answer stays whole inside of the value: what is registered is what was read, but for the
images that the value names and the fields that AWS alone writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shipway.rollout.task_definition import (
    READ_ONLY,
    AwsLogs,
    ContainerDefinition,
    TaskDefinition,
)

Answer = Mapping[str, Any]


def read(answer: Answer) -> TaskDefinition:
    """The whole answer of DescribeTaskDefinition, which has ``tags`` beside ``taskDefinition``."""
    tags = answer.get("tags")
    document = {**answer["taskDefinition"], **({"tags": tags} if tags else {})}
    return TaskDefinition(
        arn=document.get("taskDefinitionArn", ""),
        family=document.get("family", ""),
        containers=tuple(map(_container, _objects(document.get("containerDefinitions")))),
        memory=_text(document.get("memory")),
        network_mode=document.get("networkMode", ""),
        execution_role=document.get("executionRoleArn", ""),
        task_role=document.get("taskRoleArn", ""),
        registered_by=document.get("registeredBy", ""),
        active=document.get("status", "ACTIVE") == "ACTIVE",
        region=":".join(document.get("taskDefinitionArn", "").split(":")[3:4]),
        processor=(document.get("runtimePlatform") or {}).get("cpuArchitecture", ""),
        document=document,
    )


def registration(definition: TaskDefinition) -> dict[str, object]:
    """The RegisterTaskDefinition request; what the value was read from is left as it is."""
    document = definition.document
    request = {name: value for name, value in document.items() if name not in READ_ONLY}
    # At least one, or none at all; and those that AWS keeps for itself, such as CloudFormation's,
    # nobody else may write (ECS API Reference, RegisterTaskDefinition and Tag).
    tags = [tag for tag in _objects(request.pop("tags", ())) if not _is_reserved(tag)]
    request |= {"tags": tags} if tags else {}
    described = _objects(document.get("containerDefinitions"))
    request["containerDefinitions"] = [
        entry if entry.get("image", "") == container.image else {**entry, "image": container.image}
        for entry, container in zip(described, definition.containers, strict=True)
    ]
    return request


def _is_reserved(tag: Answer) -> bool:
    return str(tag.get("key", "")).lower().startswith("aws:")


def _container(document: Answer) -> ContainerDefinition:
    health = document.get("healthCheck") or {}
    return ContainerDefinition(
        name=document.get("name", ""),
        image=document.get("image", ""),
        essential=document.get("essential", True),
        ports=tuple(
            mapping["containerPort"]
            for mapping in _objects(document.get("portMappings"))
            if "containerPort" in mapping  # a range of ports has none
        ),
        memory=_text(document.get("memory")),
        health_command=tuple(health.get("command", ())),
        environment=tuple(
            (pair.get("name", ""), pair.get("value", ""))
            for pair in _objects(document.get("environment"))
        ),
        secrets=tuple(
            (pair.get("name", ""), pair.get("valueFrom", ""))
            for pair in _objects(document.get("secrets"))
        ),
        logs=_logs(document.get("logConfiguration") or {}),
        log_driver=(document.get("logConfiguration") or {}).get("logDriver", ""),
    )


def _logs(configuration: Answer) -> AwsLogs | None:
    options = configuration.get("options") or {}
    group = options.get("awslogs-group", "")
    if configuration.get("logDriver") != "awslogs" or not group:
        return None
    return AwsLogs(
        group=group,
        region=options.get("awslogs-region", ""),
        stream_prefix=options.get("awslogs-stream-prefix", ""),
    )


def _text(amount: object) -> str:
    return str(amount) if amount else ""


def _objects(value: object) -> list[Answer]:
    """The objects in a JSON array; nothing where it is none."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [each for each in value if isinstance(each, Mapping)]
