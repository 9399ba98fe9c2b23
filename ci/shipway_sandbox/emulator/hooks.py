"""Lifecycle stages, traffic weights, bake times and PAUSE hooks of a service deployment."""

from __future__ import annotations

import time
from typing import Any

from ministack.services import ecs

from shipway_sandbox.emulator import state

Record = dict[str, Any]

_SCALING = ("RECONCILE_SERVICE", "PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP")
_SHIFTING = (
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
)
_HOOK_MINUTES = 24 * 60
_WHOLE = 100.0


def is_rolling(service_deployment: Record) -> bool:
    """Whether the strategy replaces tasks in place instead of shifting traffic."""
    return (service_deployment["deploymentConfiguration"].get("strategy") or "ROLLING") == "ROLLING"


def stages(service_deployment: Record) -> tuple[str, ...]:
    """The stages of a service deployment in their order."""
    configured = service_deployment["deploymentConfiguration"]
    bake = ("BAKE_TIME",) if configured.get("bakeTimeInMinutes") else ()
    if is_rolling(service_deployment):
        return (*_SCALING, *bake, "CLEAN_UP")
    return (*_SCALING, *_SHIFTING, *bake, "CLEAN_UP")


def reached(service_deployment: Record, stage: str) -> bool:
    """Whether a service deployment is in a stage or past it; a rollback is past all of them."""
    if service_deployment.get("rollback"):
        return True
    order = stages(service_deployment)
    return order.index(service_deployment["lifecycleStage"]) >= order.index(stage)


def walk(service: Record, service_deployment: Record, *, is_up: bool) -> None:
    """Go as many stages on as nothing holds up."""
    order = stages(service_deployment)
    while service_deployment["status"] == "IN_PROGRESS" and not service_deployment.get("rollback"):
        stage = service_deployment["lifecycleStage"]
        if not _hook_passed(service_deployment, stage):
            break
        if not _done(service_deployment, stage, is_up=is_up):
            break
        index = order.index(stage)
        if index + 1 == len(order):
            break
        service_deployment.update(
            lifecycleStage=order[index + 1], updatedAt=state.now(), _stage_at=None
        )
    _publish_weights(service, service_deployment)


def _done(service_deployment: Record, stage: str, *, is_up: bool) -> bool:
    minute = state.emulator().minute
    since = service_deployment.get("_stage_at")
    if since is None:
        since = service_deployment["_stage_at"] = time.monotonic()
    elapsed = time.monotonic() - since
    configured = service_deployment["deploymentConfiguration"]
    if stage == "SCALE_UP":
        return is_up
    if stage == "PRODUCTION_TRAFFIC_SHIFT":
        weight, over = shift(configured, elapsed / minute)
        service_deployment["_weight"] = weight
        return over
    if stage == "BAKE_TIME":
        return bool(elapsed >= float(configured.get("bakeTimeInMinutes") or 0) * minute)
    return stage != "CLEAN_UP"


def shift(configured: Record, minutes: float) -> tuple[float, bool]:
    """Percent of production traffic on the new revision after so many minutes, and if it is over.

    BLUE_GREEN shifts everything at once; CANARY a share first; LINEAR a share at a time.
    """
    strategy = configured.get("strategy")
    if strategy == "CANARY":
        canary = configured.get("canaryConfiguration") or {}
        over = minutes >= float(canary.get("canaryBakeTimeInMinutes") or 10)
        return (_WHOLE if over else float(canary.get("canaryPercent") or 5)), over
    if strategy == "LINEAR":
        linear = configured.get("linearConfiguration") or {}
        step = float(linear.get("stepPercent") or 10)
        bake = float(linear.get("stepBakeTimeInMinutes") or 6)
        weight = min(_WHOLE, step * (1 + int(minutes / bake if bake else _WHOLE)))
        return weight, weight >= _WHOLE
    return _WHOLE, True


def _publish_weights(service: Record, service_deployment: Record) -> None:
    """Show the weights, and have the load balancer follow them."""
    if is_rolling(service_deployment):
        return
    weight = float(service_deployment.get("_weight") or 0.0)
    if service_deployment.get("rollback"):
        weight = 0.0
    target = service_deployment["targetServiceRevision"]
    target["requestedProductionTrafficWeight"] = weight
    target["requestedTestTrafficWeight"] = (
        _WHOLE
        if reached(service_deployment, "TEST_TRAFFIC_SHIFT")
        and not service_deployment.get("rollback")
        else 0.0
    )
    for source in service_deployment["sourceServiceRevisions"]:
        source["requestedProductionTrafficWeight"] = _WHOLE - weight
    others = [
        deployment["id"]
        for deployment in service["deployments"]
        if deployment["id"] != service_deployment["_deployment"]
    ]
    if not others:
        return
    shares = {service_deployment["_deployment"]: weight}
    shares |= {other: (_WHOLE - weight) / len(others) for other in others}
    for balancer in service.get("loadBalancers") or []:
        if balancer.get("targetGroupArn"):
            state.checker().weights[balancer["targetGroupArn"]] = shares


def _hook_passed(service_deployment: Record, stage: str) -> bool:
    """Whether the stage's PAUSE hooks are answered; the first look makes them wait."""
    details: list[Record] = service_deployment.setdefault("lifecycleHookDetails", [])
    configured = service_deployment["deploymentConfiguration"]
    for index, hook in enumerate(configured.get("lifecycleHooks") or []):
        if stage not in (hook.get("lifecycleStages") or []):
            continue
        detail = next((known for known in details if known["_key"] == (index, stage)), None)
        if detail is None:
            detail = _detail(hook, index, stage)
            details.append(detail)
        if detail["status"] == "AWAITING_ACTION" and time.time() >= detail["expiresAt"]:
            detail["status"] = "TIMED_OUT"
            answer(service_deployment, detail, detail["timeoutAction"])
        if detail["status"] == "AWAITING_ACTION" or service_deployment["status"] != "IN_PROGRESS":
            return False
    return True


def _detail(hook: Record, index: int, stage: str) -> Record:
    kind = hook.get("targetType") or "AWS_LAMBDA"
    limit = hook.get("timeoutConfiguration") or {}
    minutes = float(limit.get("timeoutInMinutes") or _HOOK_MINUTES)
    return {
        "hookId": str(ecs.new_uuid()),
        "targetType": kind,
        "targetArn": hook.get("hookTargetArn"),
        "status": "AWAITING_ACTION" if kind == "PAUSE" else "SUCCEEDED",
        "expiresAt": time.time() + minutes * state.emulator().minute,
        "timeoutAction": limit.get("action") or "ROLLBACK",
        "_key": (index, stage),
    }


def answer(service_deployment: Record, detail: Record, action: str) -> None:
    """Carry out CONTINUE or ROLLBACK for a hook that waits."""
    if detail["status"] == "AWAITING_ACTION":
        detail["status"] = "SUCCEEDED"
    if action == "ROLLBACK":
        service_deployment.update(status="ROLLBACK_REQUESTED", updatedAt=state.now())
