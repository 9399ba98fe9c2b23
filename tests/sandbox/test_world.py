"""A sandbox that runs in the background, joined for a Dockerfile that it was not started for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.example import BLUEPRINT

from shipway_sandbox import locks, world
from shipway_sandbox.engine.engine import Engine
from shipway_sandbox.process import LOCK_FILE, PLAN_FILE, WORLD_FILE

# Nobody ever answers there (RFC 6761, section 6.4), whatever this machine reaches.
BUSYBOX = "registry.invalid/docker/library/busybox:1.36"
TYPO = "registry.invalid/docker/library/bosybux:1.36"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a background sandbox that runs, as its lock tells."""
    (tmp_path / "sandbox").mkdir()
    descriptor = locks.take(tmp_path / "sandbox" / LOCK_FILE, 1.0, "nobody")
    yield tmp_path / "sandbox"
    os.close(descriptor)


def test_who_joins_is_told_its_stand_ins_and_gets_those_that_are_new(
    docker_engine: Engine, folder: Path, tmp_path: Path
) -> None:
    before = {"SHIPWAY_BUILD_CONTEXTS": "", "SHIPWAY_STAND_INS": "python:2.7=shipway-sandbox/p"}
    published = {
        "pid": 0,
        "state": {"endpoint": "http://localhost:1"},
        "variables": before,
        "claims": {},
        "roles": {},
        "engine": docker_engine.written(),
        "bases": {"python:2.7": "python:2.7 stands in: Python 3.13", "alpine:3": ""},
    }
    (folder / WORLD_FILE).write_text(json.dumps(published))
    (folder / PLAN_FILE).write_text(json.dumps(BLUEPRINT.plan.written()))
    dockerfile = tmp_path / "Dockerfile"
    needed = world.Needed(cache=tmp_path, dockerfiles=(dockerfile,))

    def join(*references: str) -> tuple[world.World, list[str]]:
        told: list[str] = []
        dockerfile.write_text("".join(f"FROM {one}\n" for one in references))
        return world.background(BLUEPRINT.plan, folder, needed, told.append, idle=60.0), told

    found, told = join("python:2.7", "alpine:3")
    assert (found.variables, told) == (before, ["python:2.7 stands in: Python 3.13"])

    found, told = join(TYPO, BUSYBOX)
    assert any(TYPO in line and "a build from it fails" in line for line in told)
    assert told[-1].startswith(f"{BUSYBOX} stands in: ")
    first, second = found.variables["SHIPWAY_STAND_INS"].splitlines()
    assert first == "python:2.7=shipway-sandbox/p"
    assert second.startswith(f"{BUSYBOX}=shipway-sandbox/busybox:")

    again, told_again = join(BUSYBOX)
    assert told_again == told[-1:]
    assert again == found, "what was made for one is kept for the next"
    assert TYPO not in again.bases, "it is looked for anew"
