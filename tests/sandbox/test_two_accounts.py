"""One repository name in two accounts, as most who have an account for each environment hold it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.example import BLUEPRINT

from shipway.aws.credentials import Credentials, client
from shipway_sandbox import compute
from shipway_sandbox import world as worlds
from shipway_sandbox.engine.engine import Engine
from shipway_sandbox.plan import Layer, WorldPlan
from shipway_sandbox.world import World

NAME = "tally"


def _layer(environment: str) -> Layer:
    layer = BLUEPRINT.layer(environment)
    # Roles are of no matter here; a template that names another repository would be.
    return replace(layer, repositories={"": NAME}, access="", role="")


PLAN = WorldPlan(layers=(_layer("staging"), _layer("production")), person={})


@pytest.fixture(scope="module")
def world(docker_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    run = tmp_path_factory.mktemp("two-accounts")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in docker_engine.env.items():
            patch.setenv(name, value)
        needed = worlds.Needed(cache=run, dockerfiles=())
        # It is ready only once the tasks of both have pulled from their own registry.
        with worlds.owned(PLAN, run / "run", needed, lambda _text: None) as owned:
            yield owned


def _ecr(world: World, layer: Layer) -> Any:
    root = Credentials(
        access_key_id=layer.account,
        secret_access_key=str(world.state["root_secret_access_key"]),
    )
    return client("ecr", region=layer.region, endpoint=world.endpoint, credentials=root)


def test_each_account_has_a_registry_of_its_own(world: World) -> None:
    uris = [
        _ecr(world, layer).describe_repositories(repositoryNames=[NAME])["repositories"][0][
            "repositoryUri"
        ]
        for layer in PLAN.layers
    ]
    port = world.state["port"]
    assert uris == [f"localhost:{port}/{NAME}", f"127.0.0.2:{port}/{NAME}"]
    hosts = [compute.registry_of(world.state, layer) for layer in PLAN.layers]
    assert uris == [f"{host}/{NAME}" for host in hosts]


def test_what_is_pushed_to_one_is_not_in_the_other(world: World, busybox_program: bytes) -> None:
    staging, production = PLAN.layers
    image = compute.seed_image(busybox_program, port=1234, path="/", status=200)
    host = compute.registry_of(world.state, production)
    compute.put_image(world.state, NAME, image, "only-here", host=host)

    def tags(layer: Layer) -> set[str]:
        details = _ecr(world, layer).describe_images(repositoryName=NAME)["imageDetails"]
        return {tag for detail in details for tag in detail.get("imageTags", [])}

    assert "only-here" in tags(production)
    assert "only-here" not in tags(staging)


def test_a_password_is_told_the_registry_that_it_is_for(world: World) -> None:
    endpoints = [
        _ecr(world, layer).get_authorization_token()["authorizationData"][0]["proxyEndpoint"]
        for layer in PLAN.layers
    ]
    assert endpoints == [f"http://{compute.registry_of(world.state, one)}" for one in PLAN.layers]


def test_a_plan_without_such_names_has_one_registry() -> None:
    assert BLUEPRINT.plan.registries == {}
    assert PLAN.registries == {"127.0.0.2": f"{PLAN.layers[1].account}/{PLAN.layers[1].region}"}
