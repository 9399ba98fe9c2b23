"""The supervisor of a private engine: a small process that outlives its owner by a few seconds.

It is started by :mod:`.daemon` as ``python -m shipway_sandbox.engine.supervisor PLAN``, in a
session of its own (Ctrl-C does not reach it), with a pipe for its standard input. When the pipe
closes, for whatever reason, ``kill -9`` of the owner included, the supervisor ends dockerd and
takes away what it leaves. Should the supervisor itself be killed, the kernel still ends dockerd: it
is the child of a PID namespace whose first process dies with the supervisor (``setpriv
--pdeathsig``), and a dead PID namespace takes containerd, the shims and all containers with it;
mounts die with their mount namespace. What then remains (a bridge, three firewall rules, empty
control groups) is removed by the next start in the same slot.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Final, Self

from shipway.errors import EngineError
from shipway_sandbox.engine import docker_api, network

STATE: Final = Path("/run/shipway")
"""Machine-wide, because bridges, addresses and rules are: one lock and one note for each slot."""

_API_SECONDS: Final = 4.0
_GRACE_SECONDS: Final = 6.0
_POLL_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run, as it stands in the plan file.

    Attributes:
        slot: Number of the slot whose lock the supervisor inherits as ``lock_fd``.
        lock_fd: An open file, locked; the lock goes when the supervisor ends.
        owner: Process id of the owner; the supervisor stops when its parent is another.
        engine: Folder of the unpacked packages.
        path: PATH for dockerd and its helpers.
        libraries: LD_LIBRARY_PATH for the same.
        xtables: Folder of the iptables extensions.
        data: dockerd's data-root, kept between runs.
        run: Folder for the socket, the pid file and the exec-root, which go at the end.
        borrowed: Whether the folder itself goes too, because only a short path was wanted.
        log: File that dockerd and the supervisor write to.
    """

    slot: int
    lock_fd: int
    owner: int
    engine: str
    path: str
    libraries: str
    xtables: str
    data: str
    run: str
    borrowed: bool
    log: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the plan file.

        Raises:
            OSError: It is not there.
            TypeError: It is of another version of this program.
        """
        return cls(**json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        """Write the plan file; it holds no secret."""
        path.write_text(json.dumps(asdict(self)))

    @property
    def host(self) -> str:
        """DOCKER_HOST of this engine: a unix socket in the run's folder."""
        return f"{docker_api.UNIX}{self.run}/docker.sock"

    @property
    def env(self) -> dict[str, str]:
        """The whole environment of dockerd: nothing of the owner's, so no credential either."""
        proxies = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
        env = {name: os.environ[name] for name in proxies if name in os.environ}
        return env | {
            "PATH": self.path,
            "LD_LIBRARY_PATH": self.libraries,
            "XTABLES_LIBDIR": self.xtables,
            "HOME": self.run,
            "TMPDIR": f"{self.data}/scratch",
        }


def command(job: Job) -> list[str]:
    """The argument list that starts dockerd in namespaces that die with the supervisor."""
    slot = network.Slot(job.slot)
    return [
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
        # The first process of a PID namespace must reap orphans; dockerd does not.
        *(f"{job.engine}/usr/bin/tini-static", "--", "dockerd"),
        *("--config-file", f"{job.run}/daemon.json"),
        *("--host", job.host),
        *("--data-root", job.data, "--exec-root", f"{job.run}/x"),
        *("--pidfile", f"{job.run}/dockerd.pid"),
        *("--bridge", slot.bridge),
        *("--cgroup-parent", f"/{slot.cgroup}"),
    ]


def configuration(slot: network.Slot) -> dict[str, object]:
    """What goes into ``daemon.json``; the machine's own ``/etc/docker/daemon.json`` is not read."""
    return {
        "features": {"containerd-snapshotter": True},
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "ip-masq": False,
        "default-address-pools": [{"base": slot.networks, "size": 25}],
        # With systemd as the driver, process ids would be told to it in the wrong namespace.
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "shutdown-timeout": 2,
        "log-level": "warn",
    }


class Stop(Exception):  # noqa: N818 - it is a request, not an error
    """A signal asked the supervisor to end; what it runs is ended and tidied away."""


def _stop_requested(_signal: int, _frame: FrameType | None) -> None:
    raise Stop


def _note(slot: int) -> Path:
    return STATE / f"slot{slot}.json"


def _first_process(parent: int) -> int | None:
    """The process id of the child of ``parent``: the first process of the PID namespace."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                # proc(5): the command name, in parentheses, may itself hold parentheses
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    return int(entry.name)
    return None


def _end(process: subprocess.Popen[bytes], host: str) -> None:
    """End dockerd and everything in its namespaces, within about 10 seconds."""
    first = _first_process(process.pid)
    if process.poll() is None:
        with contextlib.suppress(EngineError, ValueError, KeyError):
            docker_api.remove_everything(host, timeout=_API_SECONDS)
        if first is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(first, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    if first is not None and process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    process.wait()


def _remove_cgroups(slot: network.Slot) -> None:
    """Remove the slot's empty control groups (version 1: one tree for each controller)."""
    for root in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")):
        top = root / slot.cgroup
        if top.is_dir():
            folders = [Path(at) for at, _, _ in os.walk(top, topdown=False)]
            for folder in folders:
                with contextlib.suppress(OSError):
                    folder.rmdir()


def tidy(job: Job) -> None:
    """Remove what a private engine in this slot leaves outside its namespaces; safe to repeat."""
    slot = network.Slot(job.slot)
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        network.remove_rules(slot, job.env)
    network.remove_bridges(slot)
    _remove_cgroups(slot)
    note = _note(job.slot)
    with contextlib.suppress(OSError, ValueError, KeyError):
        state = json.loads(note.read_text())
        # Only where nobody forwarded before us, and no other slot still needs it.
        if not state["forwarded"] and not [p for p in STATE.glob("slot*.json") if p != note]:
            network.stop_forwarding()
        shutil.rmtree(Path(state["run"]) / "x", ignore_errors=True)
        for name in ("docker.sock", "dockerd.pid", "daemon.json", "supervisor.json"):
            (Path(state["run"]) / name).unlink(missing_ok=True)
        if state["borrowed"]:
            shutil.rmtree(state["run"], ignore_errors=True)
    note.unlink(missing_ok=True)


def prepare(job: Job) -> None:
    """Clean up after a killed run in this slot, then lay the network.

    Raises:
        OSError: Not allowed to, or the disk is full.
    """
    tidy(job)
    slot = network.Slot(job.slot)
    run = Path(job.run)
    _note(job.slot).write_text(
        json.dumps({"run": job.run, "borrowed": job.borrowed, "forwarded": network.forwards()})
    )
    (run / "daemon.json").write_text(json.dumps(configuration(slot)))
    # A dockerd that finds the "bridge" network of an earlier run, and has address pools, deletes
    # the interface docker0, whoever's it is (moby daemon/daemon_unix.go, initNetworkController).
    # No network of ours outlives its run, so there is nothing to remember.
    shutil.rmtree(Path(job.data) / "network", ignore_errors=True)
    (Path(job.data) / "scratch").mkdir(parents=True, exist_ok=True)
    network.add_bridge(slot)
    if trouble := network.add_rules(slot, job.env):
        sys.stderr.write(f"engine supervisor: containers have no way out: {trouble}\n")
        sys.stderr.flush()


def _watch(process: subprocess.Popen[bytes], owner: int) -> None:
    """Return when the owner lets go, is gone, or dockerd has ended."""
    while process.poll() is None and os.getppid() == owner:
        if select.select([0], [], [], _POLL_SECONDS)[0] and not os.read(0, 64):
            return


def main(arguments: list[str]) -> int:
    """Keep one engine; returns dockerd's exit code, or 0 when it was asked to stop."""
    job = Job.read(Path(arguments[0]))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop_requested)
    process: subprocess.Popen[bytes] | None = None
    ended_early: int | None = None
    try:
        prepare(job)
        process = subprocess.Popen(command(job), env=job.env, stdin=subprocess.DEVNULL, cwd="/")
        _watch(process, job.owner)
        ended_early = process.poll()
    except Stop:
        pass
    except OSError as error:
        sys.stderr.write(f"engine supervisor: {error}\n")
        ended_early = 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        started = time.monotonic()
        if process is not None:
            _end(process, job.host)
        tidy(job)
        sys.stderr.write(f"engine supervisor: ended after {time.monotonic() - started:.1f} s\n")
    return ended_early or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
