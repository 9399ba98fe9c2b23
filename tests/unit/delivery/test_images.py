"""Several images of one delivery: side by side, one release, one record."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.delivery.conftest import DELIVERY
from tests.unit.delivery.fakes.account import Secrets
from tests.unit.delivery.fakes.images import Buildkit, Store
from tests.unit.delivery.fakes.names import ACCOUNT, SHA
from tests.unit.delivery.test_announcing import run, tells

from shipway.delivery.order import Order
from shipway.delivery.plan import plan_delivery
from shipway.delivery.status import look, open_environment
from shipway.errors import BuildError
from shipway.image.build import BuildRequest, Stop
from shipway.observer import Failed, Finished, Noticed, Output
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition
from shipway.values import Digest, ImageReference

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

HOST = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
IMAGES = """\
[images.api]
target = "api"
[images.helper]
target = "helper"
[images.unused]
"""
PLACES = """\
[environments.staging.images.api]
repository = "api"
build_args = { MODE = "staging" }
[environments.staging.images.helper]
repository = "helper"
"""
SERVICE = "[environments.staging.services.web]\n"
CONTAINER = '[environments.staging.services.web.containers.helper]\nimage = "helper"\n'


@dataclass
class Targets(Buildkit):
    """Builds a stage of the Dockerfile; what is in it is its name."""

    bad: str = ""
    ended: list[str] = field(default_factory=list)
    together: threading.Barrier | None = None

    def build(
        self, request: BuildRequest, tell: Callable[[str], None], stop: Stop | None = None
    ) -> Digest:
        self.requests.append(request)
        tell(f"#5 [{request.target} 1/1] RUN make")
        if self.together is not None:
            self.together.wait(10)
        if request.target == self.bad:
            raise BuildError("RUN make failed with exit code 2", where=f"{request.target} 1/1")
        if self.bad:
            assert stop is not None
            assert stop.wait(10), "nobody ended it"
            self.ended.append(request.target)
            raise BuildError("ended, for another image could not be made")
        content = request.target.encode() + self.content
        return self.make(request.destination, content=content).root


@pytest.fixture
def several(world: World) -> World:
    """Two images: that of the service, and that of a container beside it."""
    text = DELIVERY.replace('repository = "ssm:/shop/repository"\n', "")
    text = text.replace("[environments.staging]\n", f"{IMAGES}[environments.staging]\n")
    text = text.replace(SERVICE, f'{PLACES}{SERVICE}image = "api"\n') + CONTAINER
    world.write("delivery.toml", text)
    (world.root / "Dockerfile").write_text("FROM scratch AS api\nFROM scratch AS helper\n")
    world.builder = Targets(world.builder.make)
    for name in ("api", "helper"):
        world.cloud.stores[name] = Store(uri=f"{HOST}/{name}")
    ecs = world.cloud.ecs
    containers = tuple(
        ContainerDefinition(name=name, image=f"{HOST}/{image}@sha256:{'0' * 64}", ports=ports)
        for name, image, ports in (("web", "api", (8080,)), ("helper", "helper", ()))
    )
    entries = [{"name": each.name, "image": each.image} for each in containers]
    ecs.definitions[ecs.primary] = TaskDefinition(
        arn=ecs.primary,
        family="shop",
        containers=containers,
        document={"family": "shop", "containerDefinitions": entries},
    )
    return world


def targets(world: World) -> Targets:
    assert isinstance(world.builder, Targets)
    return world.builder


def record(world: World, outcome: Any) -> Any:
    return world.record(outcome)["predicate"]


def test_each_image_is_built_at_once_and_runs_where_it_was_asked_for(several: World) -> None:
    targets(several).together = threading.Barrier(2)
    outcome = several.deliver()
    assert outcome.exit_code == 0, several.events
    assert list(outcome.images) == ["api", "helper"]
    api, helper = outcome.images.values()
    assert (api.repository, helper.repository) == (f"{HOST}/api", f"{HOST}/helper")
    requests = {request.target: request for request in targets(several).requests}
    assert set(requests) == {"api", "helper"}, "nobody runs the third"
    assert dict(requests["api"].build_args) == {"MODE": "staging"}
    assert dict(requests["helper"].build_args) == {}
    assert {name: request.name for name, request in requests.items()} == {
        "api": "shop-api",
        "helper": "shop-helper",
    }
    ecs = several.cloud.ecs
    live = ecs.task_definition(ecs.updates[-1])
    assert live.container("web").image == str(api)
    assert live.container("helper").image == str(helper)


def test_what_is_told_names_the_image(several: World) -> None:
    several.deliver()
    finished = [event for event in several.events if isinstance(event, Finished)]
    told = {(event.stage, event.subject) for event in finished}
    assert {("build", "api"), ("build", "helper"), ("publish", "api")} <= told
    output = {event.subject for event in several.events if isinstance(event, Output)}
    assert output == {"api", "helper"}


def test_a_plan_names_the_image_that_a_scan_is_of(several: World) -> None:
    outcome = several.deliver()
    assert outcome.image is not None
    digest = outcome.image.digest.value
    for order in (
        Order(task="rollback", environment="staging", to=digest),
        Order(task="deploy", environment="staging"),
    ):
        several.events.clear()
        plan_delivery(order, several.context, several.events.append)
        scans = [
            event
            for event in several.events
            if isinstance(event, Noticed) and event.stage == "scan"
        ]
        assert {event.subject for event in scans} == {"api", "helper"}, order.task


def test_one_record_has_every_image(several: World) -> None:
    outcome = several.deliver()
    delivery = record(several, outcome)
    digests = [str(image.digest) for image in outcome.images.values()]
    assert [image["name"] for image in delivery["images"]] == ["api", "helper"]
    assert [image["build"]["digest"] for image in delivery["images"]] == digests
    assert [image["image"]["reference"] for image in delivery["images"]] == [
        str(image) for image in outcome.images.values()
    ]
    assert all(image["scan"]["summary"] for image in delivery["images"])
    # Whoever knows one image alone finds the first.
    assert delivery["image"]["reference"] == str(outcome.images["api"])
    subjects = world_subjects(several, outcome)
    assert subjects == [digest.removeprefix("sha256:") for digest in digests]
    assert delivery["services"][0]["image"] == str(outcome.images["api"])
    assert delivery["verification"][0]["image"] == str(outcome.images["api"])


def world_subjects(world: World, outcome: Any) -> list[str]:
    return [subject["digest"]["sha256"] for subject in world.record(outcome)["subject"]]


def test_others_are_told_the_image_that_each_service_runs(several: World) -> None:
    inbox = tells(several)
    outcome = run(several, inbox)
    assert outcome.exit_code == 0
    [deployed] = [
        body["data"] for _, body in inbox.posts if body["type"].endswith("deployed.0.2.0")
    ]
    assert deployed["subject"]["content"]["artifactId"].startswith("pkg:oci/api@sha256%3A")
    custom = deployed["customData"]
    assert custom["images"] == [str(image) for image in outcome.images.values()]
    assert custom["delivery"].startswith("shop/staging/"), (
        "what is delivered, not one of its images"
    )
    assert "image" not in custom


def test_what_runs_is_looked_up_where_its_own_image_lies(several: World) -> None:
    several.deliver()
    environment, aws = open_environment("staging", several.context)
    [service] = environment.services
    helper = replace(service, image="helper", container="helper")
    [status] = look(replace(environment, services=(helper,)), aws, several.context, ())
    assert status.image.startswith(f"{HOST}/helper@")
    assert status.commit == several.git.commit.sha


def test_what_was_built_before_is_not_built_again(several: World) -> None:
    several.deliver()
    targets(several).requests.clear()
    several.git.commit = replace(several.git.commit, sha="a" * 40)
    (several.root / "Dockerfile").write_text("FROM scratch AS api\nFROM scratch AS helper\n")
    several.cloud.stores["helper"].images.clear()
    assert several.deliver().exit_code == 0
    assert [request.target for request in targets(several).requests] == ["helper"]


def test_one_that_cannot_be_built_ends_the_others_and_moves_nothing(several: World) -> None:
    targets(several).bad = "helper"
    outcome = several.deliver()
    assert (outcome.kind, several.cloud.ecs.updates) == ("build-failed", [])
    assert targets(several).ended == ["api"]
    failed = {e.subject: e.text for e in several.events if isinstance(e, Failed)}
    assert failed["helper"] == "RUN make failed with exit code 2"
    assert "another image" in failed["api"]
    delivery = record(several, outcome)
    assert delivery["verdict"]["text"] == (
        "Release failed: image helper could not be made, nothing was rolled out."
    )
    assert [image["name"] for image in delivery["images"]] == ["api", "helper"]
    assert not several.cloud.stores["api"].pushes


def test_going_back_takes_every_image_of_that_release(several: World) -> None:
    outcomes = []
    for name in "abc":
        several.git.commit = replace(several.git.commit, sha=name * 40)
        several.builder.content = name.encode()
        (several.root / "app.py").write_text(name)
        outcomes.append(several.deliver())
    assert [outcome.exit_code for outcome in outcomes] == [0, 0, 0], several.events
    back = several.deliver("rollback")
    assert (back.exit_code, back.images) == (0, outcomes[1].images)
    ecs = several.cloud.ecs
    live = ecs.task_definition(ecs.updates[-1])
    assert live.container("helper").image == str(outcomes[1].images["helper"])
    left = record(several, back)["wentBack"]["left"]
    assert left == [str(outcomes[2].images["api"].digest)]


def test_a_plan_shows_each_image_and_builds_none(several: World) -> None:
    plan = plan_delivery(Order(environment="staging"), several.context, several.events.append)
    document = plan.document()
    images: Any = document["images"]
    assert [(image["name"], image["how"], image["there"]) for image in images] == [
        ("api", "built", False),
        ("helper", "built", False),
    ]
    services: Any = document["services"]
    changes = {change["field"]: change["after"] for change in services[0]["changes"]}
    assert changes["web.image"] == f"{HOST}/api@(to be built)", changes
    assert changes["helper.image"] == f"{HOST}/helper@(to be built)"
    assert targets(several).requests == []


def test_one_image_that_is_named_is_refused_where_there_are_several(several: World) -> None:
    reference = ImageReference(f"{HOST}/api", Digest(f"sha256:{'1' * 64}"))
    outcome = several.deliver(image=reference)
    assert (outcome.kind, several.cloud.ecs.updates) == ("usage", [])
    failed = [event.text for event in several.events if isinstance(event, Failed)]
    assert failed == [] or "--image names one image" in failed[-1]


SECRETS = """\
[image.secrets]
file = { file = "token" }
variable = { env = "NPM_PASS" }
kept = { from = "/shop/licence" }
[environments.staging]
"""


@pytest.fixture
def secret(world: World) -> World:
    world.write("delivery.toml", DELIVERY.replace("[environments.staging]\n", SECRETS, 1))
    (world.root / "Dockerfile").write_text("FROM scratch\n")
    (world.root / "token").write_text("line-one-of-it\ncanary-in-a-file\n")
    world.variables["NPM_PASS"] = "canary-in-a-variable"  # noqa: S105
    world.cloud.secrets = Secrets({"/shop/licence": b"canary-of-aws"})
    return world


def test_a_secret_is_named_by_where_it_lies_and_hidden_everywhere(secret: World) -> None:
    build = secret.builder.build

    def talkative(request: Any, tell: Callable[[str], None], _stop: Any = None) -> Any:
        for line in ("canary-in-a-file", "canary-in-a-variable", "canary-of-aws"):
            tell(f"#7 0.1 {line}")
        return build(request, tell)

    secret.builder.build = talkative  # type: ignore[method-assign,assignment]
    outcome = secret.deliver()
    assert outcome.exit_code == 0
    [request] = secret.builder.requests
    mounts = {mount.id: mount for mount in request.secrets}
    assert mounts["file"].file == secret.root / "token"
    assert (mounts["variable"].variable, mounts["variable"].value) == ("NPM_PASS", b"")
    assert mounts["kept"].value == b"canary-of-aws"
    assert "canary" not in repr(request)
    assert "canary" not in str(secret.events)
    assert "canary" not in str(secret.record(outcome))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda w: (w.root / "token").unlink(), "build secret file: "),
        (lambda w: w.variables.pop("NPM_PASS"), "build secret variable: NPM_PASS is not set"),
    ],
)
def test_a_secret_that_is_not_there_is_told_before_the_build(
    secret: World, spoil: Callable[[World], object], told: str
) -> None:
    spoil(secret)
    outcome = secret.deliver()
    assert outcome.exit_code == 10
    [failed] = [event for event in secret.events if isinstance(event, Failed)]
    assert failed.text.startswith(told)
    assert secret.builder.requests == []


def test_a_build_alone_asks_no_aws_for_a_secret(secret: World) -> None:
    outcome = secret.deliver("build")
    assert outcome.exit_code == 10
    [failed] = [event for event in secret.events if isinstance(event, Failed)]
    assert "only AWS knows /shop/licence" in failed.text


def test_another_value_of_a_secret_builds_nothing_again(secret: World) -> None:
    (secret.root / ".dockerignore").write_text("token\nevidence\n.cache\n")
    secret.deliver()
    (secret.root / "token").write_text("another-value-of-it")
    secret.git.commit = replace(secret.git.commit, sha=SHA[::-1])
    secret.deliver()
    assert len(secret.builder.requests) == 1
