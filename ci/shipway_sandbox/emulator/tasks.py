"""ECS tasks, corrected: watched and stopped as the ECS agent does it; see also :mod:`.task_start`.

"Amazon ECS task lifecycle" gives the states, "Amazon ECS stopped tasks error messages" the texts.
A task's record is MiniStack's; all that happens to it happens in these two, under the task's lock.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import docker.errors
from ministack.core.arn import parse_arn
from ministack.core.responses import json_response, request_scope
from ministack.services import ecs

from shipway_sandbox.emulator import state
from shipway_sandbox.emulator.alb import drain_seconds
from shipway_sandbox.emulator.corrections import corrects, rule

Record = dict[str, Any]
_STOP_SECONDS = 30
_OOM = "OutOfMemoryError: Container killed due to memory usage"
_REMEMBER_SECONDS = 3600
_LOG_SECONDS = 2.0
_concluding = threading.Lock()

explains_oom = rule("ecs.out-of-memory-reason")
drains_first = rule("ecs.drains-before-stop")
checks_containers = rule("ecs.container-health")


def lock_of(task: Record) -> threading.RLock:
    """The lock that starting and ending one task take; a thread may take it twice."""
    lock: threading.RLock = task.setdefault("_lock", threading.RLock())
    return lock


def scope_of(task: Record) -> Any:
    """The account and region of a task, as MiniStack's stores want them."""
    arn = parse_arn(task["taskArn"])
    return request_scope(arn.account_id, arn.region)


def mark(task: Record, name: str, **fields: Any) -> None:
    """Set fields of a task's container, by its name; one that is not there is no error."""
    for container in task.get("containers", []):
        if container["name"] == name:
            container.update(fields)


def is_wanted(task: Record) -> bool:
    """Whether a task that starts is to go on: nobody has stopped it, nor the emulator."""
    return task["desiredStatus"] == "RUNNING" and not state.emulator().stopping.is_set()


def advance(task: Record, status: str, **times: Any) -> None:
    """Give a task its next ``lastStatus`` and the times that go with it; the scheduler looks."""
    task["lastStatus"] = status
    task["version"] = int(task.get("version") or 1) + 1
    task.update(times)
    state.wake()


def died(task: Record, name: str, exit_code: int) -> None:
    """A container ended by itself: note it, and end the task where the container is essential."""
    with scope_of(task):
        with lock_of(task):
            mark(task, name, exitCode=exit_code, lastStatus="STOPPED")
        definition = task.get("_definition") or {}
        essential = {
            container["name"]: container.get("essential", True)
            for container in definition.get("containerDefinitions", [])
        }
        left = [
            container
            for container in task["containers"]
            if container.get("lastStatus") != "STOPPED"
        ]
        if essential.get(name, True) or not left:
            conclude(
                task, "Essential container in task exited", "EssentialContainerExited", failed=True
            )


def stop(task: Record, reason: str, code: str, *, failed: bool = False) -> None:
    """Ask a task to stop; it drains, gets SIGTERM and ends on a thread of its own."""
    if task["desiredStatus"] != "STOPPED":
        task["desiredStatus"] = "STOPPED"
        state.in_background(
            _conclude_scoped, task, reason, code, failed=failed, name="ecs-stop-task"
        )


def _conclude_scoped(task: Record, reason: str, code: str, *, failed: bool) -> None:
    with scope_of(task):
        conclude(task, reason, code, failed=failed)


def conclude(task: Record, reason: str, code: str, *, failed: bool) -> None:
    """Take a task from wherever it is to STOPPED; the first reason given stays."""
    with _concluding:
        if state.emulator().stopping.is_set() or task.get("_concluding"):
            return
        task["_concluding"] = True
    task.update(
        desiredStatus="STOPPED", stoppingAt=state.now(), stoppedReason=reason, stopCode=code
    )
    task["_failed"] = failed
    state.wake()
    with lock_of(task):
        if task.get("_targets"):
            advance(task, "DEACTIVATING")
            _leave_targets(task, wait=code != "EssentialContainerExited" and drains_first())
        advance(task, "STOPPING")
        _stop_containers(task)
        for thread in task.pop("_log_threads", []):
            thread.join(_LOG_SECONDS)
        identities, task["_docker_ids"] = task["_docker_ids"], []
        for attachment in task.get("attachments") or []:
            attachment["status"] = "DELETED"
        for container in task["containers"]:
            container["lastStatus"] = "STOPPED"
        stopped = state.now()
        advance(task, "STOPPED", executionStoppedAt=stopped, stoppedAt=stopped)
    for identity in identities:
        state.engine().remove(identity)


def _leave_targets(task: Record, *, wait: bool) -> None:
    for group, address, port in task.pop("_targets", []):
        state.checker().deregister(
            group, address, port, drain=drain_seconds(group) if wait else 0.0
        )


def _stop_containers(task: Record) -> None:
    definition = task.get("_definition") or {}
    by_name = {
        container["name"]: container for container in definition.get("containerDefinitions", [])
    }
    engine = state.engine()
    for container, identity in zip(task["containers"], task["_docker_ids"], strict=False):
        limit = int(by_name.get(container["name"], {}).get("stopTimeout") or _STOP_SECONDS)
        try:
            engine.streams.stop(identity, timeout=limit)
            container_state = engine.api.inspect_container(identity)["State"]
        except (docker.errors.DockerException, OSError):
            continue
        if container_state.get("StartedAt", "").startswith("0001"):
            continue
        container["exitCode"] = container_state.get("ExitCode")
        if container_state.get("OOMKilled") and explains_oom():
            container["reason"] = _OOM


def health_changed(task: Record, name: str, status: str) -> None:
    """A container's health check passed or failed for good; a task is as bad as its worst."""
    if not checks_containers():
        return
    mark(task, name, healthStatus=status)
    definition = task.get("_definition") or {}
    checked = {
        container["name"]
        for container in definition.get("containerDefinitions", [])
        if container.get("healthCheck") and container.get("essential", True)
    }
    statuses = {
        container["healthStatus"]
        for container in task["containers"]
        if container["name"] in checked
    }
    for worst in ("UNHEALTHY", "UNKNOWN", "HEALTHY"):
        if worst in statuses:
            task["healthStatus"] = worst
            break
    state.wake()


@corrects("ecs.task-runtime", "ecs._ACTION_MAP[StopTask]")
def stop_task(data: Record) -> Any:
    """StopTask: the answer comes at once, the task stops by and by."""
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    task = ecs._resolve_task(data.get("task", ""), cluster) if cluster else None
    if task is None:
        return ecs.error_response_json(
            "InvalidParameterException", "The referenced task was not found.", 400
        )
    stop(task, data.get("reason") or "Task stopped by user", "UserInitiated")
    return json_response({"task": ecs._sanitize(task)})


@corrects("ecs.task-runtime", "ecs._maybe_mark_stopped")
def looks_by_itself(_task: Record, _client: Any = None) -> None:
    """Nothing: the engine's events tell, and a reader never changes what it reads."""


def watch_engine(find: Callable[[str], Record | None]) -> None:
    """Follow the engine's events for ever, on the caller's thread."""
    emulator = state.emulator()
    label = f"dev.shipway.sandbox={emulator.engine.run}"
    wanted = {"label": [label], "type": ["container"]}
    since = int(time.time())
    while not emulator.stopping.is_set():
        try:
            for event in emulator.engine.streams.events(decode=True, filters=wanted, since=since):
                since = int(event.get("time", since))
                _on_event(event, find)
        except (docker.errors.DockerException, OSError):
            if not emulator.stopping.wait(0.5):
                state.logger.info("the engine's event stream broke off; following it again")


def _on_event(event: Record, find: Callable[[str], Record | None]) -> None:
    about = event.get("Actor", {}).get("Attributes", {})
    task = find(about.get("com.amazonaws.ecs.task-arn", ""))
    name = about.get("com.amazonaws.ecs.container-name", "")
    action = event.get("Action", "")
    if task is None:
        return
    if action == "die":
        code = int(about.get("exitCode") or 0)
        state.in_background(died, task, name, code, name="ecs-container-died")
    elif action.startswith("health_status: "):
        health_changed(task, name, action.partition(": ")[2].upper())


def forget_old(tasks: list[Record], forget: Callable[[str], None]) -> None:
    """Drop tasks that stopped more than an hour ago, as ECS does."""
    limit = time.time() - _REMEMBER_SECONDS
    for task in tasks:
        stopped = task.get("stoppedAt")
        if task["lastStatus"] == "STOPPED" and isinstance(stopped, float) and stopped < limit:
            forget(task["taskArn"])
