"""What BuildKit is asked for: a commit or a work tree, with its files and its logins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shipway.image.build import Place
from shipway.observer import Noticed

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World


def notices(world: World) -> list[str]:
    return [event.text for event in world.events if isinstance(event, Noticed)]


def test_a_clean_commit_is_built_and_what_it_lacks_is_told(world: World) -> None:
    world.dockerfile()
    (world.root / ".env").write_text("TOKEN=canary")
    world.git.unkept = (".env", "target/", "evidence/", "a", "b")
    assert world.deliver("publish").kind == "succeeded"
    (request,) = world.builder.requests
    assert request.context != world.root
    assert not (request.context / ".env").exists()
    assert request.place == Place(world.root, world.root / "Dockerfile")
    (told,) = [text for text in notices(world) if "git ignores" in text]
    assert ".env, target/, a and 1 more" in told


def test_a_work_tree_that_differs_is_built_and_said(world: World) -> None:
    world.dockerfile()
    world.git.commit = replace(world.git.commit, clean=False, changes=("app.py",))
    world.deliver("build")
    (request,) = world.builder.requests
    assert (request.context, request.copy_of) == (world.root, None)
    assert "the work tree is built, which differs from 3f9c2ab: app.py" in notices(world)


def test_an_artifact_is_part_of_the_key_and_of_the_record(world: World) -> None:
    world.dockerfile()
    world.change(
        "delivery.toml",
        "[environments.staging]",
        'image.artifacts = ["app.jar"]\n[environments.staging]',
    )
    world.git.unkept = ("app.jar",)
    keys = []
    for content in ("one", "two"):
        (world.root / "app.jar").write_text(content)
        build = world.record(world.deliver("publish"))["predicate"]["build"]
        assert list(build["artifacts"]) == ["app.jar"]
        keys.append(build["contentKey"])
        world.cloud.store.images.clear()
    assert len({*keys, ""}) == 3
    (world.root / "app.jar").unlink()
    world.git.unkept = ()
    assert world.deliver("publish").kind == "build-failed"


PRIVATE = "222233334444.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        (f"FROM {PRIVATE}/base:1\n", [PRIVATE]),
        (
            f"ARG R={PRIVATE}\nFROM $R/base AS a\nFROM python:3\nCOPY --from={PRIVATE}/t:2 /t /t\n",
            [PRIVATE],
        ),
        (
            "FROM 222233334444.dkr.ecr.eusc-de-east-1.amazonaws.eu/base:1\n",
            ["222233334444.dkr.ecr.eusc-de-east-1.amazonaws.eu"],
        ),
        ("FROM public.ecr.aws/docker/library/python:3\n", []),
        ("FROM ghcr.io/acme/base:1\n", []),
    ],
)
def test_a_base_in_a_private_registry_of_ecr_is_signed_in_to(
    world: World, text: str, hosts: list[str]
) -> None:
    (world.root / "Dockerfile").write_text(text)
    assert world.deliver("publish").kind == "succeeded"
    assert world.cloud.store.signed_in == hosts
    (request,) = world.builder.requests
    assert request.logins == dict.fromkeys(hosts, "AWS:canary-password")
    assert all(logins == request.logins for logins in world.builder.resolved_with)
