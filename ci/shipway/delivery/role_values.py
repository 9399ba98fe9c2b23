"""What the parameters of an environment's roles hold: what is published, what services name. Pure.

``bootstrap`` makes the roles with them, and ``doctor`` compares the roles that there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from shipway.config.environment import Environment
from shipway.policy.compile.trust import camel
from shipway.rollout.task_definition import TaskDefinition
from shipway.util.partitions import partition_of

_NO_GROUP: Final = "none"


def looked_up(
    environment: Environment,
    definitions: Mapping[str, TaskDefinition],
    own: Mapping[str, TaskDefinition],
    scheduled: Mapping[str, TaskDefinition] | None = None,
    schedule_roles: Sequence[str] = (),
) -> dict[str, str]:
    """Cluster, services, families, log groups, and the roles that tasks are given.

    Args:
        environment: The environment, resolved.
        definitions: The live task definition of each service, by the service's key.
        own: The task definition of each job that has its own, by the job's key.
        scheduled: The same of each schedule that has its own.
        schedule_roles: ARNs of the roles that rules and schedules start tasks with, each once.
    """
    values = {"Cluster": environment.cluster}
    handed: dict[str, None] = {}
    for service in environment.services:
        live = definitions[service.key]
        logs = live.container(service.container).logs
        name = camel(service.key)
        values[f"Service{name}"] = service.service
        values[f"Family{name}"] = live.family
        values[f"LogGroup{name}"] = logs.group if logs else _NO_GROUP
        handed |= dict.fromkeys(live.roles)
    for key, live in own.items():
        logs = next((container.logs for container in live.containers if container.logs), None)
        values[f"JobFamily{camel(key)}"] = live.family
        values[f"JobLogGroup{camel(key)}"] = logs.group if logs else _NO_GROUP
        handed |= dict.fromkeys(live.roles)
    for key, live in (scheduled or {}).items():
        values[f"ScheduleFamily{camel(key)}"] = live.family
        handed |= dict.fromkeys(live.roles)
    for schedule in environment.schedules:
        kind = "Rule" if schedule.kind == "rule" else "Timer"
        values[f"{kind}{camel(schedule.key)}"] = schedule.path
    partition = partition_of(environment.region).id
    nobody = f"arn:{partition}:iam::{environment.account}:role/{_NO_GROUP}"
    if environment.schedules:
        values["ScheduleRoles"] = ",".join(schedule_roles) or nobody
    return {**values, "TaskRoles": ",".join(handed) or nobody}


def repositories(environment: Environment) -> dict[str, str]:
    """The name of each image's repository."""
    return {
        f"Repository{camel(key)}": environment.about(key).repository for key in environment.keys
    }


def pseudo(environment: Environment) -> dict[str, str]:
    """CloudFormation's own parameters, as they are in the environment's account and region."""
    return {
        "AWS::AccountId": environment.account,
        "AWS::Partition": partition_of(environment.region).id,
        "AWS::Region": environment.region,
    }
