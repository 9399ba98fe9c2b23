"""ECS and ELB answers, read into the frozen values of :mod:`shipway.rollout.snapshot`.

Pure: a boto3 dict goes in, a value comes out, and the dict goes no further.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shipway.rollout.snapshot import (
    Container,
    Deployment,
    LifecycleHook,
    RevisionImage,
    RevisionSummary,
    ServiceDeployment,
    ServiceEvent,
    ServiceRevision,
    Snapshot,
    TargetHealth,
    Task,
)

Answer = Mapping[str, Any]


def service(found: Answer) -> Snapshot:
    """One entry of DescribeServices."""
    configuration = found.get("deploymentConfiguration") or {}
    breaker = configuration.get("deploymentCircuitBreaker")
    alarms = configuration.get("alarms")
    return Snapshot(
        status=found.get("status", ""),
        controller=(found.get("deploymentController") or {}).get("type", "ECS"),
        task_definition=found.get("taskDefinition", ""),
        desired=found.get("desiredCount", 0),
        running=found.get("runningCount", 0),
        pending=found.get("pendingCount", 0),
        deployments=tuple(_deployment(one) for one in found.get("deployments", ())),
        events=tuple(
            ServiceEvent(id=one["id"], at=_utc(one["createdAt"]), message=one.get("message", ""))
            for one in found.get("events", ())
        ),
        current_service_deployment=found.get("currentServiceDeployment"),
        breaker_enabled=None if breaker is None else bool(breaker.get("enable")),
        breaker_rollback=None if breaker is None else bool(breaker.get("rollback")),
        breaker_threshold=_threshold(breaker, found.get("desiredCount", 0)),
        alarms=tuple((alarms or {}).get("alarmNames", ())),
        alarms_enabled=None if alarms is None else bool(alarms.get("enable")),
        strategy=configuration.get("strategy"),
    )


def _threshold(breaker: Answer | None, desired: int) -> int | None:
    """Failed tasks that open the breaker.

    ECS Developer Guide, "How the Amazon ECS deployment circuit breaker detects failures": half of
    the desired count, bounded to 3 and 200, unless the service configures its own threshold.
    """
    if not breaker or not breaker.get("enable"):
        return None
    configured = breaker.get("thresholdConfiguration") or {}
    kind, value = configured.get("type", "BOUNDED_PERCENT"), int(configured.get("value", 50))
    if kind == "COUNT":
        return value
    part = math.ceil(desired * value / 100)
    return part if kind == "UNBOUNDED_PERCENT" else min(200, max(3, part))


def _deployment(found: Answer) -> Deployment:
    return Deployment(
        id=found["id"],
        status=found.get("status", ""),
        task_definition=found.get("taskDefinition", ""),
        rollout_state=found.get("rolloutState"),
        rollout_state_reason=found.get("rolloutStateReason", ""),
        desired=found.get("desiredCount", 0),
        running=found.get("runningCount", 0),
        pending=found.get("pendingCount", 0),
        failed=found.get("failedTasks", 0),
        created_at=_maybe(found.get("createdAt")),
        updated_at=_maybe(found.get("updatedAt")),
    )


def service_deployment(found: Answer) -> ServiceDeployment:
    """One entry of DescribeServiceDeployments."""
    configuration = found.get("deploymentConfiguration") or {}
    breaker = found.get("deploymentCircuitBreaker") or {}
    alarms = found.get("alarms") or {}
    rollback = found.get("rollback") or {}
    target = found.get("targetServiceRevision")
    return ServiceDeployment(
        arn=found["serviceDeploymentArn"],
        status=found.get("status", ""),
        status_reason=found.get("statusReason", ""),
        lifecycle_stage=found.get("lifecycleStage"),
        target=None if target is None else _summary(target),
        sources=tuple(_summary(one) for one in found.get("sourceServiceRevisions", ())),
        hooks=tuple(_hook(one) for one in found.get("lifecycleHookDetails", ())),
        rollback_reason=rollback.get("reason", ""),
        rollback_revision=rollback.get("serviceRevisionArn", ""),
        breaker_status=breaker.get("status"),
        breaker_failures=breaker.get("failureCount", 0),
        breaker_threshold=breaker.get("threshold", 0),
        alarm_status=alarms.get("status"),
        alarms_triggered=tuple(alarms.get("triggeredAlarmNames", ())),
        strategy=configuration.get("strategy"),
        bake_minutes=configuration.get("bakeTimeInMinutes"),
        created_at=_maybe(found.get("createdAt")),
        started_at=_maybe(found.get("startedAt")),
        updated_at=_maybe(found.get("updatedAt")),
        finished_at=_maybe(found.get("finishedAt")),
        stopped_at=_maybe(found.get("stoppedAt")),
    )


def _summary(found: Answer) -> RevisionSummary:
    return RevisionSummary(
        arn=found.get("arn", ""),
        requested=found.get("requestedTaskCount", 0),
        running=found.get("runningTaskCount", 0),
        pending=found.get("pendingTaskCount", 0),
        production_weight=found.get("requestedProductionTrafficWeight"),
        test_weight=found.get("requestedTestTrafficWeight"),
    )


def _hook(found: Answer) -> LifecycleHook:
    return LifecycleHook(
        id=found.get("hookId", ""),
        type=found.get("targetType", ""),
        status=found.get("status", ""),
        expires_at=_maybe(found.get("expiresAt")),
        timeout_action=found.get("timeoutAction", ""),
    )


def revision(found: Answer) -> ServiceRevision:
    """One entry of DescribeServiceRevisions."""
    return ServiceRevision(
        arn=found["serviceRevisionArn"],
        task_definition=found.get("taskDefinition", ""),
        images=tuple(
            RevisionImage(
                container=one.get("containerName", ""),
                image=one.get("image", ""),
                digest=one.get("imageDigest"),
            )
            for one in found.get("containerImages", ())
        ),
    )


def task(found: Answer) -> Task:
    """One entry of DescribeTasks."""
    addresses = tuple(
        detail["value"]
        for attachment in found.get("attachments", ())
        for detail in attachment.get("details", ())
        if detail.get("name") == "privateIPv4Address"
    ) or tuple(
        interface["privateIpv4Address"]
        for one in found.get("containers", ())
        for interface in one.get("networkInterfaces", ())
        if "privateIpv4Address" in interface
    )
    return Task(
        arn=found["taskArn"],
        task_definition=found.get("taskDefinitionArn", ""),
        started_by=found.get("startedBy", ""),
        group=found.get("group", ""),
        last_status=found.get("lastStatus", ""),
        desired_status=found.get("desiredStatus", ""),
        health=found.get("healthStatus"),
        stop_code=found.get("stopCode", ""),
        stopped_reason=found.get("stoppedReason", ""),
        containers=tuple(_container(one) for one in found.get("containers", ())),
        private_ips=addresses,
        created_at=_maybe(found.get("createdAt")),
        started_at=_maybe(found.get("startedAt")),
        stopped_at=_maybe(found.get("stoppedAt")),
    )


def _container(found: Answer) -> Container:
    return Container(
        name=found.get("name", ""),
        last_status=found.get("lastStatus", ""),
        image=found.get("image", ""),
        image_digest=found.get("imageDigest"),
        exit_code=found.get("exitCode"),
        reason=found.get("reason", ""),
        health=found.get("healthStatus"),
        runtime_id=found.get("runtimeId", ""),
    )


def target(group: str, found: Answer) -> TargetHealth:
    """One entry of ELB's DescribeTargetHealth."""
    health = found.get("TargetHealth") or {}
    return TargetHealth(
        group=group,
        id=found["Target"]["Id"],
        port=found["Target"].get("Port", 0),
        state=health.get("State", ""),
        reason=health.get("Reason", ""),
        description=health.get("Description", ""),
    )


def target_groups(found: Answer) -> tuple[str, ...]:
    """ARNs of every target group of a service, those of the other colour included."""
    groups: list[str] = []
    for balancer in found.get("loadBalancers", ()):
        groups.append(balancer.get("targetGroupArn", ""))
        advanced = balancer.get("advancedConfiguration") or {}
        groups.append(advanced.get("alternateTargetGroupArn", ""))
    return tuple(dict.fromkeys(group for group in groups if group))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _maybe(moment: datetime | None) -> datetime | None:
    return None if moment is None else _utc(moment)
