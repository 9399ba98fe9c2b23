from __future__ import annotations

from pathlib import Path

import pytest

from shipway.policy.contract import TASKS, Contract, ContractEntry, Grant, Refused, Task, decide
from shipway.policy.load import load
from shipway.policy.requirements import Rules
from shipway.policy.trigger import Trigger, by_hand

SHIPPED = load(Path(__file__).parents[3] / "ci" / "release.toml")
NOTHING = "Nothing was built or changed."


def push(ref: str, *, deleted: bool = False) -> Trigger:
    return Trigger(event="push", ref=ref, deleted=deleted)


def refusal(
    trigger: Trigger,
    environment: str | None = None,
    *,
    task: Task | None = None,
    contract: Contract = SHIPPED,
) -> tuple[str, ...]:
    decision = decide(contract, trigger, environment=environment, task=task)
    assert isinstance(decision, Refused)
    error = decision.error()
    assert error.exit_code == 20
    return (str(error), *error.details, error.remedy)


@pytest.mark.parametrize(
    ("trigger", "environment", "text"),
    [
        (push("refs/heads/main"), None, "push refs/heads/main → staging: build, publish"),
        (push("refs/heads/main"), "staging", "push refs/heads/main → staging: build, publish"),
        (
            push("refs/tags/v1.0.0-stable"),
            None,
            "push refs/tags/*-stable → production: build, publish, deploy, verify",
        ),
        (
            push("refs/tags/-stable"),
            None,
            "push refs/tags/*-stable → production: build, publish, deploy, verify",
        ),
        (by_hand(), "local", "by hand → local: build, publish, deploy, verify"),
        (
            by_hand(ref="refs/heads/anything$"),
            "sandbox",
            "by hand → sandbox: build, publish, deploy, verify",
        ),
    ],
)
def test_the_shipped_contract_allows(trigger: Trigger, environment: str | None, text: str) -> None:
    decision = decide(SHIPPED, trigger, environment=environment)
    assert isinstance(decision, Grant)
    assert decision.text == text
    assert decision.entry in SHIPPED.entries


def test_a_tag_that_is_not_stable() -> None:
    assert refusal(push("refs/tags/v1.0.1")) == (
        "push of refs/tags/v1.0.1 is not an approved release trigger",
        "main      push refs/heads/main      no: the ref is a tag",
        'stable    push refs/tags/*-stable   no: "v1.0.1" does not end in "-stable"',
        "by-hand   by hand                   no: this was started by GitHub",
        f"To release this commit, push an annotated tag such as v1.0.1-stable. {NOTHING}",
    )


def test_a_branch() -> None:
    assert refusal(push("refs/heads/feature/x")) == (
        "push of refs/heads/feature/x is not an approved release trigger",
        'main      push refs/heads/main      no: "feature/x" is not "main"',
        "stable    push refs/tags/*-stable   no: the ref is a branch",
        "by-hand   by hand                   no: this was started by GitHub",
        (
            "To release this commit, push an annotated tag such as v1.0.0-stable or merge it into "
            f"main. {NOTHING}"
        ),
    )


def test_a_pull_request() -> None:
    why = "no: pull_request can never release: it runs on code that nobody has merged"
    assert refusal(Trigger(event="pull_request", ref="refs/pull/7/merge", fork=True)) == (
        "pull_request of refs/pull/7/merge is not an approved release trigger",
        f"main      push refs/heads/main      {why}",
        f"stable    push refs/tags/*-stable   {why}",
        "by-hand   by hand                   no: this was started by GitHub",
        NOTHING,
    )


def test_another_event_on_an_approved_ref() -> None:
    assert refusal(Trigger(event="workflow_dispatch", ref="refs/tags/v1-stable"))[:3] == (
        "workflow_dispatch of refs/tags/v1-stable is not an approved release trigger",
        "main      push refs/heads/main      no: the event is workflow_dispatch, not push",
        "stable    push refs/tags/*-stable   no: the event is workflow_dispatch, not push",
    )


def test_code_of_a_fork() -> None:
    lines = refusal(Trigger(event="push", ref="refs/heads/main", fork=True))
    assert lines[1] == "main      push refs/heads/main      no: the code comes from a fork"
    assert lines[-1] == NOTHING


def test_a_deleted_ref() -> None:
    lines = refusal(push("refs/tags/v1-stable", deleted=True))
    assert lines[2] == "stable    push refs/tags/*-stable   no: the ref was deleted"
    assert lines[-1] == NOTHING


def test_an_environment_that_the_contract_does_not_lead_to() -> None:
    assert refusal(push("refs/heads/main"), "production") == (
        "push of refs/heads/main may not release to production",
        "main      push refs/heads/main      no: it leads to staging, not to production",
        "stable    push refs/tags/*-stable   no: the ref is a branch",
        "by-hand   by hand                   no: this was started by GitHub",
        f"{SHIPPED.path} says what this trigger may do. {NOTHING}",
    )


def test_a_task_that_the_contract_does_not_include() -> None:
    assert refusal(push("refs/heads/main"), task="deploy") == (
        "push of refs/heads/main may not deploy",
        'main      push refs/heads/main      no: "deploy" is not among its tasks: build, publish',
        "stable    push refs/tags/*-stable   no: the ref is a branch",
        "by-hand   by hand                   no: this was started by GitHub",
        f"{SHIPPED.path} says what this trigger may do. {NOTHING}",
    )


@pytest.mark.parametrize("task", TASKS[:2])
def test_a_task_that_the_contract_includes(task: Task) -> None:
    decision = decide(SHIPPED, push("refs/heads/main"), environment=None, task=task)
    assert isinstance(decision, Grant)


def test_by_hand_without_an_environment() -> None:
    assert refusal(by_hand()) == (
        "by hand, but no environment was named",
        "main      push refs/heads/main      no: this was started by hand",
        "stable    push refs/tags/*-stable   no: this was started by hand",
        "by-hand   by hand                   no: no environment was named",
        f"Name it with --env: local, sandbox or staging. {NOTHING}",
    )


def test_by_hand_to_production() -> None:
    assert refusal(by_hand(ref="refs/tags/v2"), "production") == (
        "by hand may not release to production",
        "main      push refs/heads/main      no: this was started by hand",
        "stable    push refs/tags/*-stable   no: this was started by hand",
        (
            "by-hand   by hand                   no: it leads to local, sandbox or staging, "
            "not to production"
        ),
        f"To release to production, push an annotated tag such as v2-stable. {NOTHING}",
    )


@pytest.mark.parametrize("environment", ["", "Local", "local ", "lo\ncal"])
def test_by_hand_to_nowhere(environment: str) -> None:
    lines = refusal(by_hand(), environment)
    assert "no: it leads to local, sandbox or staging, not to " in lines[3]
    assert lines[-1] == f"{SHIPPED.path} says what may be done by hand. {NOTHING}"
    assert all(line.isprintable() for line in lines)


def test_a_contract_without_entries_allows_nothing() -> None:
    empty = Contract(path="x", entries=())
    for trigger in (by_hand(), push("refs/heads/main")):
        lines = refusal(trigger, "local", contract=empty)
        assert lines[0] == f"{trigger.described} is not an approved release trigger"
        assert len(lines) == 2


@pytest.mark.parametrize(
    ("pattern", "ref", "why", "example"),
    [
        ("refs/tags/v*", "refs/tags/1.0", '"1.0" does not begin with "v"', "v1.0"),
        ("refs/tags/v*-ok", "refs/tags/1.0", '"1.0" does not match "v*-ok"', "v1.0-ok"),
        ("refs/tags/a*b*c", "refs/tags/x", '"x" does not match "a*b*c"', "axbc"),
        ("refs/tags/v1", "refs/tags/v2", '"v2" is not "v1"', "v1"),
        ("refs/tags/*-s", "refs/tags/a/b-s", '"a/b-s" has a "/", where * stops', "v1.0.0-s"),
        ("refs/tags/r/*", "refs/tags/s/1", '"s/1" does not begin with "r/"', "r/v1.0.0"),
    ],
)
def test_the_example_tag_would_be_allowed(pattern: str, ref: str, why: str, example: str) -> None:
    entry = ContractEntry(name="t", event="push", ref=pattern, environments=("e",), tasks=TASKS)
    contract = Contract(path="x", entries=(entry,))
    lines = refusal(push(ref), contract=contract)
    assert lines[1] == f"t   push {pattern}   no: {why}"
    assert lines[2] == f"To release this commit, push a tag such as {example}. {NOTHING}"
    assert isinstance(decide(contract, push(f"refs/tags/{example}"), environment=None), Grant)


def test_the_kind_of_tag_that_is_asked_for_is_said() -> None:
    rules = Rules(tag_kind="annotated")
    entry = ContractEntry(
        name="t",
        event="push",
        ref="refs/tags/v*",
        environments=("e",),
        tasks=TASKS,
        rules=rules,
    )
    lines = refusal(push("refs/tags/1.0"), contract=Contract(path="x", entries=(entry,)))
    assert lines[2] == f"To release this commit, push an annotated tag such as v1.0. {NOTHING}"


GOES_BACK = Contract(
    path="release.toml",
    entries=(
        ContractEntry(
            name="on-call",
            event="by-hand",
            ref="",
            environments=("production",),
            tasks=("rollback",),
        ),
    ),
)


def test_whoever_may_deploy_may_go_back() -> None:
    assert isinstance(decide(SHIPPED, by_hand(), environment="staging", task="rollback"), Grant)
    tag = push("refs/tags/v1-stable")
    assert isinstance(decide(SHIPPED, tag, environment=None, task="rollback"), Grant)
    assert isinstance(
        decide(SHIPPED, push("refs/heads/main"), environment=None, task="rollback"), Refused
    )


@pytest.mark.parametrize("task", [None, *TASKS])
def test_whoever_may_only_go_back_may_nothing_else(task: Task | None) -> None:
    lines = refusal(by_hand(), "production", task=task, contract=GOES_BACK)
    assert lines[0].endswith(f"may not {task or 'deploy'}")
    assert "is not among its tasks: rollback" in lines[1]
    assert isinstance(
        decide(GOES_BACK, by_hand(), environment="production", task="rollback"), Grant
    )
