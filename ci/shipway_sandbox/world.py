"""A world to deliver in: joined where one runs in the background, or owned for as long as needed.

What a delivery gets of it is environment variables and nothing else. The same code, without them,
delivers to AWS.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from shipway import errors
from shipway.aws.credentials import Credentials, assume_role_with_web_identity
from shipway.errors import SandboxError, ShipwayError
from shipway.util.disk import writing
from shipway_sandbox import locks, tokens
from shipway_sandbox.engine import bases
from shipway_sandbox.engine.engine import Engine
from shipway_sandbox.plan import WorldPlan
from shipway_sandbox.process import LOCK_FILE, PLAN_FILE, WORLD_FILE
from shipway_sandbox.serve import write_secrets

_END_SECONDS: Final = 20.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A sandbox that answers.

    Attributes:
        pid: The process that owns all of it.
        state: What the embedded AWS says of itself, its secrets included.
        variables: What a delivery's environment must hold; credentials come apart.
        claims: By environment: by which a person at a keyboard gets its role.
        roles: The path and the name of each environment's deploy role.
        engine: What it builds with; ``None`` where nobody may add base images to it.
        bases: Every base image that was seen to → what a person is told where it is a stand-in.
    """

    pid: int
    state: Mapping[str, Any] = field(repr=False)
    variables: Mapping[str, str]
    claims: Mapping[str, Mapping[str, str]]
    roles: Mapping[str, str]
    engine: Engine | None = None
    bases: Mapping[str, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """The URL of the embedded AWS, on the loopback interface."""
        return str(self.state["endpoint"])

    def address(self, balancer: str) -> str:
        """Where a load balancer answers."""
        return f"{self.endpoint}/_alb/{balancer}"

    def account(self, environment: str) -> str:
        """The twelve digits of an environment's account; KeyError where the world has none."""
        return str(self.state["accounts"][environment])

    def role(self, environment: str) -> str:
        """The ARN of an environment's deploy role."""
        return f"arn:aws:iam::{self.account(environment)}:role/{self.roles[environment]}"

    def enter(self, environ: MutableMapping[str, str]) -> None:
        """Make an environment belong to this world; no AWS setting of the caller's stays."""
        for name in [name for name in environ if name.startswith("AWS_")]:
            del environ[name]
        environ.update(self.variables)

    def person(self, environment: str) -> Credentials:
        """Credentials of a person at a keyboard: the environment's deploy role."""
        job = tokens.register(self.state, self.claims[environment])
        return self.assume(environment, tokens.fetch(job), session="laptop")

    def assume(self, environment: str, token: str, *, session: str) -> Credentials:
        """Trade a token for an environment's deploy role.

        Raises:
            AccessDeniedError: The role's trust policy does not accept it.
            AwsError: STS does not accept the token itself.
        """
        return assume_role_with_web_identity(
            role=self.role(environment),
            session=session,
            token=token,
            region=str(self.state["region"]),
            endpoint=self.endpoint,
        )


def running(folder: Path) -> World | None:
    """The background sandbox of this cache folder, if it runs.

    Its lock tells, for a process that was killed keeps its id until somebody has asked for its end.
    """
    try:
        document = json.loads((folder / WORLD_FILE).read_bytes())
        world = World(
            pid=document["pid"],
            state=document["state"],
            variables=document["variables"],
            claims=document["claims"],
            roles=document["roles"],
            # One that an earlier shipway started says neither.
            engine=Engine(**document["engine"]) if "engine" in document else None,
            bases=document.get("bases", {}),
        )
    except (OSError, ValueError, LookupError):
        return None
    return world if locks.held(folder / LOCK_FILE) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What a world takes from this machine.

    Attributes:
        cache: Folder kept between runs.
        dockerfiles: Whose base images will be needed.
    """

    cache: Path
    dockerfiles: tuple[Path, ...] = ()


def background(plan: WorldPlan, folder: Path, needed: Needed, tell: Tell, *, idle: float) -> World:
    """Join the sandbox that runs in the background, or start it; one for each folder.

    Args:
        plan: What it is made of, where it is started.
        folder: Where it keeps its state; named by what it is made of.
        needed: What it takes from this machine.
        tell: Takes progress.
        idle: One that is started ends by itself after so many seconds without a request.

    Raises:
        SandboxError: It could not be started; nothing of it is left running.
        EngineError: There is no Docker engine and none can be started here, or a stand-in for a
            base image cannot be made.
    """
    with _writing(folder), locks.locked(folder / "lock"):
        world = running(folder)
        if world is not None:
            return _joined(world, folder, needed, tell)
        tell("starting the sandbox in the background; `shipway sandbox --down` ends it")
        process = _start(plan, folder, needed, ("--idle", str(idle)))
        try:
            return _ready(process, folder, tell)
        except BaseException:
            # Interrupted: what is only half there is nobody's, and no --down would find it.
            process.terminate()
            process.wait(_END_SECONDS)
            raise


def _joined(world: World, folder: Path, needed: Needed, tell: Tell) -> World:
    """A world that was started for other base images, or for these, with these.

    The caller holds the lock of the folder.
    """
    wanted = bases.named(needed.dockerfiles)
    for reference in wanted:
        if text := world.bases.get(reference):
            tell(text)
    further = [reference for reference in wanted if reference not in world.bases]
    if not further or world.engine is None:
        return world
    adopted = bases.adopt(world.engine, further, needed.cache, tell)
    joined = replace(
        world,
        variables={**world.variables, **adopted.variables(world.variables)},
        bases={**world.bases, **adopted.notices},
    )
    changes = {"variables": joined.variables, "bases": joined.bases}
    file = folder / WORLD_FILE
    # It is gone where the sandbox ends at this very moment; then the delivery tells.
    with contextlib.suppress(FileNotFoundError):
        write_secrets(file, {**json.loads(file.read_bytes()), **changes})
    return joined


def end(folder: Path) -> bool:
    """End the background sandbox and all it started, also one that still starts.

    Returns:
        Whether there was one.

    Raises:
        SandboxError: It did not end in time.
    """
    lock = folder / LOCK_FILE
    pid = locks.holder(lock)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    # It takes its address away first, and then what it started: its lock tells when all has ended.
    locks.wait(lock, _END_SECONDS, f"the sandbox (process {pid})")
    return True


@contextlib.contextmanager
def owned(plan: WorldPlan, run: Path, needed: Needed, tell: Tell) -> Iterator[World]:
    """A sandbox of our own, which ends with the context or with this process, kill -9 included.

    Args:
        plan: What it is made of.
        run: Folder of this run: logs and secrets.
        needed: What it takes from this machine.
        tell: Takes progress.

    Raises:
        SandboxError: It could not be started.
        EngineError: There is no Docker engine and none can be started here.
    """
    reading, writing = os.pipe()
    try:
        with _writing(run):
            process = _start(plan, run, needed, ("--owner-fd", str(reading)), keep=(reading,))
    finally:
        os.close(reading)
    try:
        yield _ready(process, run, tell)
    finally:
        os.close(writing)
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _writing(folder: Path) -> contextlib.AbstractContextManager[None]:
    return writing("the sandbox's state", folder, SandboxError, needs="about 1 GB")


def _start(
    plan: WorldPlan,
    run: Path,
    needed: Needed,
    further: tuple[str, ...],
    *,
    keep: tuple[int, ...] = (),
) -> subprocess.Popen[str]:
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_secrets(run / PLAN_FILE, plan.written())
    files = [word for file in needed.dockerfiles for word in ("--dockerfile", str(file))]
    with (run / "process.log").open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "shipway_sandbox.process",
                "--run",
                str(run),
                "--cache",
                str(needed.cache),
                *files,
                *further,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            pass_fds=keep,
            # Ctrl-C is ours to handle: the sandbox ends when we let go of it.
            start_new_session=True,
        )


def _ready(process: subprocess.Popen[str], run: Path, tell: Tell) -> World:
    """Pass its progress on until it is ready, or raise what it met."""
    stream = process.stdout
    if stream is None:
        raise SandboxError("the sandbox cannot be listened to")
    for line in stream:
        text = line.rstrip("\n")
        if text == "ready":
            world = running(run)
            if world is not None:
                return world
            break
        if text.startswith('{"error"'):
            raise _as_error(json.loads(text))
        tell(text)
    process.wait(_END_SECONDS)
    log = run / "process.log"
    raise SandboxError(
        f"the sandbox ended at its start with {process.returncode}",
        where=str(log),
        details=tuple(log.read_text(errors="replace").splitlines()[-5:]),
        remedy="see that log; pip install 'shipway[sandbox]' where a module is missing",
    )


def _as_error(document: Mapping[str, Any]) -> ShipwayError:
    """An error as the sandbox's own process met it."""
    kind = getattr(errors, str(document["error"]), SandboxError)
    error: ShipwayError = kind(
        document["what"],
        where=document["where"],
        remedy=document["remedy"],
        details=tuple(document["details"]),
    )
    return error
