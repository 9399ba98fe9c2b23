"""``ci/release.toml`` as types. The reference in ``docs/configuration.md`` is made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, get_args

from pydantic import Field

from shipway.config.names import Key
from shipway.config.rules import Rule, Table, one_of
from shipway.policy.contract import TASKS
from shipway.policy.events import RELEASABLE
from shipway.policy.requirements import (
    GITHUB_ISSUER,
    SUBJECT_CLAIMS,
    TRUST_POLICY,
    Runner,
    SubjectClaim,
    TagKind,
)

Word = Annotated[str, Rule(expected="a text", references=())]
Switch = Annotated[bool, Rule(expected="true or false", references=())]
# GitHub's numbers are positive and far below this.
Number = Annotated[
    int, Rule(expected="GitHub's number, above 0", low=1, high=10**15, references=())
]
# IAM API Reference, CreateRole: RoleName.
_ROLE = r"[A-Za-z0-9+=,.@_-]{1,64}"
_PATH = r"(?:[A-Za-z0-9+=,.@_-]+/)*"
_RESERVED = r"AWSReservedSSO_[A-Za-z0-9+=,.@_-]{1,32}_\*"
_IAM = r"arn:aws[a-z-]*:iam::[0-9]{12}:"
Principal = Annotated[
    str,
    Rule(
        expected='"AWSReservedSSO_NAME_*" for a permission set, "role/NAME", "user/NAME", or the '
        "ARN of one",
        shape=rf"{_RESERVED}|(?:{_IAM})?(?:role|user)/{_PATH}{_ROLE}"
        rf"|{_IAM}role/aws-reserved/sso\.amazonaws\.com/(?:[a-z0-9-]+/|\*/)?{_RESERVED}",
        references=(),
    ),
]
Moment = Annotated[
    datetime, Rule(expected="a time in UTC such as 2026-12-20T00:00:00Z", references=())
]
KeyFile = Annotated[
    str,
    Rule(
        expected="a file of this repository, from its root",
        shape=r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*",
        references=(),
    ),
]


class AllowTable(Table):
    """One thing that is allowed. An entry has either `environment` or, by hand, `environments`."""

    name: Key = Field(description="What people call it; no two entries have the same.")
    event: Word = Field(
        description=f"GitHub's event, one of {', '.join(f'`{event}`' for event in RELEASABLE)}; "
        "`by-hand` is a person at a keyboard."
    )
    ref: Word = Field(
        default="",
        description="The full ref, such as `refs/heads/main` or `refs/tags/*-stable`. `*` stands "
        "for any characters, none included, but never for a `/`. Not by hand.",
    )
    environment: Word = Field(default="", description="The environment it leads to.")
    environments: list[Word] = Field(
        default=[], description="By hand: the environments that `--env` may name."
    )
    tasks: list[Word] = Field(
        description=f"What is run, in order; a beginning of {', '.join(TASKS)}. Whoever may deploy "
        "may go back, too; by hand `rollback` alone lets them do nothing else. By hand `prune` "
        "may stand behind the others, or alone: nobody else takes away old revisions."
    )
    first_parent_of: Word = Field(
        default="",
        description="A branch, such as `main`: the commit must be on its first-parent history, "
        "which is what was merged or pushed to it. Needs the whole history in the checkout.",
    )
    tag_kind: Annotated[TagKind, Rule(expected='"annotated"', shape="annotated", references=())] = (
        Field(
            default="",
            description="`annotated`: a lightweight tag, which names nobody, is refused. "
            "Asked of origin, for a checkout may have replaced the tag.",
        )
    )
    signed_by: list[KeyFile] = Field(
        default=[],
        description="Files with the keys that may sign the tag: OpenSSH's allowed signers, or "
        "armoured OpenPGP public keys.",
    )
    tag_must_be_new: Switch = Field(
        default=False,
        description="The push created the tag and did not move it, and just before the rollout "
        "origin still has it where the push put it.",
    )
    refuse_rerun_when_newer: Switch = Field(
        default=False,
        description="A re-run is refused where something newer was deployed since its push.",
    )


class FreezeTable(Table):
    """A time in which nothing is released.

    `SHIPWAY_THROUGH_FREEZE="NAME: why"` or `--through-freeze` goes through the one freeze that it
    names, and is recorded.
    """

    name: Key = Field(description="What people call it, and what an override must name.")
    start: Moment = Field(alias="from", description="The first moment of it.")
    until: Moment = Field(description="The first moment after it.")
    reason: Word = Field(description="Why; whoever is refused reads it.")


class EnvironmentPolicyTable(Table):
    """What an environment asks of everything that goes there, whoever asks."""

    role: Annotated[str, Rule(expected="the name of an IAM role", shape=_ROLE, references=())] = (
        Field(
            default="",
            description="The name of the IAM role that GitHub's runs assume; needed where an event "
            "leads here. No path, no ARN: the account is that of `ci/delivery.toml`.",
        )
    )
    by_hand_role: Annotated[
        str,
        Rule(expected='the name of an IAM role, or "*"', shape=rf"{_ROLE}|\*", references=()),
    ] = Field(
        default="",
        description="The role that a person must be, needed where people deliver; never that of "
        'GitHub\'s runs. `"*"` is any identity of the account. See [by hand](by-hand.md).',
    )
    by_hand_principals: list[Principal] = Field(
        default=[],
        description="Who may assume `by_hand_role`: then `bootstrap` makes that role, and a "
        'delivery assumes it. `"AWSReservedSSO_NAME_*"` is whoever signed in with the permission '
        'set NAME, `"role/NAME"` and `"user/NAME"` one of the environment\'s account, with its '
        "path; an ARN is for another account. Without it somebody else makes the role, and people "
        "sign in as it.",
    )
    role_path: Annotated[
        str,
        Rule(expected='a path such as "/delivery/"', shape=r"/(?:[!-.0-~]+/)*", references=()),
    ] = Field(default="/", description="The IAM path of the roles that `bootstrap` makes.")
    permissions_boundary: Annotated[
        str,
        Rule(
            expected="the name or ARN of an IAM policy",
            shape=rf"(?:arn:aws[a-z-]*:iam::(?:[0-9]{{12}}|aws):policy/)?{_PATH}[A-Za-z0-9+=,.@_-]{{1,128}}",
            references=(),
        ),
    ] = Field(
        default="",
        description="The permissions boundary of those roles: the name of a policy of the "
        "environment's account, with its path, or an ARN.",
    )
    trust_policy_quota: Annotated[
        int, Rule(expected="characters", low=TRUST_POLICY, high=8192, references=())
    ] = Field(
        default=TRUST_POLICY,
        description="Characters that the account takes in a role's trust policy; more than the "
        "default only where AWS was asked for it. `contract` says what would not fit.",
    )
    github_environment: Word = Field(
        default="",
        description="The GitHub environment that the job must run in, for its protection rules. "
        'Without it the environment\'s own name; `""` is a job that runs in none.',
    )
    short_lived_keys_only: Switch = Field(
        default=False,
        description="Refuse people's long-lived keys, users and root too. "
        "GitHub's runs are refused with such keys always.",
    )
    after: Word = Field(
        default="",
        description="The environment in which the same image must have been verified before: its "
        "repository holds it, and a record under `evidence/`, or in its chain in S3, says so.",
    )
    not_older: Switch = Field(
        default=False,
        description="Refuse a commit that does not hold the one that runs now. "
        "`SHIPWAY_ROLLBACK_TO=COMMIT` or `--rollback-to` asks for that very commit all the same, "
        "and is recorded.",
    )
    freeze: list[FreezeTable] = Field(
        default=[], description="When nothing is released; no two overlap."
    )


class GithubTable(Table):
    """The one repository, and the one workflow in it, that may release.

    Compared with the claims of the run's signed token. `gh api repos/OWNER/NAME --jq
    '.id, .owner.id'` prints the two numbers.
    """

    repository: Annotated[
        str,
        Rule(
            expected="OWNER/NAME",
            shape=r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}",
            references=(),
        ),
    ] = Field(description="The repository: `OWNER/NAME`.")
    repository_id: Number = Field(
        description="GitHub's number for it, which a namesake does not have."
    )
    owner_id: Number = Field(description="GitHub's number for its owner.")
    workflow: Annotated[
        str,
        Rule(
            expected='a workflow such as ".github/workflows/deploy.yml"',
            shape=r"\.github/workflows/[A-Za-z0-9_-][A-Za-z0-9._-]*\.ya?ml",
            references=(),
        ),
    ] = Field(description="The workflow's file; the job itself is in it, or in `called_workflow`.")
    called_workflow: Annotated[
        str,
        Rule(
            expected='a workflow at a ref, "OWNER/NAME/.github/workflows/FILE.yml@refs/heads/main"',
            shape=r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}/"
            r"\.github/workflows/[A-Za-z0-9_-][A-Za-z0-9._-]*\.ya?ml"
            r"@(?:refs/(?:heads|tags)/[A-Za-z0-9_./-]+|[0-9a-f]{40})",
            references=(),
        ),
    ] = Field(
        default="",
        description="The reusable workflow that holds the job, at the ref that the job calls it "
        "at, as `job_workflow_ref` has it. Without it a job of a called workflow is refused.",
    )
    subject_claims: list[
        Annotated[
            SubjectClaim,
            one_of(*get_args(SubjectClaim)),
        ]
    ] = Field(
        default=list(SUBJECT_CLAIMS),
        min_length=1,
        description="What GitHub makes `sub` of, where it was customised (`include_claim_keys`): "
        "`gh api repos/OWNER/NAME/actions/oidc/customization/sub` prints it.",
    )
    issuer: Annotated[
        str,
        Rule(
            expected="an https:// address without a slash at its end",
            shape=r"https://[a-z0-9][a-z0-9.-]*(?::[0-9]{1,5})?(?:/[A-Za-z0-9_-]+)*",
            references=(),
        ),
    ] = Field(
        default=GITHUB_ISSUER,
        description="Who signs the tokens; another one for GitHub Enterprise Server, or for an "
        "enterprise with an issuer of its own.",
    )
    runner: Annotated[Runner, one_of("github-hosted", "self-hosted", "any")] = Field(
        default="github-hosted", description="What kind of runner must have run the job."
    )
    deployments: Switch = Field(
        default=False,
        description="Tell GitHub's deployments how each delivery goes, by hand too, so that the "
        "environment page is true. The job then gets `deployments: write`: see "
        "[notify](notify.md).",
    )


class ContractTable(Table):
    """The release contract: which trigger may do what, where. Everything else is refused."""

    schema_version: Annotated[
        int, Rule(expected="1, the only version there is", low=1, high=1, references=())
    ] = Field(alias="schema", description="The version of this file's format.")
    github: GithubTable | None = Field(
        default=None,
        description="Who may release from GitHub; needed as soon as an entry has an event.",
    )
    contract_from: Annotated[
        str,
        Rule(
            expected='a branch such as "main"',
            shape=r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*",
            references=(),
        ),
    ] = Field(
        default="",
        description="A protected branch: the gate reads this file, the files of `signed_by` and "
        "`ci/waivers.toml` as origin has them there, and not as the commit that is released has "
        "them. Needs that branch in the checkout. `SHIPWAY_CONTRACT_FROM` in a workflow that IAM "
        "pins says the same where no commit can take it away.",
    )
    allow: list[AllowTable] = Field(
        min_length=1, description="What is allowed; no two entries can apply to one trigger."
    )
    environments: dict[Key, EnvironmentPolicyTable] = Field(
        default={}, description="What each environment asks; one for each that an entry names."
    )
