"""Claims, variables and events that must be refused: from what GitHub signed to the decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.errors import RefusedError
from shipway.policy import rules
from shipway.policy.claims import prove
from shipway.policy.contract import (
    TASKS,
    Contract,
    ContractEntry,
    EnvironmentPolicy,
    Grant,
    Refused,
    Source,
    decide,
)
from shipway.policy.facts import BeforeBuild, Overrides
from shipway.policy.trigger import Trigger, from_github

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
TAG = "refs/tags/v1-stable"
WORKFLOW = f"octo/shop/.github/workflows/deploy.yml@{TAG}"
CONTRACT = Contract(
    path="ci/release.toml",
    source=Source(
        repository="octo/shop",
        repository_id=123,
        owner_id=45,
        workflow=".github/workflows/deploy.yml",
    ),
    environment_policies=(
        EnvironmentPolicy(environment="staging", role="deploy", github_environment="staging"),
        EnvironmentPolicy(environment="production", role="deploy", github_environment="production"),
    ),
    entries=(
        ContractEntry(
            name="main",
            event="push",
            ref="refs/heads/main",
            environments=("staging",),
            tasks=TASKS[:2],
        ),
        ContractEntry(
            name="stable",
            event="push",
            ref="refs/tags/*-stable",
            environments=("production",),
            tasks=TASKS,
        ),
    ),
)
CLAIMS: dict[str, Any] = {
    "event_name": "push",
    "ref": TAG,
    "ref_type": "tag",
    "sha": SHA,
    "repository": "octo/shop",
    "repository_id": "123",
    "repository_owner_id": "45",
    "run_id": "42",
    "run_attempt": "1",
    "workflow_ref": WORKFLOW,
    "job_workflow_ref": WORKFLOW,
    "runner_environment": "github-hosted",
    "environment": "production",
    "actor": "mona",
}
VARIABLES = {
    "event_name": "GITHUB_EVENT_NAME",
    "ref": "GITHUB_REF",
    "ref_type": "GITHUB_REF_TYPE",
    "sha": "GITHUB_SHA",
    "repository": "GITHUB_REPOSITORY",
    "repository_id": "GITHUB_REPOSITORY_ID",
    "repository_owner_id": "GITHUB_REPOSITORY_OWNER_ID",
    "run_id": "GITHUB_RUN_ID",
    "run_attempt": "GITHUB_RUN_ATTEMPT",
    "workflow_ref": "GITHUB_WORKFLOW_REF",
    "runner_environment": "RUNNER_ENVIRONMENT",
    "actor": "GITHUB_ACTOR",
}
CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "hostile-claims.json").read_text(encoding="utf-8")
)
FACTS = BeforeBuild(now=datetime(2026, 11, 23, tzinfo=UTC))


def runner_variables(claims: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a runner that tells no lies about these claims."""
    variables = {VARIABLES[name]: value for name, value in claims.items() if name in VARIABLES}
    return {"GITHUB_ACTIONS": "true"} | {
        name: value for name, value in variables.items() if isinstance(value, str)
    }


def trigger_of(case: Mapping[str, Any]) -> Trigger:
    claims = CLAIMS | case.get("signed", {})
    env = runner_variables(claims) | case.get("says", {})
    event = {
        "ref": claims["ref"],
        "after": claims["sha"],
        "before": "0" * 40,
        "created": True,
        "deleted": False,
        **case.get("event", {}),
    }
    if case.get("unsigned"):
        return from_github(env, event)
    lacking = case.get("lacks", [])
    return prove({k: v for k, v in claims.items() if k not in lacking}, env, event)


def refusals(case: Mapping[str, Any]) -> tuple[str, ...]:
    """Why it is refused, in the lines that the gate prints; none where it is allowed."""
    try:
        trigger = trigger_of(case)
    except RefusedError as error:
        return error.details
    decision = decide(CONTRACT, trigger, environment=None)
    if isinstance(decision, Refused):
        return tuple(f"{reason.entry}: {reason.why}" for reason in decision.reasons)
    broken = rules.before_build(CONTRACT, decision, trigger, FACTS, Overrides())
    return tuple(f"{reason.entry} {reason.rule}: {reason.why}" for reason in broken)


def test_the_run_that_all_of_them_differ_from_is_allowed() -> None:
    assert refusals({}) == ()


def test_the_table_is_as_long_as_it_should_be_and_says_nothing_twice() -> None:
    assert len({case["what"] for case in CASES}) == len(CASES) >= 80


@pytest.mark.parametrize("case", CASES, ids=[case["what"] for case in CASES])
def test_what_is_not_in_the_contract_is_refused_and_told_why(case: dict[str, Any]) -> None:
    reasons = refusals(case)
    assert set(case["why"]) <= set(reasons)
    for line in reasons:
        assert line.isprintable()
        assert line.isascii()
        assert len(line) < 400


VALUES = st.one_of(
    st.sampled_from([value for case in CASES for value in case.get("signed", {}).values()]),
    st.sampled_from(list(CLAIMS.values())),
    st.text(max_size=12),
    st.none(),
    st.integers(),
)


@given(
    signed=st.dictionaries(st.sampled_from(list(CLAIMS)), VALUES, max_size=4),
    says=st.dictionaries(
        st.sampled_from(list(VARIABLES.values())), st.text(max_size=12), max_size=2
    ),
    lacks=st.lists(st.sampled_from(list(CLAIMS)), max_size=2),
    unsigned=st.booleans(),
)
def test_nothing_but_a_whole_and_true_token_of_the_one_workflow_is_ever_allowed(
    *, signed: dict[str, Any], says: dict[str, str], lacks: list[str], unsigned: bool
) -> None:
    case = {"signed": signed, "says": says, "lacks": lacks, "unsigned": unsigned}
    try:
        trigger = trigger_of(case)
    except (RefusedError, TypeError):
        return
    decision = decide(CONTRACT, trigger, environment=None)
    if not isinstance(decision, Grant):
        return
    if rules.before_build(CONTRACT, decision, trigger, FACTS, Overrides()):
        return
    claims = CLAIMS | signed
    assert not unsigned
    assert not set(lacks) - {"actor"}
    for name in ("event_name", "repository", "repository_id", "repository_owner_id"):
        assert claims[name] == CLAIMS[name]
    file = f"octo/shop/.github/workflows/deploy.yml@{claims['ref']}"
    assert claims["workflow_ref"] == claims["job_workflow_ref"] == file
    assert claims["environment"] == decision.environment
    assert (decision.environment == "staging") == (claims["ref"] == "refs/heads/main")
    assert trigger == replace(trigger, ref=claims["ref"], sha=claims["sha"], proven=True)
