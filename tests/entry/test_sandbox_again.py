"""``inv sandbox --down``, and at once ``inv sandbox`` again: neither meets the other."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.entry.conftest import Here


@pytest.fixture
def apart(clone: Here, cache: Path, tmp_path: Path) -> Here:
    """A cache folder of its own, and so a background sandbox of its own."""
    own = tmp_path / "xdg" / "shipway"
    own.mkdir(parents=True)
    for name in ("engine", "bases", "docker"):
        (own / name).symlink_to(cache / "shipway" / name)
    return replace(clone, env={**clone.env, "XDG_CACHE_HOME": str(own.parent)})


def left(folder: Path) -> list[str]:
    """Command lines of processes that work in ``folder``, and what they would have removed."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                lines.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    names = ("world.json", "sandbox.json", "engine/docker.sock", "engine/dockerd.pid", "engine/x")
    present = [name for name in names if (folder / name).exists()]
    return [line for line in lines if str(folder) in line] + present


def test_down_returns_when_all_has_ended_and_up_again_works_at_once(apart: Here) -> None:
    folder = Path(apart.env["XDG_CACHE_HOME"]) / "shipway" / "sandbox"
    for _ in range(2):
        started = apart.types("inv", "sandbox")
        try:
            assert started.code == 0, started.out + started.err
            assert (folder / "world.json").is_file()
        finally:
            ended = apart.types("inv", "sandbox", "--down")
        assert (ended.code, ended.out.strip()) == (0, "the sandbox has ended")
        assert left(folder) == []
    again = apart.types("inv", "sandbox", "--down")
    assert (again.code, again.out.strip()) == (0, "no sandbox is running")
