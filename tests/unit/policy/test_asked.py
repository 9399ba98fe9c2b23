"""The rules that a plan lists are those that a refusal can name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from shipway.policy import load as contract_file
from shipway.policy.asked import rules_asked
from shipway.policy.contract import Contract, Grant
from shipway.policy.requirements import EnvironmentPolicy, Freeze, Rules
from shipway.policy.trigger import Trigger, by_hand

OURS = contract_file.load(Path(__file__).parents[3] / "ci" / "release.toml")
FREEZE = Freeze(
    name="xmas",
    start=datetime(2026, 12, 20, tzinfo=UTC),
    end=datetime(2027, 1, 2, tzinfo=UTC),
    reason="holidays",
)


def grant(event: str) -> Grant:
    entry = next(entry for entry in OURS.entries if entry.event == event)
    rules = Rules(
        first_parent_of="main",
        tag_kind="annotated",
        signed_by=("keys",),
        tag_must_be_new=True,
        refuse_rerun_when_newer=True,
    )
    with_rules = replace(entry, rules=rules if event == "push" else Rules())
    return Grant(entry=with_rules, environment="staging", tasks=entry.tasks)


def contract(environment_policy: EnvironmentPolicy) -> Contract:
    return replace(OURS, environment_policies=(environment_policy,))


def test_by_hand_only_the_environment_asks() -> None:
    strict = EnvironmentPolicy(
        environment="staging", after="dev", not_older=True, freeze=(FREEZE,), github_environment="s"
    )
    person = by_hand(sha="a" * 40, actor="mona", repository="")
    assert rules_asked(contract(strict), grant("by-hand"), person) == (
        "by hand",
        "not_older",
        'after = "dev"',
        'freeze "xmas"',
    )


def test_of_a_run_the_token_the_source_and_the_tag_are_asked() -> None:
    plain = EnvironmentPolicy(environment="staging", github_environment="staging")
    person = by_hand(sha="a" * 40, actor="mona", repository="")
    run: Trigger = replace(person, event="push", ref="refs/tags/v1-stable", proven=True)
    names = rules_asked(contract(plain), grant("push"), run)
    assert names[:2] == ("signed token", "repository")
    assert names[-6:] == (
        'first_parent_of = "main"',
        "tag_must_be_new",
        'tag_kind = "annotated"',
        "signed_by",
        "refuse_rerun_when_newer",
        "github_environment",
    )
