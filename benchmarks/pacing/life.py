"""A task's life, drawn when it is launched, and what ECS says of its end."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import inf

from benchmarks.pacing.script import NEVER_STARTS, Fault, Script


@dataclass(slots=True, eq=False)
class SimTask:
    """One task and its life; a moment that never comes is ``inf``."""

    number: int
    slot: int
    generation: int
    ours: bool
    created: float
    pending: float = inf
    running: float = inf
    well: float = inf
    unwell: float = inf
    draining: float = inf
    down: float = inf
    gone: float = inf
    reason: str = ""
    code: str = ""
    exit_code: int | None = None
    failed: bool = False

    def live(self, now: float) -> bool:
        """Whether it is to go on running."""
        return now < min(self.down, self.draining)

    def runs(self, now: float) -> bool:
        """Whether it is RUNNING, draining ones aside."""
        return self.running <= now and self.live(now)

    def healthy(self, now: float) -> bool:
        """Whether it serves."""
        return self.runs(now) and self.well <= now < self.unwell


def doom(task: SimTask, fault: Fault, script: Script, draw: random.Random) -> None:
    """Have ``task`` fail in the way of ``fault``."""
    vary = draw.uniform
    checks = script.interval * script.threshold
    task.failed = True
    if fault.kind == "stuck":
        task.running = task.well = inf
        return
    if fault.kind in NEVER_STARTS:
        task.down = task.pending + vary(0.5, 3)
        task.running = task.well = inf
        task.code, task.reason = "TaskFailedToStart", START_REASONS[fault.kind]
    elif fault.kind in {"exit", "memory"}:
        lived = fault.after * vary(0.9, 1.1)
        if fault.heals:
            task.down = task.well + lived
        else:
            task.down, task.well = task.running + lived, inf
        task.code, task.reason = "EssentialContainerExited", "Essential container in task exited"
        task.exit_code = 137 if fault.kind == "memory" else 1
    else:
        grace = script.startup + (checks if fault.kind == "target-health" else 30.0)
        task.well = inf
        task.unwell = task.running + grace * vary(0.9, 1.2)
        task.down = task.unwell + vary(1, 5)
        task.code = "ServiceSchedulerInitiated"
        task.reason = HEALTH_REASONS[fault.kind]
    task.gone = task.down + vary(2, 25)


START_REASONS = {
    "image-missing": "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
    "manifest unknown: not found",
    "secret-missing": "ResourceInitializationError: unable to pull secrets: "
    "ResourceNotFoundException: Secrets Manager can't find the specified secret.",
    "command": "CannotStartContainerError: exec format error",
    "image-denied": "CannotPullContainerError: pull access denied: 403 Forbidden",
}
HEALTH_REASONS = {
    "target-health": "Task failed ELB health checks in (target-group tg)",
    "container-health": "Task failed container health checks",
}
