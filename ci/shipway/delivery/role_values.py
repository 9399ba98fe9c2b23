"""What the parameters of an environment's roles hold: what is published, what services name. Pure.

``bootstrap`` makes the roles with them, and ``doctor`` compares the roles that there are. What a
service or a rule names may have been written by somebody who may do less than whoever makes roles:
so nothing of it gets into a policy where it would stand for more than the one thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shipway.config.environment import Environment
from shipway.config.schedule import ScheduleKind
from shipway.errors import ConfigurationError
from shipway.policy.compile.trust import camel
from shipway.rollout.schedules.ports import ScheduleTarget
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition
from shipway.util.partitions import partition_of

_NO_GROUP: Final = "none"
# CreateLogGroup (CloudWatch Logs API Reference), and names of IAM without the comma, which parts
# the values of such a parameter.
_LOG_GROUP: Final = re.compile(r"[A-Za-z0-9._/#-]{1,512}")
_ROLE: Final = re.compile(r"(?:[A-Za-z0-9+=.@_-]+/)*[A-Za-z0-9+=.@_-]{1,64}")
_CLUSTER: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")


def looked_up(
    environment: Environment,
    definitions: Mapping[str, TaskDefinition],
    own: Mapping[str, TaskDefinition],
    scheduled: Mapping[str, TaskDefinition] | None = None,
    targets: Mapping[str, Sequence[ScheduleTarget]] | None = None,
) -> dict[str, str]:
    """Cluster, services, families, log groups, and the roles that tasks are given.

    Args:
        environment: The environment, resolved.
        definitions: The live task definition of each service, by the service's key.
        own: The task definition of each job that has its own, by the job's key.
        scheduled: The same of each schedule that has its own.
        targets: What starts the tasks of each schedule, by its key.

    Raises:
        ConfigurationError: A role, a cluster or a log group is none that a policy can name exactly.
    """
    values = {"Cluster": environment.cluster}
    handed: dict[str, None] = {}
    for service in environment.services:
        live = definitions[service.key]
        name = camel(service.key)
        values[f"Service{name}"] = service.service
        values[f"Family{name}"] = live.family
        values[f"LogGroup{name}"] = _log_group(live, live.container(service.container))
        handed |= dict.fromkeys(_task_roles(live, environment))
    for key, live in own.items():
        logging = next((container for container in live.containers if container.logs), None)
        values[f"JobFamily{camel(key)}"] = live.family
        values[f"JobLogGroup{camel(key)}"] = _log_group(live, logging)
        handed |= dict.fromkeys(_task_roles(live, environment))
    for key, live in (scheduled or {}).items():
        values[f"ScheduleFamily{camel(key)}"] = live.family
        handed |= dict.fromkeys(_task_roles(live, environment))
    return {
        **values,
        **_clock(environment, targets or {}),
        "TaskRoles": ",".join(handed) or _nobody(environment),
    }


def _clock(
    environment: Environment, targets: Mapping[str, Sequence[ScheduleTarget]]
) -> dict[str, str]:
    """The rules and schedules, and what they start tasks in and with."""
    values: dict[str, str] = {}
    clusters: dict[str, None] = {}
    handed: dict[ScheduleKind, dict[str, None]] = {}
    for schedule in environment.schedules:
        kind = "Rule" if schedule.kind == "rule" else "Timer"
        values[f"{kind}{camel(schedule.key)}"] = schedule.path
        roles = handed.setdefault(schedule.kind, {})
        for target in targets.get(schedule.key, ()):
            where = f"the target of {schedule.described}"
            if target.role:
                roles |= {_role(target.role, environment, where): None}
            if schedule.kind == "rule":
                clusters |= {_cluster(target.cluster, environment, where): None}
    if "rule" in handed:
        values["RuleRoles"] = ",".join(handed["rule"]) or _nobody(environment)
        values["RuleClusters"] = ",".join(clusters) or _arn(environment, "ecs", "cluster/none")
    if "schedule" in handed:
        values["TimerRoles"] = ",".join(handed["schedule"]) or _nobody(environment)
    return values


def _task_roles(live: TaskDefinition, environment: Environment) -> Iterable[str]:
    """The roles of a task definition, which may be named without their ARN (ECS API Reference)."""
    for role in live.roles:
        arn = role if role.startswith("arn:") else _arn(environment, "iam", f"role/{role}")
        yield _role(arn, environment, f"task definition {live.family}")


def _log_group(live: TaskDefinition, container: ContainerDefinition | None) -> str:
    logs = container.logs if container is not None else None
    if logs is None:
        return _NO_GROUP
    if not _LOG_GROUP.fullmatch(logs.group):
        raise _wider(f"the log group {logs.group!r}", f"task definition {live.family}")
    return logs.group


def _role(arn: str, environment: Environment, where: str) -> str:
    name = arn.removeprefix(_arn(environment, "iam", "role/"))
    if name == arn or not _ROLE.fullmatch(name):
        raise _wider(f"the role {arn!r}", where)
    return arn


def _cluster(arn: str, environment: Environment, where: str) -> str:
    name = arn.removeprefix(_arn(environment, "ecs", "cluster/"))
    if name == arn or not _CLUSTER.fullmatch(name):
        raise _wider(f"the cluster {arn!r}", where)
    return arn


def _wider(what: str, where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what} can stand in no policy: it is none of this account that is named exactly",
        where=where,
        remedy="see who wrote it, and name one without *, ?, $ or a comma; no role was changed",
    )


def _nobody(environment: Environment) -> str:
    return _arn(environment, "iam", f"role/{_NO_GROUP}")


def _arn(environment: Environment, service: str, resource: str) -> str:
    region = "" if service == "iam" else environment.region
    partition = partition_of(environment.region).id
    return f"arn:{partition}:{service}:{region}:{environment.account}:{resource}"


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
