"""One service's rollout from stage to stage: hooks, circuit breaker, rollback, completion.

"Amazon ECS service deployment lifecycle stages" names the stages; "View service history using
Amazon ECS service deployments" the statuses.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from shipway_sandbox.emulator import hooks, state
from shipway_sandbox.emulator.corrections import rule
from shipway_sandbox.emulator.service_state import (
    ENDED,
    add_event,
    breaker_of,
    current,
    end,
    primary_of,
    service_deployments,
    threshold,
)
from shipway_sandbox.emulator.task_health import is_healthy, live

Record = dict[str, Any]
_STOPPING_SECONDS = 0.5
"""How long a superseded service deployment shows STOP_REQUESTED before it is STOPPED."""

fails_first_deployment = rule("ecs.breaker-judges-first-deployment")
failed_leave = rule("ecs.failed-deployments-leave")


def under_way(service: Record) -> Record | None:
    """The service deployment that is not over, if there is one."""
    newest = current(service)
    return newest if newest is not None and newest["status"] not in ENDED else None


def may_launch(service: Record) -> bool:
    """Whether the stage that the rollout is in lets new tasks start."""
    service_deployment = under_way(service)
    return service_deployment is None or hooks.reached(service_deployment, "SCALE_UP")


def may_retire(service: Record) -> bool:
    """Whether old tasks may stop now: while a rolling one scales up, else only in the clean-up."""
    service_deployment = under_way(service)
    if service_deployment is None or service_deployment.get("rollback"):
        return True
    if hooks.is_rolling(service_deployment):
        return True
    return bool(service_deployment["lifecycleStage"] == "CLEAN_UP")


def advance(service: Record, members: list[Record]) -> None:
    """Move statuses and stages on, before tasks are launched and stopped."""
    _supersede(service)
    service_deployment = current(service)
    if service_deployment is None or service_deployment["status"] in ENDED:
        return
    if service_deployment["status"] == "PENDING":
        service_deployment.update(
            status="IN_PROGRESS", startedAt=state.now(), updatedAt=state.now()
        )
    primary = primary_of(service)
    _show_breaker(service, service_deployment, primary)
    if service_deployment["status"] == "STOP_REQUESTED":
        _stop_where_it_stands(service, service_deployment)
        return
    if service_deployment["status"] == "ROLLBACK_REQUESTED":
        roll_back(service, service_deployment, "Service deployment was stopped with a rollback.")
        return
    if _breaker_opens(service, primary):
        _fail(service, service_deployment, primary)
        return
    hooks.walk(service, service_deployment, is_up=_is_up(service, members, primary))


def _is_up(service: Record, members: list[Record], primary: Record) -> bool:
    own = live(members, primary)
    wanted = int(service["desiredCount"])
    healthy = sum(is_healthy(task) for task in own)
    return len(own) == wanted and healthy == wanted


def _supersede(service: Record) -> None:
    """Walk service deployments that a newer one replaced to STOPPED."""
    newest = current(service)
    for service_deployment in _of(service):
        if (
            not service_deployment.get("_superseded")
            or service_deployment is newest
            or service_deployment["status"] in ENDED
        ):
            continue
        if service_deployment["status"] != "STOP_REQUESTED":
            service_deployment.update(status="STOP_REQUESTED", updatedAt=state.now())
            service_deployment["_stop_at"] = time.monotonic() + _STOPPING_SECONDS
        elif time.monotonic() >= service_deployment["_stop_at"]:
            end(
                service_deployment,
                "STOPPED",
                "Service deployment stopped: a newer one has been started.",
            )


def _of(service: Record) -> Iterable[Record]:
    return [
        service_deployment
        for service_deployment in list(service_deployments.values())
        if service_deployment["serviceArn"] == service["serviceArn"]
    ]


def _show_breaker(service: Record, service_deployment: Record, primary: Record) -> None:
    enabled = bool(breaker_of(service).get("enable"))
    known = service_deployment.get("deploymentCircuitBreaker") or {}
    if known.get("status") == "TRIGGERED":
        return
    service_deployment["deploymentCircuitBreaker"] = {
        "status": "MONITORING" if enabled else "DISABLED",
        "failureCount": primary["failedTasks"] if enabled else 0,
        "threshold": threshold(service) if enabled else 0,
    }


def _breaker_opens(service: Record, primary: Record) -> bool:
    enabled = bool(breaker_of(service).get("enable"))
    if primary["rolloutState"] != "IN_PROGRESS" or primary.get("_rolling_back") or not enabled:
        return False
    first = not any(deployment.get("_completed") for deployment in service["deployments"])
    if first and not fails_first_deployment():
        return False
    return int(primary["failedTasks"]) >= threshold(service)


def _fail(service: Record, service_deployment: Record, primary: Record) -> None:
    """The circuit breaker opened: roll back where that is wanted and possible."""
    service_deployment["deploymentCircuitBreaker"] = {
        "status": "TRIGGERED",
        "failureCount": primary["failedTasks"],
        "threshold": threshold(service),
    }
    primary.update(
        rolloutState="FAILED",
        rolloutStateReason="ECS deployment circuit breaker: tasks failed to start.",
        updatedAt=state.now(),
    )
    add_event(service, f"(deployment {primary['id']}) deployment failed: tasks failed to start.")
    if not breaker_of(service).get("rollback"):
        # Observed at AWS: a failure without rollback shows STOP_REQUESTED, then STOPPED.
        service_deployment.update(
            status="STOP_REQUESTED", statusReason="Service deployment failed: circuit breaker."
        )
        service_deployment["_stop_at"] = time.monotonic() + _STOPPING_SECONDS
        return
    if _rollback_target(service) is None:
        end(
            service_deployment,
            "ROLLBACK_FAILED",
            "Service deployment rollback failed because of circuit breaker: there is no completed "
            "service revision to roll back to.",
        )
        return
    roll_back(
        service,
        service_deployment,
        "Service deployment rolled back because the circuit breaker threshold was exceeded.",
    )


def _rollback_target(service: Record) -> Record | None:
    completed = [
        deployment
        for deployment in service["deployments"]
        if deployment.get("_completed") and deployment["rolloutState"] != "FAILED"
    ]
    return max(completed, key=lambda deployment: deployment["_completed"], default=None)


def roll_back(service: Record, service_deployment: Record, reason: str) -> None:
    """Put the last completed deployment back in its old place; no new id is made."""
    target = _rollback_target(service)
    primary = primary_of(service)
    if target is None or target is primary:
        end(
            service_deployment,
            "ROLLBACK_FAILED",
            f"{reason} There is no completed service revision.",
        )
        return
    when = state.now()
    if primary["rolloutState"] != "FAILED":
        primary.update(rolloutState="FAILED", rolloutStateReason=reason)
    primary.update(status="ACTIVE", desiredCount=0, updatedAt=when)
    target.update(
        status="PRIMARY",
        desiredCount=service["desiredCount"],
        rolloutState="IN_PROGRESS",
        rolloutStateReason="ECS deployment circuit breaker: rolling back to "
        f"deploymentId {target['id']}.",
        updatedAt=when,
        _rolling_back=True,
    )
    service["taskDefinition"] = target["taskDefinition"]
    service["deployments"].sort(key=lambda deployment: deployment["status"] != "PRIMARY")
    service_deployment.update(
        status="ROLLBACK_IN_PROGRESS",
        statusReason=reason,
        updatedAt=when,
        rollback={"reason": reason, "startedAt": when, "serviceRevisionArn": target["_revision"]},
    )
    state.checker().weights.clear()
    add_event(service, f"rolling back to deployment {target['id']}.")


def _stop_where_it_stands(service: Record, service_deployment: Record) -> None:
    if time.monotonic() >= service_deployment.get("_stop_at", 0.0):
        primary = primary_of(service)
        if primary["rolloutState"] == "IN_PROGRESS":
            primary.update(rolloutState="FAILED", rolloutStateReason="ECS deployment was stopped.")
        end(
            service_deployment,
            "STOPPED",
            service_deployment.get("statusReason") or "Service deployment was stopped.",
        )


def finish(service: Record, members: list[Record]) -> None:
    """Complete what is complete, and let deployments without tasks leave."""
    primary = primary_of(service)
    others = [
        task
        for task in members
        if task.get("_deployment_id") != primary["id"] and task["lastStatus"] != "STOPPED"
    ]
    service_deployment = current(service)
    clean = (
        service_deployment is None
        or service_deployment["status"] in ENDED
        or service_deployment.get("rollback")
        or (service_deployment["lifecycleStage"] == "CLEAN_UP")
    )
    if (
        primary["rolloutState"] == "IN_PROGRESS"
        and clean
        and not others
        and _is_up(service, members, primary)
    ):
        _complete(service, primary, service_deployment)
    busy = {task.get("_deployment_id") for task in members if task["lastStatus"] != "STOPPED"}
    service["deployments"] = [
        deployment
        for deployment in service["deployments"]
        if deployment["status"] == "PRIMARY"
        or deployment["id"] in busy
        or (deployment["rolloutState"] == "FAILED" and not failed_leave())
        or (deployment.get("_completed") and primary["rolloutState"] != "COMPLETED")
    ]


def _complete(service: Record, primary: Record, service_deployment: Record | None) -> None:
    primary.update(
        rolloutState="COMPLETED",
        rolloutStateReason=f"ECS deployment {primary['id']} completed.",
        updatedAt=state.now(),
        failedTasks=0,
        _completed=time.monotonic(),
    )
    rolled_back = primary.pop("_rolling_back", False)
    add_event(service, f"(deployment {primary['id']}) deployment completed.")
    add_event(service, "has reached a steady state.")
    if service_deployment is None or service_deployment["status"] in ENDED:
        return
    breaker = service_deployment.get("deploymentCircuitBreaker") or {}
    if breaker.get("status") == "MONITORING":
        breaker["status"] = "MONITORING_COMPLETE"
    if rolled_back:
        end(service_deployment, "ROLLBACK_SUCCESSFUL", service_deployment.get("statusReason") or "")
    else:
        end(service_deployment, "SUCCESSFUL")
    state.checker().weights.clear()
