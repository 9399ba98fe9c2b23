"""Targets of a target group: health that is really checked, draining, and a fair choice.

Pure state in :class:`RegisteredTarget`; :class:`Checker` is the one place that opens connections.
Elastic Load Balancing, "Health checks for Application Load Balancer target groups" gives states,
reason codes and descriptions.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shipway_sandbox.plan import matches

_FIRST_CHECK_RETRY_SECONDS = 0.2
"""How often a new target that does not listen yet is asked again within its first interval.

Elastic Load Balancing counts one failure an interval; so does this. Asking more often before the
first interval is over only lets a container that starts in 300 ms be healthy after 300 ms.
"""

_NEW = ("Elb.InitialHealthChecking", "Initial health checks in progress")
_DRAINING = ("Target.DeregistrationInProgress", "Target deregistration is in progress")
_UNUSED = (
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)


@dataclass(frozen=True, slots=True)
class Check:
    """A target group's health check settings; times in seconds."""

    path: str = "/"
    port: str = "traffic-port"
    codes: str = "200"
    interval: float = 30.0
    timeout: float = 5.0
    healthy: int = 5
    unhealthy: int = 2

    def accepts(self, status: int) -> bool:
        """Whether the matcher takes this code: ``200``, ``200,302`` or ``200-299``."""
        return matches(self.codes, status)


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """What one check found; ``reason`` is empty when it passed."""

    reason: str = ""
    description: str = ""


PASSED = ProbeOutcome()


@dataclass(slots=True)
class RegisteredTarget:
    """One registered address and what is known of it. Guarded by the table's lock."""

    group: str
    id: str
    port: int
    deployment: str = ""
    state: str = "initial"
    reason: str = _NEW[0]
    description: str = _NEW[1]
    passes: int = 0
    failures: int = 0
    in_flight: int = 0
    registered: float = field(default_factory=time.monotonic)

    @property
    def key(self) -> tuple[str, str, int]:
        """Group, address and port: what makes a target the same target."""
        return self.group, self.id, self.port


def judge(target: RegisteredTarget, outcome: ProbeOutcome, check: Check) -> bool:
    """Count one outcome in; the answer says whether the target's state changed."""
    before = target.state
    if target.state == "draining":
        return False
    if not outcome.reason:
        target.passes, target.failures = target.passes + 1, 0
        # "A newly registered target needs to pass only one health check to be considered healthy."
        if target.state == "initial" or target.passes >= check.healthy:
            target.state, target.reason, target.description = "healthy", "", ""
    else:
        target.passes, target.failures = 0, target.failures + 1
        if target.failures >= check.unhealthy:
            target.state = "unhealthy"
            target.reason, target.description = outcome.reason, outcome.description
    return target.state != before


def choose(
    candidates: list[RegisteredTarget], turn: int, weights: Mapping[str, float]
) -> RegisteredTarget | None:
    """Pick the target for the next request, or ``None`` where none is registered.

    Healthy ones first; "if a target group contains only unhealthy registered targets, the load
    balancer routes requests to all those targets". ``weights`` splits traffic by deployment;
    a deployment that it does not name takes part unweighted.
    """
    serving = [target for target in candidates if target.state != "draining"]
    healthy = [target for target in serving if target.state == "healthy"]
    pool = healthy or serving
    if weights:
        share = {key: value for key, value in weights.items() if value > 0}
        weighted = [
            target
            for target in pool
            if target.deployment in share or target.deployment not in weights
        ]
        pool = weighted or pool
        present = sorted({target.deployment for target in pool})
        if len(present) > 1:
            slot, total = (turn * 37) % 100, 0.0
            for deployment in present:
                total += share.get(deployment, 0.0)
                if slot < total:
                    pool = [target for target in pool if target.deployment == deployment]
                    break
    return pool[turn % len(pool)] if pool else None


class Checker:
    """Every target of every group, each checked on its own clock in one background event loop.

    Args:
        settings: Gives a group's health check settings; ``None`` once the group is gone.
        changed: Called, without a lock held, when any target's state changed.
    """

    def __init__(
        self, settings: Callable[[str], Check | None], changed: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._changed = changed
        self._targets: dict[tuple[str, str, int], RegisteredTarget] = {}
        self._lock = threading.Lock()
        self._turn = itertools.count()
        self._idle = threading.Condition(self._lock)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="target-health", daemon=True
        )
        self.weights: dict[str, dict[str, float]] = {}

    def start(self) -> None:
        """Begin checking, on a thread of its own; targets may be registered before."""
        self._thread.start()

    def stop(self) -> None:
        """End all checks; nothing is called afterwards."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    def register(
        self, group: str, address: str, port: int, deployment: str = ""
    ) -> RegisteredTarget:
        """Add a target and check it at once; one that is there already is given back."""
        with self._lock:
            target = RegisteredTarget(group, address, port, deployment)
            known = self._targets.get(target.key)
            if known is not None and known.state != "draining":
                return known
            self._targets[target.key] = target
        asyncio.run_coroutine_threadsafe(self._watch(target), self._loop)
        return target

    def deregister(self, group: str, address: str, port: int, *, drain: float) -> None:
        """Send no new request to a target, and wait until those under way have ended.

        "If a deregistering target has no in-flight requests and no active connections, Elastic
        Load Balancing immediately completes the deregistration process"; ``drain`` is the longest
        it waits, in seconds.
        """
        with self._idle:
            target = self._targets.get((group, address, port))
            if target is None:
                return
            target.state = "draining"
            target.reason, target.description = _DRAINING
            self._idle.wait_for(lambda: target.in_flight == 0, timeout=drain)
            if self._targets.get(target.key) is target:
                del self._targets[target.key]

    def of(self, group: str) -> list[RegisteredTarget]:
        """The targets of one group, in the order in which they were registered."""
        with self._lock:
            return [target for target in self._targets.values() if target.group == group]

    def find(self, group: str, address: str, port: int) -> RegisteredTarget | None:
        """One target, also while it drains; ``None`` where none is registered so."""
        with self._lock:
            return self._targets.get((group, address, port))

    def take(self, group: str) -> RegisteredTarget | None:
        """Choose a target for one request and count the request as under way."""
        with self._lock:
            members = [target for target in self._targets.values() if target.group == group]
            target = choose(members, next(self._turn), self.weights.get(group, {}))
            if target is not None:
                target.in_flight += 1
            return target

    def release(self, target: RegisteredTarget) -> None:
        """Say that a request which :meth:`take` counted has ended."""
        with self._idle:
            target.in_flight -= 1
            self._idle.notify_all()

    async def _watch(self, target: RegisteredTarget) -> None:
        while self.find(*target.key) is target and target.state != "draining":
            check = self._settings(target.group)
            if check is None:
                return
            began = time.monotonic()
            outcome = await self._outcome(target, check)
            with self._lock:
                changed = judge(target, outcome, check)
            if changed:
                self._changed()
            await asyncio.sleep(max(0.0, began + check.interval - time.monotonic()))

    async def _outcome(self, target: RegisteredTarget, check: Check) -> ProbeOutcome:
        outcome, refused = await probe(target, check)
        if target.state == "initial" and target.failures == 0:
            deadline = time.monotonic() + check.interval
            while refused and time.monotonic() < deadline and target.state != "draining":
                await asyncio.sleep(_FIRST_CHECK_RETRY_SECONDS)
                outcome, refused = await probe(target, check)
        return outcome


async def probe(target: RegisteredTarget, check: Check) -> tuple[ProbeOutcome, bool]:
    """Ask a target once over HTTP; the second answer says that nothing was listening."""
    port = int(check.port) if check.port.isdigit() else target.port
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(check.timeout):
            reader, writer = await asyncio.open_connection(target.id, port)
            writer.write(
                f"GET {check.path} HTTP/1.1\r\nHost: {target.id}:{port}\r\n"
                "Connection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n".encode()
            )
            await writer.drain()
            status = int((await reader.readline()).split()[1])
    except TimeoutError:
        return ProbeOutcome("Target.Timeout", "Request timed out"), False
    except OSError:
        return ProbeOutcome("Target.FailedHealthChecks", "Health checks failed"), writer is None
    except (ValueError, IndexError):
        return ProbeOutcome("Target.FailedHealthChecks", "Health checks failed"), False
    finally:
        if writer is not None:
            writer.close()
    if check.accepts(status):
        return PASSED, False
    return (
        ProbeOutcome(
            "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]"
        ),
        False,
    )


def shown(target: RegisteredTarget, *, used: bool) -> dict[str, Any]:
    """A target as DescribeTargetHealth shows it; one of a group without a listener is unused."""
    if not used and target.state != "draining":
        return {"state": "unused", "reason": _UNUSED[0], "description": _UNUSED[1]}
    return {"state": target.state, "reason": target.reason, "description": target.description}
