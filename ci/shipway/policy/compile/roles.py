"""The roles of an environment as resources of its template: who, what, how long. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shipway.errors import ConfigurationError
from shipway.policy.compile import people, permissions, sizes, trust
from shipway.policy.compile.elsewhere import Reading
from shipway.policy.compile.permissions import sub
from shipway.policy.compile.resources import Resources
from shipway.policy.contract import Contract, Task, every_task
from shipway.policy.requirements import EnvironmentPolicy

Document = dict[str, Any]

DEPLOY = "DeployRole"
BY_HAND = "ByHandRole"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDocument:
    """One role that a template makes.

    Attributes:
        logical_id: What it is called in the template.
        name: The role's name.
        trust: Who may assume it.
        statements: What it may do.
        tasks: The tasks that the contract allows whoever assumes it.
        rules: Event and pattern of every entry that leads to it.
        entries: Where those entries stand in the contract, for messages.
    """

    logical_id: str
    name: str
    trust: Document
    statements: tuple[Document, ...]
    tasks: tuple[Task, ...]
    rules: tuple[str, ...]
    entries: tuple[str, ...]


def of(
    contract: Contract,
    resources: Resources,
    provider: object,
    further: Sequence[Document] = (),
) -> tuple[RoleDocument, ...]:
    """The roles that an environment needs: one for GitHub's runs, one for people, or neither.

    Args:
        contract: The release contract.
        resources: What the environment reaches.
        provider: The OIDC provider's ARN, or what gives it in a template.
        further: Statements that the first one gets beside what its tasks need.
    """
    environment = resources.environment
    environment_policy = contract.environment_policy(environment)
    roles = []
    events = trust.leading_to(contract, environment)
    if events and contract.source is not None:
        document = trust.policy(contract, environment, provider, audience=resources.audience)
        roles.append((DEPLOY, environment_policy.role, events, document))
    by_hand = tuple(
        entry
        for entry in contract.entries
        if entry not in contract.triggers and environment in entry.environments
    )
    if by_hand and environment_policy.makes_by_hand_role:
        document = people.policy(environment_policy)
        roles.append((BY_HAND, environment_policy.by_hand_role, by_hand, document))
    made = []
    for number, (logical_id, name, entries, document) in enumerate(roles):
        tasks = every_task(entry.tasks for entry in entries)
        statements = permissions.policy(resources, tasks)["Statement"]
        made.append(
            RoleDocument(
                logical_id=logical_id,
                name=name,
                trust=document,
                statements=(*statements, *(further if number == 0 else ())),
                tasks=tasks,
                rules=tuple(entry.rule for entry in entries),
                entries=tuple(
                    f"{contract.path}:{entry.line}  {entry.name}: {entry.rule}" for entry in entries
                ),
            )
        )
    return tuple(made)


def environments(contract: Contract) -> tuple[str, ...]:
    """Every environment for which a template is rendered, in the contract's order."""
    return tuple(
        dict.fromkeys(
            name
            for entry in contract.entries
            for name in entry.environments
            if entry in contract.triggers or contract.environment_policy(name).makes_by_hand_role
        )
    )


def template(
    role: RoleDocument, environment_policy: EnvironmentPolicy, *, session: int
) -> Document:
    """The role, and the managed policies that hold what is too long for it.

    Args:
        role: What is made.
        environment_policy: Its path and boundary.
        session: The longest session, in seconds.
    """
    allowed = {"Version": "2012-10-17", "Statement": list(role.statements)}
    path = {} if environment_policy.role_path == "/" else {"Path": environment_policy.role_path}
    properties: Document = {
        "RoleName": role.name,
        **path,
        **_boundary(environment_policy.permissions_boundary),
        "MaxSessionDuration": session,
        "AssumeRolePolicyDocument": role.trust,
    }
    if sizes.length(allowed) <= sizes.INLINE:
        properties["Policies"] = [{"PolicyName": "deliver", "PolicyDocument": allowed}]
        return {role.logical_id: {"Type": "AWS::IAM::Role", "Properties": properties}}
    managed = {
        f"{role.logical_id}Policy{number}": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Description": f"Part {number} of what {role.name} may do.",
                **path,
                "PolicyDocument": {**allowed, "Statement": list(statements)},
            },
        }
        for number, statements in enumerate(sizes.cut(role.statements), start=1)
    }
    properties["ManagedPolicyArns"] = [{"Ref": logical_id} for logical_id in managed]
    return {role.logical_id: {"Type": "AWS::IAM::Role", "Properties": properties}, **managed}


def check(
    role: RoleDocument,
    environment_policy: EnvironmentPolicy,
    values: Mapping[str, str] | None = None,
) -> None:
    """See that IAM will take the role.

    Args:
        role: What is to be made.
        environment_policy: How long AWS takes a trust policy to be.
        values: What the template's parameters hold, where it is known.

    Raises:
        ConfigurationError: A policy is longer than IAM takes it, or there are too many.
    """
    quota, long = environment_policy.trust_policy_quota, sizes.length(role.trust, values)
    if long > quota:
        raise ConfigurationError(
            f"the trust policy of {role.name} has {long:,} characters, and IAM takes {quota:,}",
            details=role.entries,
            remedy="let one pattern stand for several entries, or ask AWS for more (Service "
            "Quotas, IAM, role trust policy length: 8,192 at most) and say it as "
            f"trust_policy_quota in [environments.{environment_policy.environment}]",
        )
    allowed = {"Version": "2012-10-17", "Statement": list(role.statements)}
    if sizes.length(allowed) <= sizes.INLINE:
        real = sizes.length(allowed, values)
        parts: tuple[tuple[Document, ...], ...] = ()
    else:
        real = 0
        parts = sizes.cut(role.statements)
    longest = max(
        (sizes.length({**allowed, "Statement": part}, values) for part in parts), default=0
    )
    if real > sizes.INLINE or longest > sizes.MANAGED:
        raise ConfigurationError(
            f"the names of {environment_policy.environment} are too long for a policy of "
            f"{role.name}: {real or longest:,} characters, and IAM takes "
            f"{sizes.INLINE if real else sizes.MANAGED:,}",
            remedy="shorten the names of services, families and log groups, or deliver them as "
            "two environments",
        )
    if len(parts) > sizes.ATTACHED:
        raise ConfigurationError(
            f"what {role.name} must be allowed fills {len(parts)} managed policies, and a role "
            f"may have {sizes.ATTACHED}",
            details=role.entries,
            remedy=f"deliver the services of {environment_policy.environment} as two environments",
        )


def policy_of(reading: Reading, roles: Sequence[RoleDocument]) -> str:
    """What another account's repository must allow, as text for ``Fn::Sub``."""
    arns = [f"${{{role.logical_id}.Arn}}" for role in roles]
    return json.dumps(reading.policy(arns), separators=(",", ":"))


def _boundary(name: str) -> Document:
    if not name:
        return {}
    arn = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{name}"
    return {"PermissionsBoundary": name if name.startswith("arn:") else sub(arn)}
