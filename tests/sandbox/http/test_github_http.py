"""GitHub's API over real HTTP, played by a server of this machine as a sandbox may have one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from shipway.doctor.github import GithubFacts, Protection
from shipway.github.deployments import GithubDeployments
from shipway.github.protection import GithubApi
from shipway.notify.github import Status
from shipway.policy.requirements import Source

if TYPE_CHECKING:
    from tests.sandbox.http.conftest import Kit, Reply, Request

SOURCE = Source(repository="octo/tally", repository_id=1, owner_id=2, workflow="w.yml")
PLACE = "/repos/octo/tally"
ANSWERS: dict[str, Any] = {
    PLACE: {"id": 1, "owner": {"id": 2}},
    f"{PLACE}/rulesets": [],
    f"{PLACE}/environments/blue": {"protection_rules": [], "deployment_branch_policy": None},
    f"{PLACE}/deployments": {"id": 7},
    f"{PLACE}/deployments/7/statuses": {"id": 1, "state": "success"},
}


def variables(address: str) -> dict[str, str]:
    return {
        "GITHUB_TOKEN": "canary",
        "GITHUB_API_URL": address,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    }


def test_what_is_asked_and_told(kit: Kit) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        body = json.dumps(ANSWERS[request.path.partition("?")[0]]).encode()
        reply: Reply = kit.reply(status=201 if request.method == "POST" else 200, body=body)
        return reply

    with kit.serving(answer) as address:
        facts = GithubApi(variables(address)).facts(SOURCE, "blue")
        github = GithubDeployments(variables(address), SOURCE.repository)
        number = github.create("blue", "abc", "tally")
        github.set(number, Status(state="success", url="https://tally.example"))
    assert facts == GithubFacts(
        numbers=(1, 2), rulesets=(), environment=Protection(rules=(), refs="any")
    )
    assert {request.headers["Authorization"] for request in asked} == {"Bearer canary"}
    assert {request.headers["X-Github-Api-Version"] for request in asked} == {"2022-11-28"}
    assert json.loads(asked[-1].body)["environment_url"] == "https://tally.example"


def test_a_redirect_takes_the_token_nowhere(kit: Kit) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.path)
        reply: Reply = kit.reply(status=301, headers={"Location": "/repositories/1"})
        return reply

    with kit.serving(answer) as address, pytest.raises(OSError, match="HTTP 301"):
        GithubDeployments(variables(address), SOURCE.repository).create("blue", "abc", "")
    assert asked == [f"{PLACE}/deployments"]
