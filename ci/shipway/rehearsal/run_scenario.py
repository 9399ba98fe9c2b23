"""One walk: GitHub's event, the OIDC step, and the very task code that CI runs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from shipway.embedded.blueprint import Blueprint
from shipway.errors import SandboxError, ShipwayError
from shipway.evidence.store import RecordStore
from shipway.rehearsal import variants
from shipway.rehearsal.checkout import Checkout, Edit
from shipway.rehearsal.criteria import RECORD, WALK
from shipway.rehearsal.findings import known_by_then
from shipway.rehearsal.observation import (
    Observation,
    OidcFact,
    PlannedFact,
    RefusedTokenFact,
    TrafficFact,
)
from shipway.rehearsal.scenarios import DENIED, Scenario
from shipway.rehearsal.secret import nobodys_secret, with_secret
from shipway.rehearsal.traffic import Counted, TrafficProbe
from shipway.rollout.ports import Prober
from shipway_sandbox import github, tokens
from shipway_sandbox.compute import registry_of
from shipway_sandbox.world import World

# What a hosted runner has of this machine; nothing of the caller's AWS or GitHub leaks in.
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "SSL_CERT_FILE")
_END_SECONDS: Final = 8.0
_ALL_SECONDS: Final = 1.5
"""What deliveries that run side by side may take to end, all of them together."""
_HOLD_SECONDS: Final = 1.0
"""For how long a good release is held: what a rehearsal's releases do, they do at once."""

Show = Callable[[Mapping[str, Any]], None]


class Deliveries:
    """The deliveries that run, so that whoever is interrupted can end those of other threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing more is to begin."""
        return self._closed

    def begin(self, process: subprocess.Popen[str]) -> None:
        """One has started."""
        with self._lock:
            self._running.add(process)
            if self._closed:
                process.terminate()

    def ended(self, process: subprocess.Popen[str]) -> None:
        """One has ended."""
        with self._lock:
            self._running.discard(process)

    def end(self) -> None:
        """End every one: it is told to, may write its record, and is killed where it takes long.

        One that starts later is told at once.
        """
        with self._lock:
            self._closed = True
            running = tuple(self._running)
        _end(running, _ALL_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioContext:
    """What every walk is given.

    Attributes:
        world: The sandbox.
        checkout: The repository that is released from.
        evidence: The rehearsal's folder: one chain of records.
        prober: Asks addresses.
        blueprint: What the sandbox is made of.
        context: The named build context of releases that must fail.
        planned: Everything that the rehearsal walks.
        deliveries: What runs at the moment, of every walk.
    """

    world: World
    checkout: Checkout
    evidence: Path
    prober: Prober
    blueprint: Blueprint
    context: Path
    planned: tuple[PlannedFact, ...]
    deliveries: Deliveries = field(default_factory=Deliveries)

    def customers(self, environment: str) -> TrafficProbe:
        """Whoever asks in an environment: the first service that has an address, for its health."""
        layer = self.blueprint.layer(environment)
        service = next(service for service in layer.services if service.port)
        address = f"{self.world.address(service.balancer)}{service.health_path}"
        return TrafficProbe(self.prober, address, service.answers_well)

    def repository(self, environment: str) -> str:
        """The image repository of an environment with its registry; empty where it has none."""
        if not environment:
            return ""
        layer = self.blueprint.layer(environment)
        return f"{registry_of(self.world.state, layer)}/{layer.repository}"

    @property
    def root(self) -> Path:
        """The repository from which the rehearsal was started."""
        return self.evidence.parents[1]


def walk(one: Scenario, stage: ScenarioContext, number: int, show: Show) -> None:
    """Carry a walk out and keep what was seen beside its record; it fails only if the sandbox does.

    Args:
        one: The walk.
        stage: What it happens on.
        number: The number of GitHub's run.
        show: Takes each JSON event of the delivery as it is told.
    """
    kept = stage.evidence / one.name
    kept.mkdir(parents=True)
    if one.again:
        before = stage.evidence / _record(stage.evidence / one.again, stage.evidence)
        one = known_by_then(one, before, stage.world.state)
    workspace = stage.checkout.folder
    sha = stage.checkout.release(one.variant, one.title, _edit(one, stage))
    after = stage.checkout.tag(one.ref)
    event = _event(one, sha, kept, workspace, number, repository=stage.blueprint.repository)
    event = replace(event, payload={**event.payload, **_pushed(one, after)})
    event.write()
    environ = _environment(stage.world, event)
    # What a walk leaves in a temporary folder when it is ended goes with the rehearsal's own.
    scratch = stage.checkout.folder.parent / "tmp"
    scratch.mkdir(exist_ok=True)
    environ["TMPDIR"] = str(scratch)
    environ["SHIPWAY_EVIDENCE"] = str(stage.evidence)
    environ["SHIPWAY_BUILD_CONTEXTS"] = "\n".join(
        (environ.get("SHIPWAY_BUILD_CONTEXTS", ""), f"{variants.CONTEXT}={stage.context}")
    )
    environ["SHIPWAY_LONGEST_HOLD"] = f"{_HOLD_SECONDS:g}"
    oidc = _sign_in(one, stage.world, event, environ)
    probe = stage.customers(one.environment) if one.traffic else nullcontext()
    with probe as asking:
        command = _command(one, stage.repository(one.environment))
        code = _run(command, workspace, environ, kept, show, deliveries=stage.deliveries)
    observation = Observation(
        name=one.name,
        title=one.title,
        event=one.event,
        ref=one.ref,
        planned=stage.planned,
        exit_code=code,
        expected_exit_code=one.exit_code,
        expected_kind=one.kind,
        oidc=oidc,
        traffic=_traffic(asking.counted()) if asking is not None else None,
    )
    record = _record(kept, stage.evidence)
    RecordStore(stage.evidence).add(record, {WALK: observation.written()})


def _edit(one: Scenario, stage: ScenarioContext) -> Edit | None:
    """What a walk changes in delivery.toml; ``None`` for nothing."""
    if one.cause != DENIED:
        return None
    layer = stage.blueprint.layer(one.environment)
    source = nobodys_secret(stage.world.state, layer)
    return partial(
        with_secret,
        environment=one.environment,
        services=[service.key for service in layer.services],
        source=source,
    )


def _traffic(counted: Counted) -> TrafficFact:
    return TrafficFact(asked=counted.asked, lost=counted.lost, answers=counted.answers)


def _event(
    one: Scenario,
    sha: str,
    kept: Path,
    workspace: Path,
    number: int,
    *,
    repository: github.GithubRepository,
) -> github.GithubEvent:
    return github.event(
        one.event,
        ref=one.ref,
        sha=sha,
        folder=kept / "github",
        workspace=workspace,
        repository=repository,
        run=github.Run(id=9_000_000_000 + number, number=number, environment=one.environment),
        head_ref="feature/x" if one.event == "pull_request" else "",
    )


def _pushed(one: Scenario, after: str) -> dict[str, str]:
    """What a push's event says of an annotated tag: the tag object, not the commit."""
    return {"after": after} if one.event == "push" else {}


def _environment(world: World, event: github.GithubEvent) -> dict[str, str]:
    environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
    world.enter(environ)
    environ.update(event.environment)
    return environ


def _sign_in(
    one: Scenario, world: World, event: github.GithubEvent, environ: dict[str, str]
) -> OidcFact:
    """The OIDC step. A run that no role trusts goes on without credentials, as it would at GitHub.

    Beside the right token of a good walk, tokens that must be refused are tried, and what STS said
    is kept.
    """
    if not event.may_ask_for_tokens:
        return OidcFact()
    job = tokens.register(world.state, event.claims)
    environ.update(job)
    if not one.environment:
        return OidcFact()
    token = tokens.fetch(job)
    credentials = world.assume(one.environment, token, session=f"github-{event.claims['run_id']}")
    environ.update(credentials.variables())
    false_tokens = () if one.exit_code else _false_tokens(world, event, token)
    return OidcFact(
        role=world.role(one.environment),
        access_key_id=credentials.access_key_id,
        claims=tokens.claims_of(token),
        refused=tuple(
            _refused(world, one.environment, what, false) for what, false in false_tokens
        ),
    )


def _false_tokens(
    world: World, event: github.GithubEvent, token: str
) -> tuple[tuple[str, str], ...]:
    def other(**claims: str) -> str:
        return tokens.fetch(tokens.register(world.state, {**event.claims, **claims}))

    branch = "refs/heads/feature/x"
    ours = str(event.claims["repository"])
    stranger = f"mallory/{ours.partition('/')[2]}"
    return (
        ("a token of another branch", other(sub=f"repo:{ours}:ref:{branch}", ref=branch)),
        (
            "a token of another repository",
            other(
                sub=str(event.claims["sub"]).replace(ours, stranger),
                repository=stranger,
                repository_id="666",
            ),
        ),
        ("a token with a forged signature", tokens.forged(token)),
        (
            "a token for another audience",
            tokens.fetch(tokens.register(world.state, event.claims), "somebody.example"),
        ),
    )


def _refused(world: World, environment: str, what: str, token: str) -> RefusedTokenFact:
    try:
        world.assume(environment, token, session="mallory")
    except ShipwayError as error:
        return RefusedTokenFact(what=what, refused=True, said=error.what)
    return RefusedTokenFact(what=what, refused=False)


def _command(one: Scenario, repository: str) -> list[str]:
    command = [*_tied(), sys.executable, "-m", "shipway", "deploy", "--json"]
    if one.image:
        command += ["--image", f"{repository}@{one.image}"]
    return command


def _tied() -> tuple[str, ...]:
    """Words that have the kernel end a command when we die, ``kill -9`` included.

    Without them it would go on alone, and watch a rollout whose AWS is gone (prctl(2),
    PR_SET_PDEATHSIG).
    """
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", "--") if setpriv else ()


def _run(
    command: list[str],
    workspace: Path,
    environ: Mapping[str, str],
    kept: Path,
    show: Show,
    *,
    deliveries: Deliveries,
) -> int:
    """Run it, pass each event on as it comes, keep all of them; bounded by our own end."""
    with (
        (kept / "events.jsonl").open("w", encoding="utf-8") as events,
        (kept / "stderr.log").open("wb") as errors,
    ):
        process = subprocess.Popen(
            command,
            cwd=workspace,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        deliveries.begin(process)
        try:
            for line in process.stdout or ():
                events.write(line)
                show(_parsed(line))
            return process.wait()
        finally:
            _end((process,), _END_SECONDS)
            deliveries.ended(process)
            if process.stdout is not None:
                process.stdout.close()


def _parsed(line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _end(processes: Sequence[subprocess.Popen[str]], seconds: float) -> None:
    """Nothing that a walk started outlives it: SIGTERM lets it write its record, then SIGKILL.

    Args:
        processes: What is to end; what has ended is left alone.
        seconds: How long all of them together may take after SIGTERM.
    """
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + seconds
    for process in processes:
        try:
            process.wait(max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _record(kept: Path, evidence: Path) -> str:
    """Where the delivery says that its record lies, below the rehearsal's evidence.

    Raises:
        SandboxError: It left none.
    """
    told = [_parsed(line) for line in (kept / "events.jsonl").read_text("utf-8").splitlines()]
    folders = [Path(str(one["evidence"])) for one in told if one.get("evidence")]
    if not folders or not (folders[-1] / RECORD).is_file():
        raise SandboxError(
            "the delivery left no record",
            where=str(kept),
            remedy=f"see {kept / 'stderr.log'} and events.jsonl beside it",
        )
    return (folders[-1].relative_to(evidence) / RECORD).as_posix()
