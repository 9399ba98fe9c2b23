"""A private dockerd on this machine, beside whatever other engine may run here."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from shipway.errors import EngineError
from shipway_sandbox.engine import bases, engine, network
from shipway_sandbox.engine.engine_plan import Cannot, StartPrivate, decide

pytestmark = pytest.mark.alone  # compares bridges, mounts and rules of the whole machine

OWNER = """
import sys
from pathlib import Path
from dataclasses import replace
from shipway_sandbox.engine import engine
from shipway_sandbox.engine.engine_plan import decide

facts = replace(engine.gather({}), wish="", answer=None)
say = lambda text: print(text, flush=True)
with engine.start(Path(sys.argv[1]), Path(sys.argv[2]), say, decide(facts)) as private:
    say("HOST " + private.host)
    sys.stdin.readline()
say("ENDED")
"""


def private_plan() -> StartPrivate:
    plan = decide(replace(engine.gather(os.environ), wish="", answer=None))
    assert isinstance(plan, StartPrivate), plan
    return plan


def processes(word: str) -> list[str]:
    """Command lines of the processes that mention ``word``; zombies have none."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if word in line:
                lines.append(line)
    return lines


def firewall(root: Path) -> list[str]:
    """The rules of ours that are in the kernel."""
    rules = []
    for table in ("nat", "filter"):
        done = subprocess.run(
            [str(root / "usr/sbin/iptables"), "-t", table, "-S"],
            env=engine._environment(root),
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        rules += [line for line in done.stdout.splitlines() if "10.213." in line]
    return rules


@dataclass(frozen=True)
class Traces:
    """What a private engine could leave on the machine."""

    devices: frozenset[str]
    mounts: frozenset[str]
    rules: frozenset[str]
    cgroups: frozenset[str]
    forwards: bool


def traces(root: Path, *places: Path) -> Traces:
    names = {device.name for device in Path("/sys/class/net").iterdir()}
    ours = {
        name for slot in range(network.SLOTS) for name in network.own_bridges(network.Slot(slot))
    }
    mounts = Path("/proc/mounts").read_text().splitlines()
    cgroups = Path("/sys/fs/cgroup")
    return Traces(
        devices=frozenset(ours | {name for name in names if name in {"docker0", "eth0", "lo"}}),
        mounts=frozenset(m for m in mounts if any(str(place) in m for place in places)),
        rules=frozenset(firewall(root)),
        cgroups=frozenset(map(str, [*cgroups.glob("shipway*"), *cgroups.glob("*/shipway*")])),
        forwards=network.forwards(),
    )


def until(gone: Callable[[], object], seconds: float) -> None:
    """Wait until ``gone`` gives something false."""
    deadline = time.monotonic() + seconds
    while left := gone():
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


@contextmanager
def owner(cache: Path, run: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that starts a private engine; it is ended with the context."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(cache), str(run)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that two first starts at the same moment have filled, by one download."""
    folder = tmp_path_factory.mktemp("cache")
    runs = [tmp_path_factory.mktemp("run") for _ in range(2)]
    with owner(folder, runs[0]) as first, owner(folder, runs[1]) as second:
        outputs = [up_to_host(first), up_to_host(second)]
    text = [line for lines in outputs for line in lines]
    assert len([line for line in text if line.startswith("downloading")]) == 1, text
    hosts = {line for line in text if line.startswith("HOST ")}
    assert len(hosts) == 2, text
    return folder


def up_to_host(process: subprocess.Popen[str]) -> list[str]:
    """Every line up to the host; the owner's own bounds end it where none comes."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("HOST "):
            return lines
    msg = f"no engine: {lines}"
    raise AssertionError(msg)


@pytest.fixture(scope="module")
def root(cache: Path) -> Path:
    return next(cache.glob("engine/engine-*/root"))


def docker(env: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_two_first_starts_share_one_download(cache: Path) -> None:
    assert len(list(cache.glob("engine/engine-*/packages.json"))) == 1
    assert list(cache.glob("engine/.engine-*")) == []
    assert len(list(cache.glob("docker/slot*"))) == 2


def test_a_container_runs_answers_and_leaves_nothing(
    cache: Path, root: Path, tmp_path: Path
) -> None:
    before = traces(root, cache, tmp_path)
    progress: list[str] = []
    with engine.start(cache, tmp_path / "run", progress.append, private_plan()) as private:
        assert private.private
        assert private.attests
        assert engine.answers(private.host)
        assert "buildx" in docker(private.env, "buildx", "version")
        contexts = bases.provide(
            private, ("busybox:1.36",), cache, progress.append, reach=lambda _registry: False
        ).contexts
        image = contexts["busybox:1.36"].removeprefix("docker-image://")
        docker(private.env, "network", "create", "one")
        docker(private.env, "run", "-d", "--name", "web", "--network", "one", image, "httpd", "-f")
        hello = docker(private.env, "run", "--rm", "--network", "one", image, "ping", "-c1", "web")
        assert "1 packets received" in hello
        during = traces(root, cache, tmp_path)
        assert len(during.devices - before.devices) == 2
        assert len(during.rules - before.rules) == 3
        assert processes(str(root))
    assert traces(root, cache, tmp_path) == before
    assert processes(str(root)) == []
    assert not engine.answers(private.host)
    assert any("stands in" in line for line in progress)


def test_docker0_of_another_engine_stays(cache: Path, tmp_path: Path) -> None:
    """The device may be real already; where it is not, one is made for the time of the test."""
    stand_in = not Path("/sys/class/net/docker0").exists()
    if stand_in:
        network._ioctl(network._SIOCBRADDBR, b"docker0\0")
    try:
        for number in range(2):  # the second start finds what the first has kept
            with engine.start(cache, tmp_path / str(number), lambda _: None, private_plan()):
                assert Path("/sys/class/net/docker0").exists()
        assert Path("/sys/class/net/docker0").exists()
    finally:
        if stand_in:
            network._ioctl(network._SIOCBRDELBR, b"docker0\0")


def test_a_warm_start_downloads_nothing_and_knows_no_old_container(
    cache: Path, tmp_path: Path
) -> None:
    progress: list[str] = []
    with engine.start(cache, tmp_path / "run", progress.append, private_plan()) as private:
        assert docker(private.env, "ps", "-aq") == ""
        assert docker(private.env, "network", "ls", "-q", "-f", "type=custom") == ""
    assert not [line for line in progress if line.startswith("downloading")]


def test_what_a_killed_sandbox_had_pulled_is_forgotten_and_nothing_else(
    cache: Path, tmp_path: Path
) -> None:
    def images(private: engine.Engine) -> set[str]:
        listed = docker(private.env, "image", "ls", "-a", "--format", "{{.Repository}}:{{.Tag}}")
        return {line for line in listed.splitlines() if "test" in line or "<none>" in line}

    with engine.start(cache, tmp_path / "run", lambda _: None, private_plan()) as private:
        file = tmp_path / "empty.tar"
        with tarfile.open(file, "w"):
            pass
        for name in ("localhost:1/test:pulled", "test:kept", "test:renamed"):
            docker(private.env, "import", "-m", name, str(file), name)
        docker(private.env, "import", str(file), "test:renamed")  # the first one has no name now
        assert images(private) >= {"localhost:1/test:pulled", "test:kept", "test:renamed"}
    with engine.start(cache, tmp_path / "again", lambda _: None, private_plan()) as private:
        assert images(private) == {"test:kept", "test:renamed"}
        for name in ("test:kept", "test:renamed"):
            docker(private.env, "image", "rm", name)


def test_when_the_owner_is_killed_the_engine_ends_and_leaves_nothing(
    cache: Path, root: Path, tmp_path: Path
) -> None:
    before = traces(root, cache, tmp_path)
    with owner(cache, tmp_path / "run") as process:
        up_to_host(process)
        assert processes(str(root))
        process.send_signal(signal.SIGKILL)
        until(lambda: processes(str(root)), 10)
    until(lambda: traces(root, cache, tmp_path) != before, 5)


def test_when_the_supervisor_is_killed_the_kernel_ends_the_engine_and_the_next_start_tidies(
    cache: Path, root: Path, tmp_path: Path
) -> None:
    before = traces(root, cache, tmp_path)
    with owner(cache, tmp_path / "run") as process:
        up_to_host(process)
        supervisors = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _parent(entry) == process.pid
        ]
        assert len(supervisors) == 1
        os.kill(supervisors[0], signal.SIGKILL)
        until(lambda: processes(str(root)), 10)
        process.kill()
    assert traces(root, cache, tmp_path) != before
    with engine.start(cache, tmp_path / "again", lambda _text: None, private_plan()):
        pass
    assert traces(root, cache, tmp_path) == before


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def test_a_plan_that_cannot_is_raised_with_its_remedy(tmp_path: Path) -> None:
    plan = Cannot(what="no engine", remedy="start one")
    with (
        pytest.raises(EngineError, match="no engine"),
        engine.start(tmp_path, tmp_path, print, plan),
    ):
        pytest.fail("started")


def test_a_socket_that_says_nothing_is_no_engine_within_its_bound(tmp_path: Path) -> None:
    with _deaf(tmp_path / "s") as host:
        # The bound is the engine's own; the test's own time-out would end a wait for ever.
        assert not engine.answers(host)


@contextmanager
def _deaf(path: Path) -> Iterator[str]:

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield f"unix://{path}"
