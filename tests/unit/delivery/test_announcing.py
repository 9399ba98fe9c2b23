"""Others are told how a delivery goes: beside it, after its record, and never in its way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from shipway.delivery.deliver import deliver
from shipway.delivery.order import Order
from shipway.notify.github import Deployment, Status
from shipway.notify.ports import Post, PostAnswer
from shipway.observer import Concluded, Noticed

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

    from shipway.delivery.ending import DeliveryOutcome

HOOK = "https://hooks.example.com/canary-path"
NOTIFY = '[notify.ops]\nurl = "ssm:/shop/hook"\n'


@dataclass
class Inbox:
    """Whoever is told."""

    world: World
    answer: PostAnswer = field(default_factory=lambda: PostAnswer(status=200))
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    recorded: list[bool] = field(default_factory=list)

    def post(self, post: Post, seconds: float) -> PostAnswer:
        assert seconds > 0
        self.posts.append((post.url, json.loads(post.body)))
        self.recorded.append(bool(list(self.world.root.glob("evidence/*/*/record.json"))))
        return self.answer

    @property
    def types(self) -> list[str]:
        kinds = [str(body["type"]).removeprefix("dev.cdevents.") for _, body in self.posts]
        return [kind.removesuffix(".0.2.0") for kind in kinds]


@dataclass
class Github:
    """GitHub's deployments."""

    states: list[tuple[int, str]] = field(default_factory=list)
    made: list[tuple[str, str]] = field(default_factory=list)

    def of(self, environment: str) -> Sequence[Deployment]:
        assert environment == "staging"
        return ()

    def statuses(self, deployment: int) -> Sequence[Status]:
        raise AssertionError(deployment)

    def create(self, environment: str, sha: str, description: str) -> int:
        assert description
        self.made.append((environment, sha))
        return 7

    def set(self, deployment: int, status: Status) -> None:
        self.states.append((deployment, status.state))


def tells(world: World, text: str = NOTIFY) -> Inbox:
    known = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    world.write("delivery.toml", f"{known}{text}")
    world.cloud.published.values["ssm:/shop/hook"] = HOOK
    world.cloud.published.secret.add("ssm:/shop/hook")
    return Inbox(world)


def run(
    world: World, inbox: Inbox, task: Any = "deploy", github: Github | None = None
) -> DeliveryOutcome:
    context = replace(
        world.context, poster=inbox, deployments=(lambda _: github) if github else None
    )
    return deliver(Order(task=task, environment="staging"), context, world.events.append)


def warnings(world: World) -> list[Noticed]:
    return [
        event for event in world.events if isinstance(event, Noticed) and event.stage == "notify"
    ]


def beside(outcome: DeliveryOutcome) -> Any:
    assert outcome.evidence is not None
    return json.loads((outcome.evidence / "announced.json").read_bytes())


def test_a_delivery_is_told_when_it_begins_and_once_it_is_recorded(world: World) -> None:
    inbox = tells(world)
    outcome = run(world, inbox)
    assert outcome.exit_code == 0
    assert inbox.types == ["pipelinerun.started", "service.deployed", "pipelinerun.finished"]
    assert inbox.recorded == [False, True, True]
    assert {url for url, _ in inbox.posts} == {HOOK}
    record = world.record(outcome)["predicate"]
    assert [each["event"] for each in record["announcements"]] == ["started"]
    assert [(each["event"], each["good"]) for each in beside(outcome)] == [("delivered", True)]
    assert isinstance(world.events[-1], Concluded)
    for file in world.root.glob("evidence/**/*"):
        assert not file.is_file() or b"canary-path" not in file.read_bytes(), file


def test_a_release_that_fails_is_told_with_its_verdict_and_what_went_back(world: World) -> None:
    inbox = tells(world)
    world.cloud.ecs.ends = "rolled-back"
    outcome = run(world, inbox)
    assert outcome.exit_code != 0
    assert inbox.types == ["pipelinerun.started", "service.rolledback", "pipelinerun.finished"]
    content = inbox.posts[-1][1]["data"]["subject"]["content"]
    custom = inbox.posts[-1][1]["data"]["customData"]
    assert content["outcome"] == "failure"
    assert (custom["exitCode"], custom["verdict"]) == (outcome.exit_code, outcome.kind)
    assert "0" * 64 in inbox.posts[1][1]["data"]["subject"]["content"]["artifactId"]


@pytest.mark.parametrize("answer", [PostAnswer(status=404), PostAnswer(status=500)])
def test_who_takes_nothing_changes_no_verdict_and_is_one_line(
    world: World, answer: PostAnswer
) -> None:
    inbox = tells(world)
    inbox.answer = answer
    outcome = run(world, inbox)
    assert (outcome.exit_code, outcome.kind) == (0, "succeeded")
    [warning] = warnings(world)
    assert (warning.subject, warning.level) == ("ops", "warning")
    assert "canary" not in warning.text
    assert [each["good"] for each in beside(outcome)] == [False]


def test_an_address_that_cannot_be_looked_up_changes_no_verdict(world: World) -> None:
    inbox = tells(world)
    del world.cloud.published.values["ssm:/shop/hook"]
    assert run(world, inbox).exit_code == 0
    assert inbox.posts == []
    [warning] = warnings(world)
    assert "ssm:/shop/hook is not published" in warning.text


@pytest.mark.parametrize("task", ["build", "publish", "verify"])
def test_what_rolls_nothing_out_tells_nobody(world: World, task: str) -> None:
    inbox = tells(world)
    assert run(world, inbox, task).exit_code == 0
    assert inbox.posts == []


def test_a_refusal_before_the_rollout_is_told_as_a_failure_alone(world: World) -> None:
    inbox = tells(world)
    world.builder.fails = KeyboardInterrupt()
    outcome = run(world, inbox)
    assert inbox.types == ["pipelinerun.finished"]
    assert inbox.posts[0][1]["data"]["subject"]["content"]["outcome"] == "cancel"
    assert beside(outcome)[0]["event"] == "failed"


def test_github_is_told_where_the_contract_says_so(world: World) -> None:
    github, inbox = Github(), Inbox(world)
    run(world, inbox, github=github)
    assert github.states == []
    contract = (world.root / "ci" / "release.toml").read_text(encoding="utf-8")
    world.write("release.toml", contract.replace("[github]\n", "[github]\ndeployments = true\n"))
    outcome = run(world, inbox, github=github)
    assert github.made == [("staging", world.git.commit.sha)]
    assert github.states == [(7, "in_progress"), (7, "success")]
    assert beside(outcome)[0]["receiver"] == "github"
    assert outcome.url == "https://staging.shop.example/health"


def test_a_rehearsal_is_no_news(world: World) -> None:
    world.variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:4566"
    contract = (world.root / "ci" / "release.toml").read_text(encoding="utf-8")
    world.write("release.toml", contract.replace("[github]\n", "[github]\ndeployments = true\n"))
    github, inbox = Github(), tells(world)
    outcome = run(world, inbox, github=github)
    assert outcome.exit_code == 0
    assert (inbox.posts, github.states, warnings(world)) == ([], [], [])
