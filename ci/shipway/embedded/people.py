"""Who delivers to the embedded world by hand.

There is no GitHub on a laptop: the sandbox's own stands for how people sign in at AWS.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from shipway.policy.contract import (
    TASKS,
    Contract,
    ContractEntry,
    EnvironmentPolicy,
    Source,
)
from shipway.policy.requirements import ANYBODY

LAPTOP_REF: Final = "refs/heads/laptop"
"""The ref that a person's token names."""


def with_people(
    contract: Contract, source: Source, sandboxes: tuple[str, ...], project: str
) -> Contract:
    """The contract with an event for each person at a keyboard.

    There is no GitHub on a laptop: the sandbox's stands for how people sign in at AWS.
    """
    people = tuple(
        ContractEntry(
            name=f"laptop-{name}",
            event="push",
            ref=LAPTOP_REF,
            environments=(name,),
            tasks=TASKS,
        )
        for name in sandboxes
    )
    policies = {policy.environment: policy for policy in contract.environment_policies}
    for name in sandboxes:
        asked = policies.get(name, EnvironmentPolicy(environment=name))
        by_hand = "" if asked.by_hand_role == ANYBODY else asked.by_hand_role
        role = by_hand or asked.role or f"{project}-deploy-{name}"
        policies[name] = replace(
            asked, role=role, by_hand_role="", by_hand_principals=(), github_environment=name
        )
    return replace(
        contract,
        source=source,
        entries=(*contract.entries, *people),
        environment_policies=tuple(policies.values()),
    )


def claims_of(source: Source, environment: str) -> dict[str, str]:
    """The claims by which a person at a keyboard gets the role of an environment."""
    return {
        "sub": f"repo:{source.repository}:environment:{environment}",
        "repository": source.repository,
        "repository_id": str(source.repository_id),
        "repository_owner_id": str(source.owner_id),
        "environment": environment,
        "ref": LAPTOP_REF,
        "job_workflow_ref": f"{source.repository}/{source.workflow}@{LAPTOP_REF}",
    }
