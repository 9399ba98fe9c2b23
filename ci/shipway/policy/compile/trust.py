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

from shipway.policy.compile.sizes import length
from shipway.policy.contract import Contract, ContractEntry, EnvironmentPolicy, Source

AUDIENCE: Final = "sts.amazonaws.com"
"""What aws-actions/configure-aws-credentials asks a token for where its ``audience`` says nothing;
see :attr:`shipway.util.partitions.Partition.audience`."""

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

    "OpenID Connect reference" (GitHub Docs): a job's environment takes the place of the ref,
    repositories made or renamed since 2026-07-15 have the immutable form, and a colon within a
    value is written ``%3A``, for colons part the claims. A customised ``sub`` holds the claims
    that ``include_claim_keys`` names, each as ``KEY:VALUE``.
    """
    environment = environment_policy.github_environment
    immutable = f"{source.owner}@{source.owner_id}/{source.name}@{source.repository_id}"
    claims = {
        "context": ("environment", environment) if environment else ("ref", ref),
        "ref": ("ref", ref),
        "environment": ("environment", environment),
        "job_workflow_ref": ("job_workflow_ref", job_workflow(source, ref)),
        "repository": ("repository", source.repository),
        "repository_id": ("repository_id", str(source.repository_id)),
        "repository_owner": ("repository_owner", source.owner),
        "repository_owner_id": ("repository_owner_id", str(source.owner_id)),
    }
    forms = []
    for name in (source.repository, immutable):
        pairs = [claims.get(key, ("repo", name)) for key in source.subject_claims]
        forms.append(":".join(f"{key}:{value.replace(':', '%3A')}" for key, value in pairs))
    return tuple(dict.fromkeys(forms))


def policy(
    contract: Contract, environment: str, provider: object, *, audience: str = AUDIENCE
) -> Document:
    """The trust policy of an environment's deploy role.

    Args:
        contract: Has at least one event that leads to the environment.
        environment: Its name in the contract.
        provider: The OIDC provider's ARN, or what gives it in a template.
        audience: What the tokens are for.

    Raises:
        ValueError: No event leads there, or the contract does not name the repository.
    """
    entries = leading_to(contract, environment)
    source = contract.source
    if source is None or not entries:
        raise ValueError(f"no event leads to {environment}: there is nobody to trust")
    environment_policy = contract.environment_policy(environment)

    def document(groups: Iterable[tuple[ContractEntry, ...]]) -> Document:
        statements = [
            statement_of(source, environment_policy, group, provider, audience=audience)
            for group in groups
        ]
        return {"Version": "2012-10-17", "Statement": statements}

    whole = document((entry,) for entry in entries)
    if length(whole) <= environment_policy.trust_policy_quota:
        return whole
    return document(folded(entries))


def is_folded(contract: Contract, environment: str) -> bool:
    """Whether some entries that lead to an environment share a statement of its trust policy."""
    if contract.source is None or not leading_to(contract, environment):
        return False
    statements = policy(contract, environment, provider_arn(contract.source))["Statement"]
    return len(statements) < len(leading_to(contract, environment))


def folded(entries: Iterable[ContractEntry]) -> tuple[tuple[ContractEntry, ...], ...]:
    """Entries that can share a statement, where one for each would be longer than IAM takes.

    Such a statement lets the workflow's file come from another ref of the same statement than the
    run. Both are refs of this very environment, and the gate still compares them.
    """
    groups: list[list[ContractEntry]] = []
    for entry in entries:
        for group in groups:
            if not any(_in_the_way(entry.ref, other.ref) for other in group):
                group.append(entry)
                break
        else:
            groups.append([entry])
    return tuple(tuple(group) for group in groups)


def _in_the_way(first: str, second: str) -> bool:
    """Whether what is too deep for one pattern may be a ref of the other."""
    kinds = {ref.split("/", 2)[1] for ref in (first, second)}
    return len(kinds) == 1 and "*" in first + second and first.count("/") != second.count("/")


def provider_arn(source: Source) -> Document:
    """The ARN of the OIDC provider in the account of the template."""
    arn = "arn:${AWS::Partition}:iam::${AWS::AccountId}:oidc-provider/"
    return {"Fn::Sub": f"{arn}{host(source)}"}


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


def statement_of(
    source: Source,
    environment_policy: EnvironmentPolicy,
    entries: tuple[ContractEntry, ...],
    provider: object,
    *,
    audience: str = AUDIENCE,
) -> Document:
    """One statement, for all of these entries.

    Args:
        source: The repository.
        environment_policy: Where they lead.
        entries: At least one; no two are in each other's way (:func:`folded`).
        provider: The OIDC provider's ARN, or what gives it in a template.
        audience: What the tokens are for.
    """
    refs = tuple(dict.fromkeys(entry.ref for entry in entries))
    exact: dict[str, object] = {
        "aud": audience,
        "repository_id": str(source.repository_id),
        "repository_owner_id": str(source.owner_id),
    }
    if environment_policy.github_environment:
        exact["environment"] = environment_policy.github_environment
    of_ref = {
        "ref": refs,
        "sub": tuple(sub for ref in refs for sub in subjects(source, environment_policy, ref)),
        "job_workflow_ref": tuple(job_workflow(source, ref) for ref in refs),
    }
    patterns: dict[str, object] = {}
    for claim, alike in of_ref.items():
        values = tuple(dict.fromkeys(alike))
        is_pattern = any("*" in value for value in values)
        (patterns if is_pattern else exact)[claim] = list(values) if len(values) > 1 else values[0]
    condition = {"StringEquals": _keys(source, exact)}
    if patterns:
        condition["StringLike"] = _keys(source, patterns)
        too_deep = [deep for ref in refs if "*" in ref for deep in _too_deep(ref, len(refs))]
        ref_or_refs = too_deep if len(too_deep) > 1 else too_deep[0]
        condition["StringNotLike"] = _keys(source, {"ref": ref_or_refs})
    return {
        "Sid": camel(entries[0].name) + (f"And{len(entries) - 1}More" if entries[1:] else ""),
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }


def job_workflow(source: Source, ref: str) -> str:
    """The ``job_workflow_ref`` of a run: the file that holds the job, which may be a called one."""
    return source.called_workflow or f"{source.repository}/{source.workflow}@{ref}"


def _too_deep(pattern: str, count: int) -> tuple[str, ...]:
    """What a pattern must not match in IAM, by itself or beside patterns of other depths."""
    if count == 1:
        return (deeper(pattern),)
    parts = pattern.split("*")
    return tuple(
        "*".join(parts[:number]) + "*/*" + "*".join(parts[number:])
        for number in range(1, len(parts))
    )


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
