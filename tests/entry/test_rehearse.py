"""``inv rehearse`` as a real process: it proves everything, and leaves nothing, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from tests.example import BLUEPRINT

from shipway.errors import EngineError
from shipway.rehearsal import closing
from shipway.rehearsal.criteria import matrix
from shipway.rehearsal.scenarios import scenarios
from shipway_sandbox.engine import docker_api, engine
from shipway_sandbox.engine.engine_plan import UseExisting
from shipway_sandbox.engine.supervisor import STATE

pytestmark = pytest.mark.alone  # two whole rehearsals, one of them killed

if TYPE_CHECKING:
    from tests.entry.conftest import Here

WHOLE = 150.0
"""Seconds that a whole rehearsal may take (the README's promise for the first one)."""
BOUND = 60.0
"""Seconds after which an interrupted rehearsal has left nothing."""

ALL = scenarios(BLUEPRINT.contract, listens=True, scan_limits=BLUEPRINT.scan_limits).all


def existing_engine(here: Here) -> frozenset[str]:
    """Containers and networks of the engine that was there before us, if one is."""
    plan = engine.find(here.env)
    if not isinstance(plan, UseExisting):
        return frozenset()
    found = set[str]()
    with contextlib.suppress(EngineError):
        for path in ("/containers/json?all=1", "/networks"):
            _, listed = docker_api.call(plan.answer.host, "GET", path, timeout=5)
            found |= {str(one["Id"]) for one in json.loads(listed)}
    return frozenset(found)


def about(process: Path, folder: str) -> bool:
    """Whether a process was given this folder, as a word or in its environment."""
    with contextlib.suppress(OSError):
        words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        return folder.encode() in words
    return False


def namespace_of(process: Path) -> str:
    """The PID namespace of a process; empty where it is gone or not ours to see."""
    with contextlib.suppress(OSError):
        return str((process / "ns" / "pid").readlink())
    return ""


def processes() -> list[Path]:
    """Every process, as its folder in /proc."""
    return [path for path in Path("/proc").iterdir() if path.name.isdigit()]


@dataclass
class Run:
    """One rehearsal as a real process, and what belongs to it on this machine."""

    here: Here
    process: subprocess.Popen[str]
    folder: str
    events: list[dict[str, Any]] = field(default_factory=list)
    namespaces: dict[str, int] = field(default_factory=dict)
    slots: set[str] = field(default_factory=set)
    _reader: threading.Thread = field(default_factory=threading.Thread)

    @classmethod
    def start(cls, here: Here) -> Self:
        """Type ``inv rehearse --json``; a session of its own gets signals as a terminal's does."""
        # Short, because a socket's path has 107 bytes at most (unix(7)).
        folder = tempfile.mkdtemp(prefix="sw-", dir="/tmp")
        process = subprocess.Popen(
            [sys.executable, "-m", "invoke", "rehearse", "--json"],
            cwd=here.folder,
            env={**here.env, "TMPDIR": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        run = cls(here=here, process=process, folder=folder)
        run._reader = threading.Thread(target=run._read, daemon=True)
        run._reader.start()
        return run

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.events.append(json.loads(line))

    def until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float) -> None:
        """Wait for an event, and look meanwhile at what belongs to this run."""
        end = time.monotonic() + seconds
        seen = 0
        while time.monotonic() < end:
            self.look()
            while seen < len(self.events):
                seen += 1
                if wanted(self.events[seen - 1]):
                    return
            assert self.process.poll() is None, self.events[-3:]
            time.sleep(0.3)
        raise AssertionError(self.events[-3:])

    def look(self) -> None:
        """Note the namespaces and the slot that this run has on the machine."""
        known = {namespace_of(Path("/proc/self")), "", *self.namespaces}
        for process in processes():
            if about(process, self.folder) and (name := namespace_of(process)) not in known:
                with contextlib.suppress(OSError):
                    # Held open, so that the kernel gives its number to no other namespace.
                    self.namespaces[name] = os.open(process / "ns" / "pid", os.O_RDONLY)
                    known.add(name)
        self.slots |= {note.stem for note in self._notes()}

    def _notes(self) -> list[Path]:
        found = []
        for note in STATE.glob("slot*.json"):
            with contextlib.suppress(OSError):
                if self.folder in note.read_text():
                    found.append(note)
        return found

    def left(self) -> list[str]:
        """What of this run is still there: processes, mounts, bridges, notes."""
        found = []
        for process in processes():
            if about(process, self.folder) or namespace_of(process) in self.namespaces:
                with contextlib.suppress(OSError):
                    words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found.append(f"process {process.name} {words[:200]}")
        mounts = Path("/proc/mounts").read_text().splitlines()
        found += [f"mount {line}" for line in mounts if self.folder in line]
        found += [f"note {note}" for note in self._notes()]
        for slot in self.slots:
            # Another engine may have taken the slot meanwhile; then the bridge is its.
            bridge = Path("/sys/class/net") / slot.replace("slot", "shipway")
            if bridge.exists() and not (STATE / f"{slot}.json").exists():
                found.append(f"bridge {bridge.name}")
        return found

    def nothing_is_left(self, seconds: float) -> float:
        """Wait until nothing of this run is left; gives the seconds that took."""
        began = time.monotonic()
        while (left := self.left()) and time.monotonic() - began < seconds:
            time.sleep(0.1)
        assert left == []
        return time.monotonic() - began

    def end(self) -> None:
        """End whatever a failed test left, and remove the folder."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                self._reader.join(5)
                stream.close()
        for held in self.namespaces.values():
            os.close(held)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def rehearsing(here: Here) -> Iterator[Run]:
    """A rehearsal that is ended with the context."""
    run = Run.start(here)
    try:
        yield run
    finally:
        run.end()


def rolling_in(name: str) -> Callable[[dict[str, Any]], bool]:
    """The first progress of a rollout, once the walk of this name has begun."""
    begun = False

    def wanted(event: dict[str, Any]) -> bool:
        nonlocal begun
        if event["type"] == "say" and event["text"].startswith(name):
            begun = True
        return begun and event["type"] == "rolling"

    return wanted


@pytest.fixture
def engine_as_before(clone: Here) -> Iterator[None]:
    """An engine that was there before has the same containers and networks afterwards."""
    before = existing_engine(clone)
    yield
    end = time.monotonic() + BOUND
    while (after := existing_engine(clone)) != before and time.monotonic() < end:
        time.sleep(0.2)
    assert after == before


@pytest.mark.usefixtures("engine_as_before")
def test_a_rehearsal_meets_every_criterion_and_leaves_nothing(clone: Here) -> None:
    began = time.monotonic()
    with rehearsing(clone) as run:
        run.until(lambda event: event["type"] == "acceptance", WHOLE)
        code = run.process.wait(BOUND)
        assert time.monotonic() - began < WHOLE
        [acceptance] = [event for event in run.events if event["type"] == "acceptance"]
        rows = acceptance["rows"]
        assert code == 0, [row for row in rows if not row["met"]]
        assert run.process.stderr
        assert run.process.stderr.read() == ""
        assert run.left() == []
        assert list(Path(run.folder).iterdir()) == []
    # Production has a limit for its scan, and a release is denied its secret.
    assert len(rows) == len(matrix({})) + 2 == 12
    assert [row["name"] for row in rows if not row["met"]] == []
    assert all((clone.folder / row["proof"]).is_file() for row in rows)
    folder = (clone.folder / acceptance["report"]).parent
    assert json.loads((folder / "matrix.json").read_bytes())["met"] == 12
    assert (folder / "matrix.md").read_text(encoding="utf-8").count("| Met |") == 12
    judged = closing.judge(folder)
    assert judged.checked.findings == ()
    assert len(judged.checked.links) == len(ALL)
    assert (clone.folder / acceptance["report"]).stat().st_size < 1_000_000
    for one in ALL:
        kept = folder / one.name
        evidence = judged.walks[one.name]
        walk, verdict = evidence.walk, evidence.delivery.verdict
        assert (folder / evidence.folder / "report.html").is_file()
        assert walk.exit_code == one.exit_code == verdict.exit_code, one.name
        assert verdict.kind == one.kind
        assert (kept / "stderr.log").read_bytes() == b"", one.name
        told = [json.loads(line) for line in (kept / "events.jsonl").read_text().splitlines()]
        assert told[-1]["type"] == "concluded"
        assert (kept / "github" / "event.json").is_file()
        if one.traffic:
            assert walk.traffic is not None
            assert walk.traffic.asked > 20, one.name
            assert walk.traffic.lost == 0, one.name
    assert clone.types("inv", "audit", "--verify").code == 0
    tampered = folder / judged.walks["02-stable"].folder / "record.json"
    tampered.write_bytes(tampered.read_bytes().replace(b"succeeded", b"Succeeded", 1))
    audited = clone.types("inv", "audit", "--verify", "--json")
    table = json.loads(audited.out.splitlines()[0])
    assert (audited.code, table["rows"][0][0]) == (50, "changed"), audited.out
    assert table["rows"][0][1].startswith(f"{folder.name}: production/"), audited.out


@pytest.mark.usefixtures("engine_as_before")
def test_interrupted_or_killed_in_a_failing_rollout_it_leaves_nothing(clone: Here) -> None:
    # Side by side, because each has to walk two good releases first.
    with rehearsing(clone) as interrupted, rehearsing(clone) as killed:
        interrupted.until(rolling_in("08-crash"), WHOLE)
        # A terminal sends Ctrl-C to the whole foreground group.
        os.killpg(interrupted.process.pid, signal.SIGINT)
        began = time.monotonic()
        code = interrupted.process.wait(BOUND)
        interrupted.nothing_is_left(BOUND - (time.monotonic() - began))
        assert code == 130
        assert interrupted.process.stderr
        assert interrupted.process.stderr.read() == ""
        assert list(Path(interrupted.folder).iterdir()) == []
        last = [event for event in interrupted.events if event["type"] == "concluded"][-1]
        assert (last["kind"], last["exit_code"]) == ("interrupted", 130)

        killed.until(rolling_in("08-crash"), WHOLE)
        os.kill(killed.process.pid, signal.SIGKILL)
        assert killed.process.wait(5) == -signal.SIGKILL
        killed.nothing_is_left(BOUND)
