from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.policy.conftest import refusal

from shipway.config.load import load as load_delivery
from shipway.errors import ConfigurationError
from shipway.policy.contract import TASKS, ContractEntry
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
