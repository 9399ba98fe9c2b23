"""A delivery's image: promoted, reused, gated and described, in a world in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shipway.config.environment import Environment
from shipway.config.images import ImageSettings
from shipway.delivery.deliver import deliver
from shipway.delivery.image import where_digests_are
from shipway.delivery.order import Order
from shipway.image.build import REVISION
from shipway.observer import Failed, Noticed
from shipway.values import Digest

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

    from shipway.config.environment import EnvironmentRef
    from shipway.delivery.ports import EnvironmentContext

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop"
ONE, TWO = (Digest(f"sha256:{digit * 64}") for digit in "12")
DEV = """
[environments.dev]
account = "999988887777"
region = "eu-west-1"
repository = "shop-dev"
cluster = "shop"
[environments.dev.services.web]
service = "web"
container = "web"
"""


def promoting(world: World, repository: str = "") -> None:
    line = f'promote_repository = "{repository}"\n' if repository else ""
    old = 'cluster = "shop"\n'
    world.change("delivery.toml", old, f'{old}promote_from = "dev"\n{line}', DEV)


def test_a_promotion_builds_nothing_and_delivers_the_very_digest(world: World) -> None:
    promoting(world)
    world.cloud.elsewhere.keep(SHA, ONE, ONE)
    outcome = world.deliver()
    assert outcome.kind == "succeeded"
    assert world.builder.requests == []
    assert world.cloud.store.pushes == []
    ((origin, digest, tag),) = world.cloud.store.taken
    assert (digest, tag) == (ONE, SHA)
    assert origin.uri == "999988887777.dkr.ecr.eu-west-1.amazonaws.com/shop-dev"
    predicate = world.record(outcome)["predicate"]
    assert predicate["promotion"]["source"] == f"{origin.uri}@{ONE}"
    assert predicate["image"]["reference"] == f"{URI}@{ONE}"
    assert "build" not in predicate


def test_where_nothing_may_be_published_nothing_is_promoted(world: World) -> None:
    promoting(world)
    contract = world.root / "ci" / "release.toml"
    contract.write_text(contract.read_text().replace('["build", "publish"]', '["build"]', 1))
    world.cloud.elsewhere.keep(SHA, ONE, ONE)
    world.push("refs/heads/main")
    outcome = world.deliver(env=None)
    assert (outcome.kind, outcome.image) == ("succeeded", None)
    assert world.cloud.store.taken == []
    assert world.builder.requests == []
    [noticed] = [event.text for event in world.events if isinstance(event, Noticed)]
    assert noticed == "nothing is built: staging takes what was built for dev"


def test_the_source_may_be_said_where_it_is_needed(world: World) -> None:
    promoting(world, "123412341234.dkr.ecr.eu-west-1.amazonaws.com/team/shop")
    world.cloud.elsewhere.keep(SHA, ONE, ONE)
    assert world.deliver().kind == "succeeded"
    (origin,) = world.cloud.origins
    assert (origin.account, origin.repository) == ("123412341234", "team/shop")


def test_nothing_to_promote_changes_nothing(world: World) -> None:
    promoting(world)
    outcome = world.deliver()
    assert outcome.kind == "image-not-found"
    assert world.builder.requests == []
    assert world.changed == (0, 0, 0)


def test_a_copy_with_another_digest_is_not_rolled_out(world: World) -> None:
    promoting(world)
    world.cloud.elsewhere.keep(SHA, ONE, ONE)
    world.cloud.store.answers = TWO
    assert world.deliver().kind == "digest-mismatch"
    assert world.changed == (0, 0, 0)


def test_another_image_under_the_tag_is_not_overwritten(world: World) -> None:
    promoting(world)
    world.cloud.elsewhere.keep(SHA, ONE, ONE)
    world.cloud.store.keep(SHA, TWO, TWO)
    assert world.deliver().kind == "digest-mismatch"
    assert world.cloud.store.taken == []


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("staging", "is this environment itself"),
        ("dve", 'names no environment of this file; did you mean "dev"?'),
    ],
)
def test_a_promotion_that_leads_nowhere(target: str, words: str, world: World) -> None:
    promoting(world)
    world.change("delivery.toml", 'promote_from = "dev"', f'promote_from = "{target}"')
    outcome = world.deliver()
    assert outcome.kind == "configuration"
    (failed,) = world.of(Failed)
    assert isinstance(failed, Failed)
    assert words in str(failed)


def test_an_unchanged_source_is_not_built_again(world: World) -> None:
    world.dockerfile()
    first = world.deliver("publish")
    again = world.deliver("publish")
    assert len(world.builder.requests) == 1
    assert world.cloud.store.pushes == [SHA]
    build = world.record(again)["predicate"]["build"]
    assert build["reused"] is True
    assert build["digest"] == world.record(first)["predicate"]["build"]["digest"]
    assert build["contentKey"] == world.record(first)["predicate"]["build"]["contentKey"] != ""


def test_a_base_that_moved_is_built(world: World) -> None:
    world.dockerfile()
    world.deliver("publish")
    world.cloud.store.images.pop(SHA)
    world.builder.bases["python:3.13-slim"] = ONE.value
    world.deliver("publish")
    assert len(world.builder.requests) == 2


def test_a_commit_that_was_published_before_is_taken_and_said(world: World) -> None:
    world.dockerfile()
    world.change(
        "delivery.toml", "[environments.staging]", "[image]\nreuse = false\n[environments.staging]"
    )
    world.cloud.store.keep(SHA, TWO, TWO)
    world.cloud.store.built_by[TWO] = {REVISION: SHA}
    outcome = world.deliver("publish")
    assert world.of(Failed) == []
    assert world.cloud.store.pushes == []
    assert any("this commit was published before" in str(event) for event in world.of(Noticed))
    predicate = world.record(outcome)["predicate"]
    assert predicate["image"]["reference"].endswith(TWO.value)
    assert predicate["build"]["digest"] == TWO.value
    assert (predicate["build"]["contentKey"], predicate["build"]["reused"]) == ("", True)
    assert [tag for tag in world.cloud.store.images if tag.startswith("src-")] == []


def test_an_image_with_all_its_tags_is_delivered_and_said(world: World) -> None:
    world.dockerfile()
    world.deliver("publish")
    world.cloud.store.images.pop(SHA)
    world.cloud.store.full = True
    outcome = world.deliver("publish")
    assert len(world.builder.requests) == 1
    assert any("as many tags as the registry allows" in str(event) for event in world.of(Noticed))
    assert world.record(outcome)["predicate"]["build"]["reused"] is True


def test_a_bill_that_is_required_and_missing_stops_the_rollout(world: World) -> None:
    world.change("delivery.toml", 'cluster = "shop"\n', 'cluster = "shop"\nsbom = "required"\n')
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("evidence", 50)
    assert world.cloud.ecs.updates == []


def held_in(registry: str, *, sandbox: bool = False) -> tuple[str, ...]:
    environment = Environment(
        name="live",
        account="111122223333",
        region="eu-west-1",
        registry=registry,
        repository="team/shop",
        cluster="shop",
        role="",
        image=ImageSettings(
            name="shop", context=".", dockerfile="Dockerfile", platforms=(), build_args={}
        ),
        services=(),
        sandbox=sandbox,
    )
    return where_digests_are(environment)


def test_who_named_a_digest_that_is_not_there_is_told_where_digests_are() -> None:
    delivered = "delivered before: nox -s audit -- --env live (--digest shows one whole)"
    listed = "in the registry: aws ecr describe-images --repository-name team/shop"
    own = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
    other = "999988887777.dkr.ecr.eu-central-1.amazonaws.com"
    assert held_in(own) == (f"{listed} --region eu-west-1", delivered)
    assert held_in(other) == (
        f"{listed} --registry-id 999988887777 --region eu-central-1",
        delivered,
    )
    assert held_in("localhost:4566", sandbox=True) == (delivered,)


class Boms:
    """Finds nothing in an image."""

    def catalogue(self, folder: Path, name: str, version: str) -> bytes:  # noqa: ARG002
        return b'{"bomFormat": "CycloneDX", "components": []}'

    def end(self) -> None:
        """Nothing runs."""


def test_the_images_folder_has_images_alone_whatever_one_is_called(world: World) -> None:
    file = world.root / "ci" / "delivery.toml"
    world.write("delivery.toml", file.read_text().replace('name = "shop"', 'name = "sbom"'))
    context = world.context
    opened = context.open_environment

    def with_boms(destination: EnvironmentRef) -> EnvironmentContext:
        return replace(opened(destination), cataloguer=Boms())

    order = Order(task="publish", environment="staging")
    outcome = deliver(order, replace(context, open_environment=with_boms), world.events.append)
    assert outcome.exit_code == 0, world.events
    lying = {path.relative_to(context.cache) for path in context.cache.glob("*/*")}
    assert lying == {Path("sbom", world.git.commit.sha)}
    assert [path.suffix for path in context.cache.with_name("sbom").iterdir()] == [".json"]
