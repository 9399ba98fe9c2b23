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


def service(document: Answer) -> Snapshot:
    """One entry of DescribeServices."""
    configuration = document.get("deploymentConfiguration") or {}
    breaker = configuration.get("deploymentCircuitBreaker")
    alarms = configuration.get("alarms")
    return Snapshot(
        status=document.get("status", ""),
        balanced=bool(target_groups(document)),
        controller=(document.get("deploymentController") or {}).get("type", "ECS"),
        task_definition=document.get("taskDefinition", ""),
        desired=document.get("desiredCount", 0),
        running=document.get("runningCount", 0),
        pending=document.get("pendingCount", 0),
        deployments=tuple(
            _deployment(deployment) for deployment in document.get("deployments", ())
        ),
        events=tuple(
            ServiceEvent(
                id=event["id"], at=_utc(event["createdAt"]), message=event.get("message", "")
            )
            for event in document.get("events", ())
        ),
        current_service_deployment=document.get("currentServiceDeployment"),
        breaker_enabled=None if breaker is None else bool(breaker.get("enable")),
        breaker_rollback=None if breaker is None else bool(breaker.get("rollback")),
        breaker_threshold=_threshold(breaker, document.get("desiredCount", 0)),
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


def _deployment(document: Answer) -> Deployment:
    return Deployment(
        id=document["id"],
        status=document.get("status", ""),
        task_definition=document.get("taskDefinition", ""),
        rollout_state=document.get("rolloutState"),
        rollout_state_reason=document.get("rolloutStateReason", ""),
        desired=document.get("desiredCount", 0),
        running=document.get("runningCount", 0),
        pending=document.get("pendingCount", 0),
        failed=document.get("failedTasks", 0),
        created_at=_maybe(document.get("createdAt")),
        updated_at=_maybe(document.get("updatedAt")),
    )


def service_deployment(document: Answer) -> ServiceDeployment:
    """One entry of DescribeServiceDeployments."""
    configuration = document.get("deploymentConfiguration") or {}
    breaker = document.get("deploymentCircuitBreaker") or {}
    alarms = document.get("alarms") or {}
    rollback = document.get("rollback") or {}
    target = document.get("targetServiceRevision")
    return ServiceDeployment(
        arn=document["serviceDeploymentArn"],
        status=document.get("status", ""),
        status_reason=document.get("statusReason", ""),
        lifecycle_stage=document.get("lifecycleStage"),
        target=None if target is None else _summary(target),
        sources=tuple(_summary(summary) for summary in document.get("sourceServiceRevisions", ())),
        hooks=tuple(_hook(detail) for detail in document.get("lifecycleHookDetails", ())),
        rollback_reason=rollback.get("reason", ""),
        rollback_revision=rollback.get("serviceRevisionArn", ""),
        breaker_status=breaker.get("status"),
        breaker_failures=breaker.get("failureCount", 0),
        breaker_threshold=breaker.get("threshold", 0),
        alarm_status=alarms.get("status"),
        alarms_triggered=tuple(alarms.get("triggeredAlarmNames", ())),
        strategy=configuration.get("strategy"),
        bake_minutes=configuration.get("bakeTimeInMinutes"),
        created_at=_maybe(document.get("createdAt")),
        started_at=_maybe(document.get("startedAt")),
        updated_at=_maybe(document.get("updatedAt")),
        finished_at=_maybe(document.get("finishedAt")),
        stopped_at=_maybe(document.get("stoppedAt")),
    )


def _summary(document: Answer) -> RevisionSummary:
    return RevisionSummary(
        arn=document.get("arn", ""),
        requested=document.get("requestedTaskCount", 0),
        running=document.get("runningTaskCount", 0),
        pending=document.get("pendingTaskCount", 0),
        production_weight=document.get("requestedProductionTrafficWeight"),
        test_weight=document.get("requestedTestTrafficWeight"),
    )


def _hook(document: Answer) -> LifecycleHook:
    return LifecycleHook(
        id=document.get("hookId", ""),
        type=document.get("targetType", ""),
        status=document.get("status", ""),
        expires_at=_maybe(document.get("expiresAt")),
        timeout_action=document.get("timeoutAction", ""),
    )


def revision(document: Answer) -> ServiceRevision:
    """One entry of DescribeServiceRevisions."""
    return ServiceRevision(
        arn=document["serviceRevisionArn"],
        task_definition=document.get("taskDefinition", ""),
        images=tuple(
            RevisionImage(
                container=image.get("containerName", ""),
                image=image.get("image", ""),
                digest=image.get("imageDigest"),
            )
            for image in document.get("containerImages", ())
        ),
    )


def task(document: Answer) -> Task:
    """One entry of DescribeTasks."""
    addresses = tuple(
        detail["value"]
        for attachment in document.get("attachments", ())
        for detail in attachment.get("details", ())
        if detail.get("name") == "privateIPv4Address"
    ) or tuple(
        interface["privateIpv4Address"]
        for container in document.get("containers", ())
        for interface in container.get("networkInterfaces", ())
        if "privateIpv4Address" in interface
    )
    return Task(
        arn=document["taskArn"],
        task_definition=document.get("taskDefinitionArn", ""),
        started_by=document.get("startedBy", ""),
        group=document.get("group", ""),
        last_status=document.get("lastStatus", ""),
        desired_status=document.get("desiredStatus", ""),
        health=document.get("healthStatus"),
        stop_code=document.get("stopCode", ""),
        stopped_reason=document.get("stoppedReason", ""),
        containers=tuple(_container(container) for container in document.get("containers", ())),
        private_ips=addresses,
        created_at=_maybe(document.get("createdAt")),
        started_at=_maybe(document.get("startedAt")),
        stopping_at=_maybe(document.get("stoppingAt")),
        stopped_at=_maybe(document.get("stoppedAt")),
    )


def _container(document: Answer) -> Container:
    return Container(
        name=document.get("name", ""),
        last_status=document.get("lastStatus", ""),
        image=document.get("image", ""),
        image_digest=document.get("imageDigest"),
        exit_code=document.get("exitCode"),
        reason=document.get("reason", ""),
        health=document.get("healthStatus"),
        runtime_id=document.get("runtimeId", ""),
    )


def target(group: str, document: Answer) -> TargetHealth:
    """One entry of ELB's DescribeTargetHealth."""
    health = document.get("TargetHealth") or {}
    return TargetHealth(
        group=group,
        id=document["Target"]["Id"],
        port=document["Target"].get("Port", 0),
        state=health.get("State", ""),
        reason=health.get("Reason", ""),
        description=health.get("Description", ""),
    )


def target_groups(document: Answer) -> tuple[str, ...]:
    """ARNs of every target group of a service, those of the other colour included."""
    groups: list[str] = []
    for balancer in document.get("loadBalancers", ()):
        groups.append(balancer.get("targetGroupArn", ""))
        advanced = balancer.get("advancedConfiguration") or {}
        groups.append(advanced.get("alternateTargetGroupArn", ""))
    return tuple(dict.fromkeys(group for group in groups if group))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _maybe(moment: datetime | None) -> datetime | None:
    return None if moment is None else _utc(moment)
