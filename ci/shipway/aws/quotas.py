"""Stay below what ECS takes: a call waits for its turn, instead of being throttled and tried again.

ECS throttles an account's calls in each region by category, in token buckets: so many at once, and
so many a second ever after (Request throttling for the Amazon ECS API,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/request-throttling.html).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Quota:
    """One category: calls at once, and calls a second that the bucket is refilled with."""

    burst: float
    a_second: float


_DEFINITIONS_MODIFY: Final = Quota(20, 1)
_DEFINITIONS_READ: Final = Quota(50, 20)
_SERVICES_MODIFY: Final = Quota(50, 5)
_SERVICES_READ: Final = Quota(100, 20)
_DEPLOYMENTS: Final = Quota(50, 20)
_REVISIONS: Final = Quota(50, 20)
_RESOURCES_MODIFY: Final = Quota(100, 40)
_RESOURCES_READ: Final = Quota(100, 20)

CATEGORIES: Final[Mapping[str, tuple[str, Quota]]] = {
    "DeregisterTaskDefinition": ("task definition modify", _DEFINITIONS_MODIFY),
    "RegisterTaskDefinition": ("task definition modify", _DEFINITIONS_MODIFY),
    "DescribeTaskDefinition": ("task definition read", _DEFINITIONS_READ),
    "ListTaskDefinitions": ("task definition read", _DEFINITIONS_READ),
    "UpdateService": ("service modify", _SERVICES_MODIFY),
    "DescribeServices": ("service read", _SERVICES_READ),
    "ListServices": ("service read", _SERVICES_READ),
    "DescribeServiceDeployments": ("service deployment", _DEPLOYMENTS),
    "ListServiceDeployments": ("service deployment", _DEPLOYMENTS),
    "DescribeServiceRevisions": ("service revision", _REVISIONS),
    "RunTask": ("cluster resource modify", _RESOURCES_MODIFY),
    "DescribeTasks": ("cluster resource read", _RESOURCES_READ),
    "ListTasks": ("cluster resource read", _RESOURCES_READ),
}
"""What ECS says of each operation that is made here: the category and its bucket."""
SHARE: Final = 0.9
"""Of a bucket, and of its refill: the rest is left to whoever else works in the account."""


class _Bucket:
    """Tokens of one category; below zero where calls wait for theirs already."""

    def __init__(self, quota: Quota, now: float) -> None:
        self._most = quota.burst * SHARE
        self._a_second = quota.a_second * SHARE
        self._tokens = self._most
        self._at = now

    def take(self, now: float) -> float:
        """Take a token; gives the seconds until it is there."""
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._a_second)
        self._at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._a_second)


class Turns:
    """Hands out turns; safe to ask from several threads.

    Args:
        seconds: Gives seconds that only ever grow.
        sleep: Waits.
    """

    def __init__(
        self,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds = seconds
        self._sleep = sleep
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def wait(self, model: Any = None, **_: Any) -> None:
        """Wait for the turn of a call; a handler of botocore's event ``before-call``."""
        self.take(model.name if model is not None else "")

    def take(self, operation: str) -> None:
        """Wait for the turn of an operation, such as ``UpdateService``."""
        if operation not in CATEGORIES:
            return
        name, quota = CATEGORIES[operation]
        with self._lock:
            now = self._seconds()
            bucket = self._buckets.setdefault(name, _Bucket(quota, now))
            pause = bucket.take(now)
        if pause > 0:
            self._sleep(pause)
