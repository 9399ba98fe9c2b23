from __future__ import annotations

import json
from pathlib import Path

import pytest

from shipway.config.load import load as load_delivery
from shipway.errors import ConfigurationError
from shipway.policy.contract import TASKS, ContractEntry, Rules
from shipway.policy.load import check_environments, load

ROOT = Path(__file__).parents[3]

GOOD = """\
schema = 1

[[allow]]
name = "main"
event = "push"
ref = "refs/heads/main"
environment = "staging"
tasks = ["build", "publish"]

[[allow]]
name = "by-hand"
event = "by-hand"
environments = ["local", "staging"]
tasks = ["build"]

[github]
repository = "octo/shop"
repository_id = 123
owner_id = 45
workflow = ".github/workflows/deploy.yml"

[environments.local]
by_hand_role = "*"

[environments.staging]
role = "shop-deploy-staging"
by_hand_role = "shop-by-hand-staging"
"""
GUARDS = """
[environments.production]
role = "shop-deploy-production"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ci").mkdir()
    monkeypatch.chdir(tmp_path)
    return Path("ci/release.toml")


def refusal(file: Path, text: str) -> ConfigurationError:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    return caught.value


def test_a_good_contract_is_read_with_its_lines(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    contract = load(file)
    assert contract.path == "ci/release.toml"
    assert contract.entries == (
        ContractEntry(
            name="main",
            event="push",
            ref="refs/heads/main",
            environments=("staging",),
            tasks=("build", "publish"),
            line=3,
            environment_line=7,
            lines={"name": 4, "event": 5, "ref": 6, "environment": 7, "tasks": 8},
        ),
        ContractEntry(
            name="by-hand",
            event="by-hand",
            ref="",
            environments=("local", "staging"),
            tasks=("build",),
            line=10,
            environment_line=13,
            lines={"name": 11, "event": 12, "environments": 13, "tasks": 14},
        ),
    )


def test_the_shipped_contract_leads_to_shipped_environments() -> None:
    contract = load(ROOT / "ci" / "release.toml")
    check_environments(contract, load_delivery(ROOT / "ci" / "delivery.toml").names)
    assert [entry.name for entry in contract.entries] == ["main", "stable", "by-hand"]


NEVER = "can never release: it runs on code that nobody has merged"
BEGINNING = "it should be a beginning of build, publish, deploy, verify, run"
EDITS = [
    (
        'event = "push"',
        'event = "pusch"',
        '5  allow[0].event: unknown event "pusch"; did you mean "push"?',
    ),
    (
        'event = "push"',
        'event = "Push"',
        '5  allow[0].event: unknown event "Push"; did you mean "push"?',
    ),
    ('event = "push"', 'event = "zzz"', '5  allow[0].event: unknown event "zzz"'),
    (
        'event = "push"',
        'event = "pull_request_target"',
        f"5  allow[0].event: pull_request_target {NEVER}",
    ),
    ('event = "push"', "event = 3", "5  allow[0].event: should be a text, not 3"),
    (
        'event = "push"',
        'event = "env:E"',
        '5  allow[0].event: should be written out, not referred to as "env:E"',
    ),
    (
        '"refs/heads/main"',
        '"refs/*/main"',
        (
            "6  allow[0].ref: should begin with refs/heads/ or refs/tags/, so that it cannot "
            'match a branch and a tag; it is "refs/*/main"'
        ),
    ),
    (
        '"refs/heads/main"',
        '"refs/heads/**"',
        '6  allow[0].ref: holds "**"; only a single * is known, which stops at a "/"',
    ),
    (
        '"refs/heads/main"',
        '"refs/heads/v?"',
        '6  allow[0].ref: holds "?"; a pattern has only letters, digits, . _ - / and *',
    ),
    (
        'ref = "refs/heads/main"\n',
        "",
        '3  allow[0].ref: is missing; it should be a full ref such as "refs/heads/main"',
    ),
    (
        'ref = "refs/heads/main"\n',
        'refs = "refs/heads/main"\nref = "refs/heads/main"\n',
        '6  allow[0].refs: unknown key; did you mean "ref"?',
    ),
    (
        'event = "by-hand"\n',
        'event = "by-hand"\nref = "refs/heads/main"\n',
        "13  allow[1].ref: is not asked for by hand; take it away",
    ),
    (
        'environment = "staging"',
        'environments = ["staging"]',
        "7  allow[0].environments: is for by-hand only; an event leads to one environment",
    ),
    (
        'environment = "staging"\n',
        "",
        "3  allow[0].environment: is missing; it should be the name of an environment",
    ),
    (
        'environments = ["local", "staging"]\n',
        'environments = ["local"]\nenvironment = "local"\n',
        "14  allow[1].environment: stands beside environments; only one of the two can hold",
    ),
    ('["local", "staging"]', "[]", "13  allow[1].environments: should not be empty"),
    (
        '["local", "staging"]',
        '["local",\n"local"]',
        '14  allow[1].environments[1]: "local" stands twice',
    ),
    (
        '"build", "publish"',
        '"build", "deplyo"',
        '8  allow[0].tasks[1]: unknown task "deplyo"; did you mean "deploy"?',
    ),
    (
        '"build", "publish"',
        '"rolback"',
        '8  allow[0].tasks[0]: unknown task "rolback"; did you mean "rollback"?',
    ),
    (
        '"build", "publish"',
        '"rollback"',
        "8  allow[0].tasks: rollback is for by-hand only: an event delivers its commit",
    ),
    (
        'tasks = ["build"]',
        'tasks = ["build", "rollback"]',
        "14  allow[1].tasks: rollback stands alone; whoever may deploy may go back as well",
    ),
    (
        '"build", "publish"',
        '"build", "publish", "prune"',
        "8  allow[0].tasks: prune is for by-hand only: nothing is pruned by itself",
    ),
    (
        'tasks = ["build"]',
        'tasks = ["prune", "build"]',
        "14  allow[1].tasks: prune stands once, behind all others",
    ),
    ('["build", "publish"]', "[]", f"8  allow[0].tasks: should not be empty; {BEGINNING}"),
    (
        'tasks = ["build", "publish"]\n',
        "",
        "3  allow[0].tasks: is missing; it should be a list",
    ),
    (
        '"build", "publish"',
        '"build", "build"',
        f"8  allow[0].tasks: names a task twice; {BEGINNING}",
    ),
    (
        '"build", "publish"',
        '"publish", "build"',
        "8  allow[0].tasks: should be in the order build, publish, deploy, verify, run",
    ),
    ('"build", "publish"', '"publish"', "8  allow[0].tasks: publish needs build before it"),
    (
        '"build", "publish"',
        '"build", "deploy"',
        "8  allow[0].tasks: deploy needs publish before it",
    ),
    (
        '"build", "publish"',
        '"build", "verify"',
        "8  allow[0].tasks: verify needs deploy before it",
    ),
    (
        '"build", "publish"',
        '"publish", "verify"',
        "8  allow[0].tasks: publish needs build before it; verify needs deploy before it",
    ),
    (
        'name = "by-hand"',
        'name = "main"',
        '11  allow[1].name: is the name of "main" (line 3) too',
    ),
    (
        'name = "main"',
        'name = "the main one"',
        '4  allow[0].name: should be a name of small letters, digits and "-", not "the main one"',
    ),
    (
        'tasks = ["build"]',
        'tasks = ["build"]\nafter = "staging"',
        "15  allow[1].after: unknown key",
    ),
    ("schema = 1", "schema = 1\nallowed = 1", '2  allowed: unknown key; did you mean "allow"?'),
]


@pytest.mark.parametrize(("old", "new", "problem"), EDITS)
def test_one_problem_is_told_in_one_line(file: Path, old: str, new: str, problem: str) -> None:
    assert old in GOOD
    error = refusal(file, GOOD.replace(old, new, 1))
    assert error.details == (f"ci/release.toml:{problem}",)
    assert str(error) == "1 problem in ci/release.toml"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("schema = 1\n", "1  allow: is missing; it should be a list"),
        ("schema = 1\nallow = []\n", "2  allow: should not be empty"),
        ("schema = 1\nallow = 3\n", "2  allow: should be a list, not 3"),
        ("schema = 1\nallow = [3]\n", "2  allow[0]: should be a table, not 3"),
    ],
)
def test_a_contract_needs_entries(file: Path, text: str, problem: str) -> None:
    assert refusal(file, text).details == (f"ci/release.toml:{problem}",)


SECOND = """
[[allow]]
name = "second"
event = "push"
ref = "{ref}"
environment = "production"
tasks = ["build"]
"""


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/*", "refs/heads/m*n"])
def test_two_entries_that_one_push_could_mean_are_refused(file: Path, ref: str) -> None:
    assert refusal(file, GOOD + SECOND.format(ref=ref) + GUARDS).details == (
        (
            'ci/release.toml:32  allow[2].ref: overlaps with "main" (line 3): one ref can match '
            f'"refs/heads/main" and "{ref}"'
        ),
    )


@pytest.mark.parametrize("ref", ["refs/tags/main", "refs/heads/main/*", "refs/heads/x*"])
def test_two_entries_that_no_push_could_mean_together_are_not(file: Path, ref: str) -> None:
    file.write_text(GOOD + SECOND.format(ref=ref) + GUARDS, encoding="utf-8")
    assert len(load(file).entries) == 3


def test_the_same_ref_of_another_event_is_another_trigger(file: Path) -> None:
    second = SECOND.format(ref="refs/heads/main").replace("push", "workflow_dispatch")
    file.write_text(GOOD + second + GUARDS, encoding="utf-8")
    assert len(load(file).entries) == 3


def test_two_entries_by_hand_cannot_lead_to_one_environment(file: Path) -> None:
    more = '[[allow]]\nname = "x"\nevent = "by-hand"\nenvironment = "local"\ntasks = ["build"]\n'
    assert refusal(file, GOOD + more).details == (
        (
            'ci/release.toml:31  allow[2].environment: overlaps with "by-hand" (line 10): '
            'both lead to "local" by hand'
        ),
    )


def test_every_problem_is_told_at_once(file: Path) -> None:
    text = GOOD.replace("refs/heads/main", "main").replace('["build"]', "[]").replace("1", "2", 1)
    assert refusal(file, text).details == (
        "ci/release.toml:1  schema: should be 1, the only version there is, not 2",
        (
            "ci/release.toml:6  allow[0].ref: should begin with refs/heads/ or refs/tags/, so that "
            'it cannot match a branch and a tag; it is "main"'
        ),
        f"ci/release.toml:14  allow[1].tasks: should not be empty; {BEGINNING}",
    )


def test_an_environment_that_is_not_configured_is_told_with_its_line(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        check_environments(load(file), ("stageing", "local"))
    assert str(caught.value) == "ci/release.toml leads to environments that are not configured"
    assert caught.value.details == (
        'ci/release.toml:7  main: there is no environment "staging"; did you mean "stageing"?',
        'ci/release.toml:13  by-hand: there is no environment "staging"; did you mean "stageing"?',
    )
    assert caught.value.remedy == "name one of stageing, local, or add it to delivery.toml"


def test_a_contract_that_is_not_there_is_told(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^there is no file ci/release\.toml$"):
        load(file)


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


@pytest.mark.parametrize(
    "tasks",
    [("rollback",), ("prune",), ("rollback", "prune"), ("build", "publish", "prune"), TASKS],
)
def test_an_entry_may_allow_nothing_but_going_back_or_pruning(
    file: Path, tasks: tuple[str, ...]
) -> None:
    text = GOOD.replace('tasks = ["build"]', f"tasks = {json.dumps(tasks)}")
    file.write_text(text, encoding="utf-8")
    assert load(file).entries[1].tasks == tasks
