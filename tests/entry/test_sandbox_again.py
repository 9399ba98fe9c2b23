"""``inv sandbox --down``, and at once ``inv sandbox`` again: neither meets the other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.entry.conftest import INV, Here, Plant

from shipway.embedded.entry import embedded
from shipway_sandbox import locks
from shipway_sandbox.process import LOCK_FILE


@pytest.fixture
def apart(clone: Here, cache: Path, tmp_path: Path) -> Here:
    """A cache folder of its own, and so a background sandbox of its own."""
    own = tmp_path / "xdg" / "shipway"
    own.mkdir(parents=True)
    for name in ("engine", "bases", "docker"):
        (own / name).symlink_to(cache / "shipway" / name)
    return replace(clone, env={**clone.env, "XDG_CACHE_HOME": str(own.parent)})


def folder_of(here: Here) -> Path:
    """Where the sandbox of this repository keeps its state."""
    return embedded(here.folder, Path(here.env["XDG_CACHE_HOME"]) / "shipway").folder


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


def up(here: Here, folder: Path) -> int:
    """Type ``inv sandbox``; the process of the sandbox that runs then."""
    started = here.types("inv", "sandbox")
    assert started.code == 0, started.out + started.err
    return int(json.loads((folder / "world.json").read_bytes())["pid"])


def test_the_next_one_starts_at_once_after_down_and_after_a_kill(apart: Here, plant: Plant) -> None:
    elsewhere, apart = apart, replace(plant(), env=apart.env)
    folder = folder_of(apart)
    try:
        up(apart, folder)
        ended = apart.types("inv", "sandbox", "--down")
        assert (ended.code, ended.out.strip()) == (0, "the sandbox has ended")
        assert left(folder) == []
        killed = up(apart, folder)
        os.kill(killed, signal.SIGKILL)
        assert up(apart, folder) != killed
    finally:
        ended = apart.types("inv", "sandbox", "--down")
    assert (ended.code, left(folder)) == (0, [])
    again = apart.types("inv", "sandbox", "--down")
    assert (again.code, again.out.strip()) == (0, "no sandbox is running")
    its_state_goes_with_its_checkout(folder, apart, elsewhere)


def its_state_goes_with_its_checkout(folder: Path, gone: Here, elsewhere: Here) -> None:
    """``prune`` of another repository finds what nobody will use again, and only that."""
    kept = elsewhere.types("inv", "prune")
    assert (kept.code, "Nothing to prune." in kept.out) == (0, True), kept.out + kept.err
    shutil.rmtree(gone.folder)
    shown = elsewhere.types("inv", "prune")
    assert shown.code == 3, shown.out + shown.err
    assert f"{folder}  its checkout is gone" in shown.out
    assert folder.is_dir(), "it only showed"
    done = elsewhere.types("inv", "prune", "--apply")
    assert (done.code, folder.exists()) == (0, False), done.out + done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_one_that_is_interrupted_while_it_starts_leaves_nothing(
    apart: Here, number: signal.Signals
) -> None:
    """After Ctrl-C at once; after a kill of who started it, with ``--down``."""
    folder = folder_of(apart)
    with subprocess.Popen(
        [INV, "sandbox"],
        cwd=apart.folder,
        env=dict(apart.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            deadline = time.monotonic() + 30
            while locks.holder(folder / LOCK_FILE) is None:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(number)
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    ended = apart.types("inv", "sandbox", "--down")
    if number is signal.SIGINT:
        assert process.returncode == 130
        assert "one that was still starting has been ended" in out
        assert (ended.code, ended.out.strip()) == (0, "no sandbox is running")
    else:
        assert (ended.code, ended.out.strip()) == (0, "the sandbox has ended")
    assert left(folder) == []


_HOLDS = """
import sys, time
from pathlib import Path
from shipway_sandbox import locks
locks.sign(locks.take(Path(sys.argv[1]), 5, "nobody"))
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("own", [True, False], ids=["its own", "of another checkout"])
def test_down_ends_no_world_of_another_checkout(apart: Here, tmp_path: Path, *, own: bool) -> None:
    """Both bear the repository's name, and neither is made of what this ``ci/`` says now."""
    folder = folder_of(apart)
    other = folder.with_name(f"{folder.name[:-8]}00000000")
    other.mkdir(parents=True)
    root = apart.folder if own else tmp_path
    (other / "root").write_text(str(root.resolve()), encoding="utf-8")
    command = [sys.executable, "-c", _HOLDS, str(other / LOCK_FILE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            ended = apart.types("inv", "sandbox", "--down")
            assert ended.code == 0, ended.out + ended.err
            told = "the sandbox has ended" if own else "no sandbox is running"
            assert ended.out.strip() == told
            assert (holder.poll() is None) != own
        finally:
            holder.kill()
