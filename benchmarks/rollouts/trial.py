"""One judge, one rollout: from a steady service to what was said, what was true, and when."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from benchmarks.rollouts.ground import Ground, Grounds, credentials
from benchmarks.rollouts.judges import BOUND, ROOT, Judge, Word
from benchmarks.rollouts.kinds import Kind
from benchmarks.rollouts.proof import Proof, proof
from benchmarks.rollouts.proxy import Calls, counting
from benchmarks.rollouts.truth import Observer, Truth

from shipway.errors import SandboxError
from shipway_sandbox.world import World

_START_SECONDS = 90.0  # four commands of the aws command line, on a machine that is busy
_TRUTH_SECONDS = 60.0
_KILL_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it. Times are seconds from the answer of UpdateService; ``None``: never.

    Attributes:
        kind: The kind of rollout.
        judge: Who judged.
        said: The verdict; ``silent`` where the bound came first.
        text: In its own words.
        said_at: When.
        announced_at: When it first said that the rollout is failing.
        status: How our service deployment really ended.
        final_at: When the API could first tell.
        breaker_at: When the circuit breaker was first shown as opened.
        calls: API calls by operation.
        began: When UpdateService was answered.
        proof: The failure that proves the end; asked for where announcements are of interest.
    """

    kind: Kind
    judge: Judge
    said: Literal["good", "bad", "silent"]
    text: str
    said_at: float | None
    announced_at: float | None
    status: str
    final_at: float | None
    breaker_at: float | None
    calls: Counter[str]
    began: datetime
    proof: Proof | None = None


class Court:
    """Holds trials, some at the same time.

    Args:
        world: The sandbox.
        grounds: Makes the services.
        observer: Knows the truth.
        at_once: How many rollouts may be under way; who only waits does not count.
    """

    def __init__(self, world: World, grounds: Grounds, observer: Observer, at_once: int) -> None:
        self._world = world
        self._grounds = grounds
        self._observer = observer
        self._room = threading.Semaphore(at_once)
        self._closed = threading.Event()

    def close(self) -> None:
        """Begin nothing more, and wait for nobody: a trial could not be held."""
        self._closed.set()

    def hold(self, name: str, kind: Kind, judge: Judge) -> Result:
        """One trial on a service of this name.

        Raises:
            SandboxError: The rollout did not begin, or has no end; or the court is closed.
        """
        with contextlib.ExitStack() as room:
            room.enter_context(self._room)
            if self._closed.is_set():
                raise SandboxError(f"{name}: not held")
            ground = self._grounds.make(name, kind)
            with counting(self._world.endpoint) as (url, calls):
                session = _Session(judge, ground, _environment(self._world, url))
                try:
                    truth = self._begin(session, calls, ground)
                    self._until(lambda: truth.ended.is_set() or session.over.is_set(), BOUND)
                    self._until(truth.ended.is_set, _TRUTH_SECONDS)
                    # From here on it only waits: somebody else may roll out.
                    room.close()
                    left = calls.updated_at + BOUND - time.monotonic()
                    self._until(session.over.is_set, left)
                finally:
                    session.end()
                if not truth.ended.is_set():
                    raise SandboxError(f"{name}: still {truth.status} long after the verdict")
            proven = None
            if judge.failures_only:
                proven = proof(self._grounds.launched(ground), kind.desired)
            self._grounds.remove(ground)
        return replace(_result(kind, judge, session, truth, calls), proof=proven)

    def _begin(self, session: _Session, calls: Calls, ground: Ground) -> Truth:
        self._until(lambda: calls.updated.is_set() or session.over.is_set(), _START_SECONDS)
        if not calls.updated.is_set():
            raise SandboxError(
                f"{ground.name}: {session.judge.name} did not update the service",
                details=tuple(session.lines[-5:]),
            )
        truth = self._observer.follow(calls.service_deployment)
        if ground.kind.meddling:
            time.sleep(max(0.0, calls.updated_at + ground.kind.after - time.monotonic()))
            self._grounds.meddle(ground, truth)
        return truth

    def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline and not self._closed.is_set():
            time.sleep(0.05)


class _Session:
    """A judge as a process, and its words as they come."""

    def __init__(self, judge: Judge, ground: Ground, environment: Mapping[str, str]) -> None:
        self.judge = judge
        self.over = threading.Event()
        self.lines: list[str] = []
        self.words: list[tuple[float, Word]] = []
        self._process = subprocess.Popen(
            judge.command(ground),
            env=dict(environment),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def end(self) -> None:
        """End it, if it has not."""
        if not self.over.is_set():
            self._process.terminate()
        try:
            self._process.wait(_KILL_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        with stream:
            for line in stream:
                now = time.monotonic()
                self.lines.append(line.rstrip())
                word = self.judge.read(line.rstrip())
                if word is not None:
                    self.words.append((now, word))
        code = self._process.wait()
        if code > 0 and not any(word.kind != "announced" for _, word in self.words):
            text = next((line for line in reversed(self.lines) if line), f"exit {code}")
            self.words.append((time.monotonic(), Word(kind="bad", text=text)))
        self.over.set()


def _environment(world: World, url: str) -> Mapping[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONUNBUFFERED": "1",
        "LC_ALL": "C.UTF-8",
        **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        "AWS_ENDPOINT_URL": world.endpoint,
        "HTTP_PROXY": url,
        "http_proxy": url,
        "AWS_REGION": str(world.state["region"]),
        "AWS_DEFAULT_REGION": str(world.state["region"]),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **credentials(world).variables(),
    }


def _result(kind: Kind, judge: Judge, session: _Session, truth: Truth, calls: Calls) -> Result:
    def since(moment: float | None) -> float | None:
        return moment - calls.updated_at if moment else None

    verdict = next(((at, word) for at, word in session.words if word.kind != "announced"), None)
    failing = next((at for at, word in session.words if word.kind != "good"), None)
    said: Literal["good", "bad", "silent"] = "silent"
    if verdict is not None:
        said = "good" if verdict[1].kind == "good" else "bad"
    return Result(
        kind=kind,
        judge=judge,
        said=said,
        text=verdict[1].text if verdict else f"nothing within {BOUND} s",
        said_at=since(verdict[0]) if verdict else None,
        announced_at=since(failing),
        status=truth.status,
        final_at=since(truth.final_at),
        breaker_at=since(truth.breaker_at),
        calls=calls.counts,
        began=calls.updated_on,
    )
