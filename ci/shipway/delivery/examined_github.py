"""The locks that GitHub alone holds, looked at and judged against the contract.

The doctor shows them, and so does whoever makes the role that these locks guard.
"""

from __future__ import annotations

from shipway.doctor import github
from shipway.doctor.finding import Finding, Unseen, optional
from shipway.doctor.ports import Github
from shipway.policy.compile import trust
from shipway.policy.contract import Contract


def findings(api: Github, contract: Contract, environment: str) -> tuple[Finding, ...]:
    """The repository, its tags and the environment; none where no run of GitHub leads there.

    Args:
        api: GitHub's API.
        contract: The release contract.
        environment: The environment's name there.
    """
    source = contract.source
    entries = trust.leading_to(contract, environment)
    if source is None or not entries:
        return ()
    policy = contract.environment_policy(environment)
    facts = api.facts(source, policy.github_environment)
    if isinstance(facts, Unseen):
        return (optional("rulesets and environment", facts),)
    refs = tuple(entry.ref for entry in entries)
    return tuple(github.judge(facts, source, policy, refs))
