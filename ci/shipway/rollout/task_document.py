"""A task definition's document read into a value: what ECS answered, or a file of the repository.

Pure. The document stays whole inside of the value; names are those of the ECS API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shipway.rollout.task_definition import AwsLogs, ContainerDefinition, TaskDefinition

Document = Mapping[str, Any]


def read_document(document: Document) -> TaskDefinition:
    """What DescribeTaskDefinition tells of one, or RegisterTaskDefinition would be sent."""
    return TaskDefinition(
        arn=document.get("taskDefinitionArn", ""),
        family=document.get("family", ""),
        containers=tuple(map(_container, objects(document.get("containerDefinitions")))),
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


def objects(value: object) -> list[Document]:
    """The objects in a JSON array; nothing where it is none."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [each for each in value if isinstance(each, Mapping)]


def _container(document: Document) -> ContainerDefinition:
    health = document.get("healthCheck") or {}
    return ContainerDefinition(
        name=document.get("name", ""),
        image=document.get("image", ""),
        essential=document.get("essential", True),
        ports=tuple(
            mapping["containerPort"]
            for mapping in objects(document.get("portMappings"))
            if "containerPort" in mapping  # a range of ports has none
        ),
        memory=_text(document.get("memory")),
        health_command=tuple(health.get("command", ())),
        environment=tuple(
            (pair.get("name", ""), pair.get("value", ""))
            for pair in objects(document.get("environment"))
        ),
        secrets=tuple(
            (pair.get("name", ""), pair.get("valueFrom", ""))
            for pair in objects(document.get("secrets"))
        ),
        logs=_logs(document.get("logConfiguration") or {}),
        log_driver=(document.get("logConfiguration") or {}).get("logDriver", ""),
    )


def _logs(configuration: Document) -> AwsLogs | None:
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
