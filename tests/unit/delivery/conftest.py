"""A whole outside in memory: git, BuildKit, a repository, ECS, an address, and a clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.delivery.fakes.account import Cloud
from tests.unit.delivery.fakes.ecs import Ecs
from tests.unit.delivery.fakes.images import Buildkit
from tests.unit.delivery.fakes.names import ACCOUNT, SHA, URL
from tests.unit.delivery.fakes.source import Github, Repo
from tests.unit.fake_clock import Clock
from tests.unit.fake_lock_log import LockLog

from shipway.config.environment import EnvironmentRef
from shipway.delivery.deliver import deliver
from shipway.delivery.ending import DeliveryOutcome
from shipway.delivery.order import Order as Ordered
from shipway.delivery.ports import DeliveryContext, EnvironmentContext
from shipway.observer import Event, Holding, Observer, Rolling
from shipway.values import Commit, HttpAnswer

if TYPE_CHECKING:
    from tests.conftest import MakeLayout

CONTRACT = """\
schema = 1
[[allow]]
name = "main"
event = "push"
ref = "refs/heads/main"
environment = "staging"
tasks = ["build", "publish"]
[[allow]]
name = "stable"
event = "push"
ref = "refs/tags/*-stable"
environment = "staging"
tasks = ["build", "publish", "deploy", "verify"]
[[allow]]
name = "by-hand"
event = "by-hand"
environments = ["staging"]
tasks = ["build", "publish", "deploy", "verify"]
[github]
repository = "octo/shop"
repository_id = 123
owner_id = 45
workflow = ".github/workflows/deploy.yml"
[environments.staging]
role = "shop-deploy-staging"
by_hand_role = "*"
"""
DELIVERY = """\
schema = 1
name = "shop"
[environments.staging]
account = "111122223333"
region = "eu-west-1"
repository = "ssm:/shop/repository"
cluster = "shop"
[environments.staging.services.web]
service = "shop-web"
container = "web"
url = "https://staging.shop.example"
path = "/health"
consecutive = 2
verify_timeout = 5
"""


@dataclass
class Address:
    """The service's address."""

    answers: list[int | BaseException] = field(default_factory=lambda: [200])
    requests: int = 0

    def get(self, url: str, seconds: float) -> HttpAnswer:
        assert url == URL
        assert seconds == 5
        self.requests += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return HttpAnswer(status=answer)


@dataclass
class World:
    """Everything, with what was told in it and what was changed in it."""

    root: Path
    variables: dict[str, str]
    git: Repo
    github: Github
    builder: Buildkit
    cloud: Cloud
    address: Address
    clock: Clock
    events: list[Event] = field(default_factory=list)
    opened: int = 0
    opening: BaseException | None = None
    longest_hold: float | None = None

    @property
    def context(self) -> DeliveryContext:
        return DeliveryContext(
            root=self.root,
            variables=self.variables,
            cache=self.root / ".cache",
            git=self.git,
            proof=self.github,
            open_environment=self.open_environment,
            prober=self.address,
            clock=self.clock,
        )

    def open_environment(self, destination: EnvironmentRef) -> EnvironmentContext:
        assert replace(destination, sandbox=False) == EnvironmentRef(
            name="staging", account=ACCOUNT, region="eu-west-1"
        )
        self.opened += 1
        if self.opening is not None:
            raise self.opening
        return EnvironmentContext(
            account=lambda: self.cloud,
            builder=self.builder,
            contexts={"base": "/elsewhere"},
            stand_ins={"python": "assembled"},
            longest_hold=self.longest_hold,
        )

    def deliver(
        self, task: Any = "deploy", env: str | None = "staging", **more: Any
    ) -> DeliveryOutcome:
        return deliver(
            Ordered(task=task, environment=env, **more), self.context, self.events.append
        )

    def deliver_to(self, observer: Observer, env: str | None = "staging") -> DeliveryOutcome:
        """Deliver, with an observer that meddles."""
        return deliver(Ordered(task="deploy", environment=env), self.context, observer)

    @property
    def claims(self) -> dict[str, Any]:
        """What GitHub signs."""
        assert isinstance(self.github.signs, dict)
        return self.github.signs

    def write(self, name: str, text: str) -> None:
        (self.root / "ci").mkdir(exist_ok=True)
        (self.root / "ci" / name).write_text(text, encoding="utf-8")

    def change(self, name: str, old: str, new: str, more: str = "") -> None:
        """Put one text of a file in ``ci/`` in another's place, and more at its end."""
        text = (self.root / "ci" / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new, 1) + more)

    def dockerfile(self) -> None:
        """Have something to build, over a base that the registry knows."""
        (self.root / "Dockerfile").write_text("FROM python:3.13-slim\n")
        (self.root / ".dockerignore").write_text(".cache\nevidence\n")
        self.builder.bases["python:3.13-slim"] = f"sha256:{'b' * 64}"

    def push(self, ref: str = "refs/tags/v1-stable") -> None:
        """Be GitHub Actions, for a push of this ref."""
        self.payload = {
            "ref": ref,
            "after": SHA,
            "before": "0" * 40,
            "created": True,
            "deleted": False,
        }
        kind = "tag" if "/tags/" in ref else "branch"
        self.github.signs = {
            "event_name": "push",
            "ref": ref,
            "ref_type": kind,
            "sha": SHA,
            "repository": "octo/shop",
            "repository_id": "123",
            "repository_owner_id": "45",
            "run_id": "42",
            "run_attempt": "1",
            "workflow_ref": f"octo/shop/.github/workflows/deploy.yml@{ref}",
            "job_workflow_ref": f"octo/shop/.github/workflows/deploy.yml@{ref}",
            "runner_environment": "github-hosted",
            "environment": "staging",
        }
        self.variables |= {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_EVENT_PATH": str(self.root / ".event.json"),
            "GITHUB_REF": ref,
            "GITHUB_REF_TYPE": kind,
            "GITHUB_SHA": SHA,
            "GITHUB_REPOSITORY": "octo/shop",
            "GITHUB_REPOSITORY_ID": "123",
            "GITHUB_REPOSITORY_OWNER_ID": "45",
            "GITHUB_ACTOR": "mona",
            "GITHUB_RUN_ID": "42",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_WORKFLOW_REF": f"octo/shop/.github/workflows/deploy.yml@{ref}",
            "RUNNER_ENVIRONMENT": "github-hosted",
        }

    @property
    def payload(self) -> dict[str, Any]:
        """The event that lies beside the variables."""
        event: dict[str, Any] = json.loads((self.root / ".event.json").read_text())
        return event

    @payload.setter
    def payload(self, value: dict[str, Any]) -> None:
        (self.root / ".event.json").write_text(json.dumps(value))

    @property
    def changed(self) -> tuple[int, int, int]:
        """How often the repository, the task definitions and the service were changed."""
        ecs = self.cloud.ecs
        return len(self.cloud.store.pushes), len(ecs.definitions) - 1, len(ecs.updates)

    def of(self, *kinds: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kinds)]

    def story(self) -> list[str]:
        """Every event but progress and output, in a few words."""
        words = []
        for event in self.events:
            if not isinstance(event, (Rolling, Holding)):
                stage = getattr(event, "stage", "")
                words.append(f"{type(event).__name__} {stage}".strip())
        return [word for word in words if not word.startswith(("Output", "Noticed", "Evidenced"))]

    def record(self, outcome: DeliveryOutcome) -> dict[str, Any]:
        assert outcome.evidence is not None
        document: dict[str, Any] = json.loads((outcome.evidence / "record.json").read_text())
        return document


@pytest.fixture
def world(tmp_path: Path, make_layout: MakeLayout) -> World:
    clock = Clock()
    new_world = World(
        root=tmp_path,
        variables={},
        git=Repo(
            Commit(
                sha=SHA,
                time=datetime(2026, 11, 22, tzinfo=UTC),
                clean=True,
                remote="https://github.com/octo/shop",
            ),
            root=tmp_path,
        ),
        builder=Buildkit(make_layout),
        cloud=Cloud(ecs=Ecs(clock), locks=LockLog(clock)),
        address=Address(),
        clock=clock,
        github=Github(),
    )
    new_world.write("release.toml", CONTRACT)
    new_world.write("delivery.toml", DELIVERY)
    return new_world
