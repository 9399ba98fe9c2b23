"""What lives as long as one emulator does: the engine, the target checker, and the threads.

MiniStack keeps its state in module globals, so there is one emulator a process; this is ours.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shipway.errors import SandboxError
from shipway_sandbox.emulator.containers import ContainerEngine
from shipway_sandbox.emulator.targets import Checker

logger = logging.getLogger("shipway_sandbox")


@dataclass(slots=True)
class Emulator:
    """One running emulator.

    Attributes:
        engine: Where containers run.
        checker: Who checks targets.
        port: The port of the endpoint, which is also the registry's.
        minute: Seconds that a minute of bake time or hook time-out lasts here; 60 is AWS's.
        registries: Loopback address → ``ACCOUNT/REGION`` whose registry alone it is.
        stopping: Set once the emulator ends: nothing is launched from then on.
        wake: Set to have the scheduler look at once.
        pins: Image digests by container name, by deployment id (version consistency).
        scans: What the scan API answers, by image digest; see :mod:`.scan`.
        verify_token: Checks a GitHub token's signature and gives its claims.
    """

    engine: ContainerEngine
    checker: Checker
    port: int
    minute: float = 60.0
    registries: Mapping[str, str] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event = field(default_factory=threading.Event)
    pins: dict[str, dict[str, str]] = field(default_factory=dict)
    scans: dict[str, dict[str, Any]] = field(default_factory=dict)
    verify_token: Callable[[str], dict[str, Any]] | None = None


_current: list[Emulator] = []


def begin(emulator: Emulator) -> None:
    """Make this the emulator of the process."""
    _current[:] = [emulator]


def emulator() -> Emulator:
    """The emulator of this process.

    Raises:
        SandboxError: None was begun.
    """
    if not _current:
        raise SandboxError("the emulator has not been started in this process")
    return _current[0]


def engine() -> ContainerEngine:
    """The Docker engine of this run.

    Raises:
        SandboxError: No emulator was begun.
    """
    return emulator().engine


def checker() -> Checker:
    """The checker of every target group's targets.

    Raises:
        SandboxError: No emulator was begun.
    """
    return emulator().checker


def wake() -> None:
    """Have the scheduler look at every service at once."""
    with contextlib.suppress(SandboxError):
        emulator().wake.set()


def in_background(
    function: Callable[..., Any], *args: Any, name: str = "background", **kwargs: Any
) -> None:
    """Run something on its own daemon thread; what it raises is logged, never lost."""

    def run() -> None:
        try:
            function(*args, **kwargs)
        except Exception:
            if not emulator().stopping.is_set():
                logger.exception("%s failed", name)

    threading.Thread(target=run, name=name, daemon=True).start()


def now() -> float:
    """Seconds since the epoch, as ECS reports times (JSON numbers with milliseconds)."""
    return round(time.time(), 3)
