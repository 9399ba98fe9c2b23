"""When a task of a service counts as healthy: its containers' checks, and its targets."""

from __future__ import annotations

import time
from typing import Any

from shipway_sandbox.emulator import state
from shipway_sandbox.emulator.corrections import rule
from shipway_sandbox.emulator.service_state import PRE_STOP
from shipway_sandbox.emulator.targets import RegisteredTarget

Record = dict[str, Any]

_STEADY_SECONDS = 1.0
"""How long a task without any health check must run to count as healthy."""

waits_for_targets = rule("ecs.rollout-waits-for-targets")
waits_for_containers = rule("ecs.rollout-waits-for-container-health")


def live(members: list[Record], deployment: Record) -> list[Record]:
    """Tasks of a deployment that are meant to run."""
    return [
        task
        for task in members
        if task.get("_deployment_id") == deployment["id"]
        and task["desiredStatus"] == "RUNNING"
        and task["lastStatus"] in PRE_STOP
    ]


def is_healthy(task: Record) -> bool:
    """Whether a task is running and passes every health check that applies to it."""
    if task["lastStatus"] != "RUNNING" or task["desiredStatus"] != "RUNNING":
        return False
    checked = any(
        container.get("healthCheck") and container.get("essential", True)
        for container in (task.get("_definition") or {}).get("containerDefinitions", [])
    )
    if checked and waits_for_containers() and task["healthStatus"] != "HEALTHY":
        return False
    targets = targets_of(task)
    if waits_for_targets():
        if any(target is None or target.state != "healthy" for target in targets):
            return False
        if targets:
            return True
    return checked or time.time() - float(task.get("startedAt") or 0) >= _STEADY_SECONDS


def targets_of(task: Record) -> list[RegisteredTarget | None]:
    """The targets that a task is registered as; ``None`` for one that is gone."""
    return [state.checker().find(*key) for key in task.get("_targets", [])]
