"""What an AWS account needs before its first delivery: one template for each environment.

Pure. ``ci/iam/ENVIRONMENT.yaml`` is this, printed; ``nox -s contract`` compares them, and the
sandbox's roles are made from the same text, so that a rehearsal proves what will be applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shipway.errors import ConfigurationError
from shipway.release import permissions, trust
from shipway.release.cfn_yaml import dump
from shipway.release.contract import Contract, Source, Task
from shipway.release.permissions import Needs
from shipway.release.trust import camel

if TYPE_CHECKING:  # reading files needs pydantic; rendering does not
    from shipway.config.load import Declared

Document = dict[str, Any]
LONGEST_SESSION = 43200
"""Seconds; the most that IAM allows a role (IAM API Reference, CreateRole)."""


def file_of(environment: str) -> str:
    """Where an environment's template is committed, from the repository's root."""
    return f"ci/iam/{environment}.yaml"


def stack_of(role: str) -> str:
    """The name of the stack that makes a deploy role: the role's own."""
    return "".join(char if char.isalnum() else "-" for char in role)


def render(contract: Contract, declared: Declared, *, session: int) -> str:
    """The template's text.

    Args:
        contract: The release contract.
        declared: The environment in delivery.toml.
        session: The longest session of the role, in seconds.

    Raises:
        ConfigurationError: No event of the contract leads to the environment.
    """
    return compose(contract, permissions.needs(declared), session=session)


def compose(
    contract: Contract, wanted: Needs, *, session: int, further: Sequence[Document] = ()
) -> str:
    """As :func:`render`, from what the environment needs; ``further`` statements are added."""
    entries = trust.leading_to(contract, wanted.environment)
    if contract.source is None or not entries:
        leading = trust.environments(contract)
        raise ConfigurationError(
            f"no event leads to {wanted.environment}, so it needs no deploy role",
            where=contract.path,
            remedy=f"name one of {', '.join(leading)}; people deliver with their own credentials"
            if leading
            else "add an entry for an event; people deliver with their own credentials",
        )
    tasks: tuple[Task, ...] = max((entry.tasks for entry in entries), key=len)
    named = ", ".join(entry.rule for entry in entries)
    allowed = permissions.policy(wanted, tasks)
    allowed["Statement"] += further
    body: Document = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Deploy role of {wanted.environment}: {named} may {', '.join(tasks)}.",
        "Parameters": _parameters(wanted, deploys="deploy" in tasks),
        "Conditions": {"WithProvider": {"Fn::Equals": [{"Ref": "CreateProvider"}, "true"]}},
        "Resources": {
            "Provider": _provider(contract.source),
            "DeployRole": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": contract.guard(wanted.environment).role,
                    "MaxSessionDuration": min(session, LONGEST_SESSION),
                    "AssumeRolePolicyDocument": trust.policy(
                        contract, wanted.environment, _provider_arn(contract.source)
                    ),
                    "Policies": [{"PolicyName": "deliver", "PolicyDocument": allowed}],
                },
            },
        },
        "Outputs": {"DeployRoleArn": {"Value": {"Fn::GetAtt": "DeployRole.Arn"}}},
    }
    head = (
        "# Rendered from ci/release.toml and ci/delivery.toml: `nox -s contract -- --write`.",
        f"# Apply it: `nox -s bootstrap -- --env {wanted.environment} --apply`.",
        "",
    )
    return "\n".join(head) + dump(body)


def _provider_arn(source: Source) -> Document:
    """The OIDC provider's ARN, whether this stack makes it or the account has it."""
    arn = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{trust.host(source)}"
    return {"Fn::If": ["WithProvider", {"Ref": "Provider"}, permissions.sub(arn)]}


def _parameters(wanted: Needs, *, deploys: bool) -> Document:
    written = dict(wanted.written)

    def text(name: str, words: str) -> tuple[str, Document]:
        default = {"Default": written[name]} if name in written else {}
        return name, {"Type": "String", **default, "Description": words}

    found = [
        (
            "CreateProvider",
            {
                "Type": "String",
                "AllowedValues": ["true", "false"],
                "Default": "true",
                "Description": "An account has one OIDC provider for GitHub: false if it is there.",
            },
        ),
        text("Repository", "Name of the ECR repository."),
    ]
    if deploys:
        found.append(text("Cluster", "Name of the ECS cluster."))
        for key in wanted.services:
            found += [
                text(f"Service{camel(key)}", f"Name of the ECS service of {key}."),
                text(f"Family{camel(key)}", f"Task definition family of {key}."),
                text(f"LogGroup{camel(key)}", f"CloudWatch log group of the containers of {key}."),
            ]
        roles = "ARNs of the execution role and the task role, the only ones handed to tasks."
        found.append(("TaskRoles", {"Type": "CommaDelimitedList", "Description": roles}))
    return dict(found)


def _provider(source: Source) -> Document:
    return {
        "Type": "AWS::IAM::OIDCProvider",
        "Condition": "WithProvider",
        # Other environments of the account trust it too: no stack takes it away.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {"Url": source.issuer, "ClientIdList": [trust.AUDIENCE]},
    }
