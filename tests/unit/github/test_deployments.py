"""GitHub's deployments: requests of the documented shape, and a token that goes nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from shipway.github.api import Answer
from shipway.github.deployments import GithubDeployments
from shipway.notify.github import Deployment, Status

PLACE = "https://api.github.com/repos/octo/tally/deployments"
# "List deployments" (GitHub REST API): what of the example's answer counts here.
LISTED = [
    {
        "url": f"{PLACE}/1",
        "id": 1,
        "sha": "a84d88e7554fc1fa21bcbc4efae3c782a70d2b9d",
        "ref": "topic-branch",
        "task": "deploy",
        "payload": {},
        "environment": "blue/green",
        "creator": {"login": "octocat"},
        "transient_environment": False,
        "production_environment": True,
    }
]
# "List deployment statuses".
STATUSES = [
    {
        "id": 1,
        "state": "success",
        "description": "Deployment finished successfully.",
        "target_url": "https://github.com/octo/tally/actions/runs/42/job/7",
        "environment_url": "",
        "log_url": "",
    }
]


@dataclass
class Api:
    """Answers in turn."""

    answers: list[Any]
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        self.asked.append((method, url, json.loads(body) if body else None))
        self.tokens.add(headers["Authorization"])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Answer(content=json.dumps(answer).encode())


def github(api: Api, **variables: str) -> GithubDeployments:
    return GithubDeployments({"GITHUB_TOKEN": "t", **variables}, "octo/tally", api)


def test_what_is_read() -> None:
    api = Api([LISTED, STATUSES])
    told = github(api)
    assert told.of("blue/green") == (
        Deployment(id=1, sha="a84d88e7554fc1fa21bcbc4efae3c782a70d2b9d", production=True),
    )
    assert told.statuses(1) == (
        Status(
            state="success",
            log="https://github.com/octo/tally/actions/runs/42/job/7",
            description="Deployment finished successfully.",
        ),
    )
    assert api.asked[0][:2] == ("GET", f"{PLACE}?environment=blue%2Fgreen&per_page=30")
    assert api.tokens == {"Bearer t"}


def test_what_is_written() -> None:
    api = Api([{"id": 9}, {"id": 1}, {"id": 2}])
    told = github(api)
    assert told.create("blue", "abc", "tally by mona") == 9
    told.set(9, Status(state="success", log="https://run", url="https://tally", description="d"))
    told.set(9, Status(state="in_progress"))
    assert api.asked == [
        (
            "POST",
            PLACE,
            {
                "ref": "abc",
                "environment": "blue",
                "description": "tally by mona",
                "auto_merge": False,
                "required_contexts": [],
            },
        ),
        (
            "POST",
            f"{PLACE}/9/statuses",
            {
                "state": "success",
                "description": "d",
                "log_url": "https://run",
                "environment_url": "https://tally",
            },
        ),
        ("POST", f"{PLACE}/9/statuses", {"state": "in_progress", "description": ""}),
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HTTPError(PLACE, 403, "no", Message(), None), "deployments: write"),
        (HTTPError(PLACE, 422, "no", Message(), None), "push it"),
        (HTTPError(PLACE, 500, "no", Message(), None), "HTTP 500"),
        (URLError("refused"), "cannot be reached: refused"),
        (["what"], "not GitHub's API"),
    ],
)
def test_why_it_was_not_told(answer: Any, words: str) -> None:
    with pytest.raises(OSError, match=words):
        github(Api([answer])).create("blue", "abc", "")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"GITHUB_TOKEN": ""}, "no token"),
        ({"GITHUB_API_URL": "http://api.github.com"}, "no https://"),
        ({"GITHUB_API_URL": "http://127.0.0.1:9"}, "no https://"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "a server of this machine"),
    ],
)
def test_to_whom_no_token_goes(variables: dict[str, str], words: str) -> None:
    api = Api([])
    with pytest.raises(OSError, match=words):
        github(api, **variables).of("blue")
    assert api.asked == []
