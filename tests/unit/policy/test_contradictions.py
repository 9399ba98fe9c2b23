"""Rules and environments that contradict each other: each is told with its line when read."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.policy.conftest import refusal

from shipway.policy.contract import Rules
from shipway.policy.load import load

FULL = """\
schema = 1
[github]
repository = "octo/shop"
repository_id = 123
owner_id = 45
workflow = ".github/workflows/deploy.yml"
[[allow]]
name = "main"
event = "push"
ref = "refs/heads/main"
environment = "staging"
tasks = ["build", "publish", "deploy", "verify"]
[[allow]]
name = "stable"
event = "push"
ref = "refs/tags/*-stable"
environment = "production"
tasks = ["build", "publish", "deploy", "verify"]
first_parent_of = "main"
tag_kind = "annotated"
signed_by = ["ci/signers", "ci/keys.asc"]
tag_must_be_new = true
refuse_rerun_when_newer = true
[[allow]]
name = "by-hand"
event = "by-hand"
environment = "own"
tasks = ["build"]
[environments.own]
by_hand_role = "*"
[environments.staging]
role = "deploy"
github_environment = ""
[environments.production]
role = "deploy"
short_lived_keys_only = true
after = "staging"
not_older = true
freeze = [
  { name = "a", from = 2026-12-20T00:00:00Z, until = 2027-01-02T00:00:00Z, reason = "x" },
  { name = "b", from = 2027-01-02T00:00:00Z, until = 2027-01-03T00:00:00+00:00, reason = "y" },
]
"""


def test_every_rule_is_read_with_its_line(file: Path) -> None:
    file.write_text(FULL, encoding="utf-8")
    contract = load(file)
    stable = contract.entries[1]
    assert stable.rules == Rules(
        first_parent_of="main",
        tag_kind="annotated",
        signed_by=("ci/signers", "ci/keys.asc"),
        tag_must_be_new=True,
        refuse_rerun_when_newer=True,
    )
    assert stable.lines["first_parent_of"] == 19
    assert [entry.name for entry in contract.triggers] == ["main", "stable"]
    assert contract.source is not None
    assert (contract.source.repository_id, contract.source.line) == (123, 2)
    assert (contract.source.owner, contract.source.name) == ("octo", "shop")
    production = contract.environment_policy("production")
    assert (production.role, production.by_hand_role) == ("deploy", ""), "never CI's role"
    assert (production.github_environment, production.after) == ("production", "staging")
    assert (production.not_older, production.short_lived_keys_only) == (True, True)
    assert [(freeze.name, freeze.line) for freeze in production.freeze] == [("a", 40), ("b", 41)]
    assert production.freeze[0].end == production.freeze[1].start
    assert contract.environment_policy("staging").github_environment == ""
    assert contract.environment_policy("own").by_hand_role == "*"
    assert contract.environment_policy("elsewhere").role == ""


CONTRADICTIONS = [
    (
        'role = "deploy"\ngithub',
        "github",
        (
            "31  environments.staging.role: is missing; it should be the name of the IAM role that "
            '"main" (line 7) assumes'
        ),
    ),
    (
        'by_hand_role = "*"\n',
        "",
        (
            "29  environments.own.by_hand_role: is missing; it should be the role of people, "
            'which is not role, or "*"'
        ),
    ),
    (
        "[environments.own]",
        "[environments.owm]",
        (
            "27  allow[2].environment: there is no [environments.own] that says its role; "
            'did you mean "owm"?'
        ),
    ),
    (
        'role = "deploy"\nshort',
        'role = "deploy"\nby_hand_role = "*"\nshort',
        "36  environments.production.by_hand_role: nobody comes here by hand; take it away",
    ),
    (
        'by_hand_role = "*"\n',
        'role = "deploy"\nby_hand_role = "*"\n',
        (
            "30  environments.own.role: only GitHub's runs assume it, and no event leads here: "
            "write by_hand_role"
        ),
    ),
    (
        'environment = "own"',
        'environments = ["own", "staging"]',
        (
            "31  environments.staging.by_hand_role: is missing; it should be the role of people, "
            'which is not role, or "*"'
        ),
    ),
    (
        (
            'environment = "own"\ntasks = ["build"]\n[environments.own]\nby_hand_role = "*"\n'
            '[environments.staging]\nrole = "deploy"\n'
        ),
        (
            'environments = ["own", "staging"]\ntasks = ["build"]\n[environments.own]\n'
            'by_hand_role = "*"\n[environments.staging]\nrole = "deploy"\n'
            'by_hand_role = "deploy"\n'
        ),
        (
            "33  environments.staging.by_hand_role: is the role of GitHub's runs: no person may be "
            "that one; name another"
        ),
    ),
    (
        'by_hand_role = "*"\n',
        'by_hand_role = "deploy"\n',
        (
            "30  environments.own.by_hand_role: is the role of GitHub's runs: no person may be "
            "that one; name another"
        ),
    ),
    (
        'by_hand_role = "*"\n',
        'by_hand_role = "*"\nby_hand_principals = ["role/dev"]\n',
        (
            '31  environments.own.by_hand_principals: by_hand_role is "*", which nobody assumes; '
            "name a role, or take this away"
        ),
    ),
    (
        'by_hand_role = "*"\n',
        'by_hand_role = "AWSReservedSSO_Dev_0123456789abcdef"\nby_hand_principals = ["role/dev"]\n',
        (
            "31  environments.own.by_hand_principals: only IAM Identity Center makes such a role; "
            "name another, or take this away"
        ),
    ),
    (
        'by_hand_role = "*"\n',
        'by_hand_role = "people"\nby_hand_principals = ["role/dev", "role/dev"]\n',
        '31  environments.own.by_hand_principals[1]: "role/dev" stands twice',
    ),
    (
        'by_hand_role = "*"\n',
        'by_hand_role = "people"\nby_hand_principals = ["*"]\n',
        (
            '31  environments.own.by_hand_principals[0]: should be "AWSReservedSSO_NAME_*" for a '
            'permission set, "role/NAME", "user/NAME", or the ARN of one, not "*"'
        ),
    ),
    (
        'role = "deploy"\nshort',
        'role = "deploy"\nby_hand_principals = ["user/mona"]\nshort',
        "36  environments.production.by_hand_principals: nobody comes here by hand; take it away",
    ),
    (
        'role = "deploy"\nshort',
        'role = "*"\nshort',
        '35  environments.production.role: should be the name of an IAM role, not "*"',
    ),
    (
        'role = "deploy"\nshort',
        'role = "arn:aws:iam::111122223333:role/deploy"\nshort',
        (
            "35  environments.production.role: should be the name of an IAM role, not "
            '"arn:aws:iam::111122223333:role/deploy"'
        ),
    ),
    (
        'after = "staging"',
        'after = "stagin"',
        (
            '37  environments.production.after: there is no environment "stagin" in this contract; '
            'did you mean "staging"?'
        ),
    ),
    (
        'after = "staging"',
        'after = "production"',
        "37  environments.production.after: goes round in a circle: production, production",
    ),
    (
        'after = "staging"',
        'after = "own"',
        (
            "37  environments.production.after: nothing is ever verified in own: no entry that "
            "leads there has that task"
        ),
    ),
    (
        'tag_kind = "annotated"',
        'tag_kind = "light"',
        '20  allow[1].tag_kind: should be "annotated", not "light"',
    ),
    (
        '"ci/signers", "ci/keys.asc"',
        "",
        "21  allow[1].signed_by: should not be empty: no key at all could sign the tag",
    ),
    (
        '"ci/signers"',
        '"../signers"',
        (
            "21  allow[1].signed_by[0]: should be a file of this repository, from its root, "
            'not "../signers"'
        ),
    ),
    (
        '"ci/signers"',
        '"/etc/signers"',
        (
            "21  allow[1].signed_by[0]: should be a file of this repository, from its root, "
            'not "/etc/signers"'
        ),
    ),
    (
        'first_parent_of = "main"',
        'first_parent_of = "main;x"',
        (
            '19  allow[1].first_parent_of: should be the name of a branch: the ref holds ";"; '
            "only letters, digits and . _ + - / are accepted"
        ),
    ),
    (
        'event = "push"\nref = "refs/tags',
        'event = "workflow_dispatch"\nref = "refs/tags',
        (
            "22  allow[1].tag_must_be_new: only a push says whether its tag is new, "
            '"workflow_dispatch" does not'
        ),
    ),
    (
        'tasks = ["build", "publish", "deploy", "verify"]\nfirst',
        'tasks = ["build", "publish"]\nfirst',
        (
            '23  allow[1].refuse_rerun_when_newer: is about what is deployed, and "deploy" is not '
            "among the tasks; take it away"
        ),
    ),
    (
        'environment = "own"\n',
        'environment = "own"\nrefuse_rerun_when_newer = true\n',
        (
            "28  allow[2].refuse_rerun_when_newer: is about re-runs in GitHub Actions, and by hand "
            "there are none; take it away"
        ),
    ),
    (
        'environment = "own"\n',
        'environment = "own"\ntag_kind = "annotated"\n',
        "28  allow[2].tag_kind: is about tags, and by hand is none; take it away",
    ),
    (
        'ref = "refs/heads/main"\n',
        'ref = "refs/heads/main"\ntag_must_be_new = true\n',
        '11  allow[0].tag_must_be_new: is about tags, and "refs/heads/main" is none; take it away',
    ),
    (
        "until = 2027-01-02T00:00:00Z",
        "until = 2026-12-20T00:00:00Z",
        (
            "40  environments.production.freeze[0].until: should be later than from, "
            "2026-12-20T00:00:00Z"
        ),
    ),
    (
        "from = 2026-12-20T00:00:00Z",
        "from = 2026-12-20T00:00:00",
        (
            "40  environments.production.freeze[0].from: should be in UTC, with a Z at its end, "
            "not 2026-12-20T00:00:00"
        ),
    ),
    (
        "from = 2026-12-20T00:00:00Z",
        "from = 2026-12-20T00:00:00+01:00",
        (
            "40  environments.production.freeze[0].from: should be in UTC, with a Z at its end, "
            "not 2026-12-20T00:00:00+01:00"
        ),
    ),
    (
        "from = 2026-12-20T00:00:00Z",
        'from = "christmas"',
        (
            "40  environments.production.freeze[0].from: should be a time in UTC such as "
            '2026-12-20T00:00:00Z, not "christmas"'
        ),
    ),
    (
        "from = 2027-01-02T00:00:00Z",
        "from = 2027-01-01T00:00:00Z",
        (
            '41  environments.production.freeze[1]: overlaps with "a" (line 40), which is from '
            "2026-12-20T00:00:00Z until 2027-01-02T00:00:00Z"
        ),
    ),
    (
        'name = "b", from',
        'name = "a", from',
        '41  environments.production.freeze[1].name: is the name of "a" (line 40) too',
    ),
    (
        'tasks = ["build"]\n',
        'tasks = ["build"]\n[environments.extra]\nrole = "x"\n',
        "29  environments.extra: no entry leads here; take it away, or name it in one",
    ),
    (
        "repository_id = 123",
        'repository_id = "123"',
        '4  github.repository_id: should be GitHub\'s number, above 0, not "123"',
    ),
    (
        "repository_id = 123",
        "repository_id = 0",
        "4  github.repository_id: should be GitHub's number, above 0, not 0",
    ),
    (
        'repository = "octo/shop"',
        'repository = "octo"',
        '3  github.repository: should be OWNER/NAME, not "octo"',
    ),
    (
        '".github/workflows/deploy.yml"',
        '"../deploy.yml"',
        (
            '6  github.workflow: should be a workflow such as ".github/workflows/deploy.yml", '
            'not "../deploy.yml"'
        ),
    ),
    (
        "owner_id = 45\n",
        'owner_id = 45\nissuer = "http://token.example"\n',
        (
            "6  github.issuer: should be an https:// address without a slash at its end, "
            'not "http://token.example"'
        ),
    ),
    (
        'ref = "refs/tags/*-stable"',
        'ref = "*-stable"',
        (
            "16  allow[1].ref: should begin with refs/heads/ or refs/tags/, so that it cannot "
            'match a branch and a tag; it is "*-stable"'
        ),
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), CONTRADICTIONS)
def test_a_contradiction_is_refused_when_read(file: Path, old: str, new: str, problem: str) -> None:
    assert old in FULL
    error = refusal(file, FULL.replace(old, new, 1))
    assert f"ci/release.toml:{problem}" in error.details


def test_an_event_needs_to_know_whose_it_is(file: Path) -> None:
    start, end = FULL.index("[github]"), FULL.index("[[allow]]")
    assert refusal(file, FULL[:start] + FULL[end:]).details == (
        (
            'ci/release.toml:4  allow[0].event: "push" comes from GitHub, and there is no [github] '
            "that says from which repository"
        ),
    )


def test_environments_may_not_wait_for_each_other(file: Path) -> None:
    text = FULL.replace('github_environment = ""', 'after = "production"')
    assert refusal(file, text).details == (
        (
            "ci/release.toml:33  environments.staging.after: goes round in a circle: "
            "staging, production, staging"
        ),
        (
            "ci/release.toml:37  environments.production.after: goes round in a circle: "
            "production, staging, production"
        ),
    )
