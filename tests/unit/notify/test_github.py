"""What GitHub's deployments are told, and which of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.notify.news import RUN, news

from shipway.errors import CancelledError
from shipway.notify.github import Deployment, GithubChannel, Status, is_of_run, status_of

SHA = news().commit


@dataclass
class Github:
    """Deployments in memory, the newest first."""

    listed: list[Deployment] = field(default_factory=list)
    kept: dict[int, list[Status]] = field(default_factory=dict)
    made: list[tuple[str, str, str]] = field(default_factory=list)
    fails: str = ""

    def of(self, environment: str) -> list[Deployment]:
        assert environment == "blue"
        return self.listed

    def statuses(self, deployment: int) -> list[Status]:
        return self.kept.get(deployment, [])

    def create(self, environment: str, sha: str, description: str) -> int:
        self.made.append((environment, sha, description))
        self.listed.insert(0, Deployment(id=100, sha=sha, production=True))
        return 100

    def set(self, deployment: int, status: Status) -> None:
        if self.fails:
            raise OSError(self.fails)
        self.kept.setdefault(deployment, []).insert(0, status)

    def state(self, deployment: int) -> str:
        return self.kept[deployment][0].state


def job(run: str = RUN) -> Status:
    return Status(state="in_progress", log=f"{run}/job/7")


def test_a_run_tells_the_deployment_that_its_job_made() -> None:
    github = Github(
        [Deployment(id=9, sha=SHA), Deployment(id=8, sha=SHA), Deployment(id=7, sha="0" * 40)],
        {9: [job(f"{RUN}1")], 8: [job()], 7: [job()]},
    )
    channel = GithubChannel(github, "blue", RUN)
    assert channel.tell(news("started", kind="")).good
    assert github.kept[8][0] == Status(
        state="in_progress",
        log=RUN,
        url="https://tally.example/health",
        description="is being rolled out",
    )
    assert channel.tell(news("delivered")).text == "deployment 8 to blue is success"
    assert github.made == []


def test_a_delivery_by_hand_makes_one_and_ends_the_others_of_production() -> None:
    success = Status(state="success", log="https://old.example")
    github = Github(
        [
            Deployment(id=5, sha="5" * 40, production=True),
            Deployment(id=4, sha="4" * 40, production=True),
            Deployment(id=3, sha="3" * 40),
            Deployment(id=2, sha="2" * 40, transient=True),
        ],
        {5: [Status(state="failure")], 4: [success], 3: [success], 2: [success]},
    )
    channel = GithubChannel(github, "blue", "")
    channel.tell(news("started", kind="", run=""))
    assert github.made == [("blue", SHA, "tally by mona")]
    assert channel.tell(news("rolled-back", run="")).good
    assert len(github.made) == 1
    # GitHub itself ends those that are neither of production nor transient.
    assert [github.state(each) for each in (100, 5, 4, 3, 2)] == [
        "success",
        "failure",
        "inactive",
        "success",
        "inactive",
    ]


def test_a_failed_release_leaves_what_serves_as_the_active_one() -> None:
    github = Github(
        [Deployment(id=4, sha="4" * 40, production=True)], {4: [Status(state="success")]}
    )
    channel = GithubChannel(github, "blue", "")
    channel.tell(news("failed", exit_code=30, kind="rollout", text="x" * 500))
    assert [github.state(each) for each in (100, 4)] == ["failure", "success"]
    assert len(github.kept[100][0].description) == 140
    assert github.kept[100][0].url == ""


def test_what_was_cancelled_is_an_error_and_no_failure() -> None:
    assert status_of(news("failed", exit_code=130, kind=CancelledError.kind)).state == "error"


def test_a_github_that_refuses_is_said() -> None:
    github = Github(fails="GitHub answers HTTP 403: the token needs deployments: write")
    told = GithubChannel(github, "blue", "").tell(news())
    assert (told.good, told.receiver, told.text) == (False, "github", github.fails)


@pytest.mark.parametrize(
    ("log", "same"),
    [
        (f"{RUN}/job/7", True),
        (RUN, True),
        (f"{RUN}0/job/7", False),
        ("https://ci.example/runs/42", False),
        ("", False),
    ],
)
def test_a_job_is_known_by_its_run(log: str, same: Any) -> None:
    assert is_of_run(log, f"{RUN}/attempts/2") is same


def test_a_description_is_one_line_that_turns_nothing_around() -> None:
    hostile = "it failed\r\n\u202e\x1b]0;x\x07 \u2028again"
    assert (
        status_of(news("failed", exit_code=30, text=hostile)).description == "it failed ]0;x again"
    )
