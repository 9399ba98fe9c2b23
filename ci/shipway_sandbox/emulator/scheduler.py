"""The ECS service scheduler: brings each service to its desired state, one look at a time.

Sources: "Amazon ECS services", "How the Amazon ECS deployment circuit breaker detects failures",
"Amazon ECS service event messages" and the texts of the API Reference.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import json
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import ecs

from shipway_sandbox.emulator import images, role_rights, rollout, state, tasks
from shipway_sandbox.emulator.corrections import rule
from shipway_sandbox.emulator.service_state import (
    PENDING,
    PRE_STOP,
    add_event,
    breaker_of,
    primary_of,
    tasks_of,
)
from shipway_sandbox.emulator.task_health import (
    is_healthy,
    live,
    targets_of,
    waits_for_containers,
    waits_for_targets,
)

Record = dict[str, Any]

_LOOK_SECONDS = 0.25
_RELAUNCH_SECONDS = 1.0
"""The pause between a failed task and the next launch; ECS throttles service tasks that fail."""
_THROTTLED_SECONDS = 10.0
_THROTTLE_AFTER = 12

_BLOCKED = (
    "was unable to stop or start tasks during a deployment because of the service deployment "
    "configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
)
"""Amazon ECS service event messages."""

tells_blocked = rule("ecs.tells-blocked-deployments")
resets_on_healthy = rule("ecs.healthy-task-resets-breaker")


def run() -> None:
    """Look at every service until the emulator ends, on the caller's thread."""
    emulator = state.emulator()
    while not emulator.stopping.is_set():
        emulator.wake.wait(_LOOK_SECONDS)
        emulator.wake.clear()
        for (account, region, _), service in ecs._services.all_items():
            if emulator.stopping.is_set():
                return
            with request_scope(account, region):
                try:
                    look(service)
                except Exception:  # noqa: BLE001  # one service must not stop the others
                    state.logger.exception("scheduling %s failed", service.get("serviceName"))


def look(service: Record) -> None:
    """One look at one service: count, judge, launch, stop, and move its rollout on.

    MiniStack shows a new service before CreateService has given it its first deployment: a task
    that was launched by then would belong to none, and run for ever.
    """
    with ecs.resource_lock("ecs-service", service["serviceArn"]):
        if "currentServiceDeployment" not in service:
            return
        members = tasks_of(service)
        tasks.forget_old(members, lambda arn: ecs._tasks.pop(arn, None))
        if service["status"] != "ACTIVE":
            count(service, members)
            if not any(task["lastStatus"] in PRE_STOP for task in members):
                service["status"] = "INACTIVE"
            return
        for task in members:
            _check_health(service, task)
        _count_failures(service, members)
        count(service, members)
        rollout.advance(service, members)
        if rollout.may_launch(service):
            _launch(service, members)
        _retire(service, members)
        if tells_blocked() and _is_blocked(service, members):
            _tell_once(service, _BLOCKED)
        count(service, tasks_of(service))
        rollout.finish(service, members)


def count(service: Record, members: list[Record]) -> None:
    """Bring every count that DescribeServices shows up to date; a starting task is pending."""
    service["runningCount"] = sum(task["lastStatus"] == "RUNNING" for task in members)
    service["pendingCount"] = sum(task["lastStatus"] in PENDING for task in members)
    for deployment in service["deployments"]:
        own = [task for task in members if task.get("_deployment_id") == deployment["id"]]
        deployment["runningCount"] = sum(
            task["lastStatus"] in {"RUNNING", "DEACTIVATING"} for task in own
        )
        deployment["pendingCount"] = sum(task["lastStatus"] in PENDING for task in own)
    primary_of(service)["desiredCount"] = service["desiredCount"]


def _check_health(service: Record, task: Record) -> None:
    """Stop a task that failed its health checks, in ECS's words."""
    if task["lastStatus"] != "RUNNING" or task["desiredStatus"] != "RUNNING":
        return
    if task["healthStatus"] == "UNHEALTHY" and waits_for_containers():
        add_event(
            service, f"(task {task['taskArn'].rpartition('/')[2]}) failed container health checks."
        )
        tasks.stop(
            task, "Task failed container health checks", "ServiceSchedulerInitiated", failed=True
        )
        return
    grace = float(service.get("healthCheckGracePeriodSeconds") or 0)
    if not waits_for_targets() or time.time() - float(task.get("startedAt") or 0) < grace:
        return
    for target in targets_of(task):
        if target is not None and target.state == "unhealthy":
            add_event(
                service,
                f"(port {target.port}) is unhealthy in (target-group {target.group}) due to "
                f"(reason {target.description}).",
            )
            tasks.stop(
                task,
                f"Task failed ELB health checks in (target-group {target.group})",
                "ServiceSchedulerInitiated",
                failed=True,
            )
            return


def _count_failures(service: Record, members: list[Record]) -> None:
    """Count each failed task once for its deployment, and each healthy one once."""
    for deployment in service["deployments"]:
        for task in members:
            if task.get("_deployment_id") != deployment["id"]:
                continue
            if task.get("_failed") and not task.get("_counted"):
                task["_counted"] = True
                deployment["failedTasks"] += 1
                deployment["updatedAt"] = state.now()
                deployment["_failed_at"] = time.monotonic()
                deployment["_in_a_row"] = deployment.get("_in_a_row", 0) + 1
            elif not task.get("_seen_healthy") and is_healthy(task):
                task["_seen_healthy"] = True
                deployment["_in_a_row"] = 0
                if breaker_of(service).get("resetOnHealthyTask", True) and resets_on_healthy():
                    deployment["failedTasks"] = 0


def _room(service: Record, members: list[Record]) -> int:
    """How many more tasks maximumPercent leaves room for."""
    configured = service.get("deploymentConfiguration") or {}
    percent = int(configured.get("maximumPercent") or 200)
    most = max(1, int(service["desiredCount"]) * percent // 100)
    wanted = [task for task in members if task["desiredStatus"] == "RUNNING"]
    return most - len([task for task in wanted if task["lastStatus"] in PRE_STOP])


def _least(service: Record) -> int:
    """How many healthy tasks minimumHealthyPercent wants at any time."""
    configured = service.get("deploymentConfiguration") or {}
    percent = configured.get("minimumHealthyPercent")
    return -(-int(service["desiredCount"]) * int(100 if percent is None else percent) // 100)


def _launch(service: Record, members: list[Record]) -> None:
    primary = primary_of(service)
    wanted = int(service["desiredCount"]) - len(live(members, primary))
    number = min(wanted, _room(service, members))
    if number <= 0 or primary["rolloutState"] == "FAILED":
        return
    pause = (
        _THROTTLED_SECONDS if primary.get("_in_a_row", 0) >= _THROTTLE_AFTER else _RELAUNCH_SECONDS
    )
    if time.monotonic() - primary.get("_failed_at", -pause) < pause:
        return
    if refused := _unassumable(primary):
        primary["_failed_at"] = time.monotonic()
        _tell_once(service, f"failed to launch a task with (error {refused}).")
        return
    reply = ecs._run_task(
        {
            "cluster": ecs._cluster_name_from_arn(service["clusterArn"]),
            "taskDefinition": primary["taskDefinition"],
            "count": number,
            "group": f"service:{service['serviceName']}",
            "startedBy": primary["id"],
            "launchType": service.get("launchType"),
            "capacityProviderStrategy": service.get("capacityProviderStrategy"),
            "networkConfiguration": service.get("networkConfiguration"),
            "enableExecuteCommand": service.get("enableExecuteCommand", False),
            "_deploymentId": primary["id"],
        }
    )
    started = json.loads(reply[2]).get("tasks", [])
    if started:
        named = " ".join(f"(task {task['taskArn'].rpartition('/')[2]})" for task in started)
        add_event(service, f"has started {len(started)} tasks: {named}.")


def _unassumable(primary: Record) -> str:
    """Why a deployment gets no task, in ECS's words; empty where its roles can be assumed."""
    if not role_rights.assumes_roles():
        return ""
    definition = images.definition_of(primary["taskDefinition"]) or {}
    role = role_rights.unassumable(definition)
    return role_rights.assumption_refused(role) if role else ""


def _tell_once(service: Record, message: str) -> None:
    """An event, unless it is the newest one already: ECS tells what goes on hours apart."""
    newest = service["events"][0]["message"] if service["events"] else ""
    if not newest.endswith(message):
        add_event(service, message)


def _is_blocked(service: Record, members: list[Record]) -> bool:
    """Whether a rolling deployment may start no task and stop none, whatever comes."""
    primary = primary_of(service)
    configured = service.get("deploymentConfiguration") or {}
    rolls = configured.get("strategy", "ROLLING") == "ROLLING"
    serving = [task for task in members if task["desiredStatus"] == "RUNNING"]
    return (
        rolls
        and primary["rolloutState"] == "IN_PROGRESS"
        and len(live(members, primary)) < int(service["desiredCount"])
        and _room(service, members) <= 0
        and all(is_healthy(task) for task in serving)
        and len(serving) <= _least(service)
    )


def _retire(service: Record, members: list[Record]) -> None:
    """Stop tasks that are too many: of older deployments as new ones get healthy, or scaled in."""
    primary = primary_of(service)
    own = live(members, primary)
    too_many = own[int(service["desiredCount"]) :]
    for task in too_many:
        _scale_in(task, primary)
    older = [
        task
        for deployment in service["deployments"]
        if deployment is not primary
        for task in live(members, deployment)
    ]
    failed = {
        deployment["id"]
        for deployment in service["deployments"]
        if deployment["rolloutState"] == "FAILED"
    }
    useless = [
        task
        for task in older
        if task["lastStatus"] != "RUNNING" or task["_deployment_id"] in failed
    ]
    if primary["rolloutState"] == "FAILED":
        return
    if rollout.may_retire(service):
        serving = [task for task in older if task not in useless]
        healthy = sum(is_healthy(task) for task in own) + len(serving)
        desired = int(service["desiredCount"])
        # minimumHealthyPercent is made use of only where there is no room for a new task.
        stuck = len(own) < desired and _room(service, members) <= 0
        useless += serving[: max(0, healthy - (_least(service) if stuck else desired))]
    for task in useless:
        _scale_in(task, primary)
    if stopped := too_many + useless:
        if service.get("loadBalancers"):
            add_event(service, f"has begun draining connections on {len(stopped)} tasks.")
        named = " ".join(f"(task {task['taskArn'].rpartition('/')[2]})" for task in stopped)
        add_event(service, f"has stopped {len(stopped)} running tasks: {named}.")


def _scale_in(task: Record, primary: Record) -> None:
    reason = f"Scaling activity initiated by (deployment {primary['id']})"
    tasks.stop(task, reason, "ServiceSchedulerInitiated")
