"""The workflow itself, run by act against the embedded AWS: who passes, and what comes of it.

act ignores ``on:`` filters, ``environment:``, ``concurrency:`` and ``permissions:``, so what stops
a run here is the job's guard, and behind it the gate and the roles' trust. Nothing is believed of
act's exit code alone (all jobs skipped is 0): images, services and records are looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.sandbox.acting import HAS_NODE, STABLE, Bench, Case, Ran, is_real, red_steps

from shipway_sandbox import github
from shipway_sandbox.world import World

FORK = github.GithubRepository(name="shop", owner="mallory", owner_id=666, id=666)
STAGING = Case(title="push to main", ref="refs/heads/main", environment="staging")
SIGN_IN = "aws-actions/configure-aws-credentials"
GUARD, ON = "the job's guard", "the events in on:"
CASES = (
    STAGING,
    Case(title="tag v1.0.0-stable", ref=STABLE, environment="production"),
    Case(title="tag v1.0.1", ref="refs/tags/v1.0.1", stopped=GUARD),
    Case(title="branch v1-stable", ref="refs/heads/v1-stable", stopped=GUARD),
    Case(
        title="pull request",
        event="pull_request",
        ref="refs/pull/7/merge",
        stopped=ON,
        settings={"head_ref": "feature/x"},
    ),
    Case(
        title="push to main of a fork",
        ref="refs/heads/main",
        stopped=GUARD,
        settings={"repository": FORK},
    ),
    Case(title="dispatch on main", event="workflow_dispatch", ref="refs/heads/main", stopped=ON),
)
BEHIND_ON = (
    *(case for case in CASES if case.stopped == ON),
    Case(title="pull_request_target", event="pull_request_target", ref="refs/heads/main"),
    Case(title="a tag deeper down", ref="refs/tags/rel/v1.0.0-stable"),
    Case(title="a tag called main", ref="refs/tags/main"),
    Case(title="dispatch on a stable tag", event="workflow_dispatch", ref=STABLE),
)


@pytest.fixture(scope="module")
def bench(fresh_world: World, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(fresh_world, tmp_path_factory.mktemp("act"))


def test_seven_events_and_what_comes_of_each(
    bench: Bench, record_property: Callable[[str, object], None]
) -> None:
    record_property("told", "The real workflow, by act:")
    for case in CASES:
        before = bench.state()
        ran = bench.run(case)
        after = bench.state()
        outcome = _delivered(case, ran, before, after) if case.environment else "stopped by "
        if case.stopped:
            _stopped(case, ran)
            assert after == before
            outcome += case.stopped
        record_property("told", f"  {case.title:<24} {outcome:<58} {ran.seconds:5.1f} s")


def _delivered(case: Case, ran: Ran, before: dict[str, Any], after: dict[str, Any]) -> str:
    assert ran.code == 0, ran.said[-4000:]
    assert ("stand-in for aws-actions/configure-aws-credentials" in ran.said) != is_real(SIGN_IN)
    assert "Authenticated as assumedRoleId" in ran.said
    assert ("Post AWS by OIDC" in ran.said) == HAS_NODE, "it clears what it set"
    (record,) = ran.records
    assert record["decision"]["environment"] == case.environment
    assert f":assumed-role/shop-deploy-{case.environment}/" in record["identity"]["arn"]
    here = case.environment
    added = after[here]["images"] - before[here]["images"]
    assert record["image"]["reference"].rpartition("@")[2] in added
    others = {name: seen for name, seen in after.items() if name != here}
    assert others == {name: seen for name, seen in before.items() if name != here}
    deploys = "deploy" in record["decision"]["tasks"]
    assert (after[here]["runs"] != before[here]["runs"]) == deploys
    return f"{', '.join(record['decision']['tasks'])} → {here}"


def _stopped(case: Case, ran: Ran) -> None:
    """Nothing of the job ran: act says so in two ways, and neither leaves a record."""
    assert not ran.records
    assert "Run Main" not in ran.said
    listed = "Could not find any stages to run" not in ran.said
    assert listed == (case.stopped == GUARD)
    assert ran.code == (0 if listed else 1), ran.said


@pytest.mark.parametrize("case", BEHIND_ON, ids=lambda case: case.title)
def test_the_guard_holds_where_on_lets_everything_in(bench: Bench, case: Case) -> None:
    begin, end = bench.text.index("on:\n"), bench.text.index("# <<< on")
    every = "".join(f"  {name}:\n" for name in sorted(github.NAMES))
    ran = bench.run(case, f"{bench.text[:begin]}on:\n{every}{bench.text[end:]}")
    assert "Run Main" not in ran.said
    assert ran.code == 0, ran.said


def test_without_the_guard_the_gate_refuses_and_no_role_is_given(bench: Bench) -> None:
    begin, end = bench.text.index("    if: >-"), bench.text.index("    environment:")
    bare = bench.text[:begin] + bench.text[end:]
    before = bench.state()
    case = Case(title="branch", ref="refs/heads/v1-stable", environment="production")
    ran = bench.run(case, bare)
    assert ran.code == 1
    refused = "Could not assume role with OIDC: Not authorized to perform"
    assert f"attempt 3 of 3 failed: {refused} sts:AssumeRoleWithWebIdentity." in ran.said
    assert red_steps(ran) == ["AWS by OIDC"], "what comes later is not red as well"
    assert not ran.records
    # Without the OIDC step the gate is alone, and says why.
    begin, end = bare.index("      # AWS_ROLE_ARN"), bare.index("      - name: Deploy")
    ran = bench.run(case, bare[:begin] + bare[end:])
    assert ran.code == 1
    (record,) = ran.records
    assert record["decision"]["allowed"] is False
    assert record["verdict"]["kind"] == "refused"
    assert bench.state() == before


@pytest.mark.parametrize("node", [True, False])
def test_a_session_of_another_account_than_is_allowed_is_refused(
    bench: Bench,
    *,
    node: bool,
) -> None:
    text = _without_installing(bench)
    ran = bench.run(STAGING, text, node=node, AWS_ACCOUNT_ID="000000000000")
    assert ran.code == 1
    account = bench.world.account("staging")
    assert f"credentials ({account}) does not match any of the expected account IDs" in ran.said
    assert red_steps(ran) == ["AWS by OIDC"]
    assert not ran.records


LOOK = """      - name: Look
        env:
          OUTPUTS: '[${{ toJSON(steps.oidc.outputs) }}, ${{ toJSON(steps.python.outputs) }}]'
        run: |
          echo "variables: $(compgen -v | grep -E '^(AWS|PKG|Python|python|LD)_?' | tr '\\n' ' ')"
          echo "outputs: ${OUTPUTS//$'\\n'/}"
          echo "a python: $(command -v python)"
          echo "hidden: $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN"
"""
OF_SANDBOX = (
    "AWS_CONFIG_FILE AWS_EC2_METADATA_DISABLED AWS_ENDPOINT_URL AWS_SHARED_CREDENTIALS_FILE"
)
EXPORTED = (
    "AWS_ACCESS_KEY_ID AWS_DEFAULT_REGION AWS_REGION AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
    " LD_LIBRARY_PATH PKG_CONFIG_PATH Python2_ROOT_DIR Python3_ROOT_DIR Python_ROOT_DIR"
    " pythonLocation"
)


def test_what_the_actions_hand_on_and_clear(bench: Bench) -> None:
    """With the real actions it says the same."""
    text = _without_installing(bench).partition("      - name: Deploy\n")[0] + LOOK
    text = text.replace("- uses: actions/setup", "- id: python\n        uses: actions/setup")
    text = text.replace("- name: AWS by OIDC\n", "- name: AWS by OIDC\n        id: oidc\n")
    if HAS_NODE:
        # Post steps come in the reverse order: this one sees what the sign-in left.
        watching = f"- uses: example/look@{'0' * 40}\n      - name: AWS by OIDC"
        text = text.replace("- name: AWS by OIDC", watching)
    ran = bench.run(STAGING, text)
    assert ran.code == 0, ran.said
    assert set(_shown(ran, "variables")) == {*EXPORTED.split(), *OF_SANDBOX.split()}
    account = bench.world.account("staging")
    arn = f"arn:aws:sts::{account}:assumed-role/shop-deploy-staging/GitHubActions"
    (python,) = _shown(ran, "a python")
    version = ran.said.partition("::set-output:: python-version=")[2].split()[0]
    assert json.loads(" ".join(_shown(ran, "outputs"))) == [
        {"aws-account-id": account, "authenticated-arn": arn},
        {"python-path": python, "python-version": version},
    ]
    assert _shown(ran, "hidden") == ["***"] * 3
    if HAS_NODE:
        assert _shown(ran, "left behind") == OF_SANDBOX.split()


def _shown(ran: Ran, what: str) -> list[str]:
    (line,) = (line for line in ran.said.splitlines() if f"| {what}: " in line)
    return line.partition(f"{what}: ")[2].split()


def _without_installing(bench: Bench) -> str:
    begin = bench.text.index("      # Before there are")
    return bench.text[:begin] + bench.text[bench.text.index("      # AWS_ROLE_ARN") :]
