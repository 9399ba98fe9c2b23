"""The guard of the workflow, evaluated as GitHub would: it lets in what the contract allows."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shipway.policy.compile import job_condition
from shipway.policy.contract import Contract, ContractEntry, Source
from shipway.policy.pattern import matches, ref_flaw

SOURCE = Source(
    repository="example/shop", repository_id=1, owner_id=2, workflow=".github/workflows/deploy.yml"
)


def entry(ref: str, event: str = "push", environment: str = "production") -> ContractEntry:
    return ContractEntry(
        name="one", event=event, ref=ref, environments=(environment,), tasks=("build",)
    )


def evaluated(expression: str, *, event: str, ref: str, repository: str = "example/shop") -> bool:
    """GitHub's expressions, as far as the guard uses them: texts compare without case."""
    ref_name = re.sub(r"^refs/(heads|tags)/", "", ref)
    values = {
        "github.repository": repository,
        "github.event_name": event,
        "github.ref_name": ref_name,
        "github.ref": ref,
    }
    code = expression.replace("!github.event.deleted", "True")
    code = re.sub(r"([\w.]+) == '([^']*)'", r"same(\1, '\2')", code)
    code = re.sub(r"([\w.]+) != '([^']*)'", r"(not same(\1, '\2'))", code)
    code = code.replace("!contains", "not contains").replace("&&", " and ").replace("||", " or ")
    for name, value in values.items():
        literal = repr(value).replace("\\", r"\\")
        code = re.sub(rf"{re.escape(name)}(?![\w.])", literal, code)
    functions = {
        "same": lambda left, right: left.lower() == right.lower(),
        "contains": lambda left, right: right.lower() in left.lower(),
        "startsWith": lambda left, right: left.lower().startswith(right.lower()),
        "endsWith": lambda left, right: left.lower().endswith(right.lower()),
    }
    return bool(eval(code, {"__builtins__": {}}, functions))  # noqa: S307  # our own expression


PATTERNS = (
    "refs/heads/main",
    "refs/heads/a/b",
    "refs/tags/*-stable",
    "refs/tags/v*",
    "refs/tags/v*v",
    "refs/tags/rc*c",
    "refs/heads/*",
)
REFS = st.builds(
    str.__add__,
    st.sampled_from(["refs/heads/", "refs/tags/", "refs/", ""]),
    st.text("vrcab-/1.stleM", max_size=14)
    | st.sampled_from(["main", "v1-stable", "a/b", "-stable", "v", "rc", "rcc", "a/v1-stable"]),
)


@pytest.mark.parametrize("pattern", PATTERNS)
@given(ref=REFS)
@example(ref="refs/tags/v")
@example(ref="refs/tags/rc")
@example(ref="refs/heads/refs/tags/v1-stable")
def test_the_guard_is_as_narrow_as_the_contract_but_for_case(pattern: str, ref: str) -> None:
    assert not job_condition.looser_than(entry(pattern))
    passes = evaluated(job_condition.condition(entry(pattern)), event="push", ref=ref)
    allowed = matches(pattern.lower(), ref.lower())
    if not ref_flaw(ref) or allowed:
        assert passes == allowed


@pytest.mark.parametrize("pattern", ["refs/heads/release/*", "refs/tags/v*-rc*", "refs/tags/a*b*c"])
@given(ref=REFS)
def test_where_it_is_wider_it_says_so_and_still_lets_in_all_that_is_allowed(
    pattern: str, ref: str
) -> None:
    assert "by the gate and by AWS" in job_condition.looser_than(entry(pattern))
    if matches(pattern, ref):
        assert evaluated(job_condition.condition(entry(pattern)), event="push", ref=ref)


def guard_of(*entries: ContractEntry) -> str:
    return " ".join(job_condition.job_condition(Contract(path="c", entries=entries, source=SOURCE)))


@pytest.mark.parametrize(
    ("event", "ref", "repository", "passes"),
    [
        ("push", "refs/heads/main", "example/shop", True),
        ("push", "refs/tags/v1-stable", "example/shop", True),
        ("push", "refs/heads/main", "mallory/shop", False),
        ("pull_request", "refs/pull/7/merge", "example/shop", False),
        ("pull_request_target", "refs/heads/main", "example/shop", False),
        ("workflow_dispatch", "refs/heads/main", "example/shop", False),
        ("workflow_dispatch", "refs/tags/v1-stable", "example/shop", False),
        ("push", "refs/heads/v1-stable", "example/shop", False),
        ("push", "refs/tags/main", "example/shop", False),
        ("push", "refs/tags/a/v1-stable", "example/shop", False),
    ],
)
def test_the_whole_guard(event: str, ref: str, repository: str, *, passes: bool) -> None:
    expression = guard_of(entry("refs/heads/main"), entry("refs/tags/*-stable"))
    result = evaluated(expression, event=event, ref=ref, repository=repository)
    assert result == passes


def test_the_environment_is_chosen_by_the_entry_that_applies() -> None:
    entries = (
        entry("refs/heads/main", environment="staging"),
        entry("refs/heads/next", environment="staging"),
        entry("refs/tags/*-stable"),
    )
    expression = job_condition.choice(entries, lambda rule: rule.environments[0])
    assert expression == (
        "${{ ((github.event_name == 'push' && github.ref == 'refs/heads/main') || "
        "(github.event_name == 'push' && github.ref == 'refs/heads/next')) && 'staging' "
        "|| 'production' }}"
    )
    assert job_condition.choice(entries[2:], lambda rule: rule.environments[0]) == "production"


def test_a_contract_about_no_repository_has_no_guard() -> None:
    with pytest.raises(ValueError, match="github"):
        job_condition.job_condition(Contract(path="c", entries=(entry("refs/heads/main"),)))
