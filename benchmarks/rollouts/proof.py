"""From when on a failure can be known to be certain: a reckoning of the benchmark's own.

It goes by what ECS keeps of the stopped tasks, and by nothing that a judge said. What can never
start is certain with the first task. Anything else is proven by the first replacement that fails
too: tasks that were launched together share whatever was wrong at that moment.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_SHARE, _LEAST, _MOST = 0.5, 3, 200
"""Half of the desired count, from 3 to 200 ("How the Amazon ECS deployment circuit breaker detects
failures")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The failure that makes the end of a rollout certain.

    Attributes:
        at: When that task began to stop.
        number: Which failure of the rollout it is, from 1.
        threshold: How many failures open the circuit breaker.
    """

    at: datetime
    number: int
    threshold: int

    @property
    def sooner(self) -> bool:
        """Whether it comes before the failure that opens the circuit breaker."""
        return self.number < self.threshold


def proof(tasks: Sequence[Mapping[str, Any]], desired: int) -> Proof | None:
    """The proof among all tasks that were launched of a revision; ``None`` where there is none.

    Args:
        tasks: As DescribeTasks answers, running ones too.
        desired: How many tasks the service wants: so many are launched before any replacement.
    """
    launched = sorted(tasks, key=lambda task: _moment(task, "createdAt"))
    replacements = {task["taskArn"] for task in launched[desired:]}
    failures = sorted(filter(_failed, tasks), key=lambda task: _moment(task, "stoppingAt"))
    for number, task in enumerate(failures, start=1):
        if task["stopCode"] == "TaskFailedToStart" or task["taskArn"] in replacements:
            at = _moment(task, "stoppingAt")
            return Proof(at=at, number=number, threshold=_opens(desired))
    return None


def _failed(task: Mapping[str, Any]) -> bool:
    """Whether it stopped by itself or for its health; not what ECS or a person took away."""
    code = task.get("stopCode")
    if code == "ServiceSchedulerInitiated":
        return "failed" in task["stoppedReason"]
    return code in {"TaskFailedToStart", "EssentialContainerExited"}


def _opens(desired: int) -> int:
    return min(_MOST, max(_LEAST, math.ceil(_SHARE * desired)))


def _moment(task: Mapping[str, Any], key: str) -> datetime:
    moment: datetime = task[key]
    return moment
