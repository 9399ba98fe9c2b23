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
from shipway.doctor.github import GithubFacts, Protection, RefPolicy, Ruleset
from shipway.github.api import Answer
from shipway.github.protection import GithubApi
from shipway.policy.requirements import Source

SOURCE = Source(repository="octo/tally", repository_id=1, owner_id=2, workflow="w.yml")
# "Get all repository rulesets": the list has neither rules nor conditions.
LISTED = [
    {
        "id": 7,
        "name": "stable",
        "target": "tag",
        "source_type": "Repository",
        "source": "octo/tally",
        "enforcement": "active",
        "node_id": "RRS_lACkVXNlcgQB",
        "_links": {"self": {"href": "https://api.github.com/repos/octo/tally/rulesets/7"}},
    },
    {"id": 8, "name": "no large files", "target": "push", "enforcement": "active"},
    {
        "id": 9,
        "name": "all of octo",
        "target": "tag",
        "source_type": "Organization",
        "source": "octo",
        "enforcement": "evaluate",
    },
]
# "Get a repository ruleset".
RULESET = {
    **LISTED[0],
    "bypass_actors": [{"actor_id": 234, "actor_type": "Team", "bypass_mode": "always"}],
    "conditions": {"ref_name": {"include": ["refs/tags/*-stable"], "exclude": []}},
    "rules": [{"type": "creation"}, {"type": "deletion"}],
}
OF_THE_ORGANIZATION = {
    **LISTED[2],
    "conditions": {
        "ref_name": {"include": ["~ALL"], "exclude": []},
        "repository_name": {"include": ["~ALL"], "exclude": [], "protected": True},
    },
    "rules": [{"type": "tag_name_pattern", "parameters": {"operator": "starts_with"}}],
}
# "Get an environment" and "List deployment branch policies".
ENVIRONMENT = {
    "id": 161088068,
    "name": "blue/green",
    "protection_rules": [
        {"id": 3736, "type": "wait_timer", "wait_timer": 30},
        {"id": 3755, "type": "required_reviewers", "prevent_self_review": False, "reviewers": []},
        {"id": 3756, "type": "branch_policy"},
    ],
    "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
}
POLICIES = {
    "total_count": 2,
    "branch_policies": [
        {"id": 361471, "node_id": "M", "name": "*-stable", "type": "tag"},
        {"id": 361472, "node_id": "N", "name": "main"},
    ],
}
PLACE = "/repos/octo/tally/environments/blue%2Fgreen"


@dataclass
class Api:
    """Answers by path; what is no document is raised."""

    answers: dict[str, Any] = field(
        default_factory=lambda: {
            "/repos/octo/tally": {"id": 1, "owner": {"id": 2}},
            "/repos/octo/tally/rulesets": LISTED,
            "/repos/octo/tally/rulesets/7": RULESET,
            "/repos/octo/tally/rulesets/9": OF_THE_ORGANIZATION,
            PLACE: ENVIRONMENT,
            f"{PLACE}/deployment-branch-policies": POLICIES,
        }
    )
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        assert (method, body) == ("GET", None)
        host, _, path = url.removeprefix("https://").partition("/")
        self.asked.append((host, headers["Authorization"]))
        key = f"/{path.partition('?')[0]}".removeprefix("/api/v3")
        answer = self.answers.get(key, HTTPError(url, 404, "no", Message(), None))
        if isinstance(answer, Exception):
            raise answer
        return Answer(content=json.dumps(answer).encode())


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
            Ruleset(
                name="all of octo", active=False, include=("~ALL",), rules=("tag_name_pattern",)
            ),
        ),
        environment=Protection(
            rules=("wait_timer", "required_reviewers", "branch_policy"),
            refs="named",
            policies=(
                RefPolicy(kind="tag", name="*-stable"),
                RefPolicy(kind="branch", name="main"),
            ),
        ),
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


@pytest.mark.parametrize(
    ("policy", "refs"),
    [
        (None, "any"),
        ({"protected_branches": True, "custom_branch_policies": False}, "protected"),
    ],
)
def test_whom_an_environment_lets_in(policy: Any, refs: Any) -> None:
    api = Api()
    api.answers[PLACE] = {**ENVIRONMENT, "deployment_branch_policy": policy}
    found = facts(api).environment
    assert isinstance(found, Protection)
    assert (found.refs, found.policies) == (refs, ())


def refused(code: int, **headers: str) -> HTTPError:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return HTTPError("https://api.github.com/x", code, "no", message, None)


@pytest.mark.parametrize(
    ("error", "why", "remedy"),
    [
        (refused(401), "the token does not hold", "gh auth login"),
        (refused(301), "renamed or moved", "correct repository"),
        (refused(403), "the token may not see it", "Actions: read"),
        (refused(403, x_ratelimit_remaining="0"), "asked too often", ""),
        (refused(429, x_ratelimit_remaining="0"), "asked too often", ""),
    ],
)
def test_why_a_lock_was_not_looked_at(error: HTTPError, why: str, remedy: str) -> None:
    api = Api()
    api.answers[PLACE] = error
    found = facts(api).environment
    assert isinstance(found, Unseen)
    assert why in found.why
    assert remedy in found.remedy


def test_policies_that_may_not_be_seen_hide_no_reviewers() -> None:
    api = Api()
    api.answers[f"{PLACE}/deployment-branch-policies"] = refused(403)
    found = facts(api).environment
    assert isinstance(found, Protection)
    assert isinstance(found.policies, Unseen)
    assert "required_reviewers" in found.rules
