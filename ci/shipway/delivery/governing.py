"""Whose contract counts: that of the commit that is released, or that of a protected branch.

With ``contract_from`` the contract, the files of ``signed_by`` and the waivers are read as origin
has them on that branch. So a commit on another branch cannot bring its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from shipway.config import waivers as waivers_file
from shipway.config.waivers import Waivers
from shipway.delivery.ports import DeliveryContext
from shipway.errors import RefusedError
from shipway.policy import load as contract_file
from shipway.policy.contract import Contract

CONTRACT: Final = "ci/release.toml"
WAIVERS: Final = "ci/waivers.toml"
VARIABLE: Final = "SHIPWAY_CONTRACT_FROM"
"""For a workflow that IAM pins: what it says no commit can take away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPlace:
    """Where contract, signers and waivers are read.

    Attributes:
        branch: The protected branch; empty for the work tree.
        commit: That branch's commit; empty for the work tree.
    """

    branch: str = ""
    commit: str = ""

    @property
    def contract(self) -> str:
        """The contract's path there, as ``git show`` takes it."""
        return f"{self.commit}:{CONTRACT}" if self.commit else CONTRACT

    @property
    def revision(self) -> str:
        """The commit that signers are read from."""
        return self.commit or "HEAD"


def governing(context: DeliveryContext) -> tuple[Contract, PolicyPlace]:
    """The contract that counts, and where it is.

    Raises:
        ConfigurationError: A contract is wrong.
        RefusedError: The branch that it is to be read from is not here, or has none.
    """
    ours = contract_file.load(context.contract_file)
    branch = _branch(ours, context.variables)
    if not branch:
        return ours, PolicyPlace()
    commit = context.git.origin_branch(branch)
    if not commit:
        raise RefusedError(
            f"the contract counts as origin's branch {branch} has it, and that is not here",
            where=_where(ours, context.variables),
            remedy="fetch it: in GitHub Actions actions/checkout with fetch-depth: 0, elsewhere "
            f"git fetch origin {branch}",
        )
    content = context.git.file(commit, CONTRACT)
    if content is None:
        raise RefusedError(
            f"the contract counts as origin's branch {branch} has it, and there is none there",
            where=f"origin/{branch}",
            remedy=f"commit {CONTRACT} to {branch} first",
        )
    theirs = contract_file.load_bytes(content, f"origin/{branch}:{CONTRACT}")
    if theirs.contract_from not in {"", branch}:
        raise RefusedError(
            f"the contract of {branch} names another branch: {theirs.contract_from}",
            where=theirs.path,
            remedy="one protected branch holds the contract: name it in both, or in none",
        )
    return theirs, PolicyPlace(branch=branch, commit=commit)


def waivers(context: DeliveryContext, place: PolicyPlace, today: date) -> Waivers:
    """The waivers that count; none where there is no such file.

    Raises:
        ConfigurationError: They are wrong.
    """
    if not place.commit:
        return waivers_file.load(context.waivers_file, today)
    content = context.git.file(place.commit, WAIVERS)
    if content is None:
        return Waivers()
    return waivers_file.load_bytes(content, f"origin/{place.branch}:{WAIVERS}", today)


def _branch(ours: Contract, variables: Mapping[str, str]) -> str:
    named = variables.get(VARIABLE, "")
    if named and ours.contract_from not in {"", named}:
        raise RefusedError(
            f"the contract counts as {named} has it, says {VARIABLE}; {CONTRACT} names "
            f"{ours.contract_from}",
            where=ours.path,
            remedy="one protected branch holds the contract: name the same in both",
        )
    return named or ours.contract_from


def _where(ours: Contract, variables: Mapping[str, str]) -> str:
    return VARIABLE if variables.get(VARIABLE) else f"{ours.path}  contract_from"
