"""Which of GitHub's tokens AWS trades for a deploy role.

Pure, compiled from the contract. One statement for each entry that leads to the environment, so
that ref, environment and workflow file hold together and no pair of them can be mixed. "Available
keys for AWS OIDC federation" (IAM User Guide) lists the only claims that STS compares; a key that
it does not know never matches with StringEquals, and passes silently with the IfExists and
ForAllValues forms, so neither form is used here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from shipway.policy.contract import Contract, ContractEntry, EnvironmentPolicy, Source

AUDIENCE: Final = "sts.amazonaws.com"
"""What aws-actions/configure-aws-credentials asks a token for, and what STS wants to see."""

KEYS: Final = frozenset(
    {
        "actor",
        "actor_id",
        "aud",
        "enterprise_id",
        "environment",
        "job_workflow_ref",
        "ref",
        "repository",
        "repository_id",
        "repository_owner_id",
        "sub",
        "workflow",
    }
)
"""The claims of GitHub's tokens that are condition keys in STS; no other claim is."""

Document = dict[str, Any]


def host(source: Source) -> str:
    """The provider's name in IAM: the issuer's address without its scheme."""
    return source.issuer.partition("://")[2].rstrip("/")


def subjects(source: Source, environment_policy: EnvironmentPolicy, ref: str) -> tuple[str, ...]:
    """Both forms of the ``sub`` claim: with names alone, and with the numbers behind them.

    "OpenID Connect reference" (GitHub Docs): a job's environment takes the place of the ref, and
    repositories made or renamed since 2026-07-15 have the immutable form.
    """
    where = (
        f"environment:{environment_policy.github_environment}"
        if environment_policy.github_environment
        else f"ref:{ref}"
    )
    immutable = f"{source.owner}@{source.owner_id}/{source.name}@{source.repository_id}"
    return tuple(f"repo:{name}:{where}" for name in (source.repository, immutable))


def policy(contract: Contract, environment: str, provider: object) -> Document:
    """The trust policy of an environment's deploy role.

    Args:
        contract: Has at least one event that leads to the environment.
        environment: Its name in the contract.
        provider: The OIDC provider's ARN, or what gives it in a template.

    Raises:
        ValueError: No event leads there, or the contract does not name the repository.
    """
    entries = leading_to(contract, environment)
    source = contract.source
    if source is None or not entries:
        raise ValueError(f"no event leads to {environment}: there is nobody to trust")
    environment_policy = contract.environment_policy(environment)
    return {
        "Version": "2012-10-17",
        "Statement": [_statement(source, environment_policy, entry, provider) for entry in entries],
    }


def leading_to(contract: Contract, environment: str) -> tuple[ContractEntry, ...]:
    """The events that lead to an environment, in the contract's order."""
    return tuple(entry for entry in contract.triggers if environment in entry.environments)


def environments(contract: Contract) -> tuple[str, ...]:
    """Every environment that an event leads to, in the contract's order."""
    return tuple(
        dict.fromkeys(name for trigger in contract.triggers for name in trigger.environments)
    )


def camel(name: str) -> str:
    """``push-to-main`` as a logical id or a Sid may be: letters and digits."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace("_", "-").split("-"))


def _statement(
    source: Source, environment_policy: EnvironmentPolicy, entry: ContractEntry, provider: object
) -> Document:
    exact: dict[str, object] = {
        "aud": AUDIENCE,
        "repository_id": str(source.repository_id),
        "repository_owner_id": str(source.owner_id),
    }
    if environment_policy.github_environment:
        exact["environment"] = environment_policy.github_environment
    of_ref = {
        "ref": (entry.ref,),
        "sub": subjects(source, environment_policy, entry.ref),
        "job_workflow_ref": (f"{source.repository}/{source.workflow}@{entry.ref}",),
    }
    patterns: dict[str, object] = {}
    for claim, values in of_ref.items():
        is_pattern = any("*" in value for value in values)
        (patterns if is_pattern else exact)[claim] = list(values) if len(values) > 1 else values[0]
    condition = {"StringEquals": _keys(source, exact)}
    if patterns:
        condition["StringLike"] = _keys(source, patterns)
        condition["StringNotLike"] = _keys(source, {"ref": deeper(entry.ref)})
    return {
        "Sid": camel(entry.name),
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }


def deeper(pattern: str) -> str:
    """What matches every ref with more parts than the pattern has.

    In IAM a ``*`` crosses a ``/`` ("IAM JSON policy elements: Condition operators"), in the
    contract and in GitHub's filters it does not: a ref that needs more slashes than the pattern
    spells out had one inside a ``*``.
    """
    return "*" + "/*" * (pattern.count("/") + 1)


def _keys(source: Source, claims: dict[str, object]) -> dict[str, object]:
    unknown = claims.keys() - KEYS
    if unknown:
        raise ValueError(f"STS has no condition key for {', '.join(sorted(unknown))}")
    return {f"{host(source)}:{claim}": value for claim, value in claims.items()}


def actions(statements: Iterable[Document]) -> tuple[str, ...]:
    """Every action of some statements, in order."""
    return tuple(
        action
        for statement in statements
        for action in (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
    )
