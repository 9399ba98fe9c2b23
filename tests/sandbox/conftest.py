"""One Docker engine for all tests of this room: the one that answers, or a private one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.example import BLUEPRINT, DOCKERFILE

from shipway.embedded.blueprint import Blueprint
from shipway_sandbox import world as worlds
from shipway_sandbox.engine import busybox, engine
from shipway_sandbox.engine.engine import Engine
from shipway_sandbox.world import World


def _cache() -> Path:
    return Path(os.environ.get("SHIPWAY_TEST_CACHE") or Path.home() / ".cache" / "shipway")


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Started once: a second private engine would take docker0 from the first."""
    run = tmp_path_factory.mktemp("engine")
    with engine.start(_cache(), run, lambda _text: None) as found:
        yield found


@pytest.fixture(scope="session")
def busybox_program() -> bytes:
    """A static busybox, from the machine's own packages."""
    return busybox.program(_cache(), lambda _text: None)


@contextmanager
def owned_world(
    docker_engine: Engine, run: Path, blueprint: Blueprint = BLUEPRINT
) -> Iterator[World]:
    """The whole sandbox, the example's three environments, for tests that deliver for real."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in docker_engine.env.items():
            patch.setenv(name, value)
        needed = worlds.Needed(cache=_cache(), dockerfiles=(DOCKERFILE,))
        with worlds.owned(blueprint.plan, run, needed, lambda _text: None) as world:
            # The engine's own client and builder go along: the world found an engine that runs.
            yield replace(world, variables={**world.variables, **docker_engine.env})


@pytest.fixture(scope="session")
def delivery_world(
    docker_engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Shared: what its services run is what the last test delivered."""
    with owned_world(docker_engine, tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture(scope="module")
def fresh_world(docker_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """For tests whose gate asks which commit runs: nobody delivered there before."""
    with owned_world(docker_engine, tmp_path_factory.mktemp("fresh")) as world:
        yield world
