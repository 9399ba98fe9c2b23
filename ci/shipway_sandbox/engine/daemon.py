"""Start a private dockerd and stop it again; the work is done by :mod:`.supervisor`."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shipway.errors import EngineError
from shipway_sandbox import locks
from shipway_sandbox.engine import docker_api, network, supervisor

_START_SECONDS: Final = 45.0
_STOP_SECONDS: Final = 20.0
_SOCKET_LIMIT: Final = 108  # unix(7): sun_path, with its final zero byte

_REMEDIES: Final = (
    ("no space left on device", "free some disk space: docker needs about 1 GB in the cache"),
    (
        "operation not permitted",
        "run as root of the machine, or in a container with --privileged",
    ),
    (
        "permission denied",
        "run as root of the machine, or in a container with --privileged",
    ),
    ("exec format error", "the packages are of another architecture: delete the cache folder"),
    ("cannot open shared object", "a library is missing: delete the cache folder and run again"),
)


def remedy_for(lines: tuple[str, ...]) -> str:
    """What a person can do, from the last lines of the log."""
    text = "\n".join(lines).lower()
    for sign, remedy in _REMEDIES:
        if sign in text:
            return remedy
    return "start an engine of your own and set DOCKER_HOST"


def tail(log: Path, count: int = 12) -> tuple[str, ...]:
    """The last lines of a log file, each cut at 300 characters."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(line[:300] for line in lines[-count:])


def library_path(engine: Path) -> str:
    """LD_LIBRARY_PATH inside the unpacked packages; there is one folder for the architecture."""
    return ":".join(str(path) for path in sorted(engine.glob("usr/lib/*-linux-gnu*")))


def _take_slot() -> tuple[network.Slot, int]:
    """Lock the first free slot whose addresses nobody routes.

    Returns:
        The slot, and the open, locked, inheritable file.
    """
    supervisor.STATE.mkdir(parents=True, exist_ok=True)
    taken = ""
    for number in range(network.SLOTS):
        slot = network.Slot(number)
        lock = os.open(supervisor.STATE / f"slot{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if error.errno not in {errno.EAGAIN, errno.EACCES}:
                raise
            continue
        # Bridges of a killed run in this slot are ours to remove, so they are no collision.
        device = network.overlaps(Path("/proc/net/route").read_text(), slot.pool)
        if not device or device in network.own_bridges(slot):
            return slot, lock
        taken = device
        os.close(lock)
    raise EngineError(
        "no address range is free for a private Docker engine",
        where=f"10.213.0.0/16, also routed by {taken}" if taken else "10.213.0.0/16",
        remedy="end other shipway sandboxes on this machine, or set DOCKER_HOST to an engine",
    )


def _short(run: Path) -> tuple[Path, bool]:
    """``run``, or a shorter folder where containerd's socket in it would be too long a path."""
    longest = len(os.fsencode(run / "x" / "containerd" / "containerd-debug.sock")) + 20
    if longest < _SOCKET_LIMIT:
        run.mkdir(parents=True, exist_ok=True)
        return run, False
    return Path(tempfile.mkdtemp(prefix="shipway-")), True


def _wait(process: subprocess.Popen[bytes], host: str, log: Path) -> str:
    """Wait until dockerd answers; returns its version."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if (code := process.poll()) is not None:
            lines = tail(log)
            raise EngineError(
                f"the private Docker engine ended at its start with {code}",
                where=str(log),
                remedy=remedy_for(lines),
                details=lines,
            )
        with contextlib.suppress(EngineError):
            answer = docker_api.read_json(host, "/version", timeout=2.0)
            # What a killed run left in the data-root comes back to life with it: end that.
            docker_api.remove_everything(host, timeout=10.0)
            return str(answer["Version"])
        time.sleep(0.05)
    lines = tail(log)
    raise EngineError(
        f"the private Docker engine did not answer within {_START_SECONDS:.0f} s",
        where=str(log),
        remedy=remedy_for(lines),
        details=lines,
    )


def _stop(process: subprocess.Popen[bytes], job: supervisor.Job) -> None:
    """Let the supervisor go, wait for it, and do its work where it cannot."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # dockerd goes with it: see supervisor.py
        process.wait()
        supervisor.tidy(job)


@contextmanager
def running(engine: Path, data: Path, run: Path) -> Iterator[tuple[str, str]]:
    """Run a private dockerd from the unpacked packages for as long as the context lasts.

    Args:
        engine: Folder of the unpacked packages.
        data: Parent of the data-roots (one for each slot), kept between runs.
        run: Folder for the log and, where its path is short enough, the socket.

    Yields:
        The DOCKER_HOST value and the engine's version.

    Raises:
        EngineError: dockerd cannot be started; details hold the last lines of its log.
        SandboxError: The supervisor of an engine before it, in the same folder, does not end.
    """
    run.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        # The supervisor has a copy, so that what it tidies away is never that of the next one.
        folder = locks.take(
            run / "supervisor.lock", _STOP_SECONDS, "the private engine before this one"
        )
        stack.callback(os.close, folder)
        yield from _running(engine, data, run, folder)


def _running(engine: Path, data: Path, run: Path, folder: int) -> Iterator[tuple[str, str]]:
    log = run / "dockerd.log"
    short, borrowed = _short(run)
    slot, lock = _take_slot()
    job = supervisor.Job(
        slot=slot.number,
        lock_fd=lock,
        owner=os.getpid(),
        engine=str(engine),
        path=f"{engine}/usr/sbin:{engine}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        libraries=library_path(engine),
        xtables=next((str(path) for path in engine.glob("usr/lib/*/xtables")), ""),
        data=str(data / f"slot{slot.number}"),
        run=str(short),
        borrowed=borrowed,
        log=str(log),
    )
    process: subprocess.Popen[bytes] | None = None
    try:
        plan = short / "supervisor.json"
        with log.open("wb") as output:
            try:
                job.write(plan)
                process = subprocess.Popen(
                    [sys.executable, "-m", "shipway_sandbox.engine.supervisor", str(plan)],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    pass_fds=(lock, folder),
                    start_new_session=True,
                )
            finally:
                os.close(lock)  # from here on the supervisor alone holds the slot
        yield job.host, _wait(process, job.host, log)
    finally:
        if process is not None:
            _stop(process, job)
        if borrowed:
            shutil.rmtree(short, ignore_errors=True)
