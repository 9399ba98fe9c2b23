"""Bring MiniStack up, corrected: environment first, then its modules, then our threads."""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import importlib
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shipway_sandbox.emulator import state
from shipway_sandbox.emulator.containers import ContainerEngine, process_start
from shipway_sandbox.emulator.corrections import CORRECTIONS
from shipway_sandbox.emulator.targets import Checker
from shipway_sandbox.issuer import Issuer

_OURS = "shipway_sandbox.emulator."
# No folder can be made below a device: what MiniStack cannot keep, it has in memory.
_NOWHERE = f"{os.devnull}/ministack"
_CORRECTED = (
    "alb",
    "api",
    "answers.revise",
    "cloudformation",
    "deployments",
    "ecr",
    "ecs",
    "iam",
    "images",
    "launching",
    "logs",
    "registry",
    "rollout",
    "scan",
    "scheduler",
    "schedules",
    "stack_definitions",
    "stack_drift",
    "stack_names",
    "stack_resources",
    "stack_services",
    "sts",
    "task_health",
    "task_start",
    "tasks",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an emulator is to be.

    Attributes:
        port: Where it listens, on 127.0.0.1 only.
        region: The one region.
        account: The account of requests that name none.
        docker: The engine's address; empty takes it from the environment.
        without: Corrections to leave out.
        minute: Seconds that a minute of bake time lasts.
        registries: Loopback address → ``ACCOUNT/REGION`` whose registry alone it is.
    """

    port: int
    region: str
    account: str
    docker: str = ""
    without: tuple[str, ...] = ()
    minute: float = 60.0
    registries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """A running emulator: its ASGI application, secrets, and how to end it."""

    application: Any
    run: str
    root_secret: str
    admin_secret: str
    issuer: Issuer


def new_run() -> str:
    """An identity for this process's sandbox: its pid, when it started, and a random part."""
    return f"{os.getpid()}-{process_start(os.getpid()) or 0}-{secrets.token_hex(5)}"


def set_environment(settings: Settings, root_secret: str) -> None:
    """Say to MiniStack what it reads while it is imported.

    A person's own AWS settings are taken out first: MiniStack treats the configured key as root.
    """
    for name in [variable for variable in os.environ if variable.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        GATEWAY_PORT=str(settings.port),
        BIND_HOST="127.0.0.1",
        MINISTACK_HOST="localhost",
        MINISTACK_ACCOUNT_ID=settings.account,
        MINISTACK_REGION=settings.region,
        AUTH="true",
        PERSIST_STATE="0",
        # Else below /tmp, under names that anybody on this machine can have taken: with a pipe for
        # a key, or a link to where one is to be written.
        STATE_DIR=_NOWHERE,
        S3_DATA_DIR=_NOWHERE,
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LOG_LEVEL="ERROR",
        ALB_TARGET_CONNECT_TIMEOUT_SECONDS="1",
        # Root of an account is its number as the key's id, with this run's own secret.
        AWS_ACCESS_KEY_ID=f"shipway-{secrets.token_hex(8)}",
        AWS_SECRET_ACCESS_KEY=root_secret,
    )
    if settings.docker:
        os.environ["DOCKER_HOST"] = settings.docker


def load(without: Iterable[str] = ()) -> tuple[str, ...]:
    """Import MiniStack and put the corrections in place.

    Raises:
        SandboxError: MiniStack is another version or lacks a listed name, or the list of known
            differences and our functions do not fit.
        ImportError: MiniStack is missing.
    """
    for name in _CORRECTED:
        importlib.import_module(_OURS + name)
    return CORRECTIONS.apply(without)


def start(settings: Settings, run: str, ready: Callable[[], Awaitable[None]]) -> Hosted:
    """Start everything but the listening.

    Raises:
        EngineError: No Docker engine answers.
        SandboxError: MiniStack cannot be corrected.
    """
    root_secret, admin_secret = secrets.token_urlsafe(30), secrets.token_urlsafe(30)
    set_environment(settings, root_secret)
    engine = ContainerEngine(run, settings.docker or None)
    engine.sweep()
    load(settings.without)
    narrow = importlib.import_module(_OURS + "door.narrow")
    narrow.narrow()
    from shipway_sandbox.emulator import alb, gateway, scheduler, tasks  # noqa: PLC0415  # see top

    ecs = importlib.import_module("ministack.services.ecs")
    issuer = Issuer(f"http://localhost:{settings.port}/_github")
    emulator = state.Emulator(
        engine=engine,
        checker=Checker(alb.settings, state.wake),
        port=settings.port,
        minute=settings.minute,
        registries=settings.registries,
        verify_token=issuer.verify,
    )
    state.begin(emulator)
    engine.make_network()
    emulator.checker.start()

    def find(arn: str) -> dict[str, Any] | None:
        task: dict[str, Any] | None = next(
            (known for known in ecs._tasks.all_values() if known["taskArn"] == arn), None
        )
        return task

    state.in_background(tasks.watch_engine, find, name="engine-events")
    state.in_background(scheduler.run, name="ecs-scheduler")
    return Hosted(
        application=gateway.Gateway(issuer, admin_secret, settings.port, ready),
        run=run,
        root_secret=root_secret,
        admin_secret=admin_secret,
        issuer=issuer,
    )


def stop() -> None:
    """Launch nothing any more, and remove every container, network and image of this run."""
    emulator = state.emulator()
    emulator.stopping.set()
    emulator.wake.set()
    emulator.checker.stop()
    emulator.engine.clean()
