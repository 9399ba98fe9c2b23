"""The server as a process: one message for what is wrong, and nothing left when it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_sandbox.emulator.containers import ContainerEngine

Start = Callable[..., "subprocess.Popen[bytes]"]
SECONDS = 15.0


@pytest.fixture
def engine(docker_host: str) -> Iterator[ContainerEngine]:
    """The engine as another would see it."""
    container_engine = ContainerEngine("test", docker_host)
    yield container_engine
    container_engine.api.close()
    container_engine.streams.close()


@pytest.fixture
def start(docker_host: str, tmp_path: Path) -> Iterator[Start]:
    """Starts servers; whatever still runs is killed with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*options: str, name: str = "run") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "shipway_sandbox.serve", "--docker", docker_host]
        process = subprocess.Popen(
            [*command, "--run", str(tmp_path / name), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (outcome := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return outcome


def state_of(folder: Path) -> dict[str, Any]:
    path = folder / "sandbox.json"
    until(path.exists)
    state: dict[str, Any] = json.loads(path.read_text())
    return state


def things(engine: ContainerEngine, run: str) -> int:
    """Containers and networks of one run."""
    return sum(labelled_run == run for _, _, labelled_run in engine._labelled())


def let_go(process: subprocess.Popen[bytes]) -> None:
    """What an owner's end looks like from here."""
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None


ENDS: dict[str, tuple[tuple[str, ...], Callable[[subprocess.Popen[bytes]], None]]] = {
    "owner-gone": (("--owner-fd", "0"), let_go),
    "terminated": ((), lambda process: process.send_signal(signal.SIGTERM)),
    "interrupted": ((), lambda process: process.send_signal(signal.SIGINT)),
    "idle": (("--idle", "4"), lambda _process: None),
}


@pytest.mark.parametrize("way", ENDS)
def test_it_ends_and_leaves_nothing(
    start: Start, engine: ContainerEngine, tmp_path: Path, way: str
) -> None:
    options, end = ENDS[way]
    process = start(*options, name=way)
    run = state_of(tmp_path / way)["run"]
    assert things(engine, run) == 1  # its network
    end(process)
    assert process.wait(timeout=SECONDS) == 0
    assert things(engine, run) == 0
    assert not (tmp_path / way / "sandbox.json").exists()
    assert process.communicate() == (b"", b"")


def test_loopback_only_and_the_next_start_sweeps_what_a_killed_one_left(
    start: Start, engine: ContainerEngine, tmp_path: Path
) -> None:
    first = start(name="first")
    killed = state_of(tmp_path / "first")["run"]
    alive = start(name="alive")
    state = state_of(tmp_path / "alive")
    other = state["run"]
    assert (tmp_path / "alive/sandbox.json").stat().st_mode & 0o777 == 0o600
    assert listening_on(state["port"]) == {"0100007F"}
    first.kill()
    first.wait(timeout=5)
    assert things(engine, killed) == 1
    start(name="second")
    state_of(tmp_path / "second")
    assert things(engine, killed) == 0
    assert things(engine, other) == 1
    assert alive.poll() is None


def listening_on(port: int) -> set[str]:
    """Local addresses of the sockets that listen on a port, as proc(5) writes them."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    lines += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()]
    ending = f":{port:04X}"
    return {
        line[1].removesuffix(ending)
        for line in lines
        if line[1].endswith(ending) and line[3] == "0A"
    }


def test_port_in_use_and_missing_engine_are_one_message_each(tmp_path: Path, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("--port", str(taken.getsockname()[1]))
        assert process.wait(timeout=SECONDS) == 13
        _, err = process.communicate()
        assert b"cannot be listened on" in err
        assert b"Traceback" not in err
    process = start("--docker", f"unix://{tmp_path}/nowhere.sock")
    assert process.wait(timeout=SECONDS) == 12
    _, err = process.communicate()
    assert b"no Docker engine answers" in err
    assert b"Traceback" not in err
    process = start("--without", "ecs.nonsense")
    assert process.wait(timeout=SECONDS) == 13
    assert b"no correction is called ecs.nonsense" in process.communicate()[1]
