"""What the judge says, as events a person sees."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from shipway.observer import Noticed, Rolling, TaskCounts
from shipway.rollout.judge.state import ROLLING_BACK, State, label, ours_in, seconds_since
from shipway.rollout.judge.terms import Policy, RolloutEvent
from shipway.rollout.snapshot import Deployment, LifecycleHook, ServiceDeployment, Snapshot

_BLIND_AFTER = 10.0
"""Seconds without an answer before the last numbers no longer pass for news; a blip is shorter."""


def noticed(event: RolloutEvent, subject: str) -> Noticed:
    """The observer's event for one happening of service ``subject``."""
    return Noticed(stage="deploy", text=event.text, subject=subject, level=event.level)


def progress(state: State, snapshot: Snapshot, now: datetime) -> Rolling:
    """How the rollout stands, for the live view; a hole shows what was last seen, and since when.

    The numbers of a look that is long past would look like progress if nothing said their age.
    """
    last = snapshot if snapshot.answered and snapshot.exists else state.service or snapshot
    described = state.described
    mine = ours_in(state, last) or state.deployment
    others = [d for d in last.deployments if mine is None or d.id != mine.id]
    target = described.target if described is not None else None
    weighs = last.strategy or (described.strategy if described is not None else None)
    old = state.target.previous_task_definition
    if not old and others:
        old = others[0].task_definition
    return Rolling(
        subject=state.target.subject,
        old=label(old),
        new=label(state.target.task_definition),
        stage=_stage(state, mine),
        new_tasks=_counts((mine,) if mine is not None else ()),
        old_tasks=_counts(others),
        health=tuple(sorted(Counter(t.state for t in state.live).items())),
        breaker=breaker(described, mine, last),
        rolling_back=state.rolling_back_since is not None,
        traffic=target.production_weight if target and weighs not in {None, "ROLLING"} else None,
        elapsed=max(0.0, (max(now, state.now) - state.started).total_seconds()),
        unseen=_last_answer(state) if blind(state) else None,
        trouble=state.trouble if blind(state) else "",
    )


def breaker(
    described: ServiceDeployment | None, mine: Deployment | None, service: Snapshot
) -> tuple[int, int] | None:
    """Failures that the circuit breaker has counted and those that open it, where ECS tells it."""
    if (
        described is not None
        and described.breaker_threshold
        and described.breaker_status not in {None, "DISABLED"}
    ):
        return described.breaker_failures, described.breaker_threshold
    if service.breaker_enabled and service.breaker_threshold:
        return (mine.failed if mine is not None else 0), service.breaker_threshold
    return None


def blind(state: State) -> bool:
    """Whether ECS has not answered for so long that what is known may be no longer true."""
    return seconds_since(state.answered_at or state.started, state.now) >= _BLIND_AFTER


def unseen(state: State) -> str:
    """Since when nothing was seen, what was seen then, and why; empty where ECS answers."""
    if not blind(state):
        return ""
    quiet = seconds_since(state.answered_at or state.started, state.now)
    return (
        f"nothing seen for {quiet:.0f} s, since second {_last_answer(state):.0f} "
        f"({last_seen(state)}): {state.trouble or 'no answer'}"
    )


def _last_answer(state: State) -> float:
    return seconds_since(state.started, state.answered_at or state.started)


def last_seen(state: State) -> str:
    """The last good look in a few words: ``3 of 4 running, 1 pending; SCALE_UP; 2 healthy``."""
    if state.service is None:
        return "nothing was seen"
    mine = state.deployment
    parts = []
    if mine is None:
        parts.append("our deployment was not shown")
    else:
        desired = mine.desired or state.desired
        parts.append(
            f"{mine.running} of {desired} running"
            + (f", {mine.pending} pending" if mine.pending else "")
        )
    stage = _stage(state, mine)
    if stage and stage not in {"COMPLETED", "SUCCESSFUL"}:
        parts.append(stage)
    health = Counter(t.state for t in state.live)
    if health:
        parts.append(", ".join(f"{count} {name}" for name, count in sorted(health.items())))
    return "; ".join(parts)


def objections(service: Snapshot, policy: Policy) -> tuple[str, ...]:
    """Why this service must not be updated, before anything is changed; empty means go.

    Args:
        service: The DescribeServices part of one look.
        policy: What the configuration asks for.
    """
    reasons = []
    if not service.exists:
        return ("the service is not in the cluster",)
    if service.status != "ACTIVE":
        reasons.append(f"the service is {service.status}, not ACTIVE")
    if service.controller != "ECS":
        reasons.append(
            f"the deployment controller {service.controller} is not supported; only ECS is"
        )
    if policy.require_breaker and service.breaker_enabled is False:
        reasons.append(
            "its deployment circuit breaker is disabled: enable it, or set "
            "require_circuit_breaker = false"
        )
    if policy.require_alarms and service.alarms and service.alarms_enabled is False:
        reasons.append(
            f"its alarms ({', '.join(service.alarms)}) are named but disabled: enable them, "
            "or set require_alarms = false"
        )
    return tuple(reasons)


def describe_newer(state: State, snapshot: Snapshot) -> str:
    """By whom we were replaced: deployment, task definition and time, as far as is known."""
    other = snapshot.primary
    if other is not None and (other.id == state.deployment_id or other.id in state.target.earlier):
        other = None
    newest = state.newest
    name = other.id if other is not None else newest.arn.rpartition("/")[2] if newest else ""
    if not name and snapshot.current_service_deployment:
        name = snapshot.current_service_deployment.rpartition("/")[2]
    definition = other.task_definition if other is not None else state.newest_definition
    at = other.created_at if other is not None else newest.created_at if newest else None
    parts = [f"deployment {name}" if name else "a newer deployment"]
    if definition:
        parts.append(f"of {label(definition)}")
    if at is not None:
        parts.append(f"at {at:%H:%M:%S} UTC")
    return " ".join(parts)


def describe_pause(hook: LifecycleHook, sd: ServiceDeployment) -> str:
    """``paused at POST_SCALE_UP by hook h-1 until 10:30 UTC, then ROLLBACK``."""
    stage = hook.stage or sd.lifecycle_stage or ""
    at = f" at {stage}" if stage else ""
    until = f" until {hook.expires_at:%Y-%m-%d %H:%M} UTC" if hook.expires_at else ""
    then = f", then {hook.timeout_action}" if hook.timeout_action else ""
    return f"paused{at} by hook {hook.id}{until}{then}"


def _stage(state: State, mine: Deployment | None) -> str:
    described = state.described
    if described is not None:
        if described.status in ROLLING_BACK or described.status not in {"IN_PROGRESS", "PENDING"}:
            return described.status
        return described.lifecycle_stage or described.status
    return (mine.rollout_state or mine.status) if mine is not None else "PENDING"


def _counts(deployments: tuple[Deployment, ...] | list[Deployment]) -> TaskCounts:
    return TaskCounts(
        desired=sum(d.desired for d in deployments),
        running=sum(d.running for d in deployments),
        pending=sum(d.pending for d in deployments),
        failed=sum(d.failed for d in deployments),
    )
