"""A task's life, drawn when it is launched, and what ECS says of its end."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import ceil, inf

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


def long_since(number: int, slot: int) -> SimTask:
    """A task of the earlier revision: it serves since long ago."""
    old = SimTask(number=number, slot=slot, generation=0, ours=False, created=-9000.0)
    old.pending = old.running = old.well = -8000.0
    return old


def take_back(task: SimTask, second: float, script: Script) -> None:
    """Have ``task`` drained from ``second`` on, because its revision is rolled back."""
    task.draining = second
    task.down = second + (script.deregistration if script.balanced else 1.0)
    task.gone, task.failed = task.down + 2, False
    task.code = "ServiceSchedulerInitiated"
    task.reason = "Scaling activity initiated by deployment rollback"


def live(task: SimTask, script: Script, draw: random.Random) -> None:
    """Draw the whole life of ``task``, its failure included."""
    vary = draw.uniform
    task.pending = task.created + script.provisioning * vary(0.8, 1.3)
    task.running = task.pending + script.pull * vary(0.9, 1.3)
    answers = task.running + script.startup * vary(0.8, 1.3)
    checks = script.interval * script.threshold
    task.well = answers + checks * vary(0.8, 1.1) if script.balanced else task.running
    fault = script.fault
    affected = fault is not None and task.slot < ceil(fault.share * script.desired)
    if fault is not None and affected and task.generation < fault.waves:
        doom(task, fault, script, draw)


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
