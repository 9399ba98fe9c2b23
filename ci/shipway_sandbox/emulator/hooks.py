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


def is_rolling(found: Record) -> bool:
    """Whether the strategy replaces tasks in place instead of shifting traffic."""
    return (found["deploymentConfiguration"].get("strategy") or "ROLLING") == "ROLLING"


def stages(found: Record) -> tuple[str, ...]:
    """The stages of a service deployment in their order."""
    bake = ("BAKE_TIME",) if found["deploymentConfiguration"].get("bakeTimeInMinutes") else ()
    if is_rolling(found):
        return (*_SCALING, *bake, "CLEAN_UP")
    return (*_SCALING, *_SHIFTING, *bake, "CLEAN_UP")


def reached(found: Record, stage: str) -> bool:
    """Whether a service deployment is in a stage or past it; a rollback is past all of them."""
    if found.get("rollback"):
        return True
    order = stages(found)
    return order.index(found["lifecycleStage"]) >= order.index(stage)


def walk(service: Record, found: Record, *, is_up: bool) -> None:
    """Go as many stages on as nothing holds up."""
    order = stages(found)
    while found["status"] == "IN_PROGRESS" and not found.get("rollback"):
        stage = found["lifecycleStage"]
        if not _hook_passed(found, stage) or not _done(found, stage, is_up=is_up):
            break
        index = order.index(stage)
        if index + 1 == len(order):
            break
        found.update(lifecycleStage=order[index + 1], updatedAt=state.now(), _stage_at=None)
    _publish_weights(service, found)


def _done(found: Record, stage: str, *, is_up: bool) -> bool:
    minute = state.emulator().minute
    since = found.get("_stage_at")
    if since is None:
        since = found["_stage_at"] = time.monotonic()
    elapsed = time.monotonic() - since
    configured = found["deploymentConfiguration"]
    if stage == "SCALE_UP":
        return is_up
    if stage == "PRODUCTION_TRAFFIC_SHIFT":
        weight, over = shift(configured, elapsed / minute)
        found["_weight"] = weight
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


def _publish_weights(service: Record, found: Record) -> None:
    """Show the weights, and have the load balancer follow them."""
    if is_rolling(found):
        return
    weight = float(found.get("_weight") or 0.0)
    if found.get("rollback"):
        weight = 0.0
    target = found["targetServiceRevision"]
    target["requestedProductionTrafficWeight"] = weight
    target["requestedTestTrafficWeight"] = (
        _WHOLE if reached(found, "TEST_TRAFFIC_SHIFT") and not found.get("rollback") else 0.0
    )
    for source in found["sourceServiceRevisions"]:
        source["requestedProductionTrafficWeight"] = _WHOLE - weight
    others = [one["id"] for one in service["deployments"] if one["id"] != found["_deployment"]]
    if not others:
        return
    shares = {found["_deployment"]: weight}
    shares |= {one: (_WHOLE - weight) / len(others) for one in others}
    for balancer in service.get("loadBalancers") or []:
        if balancer.get("targetGroupArn"):
            state.checker().weights[balancer["targetGroupArn"]] = shares


def _hook_passed(found: Record, stage: str) -> bool:
    """Whether the stage's PAUSE hooks are answered; the first look makes them wait."""
    details: list[Record] = found.setdefault("lifecycleHookDetails", [])
    for index, hook in enumerate(found["deploymentConfiguration"].get("lifecycleHooks") or []):
        if stage not in (hook.get("lifecycleStages") or []):
            continue
        detail = next((one for one in details if one["_key"] == (index, stage)), None)
        if detail is None:
            detail = _detail(hook, index, stage)
            details.append(detail)
        if detail["status"] == "AWAITING_ACTION" and time.time() >= detail["expiresAt"]:
            detail["status"] = "TIMED_OUT"
            answer(found, detail, detail["timeoutAction"])
        if detail["status"] == "AWAITING_ACTION" or found["status"] != "IN_PROGRESS":
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


def answer(found: Record, detail: Record, action: str) -> None:
    """Carry out CONTINUE or ROLLBACK for a hook that waits."""
    if detail["status"] == "AWAITING_ACTION":
        detail["status"] = "SUCCEEDED"
    if action == "ROLLBACK":
        found.update(status="ROLLBACK_REQUESTED", updatedAt=state.now())
