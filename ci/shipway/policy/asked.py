"""Every rule that is asked of a release, by the names that a refusal gives them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from shipway.policy.contract import Contract, Grant
from shipway.policy.trigger import Trigger


def rules_asked(contract: Contract, grant: Grant, trigger: Trigger) -> tuple[str, ...]:
    """The rules of the entry that allows it, and of the environment that it leads to.

    Args:
        contract: The contract.
        grant: What its entry allows.
        trigger: Who asks.
    """
    return (
        *_of_source(contract, trigger),
        *_of_entry(grant),
        *_of_environment(contract, grant, trigger),
    )


def _of_source(contract: Contract, trigger: Trigger) -> Iterator[str]:
    if trigger.by_hand:
        yield "by hand"
        return
    yield "signed token"
    yield from ("repository", "repository_id", "owner_id", "workflow", "job_workflow_ref")
    if contract.source is not None and contract.source.runner != "any":
        yield "runner"


def _of_entry(grant: Grant) -> Iterator[str]:
    rules = grant.entry.rules
    if rules.first_parent_of:
        yield f'first_parent_of = "{rules.first_parent_of}"'
    if rules.tag_must_be_new:
        yield "tag_must_be_new"
    if rules.tag_kind:
        yield f'tag_kind = "{rules.tag_kind}"'
    if rules.signed_by:
        yield "signed_by"
    if rules.refuse_rerun_when_newer:
        yield "refuse_rerun_when_newer"


def _of_environment(contract: Contract, grant: Grant, trigger: Trigger) -> Iterator[str]:
    environment_policy = contract.environment_policy(grant.environment)
    if environment_policy.github_environment and not trigger.by_hand:
        yield "github_environment"
    if environment_policy.not_older:
        yield "not_older"
    if environment_policy.after:
        yield f'after = "{environment_policy.after}"'
    yield from (f'freeze "{freeze.name}"' for freeze in environment_policy.freeze)
