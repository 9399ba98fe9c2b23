from __future__ import annotations

from pathlib import Path

import pytest

from shipway.errors import UsageError
from shipway_sandbox.github import GithubEvent, GithubRepository, Run, event, subject

SHA = "a" * 40
HERE = Path("/work")
REPOSITORY = GithubRepository(name="tally")


def made(name: str, ref: str, **settings: object) -> GithubEvent:
    return event(
        name,
        ref=ref,
        sha=SHA,
        folder=HERE,
        workspace=HERE,
        repository=REPOSITORY,
        **settings,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("name", "ref", "environment", "immutable", "expected"),
    [
        ("push", "refs/heads/main", "", False, "repo:o/r:ref:refs/heads/main"),
        ("push", "refs/tags/v1-stable", "", False, "repo:o/r:ref:refs/tags/v1-stable"),
        ("pull_request", "refs/pull/7/merge", "", False, "repo:o/r:pull_request"),
        ("pull_request", "refs/pull/7/merge", "x", False, "repo:o/r:environment:x"),
        ("pull_request_target", "refs/heads/main", "", False, "repo:o/r:ref:refs/heads/main"),
        ("push", "refs/heads/main", "", True, "repo:o@1/r@2:ref:refs/heads/main"),
    ],
)
def test_subject_as_github_writes_it(
    name: str, ref: str, environment: str, *, immutable: bool, expected: str
) -> None:
    repository = GithubRepository(
        owner="o", name="r", owner_id=1, id=2, immutable_subject=immutable
    )
    assert subject(repository, name, ref, environment) == expected


@pytest.mark.parametrize(
    ("ref", "kind", "short"),
    [
        ("refs/heads/feature/x", "branch", "feature/x"),
        ("refs/tags/v1.0.0-stable", "tag", "v1.0.0-stable"),
        ("refs/pull/7/merge", "branch", "7/merge"),
    ],
)
def test_runner_variables_name_the_ref_in_three_ways(ref: str, kind: str, short: str) -> None:
    given = made("push", ref).environment
    assert (given["GITHUB_REF"], given["GITHUB_REF_TYPE"], given["GITHUB_REF_NAME"]) == (
        ref, kind, short,
    )  # fmt: skip
    assert given["GITHUB_SHA"] == SHA
    assert given["GITHUB_WORKFLOW_REF"] == f"example/tally/.github/workflows/deploy.yml@{ref}"
    assert given["GITHUB_ACTIONS"] == "true"


@pytest.mark.parametrize("ref", ["main", "refs/heads/", "", "refs/remotes/origin/main"])
def test_short_refs_are_refused(ref: str) -> None:
    with pytest.raises(UsageError, match="no full ref"):
        made("push", ref)


def test_unknown_event_is_refused() -> None:
    with pytest.raises(UsageError, match="schedule"):
        made("schedule", "refs/heads/main")


def test_push_payload_says_what_was_pushed() -> None:
    payload = made("push", "refs/tags/v1").payload
    assert (payload["ref"], payload["after"], payload["deleted"]) == ("refs/tags/v1", SHA, False)
    assert payload["repository"]["full_name"] == "example/tally"


def test_pull_request_of_a_fork_gets_no_token() -> None:
    fork = GithubRepository(name="tally", owner="stranger", id=7)
    pulled = made("pull_request", "refs/pull/9/merge", head_ref="evil", head=fork)
    assert not pulled.may_ask_for_tokens
    pull = pulled.payload["pull_request"]
    assert pulled.payload["number"] == 9
    assert pull["head"]["repo"]["fork"] is True
    assert pull["base"]["repo"]["full_name"] == "example/tally"
    assert pulled.environment["GITHUB_BASE_REF"] == "main"
    assert made("pull_request", "refs/pull/9/merge", head_ref="good").may_ask_for_tokens


def test_claims_and_variables_agree() -> None:
    pushed = made("push", "refs/heads/main", run=Run(environment="staging", attempt=2))
    claims, given = pushed.claims, pushed.environment
    for claim, variable in (
        ("ref", "GITHUB_REF"), ("sha", "GITHUB_SHA"), ("repository_id", "GITHUB_REPOSITORY_ID"),
        ("run_attempt", "GITHUB_RUN_ATTEMPT"), ("event_name", "GITHUB_EVENT_NAME"),
        ("workflow_ref", "GITHUB_WORKFLOW_REF"), ("actor_id", "GITHUB_ACTOR_ID"),
    ):  # fmt: skip
        assert claims[claim] == given[variable]
    assert claims["environment"] == "staging"
    assert claims["sub"].endswith(":environment:staging")
    assert "environment" not in made("push", "refs/heads/main").claims


def test_files_of_a_job_are_written(tmp_path: Path) -> None:
    pushed = event(
        "push", ref="refs/heads/main", sha=SHA, folder=tmp_path / "job", workspace=HERE,
        repository=REPOSITORY,
    )  # fmt: skip
    pushed.write()
    assert (tmp_path / "job/event.json").read_text().startswith("{")
    assert (tmp_path / "job/output").read_text() == ""
    tokens = pushed.with_tokens("http://issuer?x=1", "given")
    assert tokens["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] == "given"  # noqa: S105  # no password
    assert tokens["GITHUB_SHA"] == SHA
