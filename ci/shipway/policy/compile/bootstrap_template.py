"""What an AWS account needs before its first delivery: one template for each environment.

Pure. ``ci/iam/ENVIRONMENT.yaml`` is this, printed; ``nox -s contract`` compares them, and the
sandbox's roles are made from the same text, so that a rehearsal proves what will be applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shipway.config.environment import Environment, Origin
from shipway.errors import ConfigurationError
from shipway.policy.compile import elsewhere, permissions, roles, trust
from shipway.policy.compile import resources as required
from shipway.policy.compile.cfn_yaml import dump
from shipway.policy.compile.elsewhere import Reading
from shipway.policy.compile.resources import Resources
from shipway.policy.compile.roles import RoleDocument
from shipway.policy.compile.trust import camel
from shipway.policy.contract import Contract, Source, Task, every_task
from shipway.util.partitions import partition_of

if TYPE_CHECKING:  # reading files needs pydantic; rendering does not
    from shipway.config.load import Declared

Document = dict[str, Any]
_DESCRIPTION = 1000
"""Characters; CloudFormation takes 1,024 bytes (User Guide, "CloudFormation template quotas")."""
LONGEST_SESSION = 43200
"""Seconds; the most that IAM allows a role (IAM API Reference, CreateRole)."""


def file_of(environment: str) -> str:
    """Where an environment's template is committed, from the repository's root."""
    return f"ci/iam/{environment}.yaml"


def stack_of(role: str) -> str:
    """The name of the stack that makes a deploy role: the role's own."""
    return "".join(char if char.isalnum() else "-" for char in role)


def render(
    contract: Contract, declared: Declared, *, session: int, bases: Sequence[str] = ()
) -> str:
    """The template's text.

    Args:
        contract: The release contract.
        declared: The environment in delivery.toml.
        session: The longest session of the role, in seconds.
        bases: The image references that the Dockerfile starts from.

    Raises:
        ConfigurationError: No event of the contract leads to the environment.
    """
    return compose(contract, needed(contract, declared, bases), session=session)


def needed(contract: Contract, declared: Declared, bases: Sequence[str] = ()) -> Resources:
    """What the environment's roles reach, by delivery.toml and by the contract's ``after``."""
    after = contract.environment_policy(declared.name).after
    return required.resources_of(declared, bases, after=after)


def compose(
    contract: Contract, resources: Resources, *, session: int, further: Sequence[Document] = ()
) -> str:
    """As :func:`render`, from what the environment needs; ``further`` statements are added."""
    made = roles_of(contract, resources, further=further)
    environment_policy = contract.environment_policy(resources.environment)
    for role in made:
        roles.check(role, environment_policy)
    tasks = every_task(role.tasks for role in made)
    others = readings(resources, made)
    by_github = any(role.logical_id == roles.DEPLOY for role in made)
    conditions: Document = {
        **(_WITH_PROVIDER if by_github else {}),
    }
    for each in others:
        conditions |= each.elsewhere
    resources_made: Document = {}
    if by_github and contract.source is not None:
        resources_made["Provider"] = _provider(contract.source, resources.audience)
    for role in made:
        resources_made |= roles.template(
            role, environment_policy, session=min(session, LONGEST_SESSION)
        )
    body: Document = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": _description(resources, made),
        "Parameters": _parameters(resources, tasks, tuple(others), provider=by_github),
        **({"Conditions": conditions} if conditions else {}),
        "Resources": resources_made,
        "Outputs": {
            **{
                f"{role.logical_id}Arn": {"Value": {"Fn::GetAtt": f"{role.logical_id}.Arn"}}
                for role in made
            },
            **{each.output: _policy(each, readers) for each, readers in others.items()},
        },
    }
    head = (
        "# Rendered from ci/release.toml and ci/delivery.toml: `nox -s contract -- --write`.",
        f"# Apply it: `nox -s bootstrap -- --env {resources.environment} --apply`.",
        "",
    )
    return "\n".join(head) + dump(body)


def roles_of(
    contract: Contract, resources: Resources, *, further: Sequence[Document] = ()
) -> tuple[RoleDocument, ...]:
    """The roles that the environment's template makes: GitHub's, people's, or both.

    Raises:
        ConfigurationError: None is made for it.
    """
    provider = _provider_arn(contract.source) if contract.source else ""
    made = roles.of(contract, resources, provider, further)
    if not made:
        leading = roles.environments(contract)
        raise ConfigurationError(
            f"no role is made for {resources.environment}: no event leads there, and no "
            "by_hand_principals are named",
            where=contract.path,
            remedy=f"name one of {', '.join(leading)}; people deliver with their own credentials"
            if leading
            else "add an entry for an event; people deliver with their own credentials",
        )
    return made


def readings(
    resources: Resources, made: Sequence[RoleDocument]
) -> dict[Reading, tuple[RoleDocument, ...]]:
    """Every repository of another environment that roles read, and which roles do."""
    by_role = {role.logical_id: elsewhere.readings(resources, role.tasks) for role in made}
    every = dict.fromkeys(each for found in by_role.values() for each in found)
    return {
        each: tuple(role for role in made if each in by_role[role.logical_id]) for each in every
    }


def check_audience(resources: Resources, environment: Environment) -> None:
    """See that the tokens are for the STS of where the environment really is.

    Raises:
        ConfigurationError: Its region is a reference, and leads into another partition.
    """
    audience = partition_of(environment.region).audience
    if resources.audience != audience:
        raise ConfigurationError(
            f"{environment.name} is in {environment.region}, whose tokens are for {audience}, and "
            f"the role that is rendered asks for {resources.audience}",
            where="ci/delivery.toml",
            remedy=f'write region = "{environment.region}" in [environments.{environment.name}] '
            "and render workflow and roles anew: nox -s contract -- --write",
        )


def stack_name(contract: Contract, environment: str) -> str:
    """The name of an environment's stack: that of the first role it makes."""
    environment_policy = contract.environment_policy(environment)
    by_github = trust.leading_to(contract, environment)
    return stack_of(environment_policy.role if by_github else environment_policy.by_hand_role)


def _description(resources: Resources, made: Sequence[RoleDocument]) -> str:
    """Which roles, for which entries; at most what a template's description may hold."""
    what = "; ".join(f"{', '.join(role.rules)} may {', '.join(role.tasks)}" for role in made)
    head = "Deploy role of" if len(made) == 1 else "Deploy roles of"
    text = f"{head} {resources.environment}: {what}."
    return text if len(text) <= _DESCRIPTION else f"{text[: _DESCRIPTION - 1]}…"


def options(
    resources: Resources,
    environment: Environment,
    origins: Mapping[str, Mapping[str, Origin]] | None = None,
) -> dict[str, str]:
    """The template's parameters for copies, a signing key and promotion, once all is looked up.

    Args:
        resources: What the environment needs.
        environment: The environment, resolved.
        origins: Each repository of another environment that the template asks for, by what the
            names of its parameters begin with and by its image's key; one that is missing is as
            delivery.toml has it.
    """
    values = {
        name: text
        for name, text in resources.written
        if name.startswith((elsewhere.SOURCE, elsewhere.VERIFIED))
    }
    for prefix, by_key in (origins or {}).items():
        for key, origin in by_key.items():
            values[f"{prefix}Account"] = origin.account
            values[f"{prefix}Region"] = origin.region
            values[f"{prefix}Repository{camel(key)}"] = origin.repository
    if resources.copies:
        values["EvidencePlace"] = required.place_of(environment.evidence.s3)
        values["EvidenceBucket"] = required.bucket_of(environment.evidence.s3)
        values["EvidencePrefix"] = required.prefix_of(environment.evidence.s3)
    if resources.signs:
        # A reference may stand for a file: then there is no key to be used.
        partition = partition_of(environment.region).id
        no_key = f"arn:{partition}:kms:{environment.region}:{environment.account}:key/none"
        values["SigningKey"] = required.key_of(environment.sign) or no_key
    return values


def takes(template: str, parameter: str) -> bool:
    """Whether a template of ours has a parameter."""
    return f"\n  {parameter}:\n" in template


_WITH_PROVIDER: Document = {"WithProvider": {"Fn::Equals": [{"Ref": "CreateProvider"}, "true"]}}


def _policy(reading: Reading, readers: Sequence[RoleDocument]) -> Document:
    what = f"The repository policy that the account of the {reading.what} images must set."
    return {
        "Condition": reading.condition,
        "Description": what,
        "Value": permissions.sub(roles.policy_of(reading, readers)),
    }


def _provider_arn(source: Source) -> Document:
    """The OIDC provider's ARN, whether this stack makes it or the account has it."""
    return {"Fn::If": ["WithProvider", {"Ref": "Provider"}, trust.provider_arn(source)]}


def _parameters(
    resources: Resources, tasks: Sequence[Task], others: Sequence[Reading], *, provider: bool
) -> Document:
    written = dict(resources.written)

    def text(name: str, description: str) -> tuple[str, Document]:
        default = {"Default": written[name]} if name in written else {}
        return name, {"Type": "String", **default, "Description": description}

    parameters = [_CREATE_PROVIDER] if provider else []
    several = len(resources.repositories) > 1
    parameters += [
        text(name, f"Name of the ECR repository{_of(name, 'Repository', several=several)}.")
        for name, _ in resources.repositories
    ]
    parameters += [text(*named) for each in others for named in each.parameters]
    if resources.copies:
        parameters += [
            text("EvidencePlace", "Where records are copied to: BUCKET/PREFIX."),
            text("EvidenceBucket", "The bucket of EvidencePlace."),
            text("EvidencePrefix", "The prefix of EvidencePlace with a / behind it; may be empty."),
        ]
    if resources.signs:
        parameters.append(
            text("SigningKey", "ARN of the KMS key that signs; of a key, not an alias.")
        )
    if permissions.rolls_out(tasks):
        parameters.append(text("Cluster", "Name of the ECS cluster."))
        for key in resources.services:
            parameters += [
                text(f"Service{camel(key)}", f"Name of the ECS service of {key}."),
                text(f"Family{camel(key)}", f"Task definition family of {key}."),
                text(f"LogGroup{camel(key)}", f"CloudWatch log group of the containers of {key}."),
            ]
        for key in resources.own_jobs:
            parameters += [
                text(f"JobFamily{camel(key)}", f"Task definition family of the job {key}."),
                text(f"JobLogGroup{camel(key)}", f"CloudWatch log group of the job {key}."),
            ]
        parameters += [text(name, what) for name, what in _scheduled(resources)]
        if resources.rules:
            parameters += [
                _arns("RuleClusters", "ARNs of the clusters that rules start tasks in."),
                _arns("RuleRoles", "ARNs of the roles that rules start tasks with."),
            ]
        if resources.schedules:
            parameters.append(
                _arns("TimerRoles", "ARNs of the roles that schedules start tasks with.")
            )
        roles = "ARNs of the execution role and the task role, the only ones handed to tasks."
        parameters.append(_arns("TaskRoles", roles))
    return dict(parameters)


def _arns(name: str, description: str) -> tuple[str, Document]:
    return name, {"Type": "CommaDelimitedList", "Description": description}


def _of(name: str, what: str, *, several: bool) -> str:
    """Of which image a parameter is, where there are several."""
    return f" of {name.removeprefix(what)}" if several else ""


def _scheduled(resources: Resources) -> Iterator[tuple[str, str]]:
    """What the clock starts: name and description of each parameter."""
    for key in resources.own_schedules:
        yield f"ScheduleFamily{camel(key)}", f"Task definition family of the schedule {key}."
    for key in resources.rules:
        yield f"Rule{camel(key)}", f"EventBridge rule of {key}: NAME, or BUS/NAME."
    for key in resources.schedules:
        yield f"Timer{camel(key)}", f"EventBridge Scheduler schedule of {key}: GROUP/NAME."


_CREATE_PROVIDER: tuple[str, Document] = (
    "CreateProvider",
    {
        "Type": "String",
        "AllowedValues": ["true", "false"],
        "Default": "true",
        "Description": "An account has one OIDC provider for GitHub: false if it is there.",
    },
)


def _provider(source: Source, audience: str) -> Document:
    return {
        "Type": "AWS::IAM::OIDCProvider",
        "Condition": "WithProvider",
        # Other environments of the account trust it too: no stack takes it away.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {"Url": source.issuer, "ClientIdList": [audience]},
    }
