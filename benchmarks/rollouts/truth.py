"""An observer of its own that polls the embedded AWS, not through any judge, for the truth."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

INTERVAL: Final = 0.05
"""Seconds between two polls."""
_AT_ONCE = 20
"""ECS API Reference, DescribeServiceDeployments: up to 20 ARNs."""
_ENDED = frozenset({"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"})


@dataclass(slots=True)
class Truth:
    """What became of one service deployment; times on the monotonic clock.

    Attributes:
        arn: Which one.
        status: Its last status.
        final_at: When the API could first tell how it ends; 0 while it could not.
        breaker_at: When its circuit breaker was first shown as opened; 0 if never.
        known: Set once ``final_at`` is.
        ended: Set once the status is a last one.
    """

    arn: str
    status: str = ""
    final_at: float = 0.0
    breaker_at: float = 0.0
    known: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def settle(self, at: float) -> None:
        """From this moment on the API tells how it ends; the first moment counts."""
        if not self.final_at:
            self.final_at = at
        self.known.set()


class Observer:
    """Polls every service deployment it follows until each is over.

    Args:
        ecs: A client of ECS.
    """

    def __init__(self, ecs: Any) -> None:
        self._ecs = ecs
        self._open: list[Truth] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._gaps: list[float] = []
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Poll as long as the context lasts."""
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()

    def follow(self, arn: str) -> Truth:
        """Follow one service deployment from now on."""
        truth = Truth(arn)
        with self._lock:
            self._open.append(truth)
        return truth

    def resolution(self) -> tuple[float, float]:
        """Seconds between two polls that were really kept: the median, and the worst in 100."""
        if len(self._gaps) < 2:  # noqa: PLR2004  # what quantiles needs
            return 0.0, 0.0
        return statistics.median(self._gaps), statistics.quantiles(self._gaps, n=100)[-1]

    def _run(self) -> None:
        last: float | None = None
        while not self._over.is_set():
            began = time.monotonic()
            with self._lock:
                followed = list(self._open)
            for start in range(0, len(followed), _AT_ONCE):
                self._look(followed[start : start + _AT_ONCE])
            if followed:
                if last is not None:
                    self._gaps.append(began - last)
                last = began
            else:
                last = None
            self._over.wait(max(0.0, began + INTERVAL - time.monotonic()))

    def _look(self, some: list[Truth]) -> None:
        answer = self._ecs.describe_service_deployments(
            serviceDeploymentArns=[one.arn for one in some]
        )
        now = time.monotonic()
        found = {one["serviceDeploymentArn"]: one for one in answer["serviceDeployments"]}
        for truth in some:
            seen = found.get(truth.arn)
            if seen is None:
                continue
            truth.status = seen["status"]
            breaker = (seen.get("deploymentCircuitBreaker") or {}).get("status")
            if breaker == "TRIGGERED" and not truth.breaker_at:
                truth.breaker_at = now
            if truth.status in _ENDED:
                truth.settle(now)
                truth.ended.set()
                with self._lock:
                    self._open.remove(truth)
