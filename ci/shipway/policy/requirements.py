"""What a release contract may ask beyond event and ref: of a trigger, of an environment, of GitHub.

Values only; :mod:`shipway.policy.rules` decides by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

GITHUB_ISSUER: Final = "https://token.actions.githubusercontent.com"
"""Who signs the tokens of github.com's runners (GitHub Docs, OpenID Connect reference)."""

ANYBODY: Final = "*"
"""As ``by_hand_role``: any identity of the environment's account."""

RESERVED: Final = "AWSReservedSSO_"
"""How IAM Identity Center's roles for permission sets begin; nobody else can make one."""

TRUST_POLICY: Final = 2048
"""Characters of a role's trust policy that IAM takes by default; white space is not counted."""

TagKind = Literal["", "annotated"]
Runner = Literal["github-hosted", "self-hosted", "any"]
SubjectClaim = Literal[
    "repo",
    "context",
    "ref",
    "environment",
    "job_workflow_ref",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
]
Lines = Mapping[str, int]


SUBJECT_CLAIMS: Final[tuple[SubjectClaim, ...]] = ("repo", "context")
"""What ``sub`` is made of where nobody customised it (GitHub Docs, OpenID Connect reference)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an ``[[allow]]`` asks of its trigger; each is off where it is empty or false.

    Attributes:
        first_parent_of: The branch whose first-parent history must hold the commit.
        tag_kind: ``annotated``: a lightweight tag is refused.
        signed_by: Files with the keys that may sign the tag, relative to the repository's root:
            OpenSSH's allowed signers, or armoured OpenPGP keys.
        tag_must_be_new: The tag was created, not moved, and origin still has it where the event
            said just before the rollout.
        refuse_rerun_when_newer: A re-run is refused where something newer was deployed since.
    """

    first_parent_of: str = ""
    tag_kind: TagKind = ""
    signed_by: tuple[str, ...] = ()
    tag_must_be_new: bool = False
    refuse_rerun_when_newer: bool = False

    @property
    def about_tags(self) -> bool:
        """Whether the tag itself must be looked at where it was pushed to."""
        return bool(self.tag_kind or self.signed_by or self.tag_must_be_new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Nothing is released from ``start`` (included) to ``end`` (not included), both in UTC."""

    name: str
    start: datetime
    end: datetime
    reason: str
    line: int = 0

    def holds(self, now: datetime) -> bool:
        """Whether ``now``, an aware time, lies in it."""
        return self.start <= now < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPolicy:
    """What an ``[environments.NAME]`` asks of whatever goes there, whoever asks.

    Attributes:
        environment: Its name.
        role: The IAM role that GitHub's runs must have assumed; empty where none may come.
        by_hand_role: The role that a person must have assumed; ``*`` is any identity; empty where
            nobody may come by hand, or where the environment is the embedded one.
        by_hand_principals: Who may assume it; empty where it is made elsewhere.
        role_path: The IAM path of both roles, with a slash at both ends.
        trust_policy_quota: Characters that the account takes in a role's trust policy.
        permissions_boundary: Name or ARN of the policy that bounds both; empty for none.
        github_environment: The GitHub environment that the job must run in; empty for none.
        short_lived_keys_only: Refuse users, root and long-lived keys of people too.
        after: The environment in which the same image must have been verified before.
        not_older: Refuse a commit that does not hold the one that runs now.
        freeze: When nothing may be released, in order.
        line: Where it stands in the file; 0 where it was not read from one.
        lines: Where its keys stand.
    """

    environment: str
    role: str = ""
    by_hand_role: str = ""
    by_hand_principals: tuple[str, ...] = ()
    role_path: str = "/"
    permissions_boundary: str = ""
    trust_policy_quota: int = TRUST_POLICY
    github_environment: str = ""
    short_lived_keys_only: bool = False
    after: str = ""
    not_older: bool = False
    freeze: tuple[Freeze, ...] = ()
    line: int = 0
    lines: Lines = field(default_factory=dict)

    def role_for(self, *, by_hand: bool) -> str:
        """The role that must have been assumed; ``*`` where any identity will do."""
        return self.by_hand_role if by_hand else self.role

    @property
    def makes_by_hand_role(self) -> bool:
        """Whether the role of people is made with the environment's own, for those it names."""
        return bool(self.by_hand_principals) and self.by_hand_role not in {"", ANYBODY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """``[github]``: the one repository, and the one workflow in it, that may release.

    Attributes:
        repository: ``OWNER/NAME``.
        repository_id: GitHub's number for it: no rename and no namesake has it.
        owner_id: GitHub's number for the owner.
        workflow: The workflow's file, from the root of the repository.
        called_workflow: ``OWNER/NAME/FILE@REF`` of the reusable workflow that holds the job; empty
            where the job is in the workflow itself.
        subject_claims: The claims that make up ``sub``, in order.
        issuer: Who signs the tokens.
        runner: What kind of runner must have run the job.
        deployments: Whether GitHub's deployments are told how a delivery goes.
        line: Where it stands in the file; 0 where it was not read from one.
        lines: Where its keys stand.
    """

    repository: str
    repository_id: int
    owner_id: int
    workflow: str
    called_workflow: str = ""
    subject_claims: tuple[SubjectClaim, ...] = SUBJECT_CLAIMS
    issuer: str = GITHUB_ISSUER
    runner: Runner = "github-hosted"
    deployments: bool = False
    line: int = 0
    lines: Lines = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """``OWNER`` of ``OWNER/NAME``."""
        return self.repository.partition("/")[0]

    @property
    def name(self) -> str:
        """``NAME`` of ``OWNER/NAME``."""
        return self.repository.partition("/")[2]
