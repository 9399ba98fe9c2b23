"""What GitHub's API says of rulesets and environments, and to whom a token goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from shipway.doctor.finding import Unseen
from shipway.doctor.github import GithubFacts, Protection, Ruleset
from shipway.github.protection import GithubApi
from shipway.policy.requirements import Source

SOURCE = Source(repository="octo/tally", repository_id=1, owner_id=2, workflow="w.yml")
RULESET = {
    "name": "stable",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["refs/tags/*-stable"], "exclude": []}},
    "rules": [{"type": "creation"}, {"type": "deletion"}],
}


@dataclass
class Api:
    """Answers by path; what is no document is raised."""

    answers: dict[str, Any] = field(
        default_factory=lambda: {
            "/repos/octo/tally": {"id": 1, "owner": {"id": 2}},
            "/repos/octo/tally/rulesets": [{"id": 7, "target": "tag"}, {"id": 8, "target": "push"}],
            "/repos/octo/tally/rulesets/7": RULESET,
            "/repos/octo/tally/environments/blue%2Fgreen": {
                "protection_rules": [{"type": "required_reviewers"}],
                "deployment_branch_policy": {"custom_branch_policies": True},
            },
        }
    )
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, url: str, headers: Mapping[str, str]) -> bytes:
        host, _, path = url.removeprefix("https://").partition("/")
        self.asked.append((host, headers["Authorization"]))
        key = f"/{path.partition('?')[0]}".removeprefix("/api/v3")
        answer = self.answers.get(key, HTTPError(url, 404, "no", Message(), None))
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer).encode()


def facts(api: Api, **variables: str) -> GithubFacts:
    found = GithubApi({"GH_TOKEN": "t", **variables}, api).facts(SOURCE, "blue/green")
    assert isinstance(found, GithubFacts)
    return found


def test_what_there_is() -> None:
    api = Api()
    assert facts(api) == GithubFacts(
        numbers=(1, 2),
        rulesets=(
            Ruleset(
                name="stable",
                active=True,
                include=("refs/tags/*-stable",),
                rules=("creation", "deletion"),
            ),
        ),
        environment=Protection(rules=("required_reviewers",), restricts_refs=True),
    )
    assert set(api.asked) == {("api.github.com", "Bearer t")}


def test_a_companys_own_github() -> None:
    api = Api()
    assert facts(api, GITHUB_API_URL="https://ghe.corp/api/v3/").numbers == (1, 2)
    assert {host for host, _ in api.asked} == {"ghe.corp"}


@pytest.mark.parametrize(
    "url", ["http://api.github.com", "ftp://x", "https://", "https://a@b", "api.github.com"]
)
def test_a_token_goes_to_https_alone(url: str) -> None:
    api = Api()
    found = GithubApi({"GITHUB_TOKEN": "t", "GITHUB_API_URL": url}, api).facts(SOURCE, "")
    assert isinstance(found, Unseen)
    assert "https://" in found.why
    assert api.asked == []


def test_without_a_token_nobody_is_asked() -> None:
    api = Api()
    found = GithubApi({"GITHUB_TOKEN": ""}, api).facts(SOURCE, "production")
    assert found == Unseen(
        why="no token", remedy="set GITHUB_TOKEN or GH_TOKEN: GH_TOKEN=$(gh auth token)"
    )
    assert api.asked == []


def test_what_is_missing_and_what_may_not_be_seen() -> None:
    api = Api()
    del api.answers["/repos/octo/tally/environments/blue%2Fgreen"]
    assert facts(api).environment is None
    del api.answers["/repos/octo/tally"]
    unseen = facts(api)
    assert isinstance(unseen.environment, Unseen), "nor does it see the repository"
    assert isinstance(unseen.numbers, Unseen)
    assert "404" in unseen.numbers.why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (URLError("refused"), "cannot be reached: refused"),
        ({"message": "hello"}, "not GitHub's API"),
        ([], "not GitHub's API"),
    ],
)
def test_what_cannot_be_read_hides_nothing_else(answer: Any, why: str) -> None:
    api = Api()
    api.answers["/repos/octo/tally"] = answer
    found = facts(api)
    assert isinstance(found.numbers, Unseen)
    assert why in found.numbers.why
    assert isinstance(found.rulesets, tuple)
