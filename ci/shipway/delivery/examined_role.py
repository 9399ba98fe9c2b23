"""The deploy roles of an environment: what the contract compiles to, beside what IAM has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from shipway.config.environment import Environment
from shipway.config.load import Declared
from shipway.delivery import role_values
from shipway.delivery.examined_schedules import ScheduleFacts
from shipway.doctor import role as judged
from shipway.doctor.finding import Finding, Looked, Unseen, looked, not_checked, optional, unseen
from shipway.doctor.ports import Inspection
from shipway.doctor.role import ExpectedRole
from shipway.errors import ConfigurationError
from shipway.policy.compile import bootstrap_template, roles, trust
from shipway.policy.compile.filled import filled
from shipway.policy.compile.roles import RoleDocument
from shipway.policy.contract import Contract
from shipway.rollout.schedules.ports import ScheduleTarget
from shipway.rollout.task_definition import TaskDefinition


def findings(
    expected: Sequence[ExpectedRole], inspection: Looked[Inspection], environment: str
) -> Iterator[Finding]:
    """Each role that the contract makes, judged.

    Args:
        expected: What the contract compiles to.
        inspection: Reads IAM, where somebody may.
        environment: Whose roles they are.
    """
    if isinstance(inspection, Unseen):
        yield optional("trust policy and permissions", inspection)
        return
    if not expected:
        yield not_checked("deploy role", "the contract makes none: people bring their own")
    for role in expected:
        live = looked(partial(inspection.role, role.name))
        yield from judged.judge(role, live, environment)


def expected_roles(
    contract: Contract,
    declared: Declared,
    bases: Sequence[str],
    environment: Environment,
    *,
    definitions: Mapping[str, Looked[TaskDefinition]],
    own: Mapping[str, Looked[TaskDefinition]],
    schedules: Mapping[str, ScheduleFacts],
) -> tuple[ExpectedRole, ...]:
    """The roles that the contract compiles to, with every name filled in. Pure.

    Args:
        contract: The release contract.
        declared: The environment in delivery.toml.
        bases: The image references that the Dockerfile starts from.
        environment: The same environment, resolved.
        definitions: The live task definition of each service, by the service's key.
        own: The task definition of each job that has its own, by the job's key.
        schedules: What there is of each scheduled task, by its key.
    """
    pseudo = role_values.pseudo(environment)
    needed = bootstrap_template.needed(contract, declared, bases)
    provider = filled(trust.provider_arn(contract.source), pseudo) if contract.source else ""
    values = {
        **pseudo,
        **role_values.repositories(environment),
        **bootstrap_template.options(needed, environment),
    }
    known = {
        service.key: live
        for service in environment.services
        if isinstance(live := definitions[service.key], TaskDefinition)
        and any(each.name == service.container for each in live.containers)
    }
    lacking = [service.key for service in environment.services if service.key not in known]
    jobs = {key: live for key, live in own.items() if isinstance(live, TaskDefinition)}
    lacking += [key for key in own if key not in jobs]
    scheduled, targets = _scheduled(environment, schedules)
    lacking += [key for key, each in schedules.items() if isinstance(each.targets, Unseen)]
    refused: Unseen | None = None
    if not lacking:
        try:
            values |= role_values.looked_up(environment, known, jobs, scheduled, targets)
        except ConfigurationError as error:
            refused = unseen(error)
    return tuple(
        ExpectedRole(
            name=role.name,
            trust=filled(role.trust, pseudo),
            statements=refused or _statements(role, values, lacking),
        )
        for role in roles.of(contract, needed, provider)
    )


def _scheduled(
    environment: Environment, schedules: Mapping[str, ScheduleFacts]
) -> tuple[dict[str, TaskDefinition], dict[str, tuple[ScheduleTarget, ...]]]:
    """The task definitions of their own and what starts the tasks, as far as seen."""
    own = {
        schedule.key: definition
        for schedule in environment.schedules
        if not schedule.service
        and isinstance(definition := schedules[schedule.key].definition, TaskDefinition)
    }
    seen = {
        key: each.targets for key, each in schedules.items() if not isinstance(each.targets, Unseen)
    }
    return own, seen


def _statements(
    role: RoleDocument, values: Mapping[str, str], lacking: Sequence[str]
) -> Looked[tuple[Mapping[str, Any], ...]]:
    try:
        return tuple(filled(statement, values) for statement in role.statements)
    except KeyError as error:
        if lacking:
            return Unseen(why=f"what runs as {', '.join(lacking)} is not known: see above")
        return Unseen(why=f"what {error.args[0]} stands for is not looked up here")
