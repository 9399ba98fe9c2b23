"""Whether the role that starts a service's tasks may read what they start with. Pure.

"Amazon ECS task execution IAM role" (ECS Developer Guide,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html): it pulls
images from ECR, reads secrets and writes logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shipway.doctor.finding import Finding, Looked, Unseen, not_checked, ok, optional, wrong
from shipway.rollout.task_definition import TaskDefinition
from shipway.util.partitions import partition_of, registry_home

_SECRET_PARTS: Final = 7  # of arn:…:secret:NAME; what follows is a key and a version


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a role must be allowed, in one question to IAM: each action on each resource."""

    name: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What IAM says of a need: the actions that are not allowed, each with its resource."""

    need: Need
    refused: Looked[tuple[tuple[str, str], ...]]


def needs(definition: TaskDefinition, account: str, region: str) -> tuple[Need, ...]:
    """What the tasks of a definition start with."""
    partition = partition_of(region).id
    repositories: dict[str, None] = {}
    parameters: dict[str, None] = {}
    secrets: dict[str, None] = {}
    groups: dict[str, None] = {}
    for container in definition.containers:
        if home := registry_home(container.image):
            name = container.image.partition("/")[2].partition("@")[0].partition(":")[0]
            repositories[f"arn:{partition}:ecr:{home[1]}:{home[0]}:repository/{name}"] = None
        for _, source in container.secrets:
            if ":secretsmanager:" in source:
                secrets[":".join(source.split(":")[:_SECRET_PARTS])] = None
            elif source.startswith("arn:"):
                parameters[source] = None
            else:
                name = source.lstrip("/")
                parameters[f"arn:{partition}:ssm:{region}:{account}:parameter/{name}"] = None
        if container.logs is not None:
            there = container.logs.region or region
            group = f"arn:{partition}:logs:{there}:{account}:log-group:{container.logs.group}:*"
            groups[group] = None
    pull = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    write = ("logs:CreateLogStream", "logs:PutLogEvents")
    wanted = (
        Need(name="images", actions=pull, resources=tuple(repositories)),
        Need(name="parameters", actions=("ssm:GetParameters",), resources=tuple(parameters)),
        Need(name="secrets", actions=("secretsmanager:GetSecretValue",), resources=tuple(secrets)),
        Need(name="logs", actions=write, resources=tuple(groups)),
    )
    return tuple(need for need in wanted if need.resources)


def judge(definition: TaskDefinition, answers: tuple[Answer, ...]) -> Iterator[Finding]:
    """Every need of a definition, and whether its execution role covers it."""
    role = definition.execution_role.rpartition("/")[2]
    if not role:
        reads = any(container.secrets for container in definition.containers)
        if reads:
            yield wrong(
                "execution role",
                "the task definition reads secrets and names no execution role: no task starts",
                "give executionRoleArn with your infrastructure",
            )
        else:
            yield ok("execution role", "none; the instance pulls and writes logs")
        return
    if not answers:
        yield ok("execution role", f"{role} needs nothing of ECR, secrets or logs")
    for answer in answers:
        name = f"{answer.need.name} for {role}"
        if isinstance(answer.refused, Unseen):
            yield optional(name, answer.refused)
        elif answer.refused:
            yield wrong(
                name,
                "IAM's simulation does not allow it",
                f"allow it in the policies of {role}; a policy of the resource alone is not "
                "simulated",
                *(f"{action} on {resource}" for action, resource in answer.refused),
            )
        else:
            yield ok(name, ", ".join(answer.need.actions))


def group_findings(groups: dict[str, Looked[bool]]) -> Iterator[Finding]:
    """Each log group, and whether it is there."""
    for group, there in groups.items():
        name = f"log group {group}"
        if isinstance(there, Unseen):
            yield optional(name, there)
        elif there:
            yield ok(name, "there")
        else:
            yield not_checked(
                name,
                "it is not there; a task makes it only where awslogs-create-group says so",
                "make it with your infrastructure, or no task starts",
            )
