"""Service deployments and revisions: the ECS calls by which a rollout is followed and steered."""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

from datetime import datetime
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import ecs

from shipway_sandbox.emulator import hooks, service_state, state
from shipway_sandbox.emulator.corrections import corrects
from shipway_sandbox.emulator.service_state import ENDED, service_deployments, service_revisions

Record = dict[str, Any]
_MOST = 20
_PAGE = 100


@corrects("ecs.service-deployments", "ecs._ACTION_MAP[ListServiceDeployments]")
def list_service_deployments(data: Record) -> Any:
    """ListServiceDeployments: newest first, filtered by status and time of creation."""
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    resolved = ecs._resolve_service_ref(data.get("service", "")) if cluster else None
    service = ecs._services.get(f"{resolved[1] or cluster}/{resolved[0]}") if resolved else None
    if service is None:
        return error_response_json("ServiceNotFoundException", "Service not found.", 400)
    wanted = set(data.get("status") or [])
    span = data.get("createdAt") or {}
    matching = [
        service_deployment
        for service_deployment in service_deployments.values()
        if service_deployment["serviceArn"] == service["serviceArn"]
        and (not wanted or service_deployment["status"] in wanted)
        and (not span.get("after") or service_deployment["createdAt"] >= _seconds(span["after"]))
        and (not span.get("before") or service_deployment["createdAt"] <= _seconds(span["before"]))
    ]
    matching.sort(key=lambda service_deployment: -service_deployment["_order"])
    start, size = int(data.get("nextToken") or 0), int(data.get("maxResults") or _PAGE)
    answer: Record = {
        "serviceDeployments": [
            _brief(service_deployment) for service_deployment in matching[start : start + size]
        ]
    }
    if start + size < len(matching):
        answer["nextToken"] = str(start + size)
    return json_response(answer)


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        return datetime.fromisoformat(value).timestamp()
    return float(value)


def _brief(service_deployment: Record) -> Record:
    fields = (
        "serviceDeploymentArn",
        "serviceArn",
        "clusterArn",
        "createdAt",
        "startedAt",
        "finishedAt",
        "status",
        "statusReason",
    )
    brief = {name: service_deployment.get(name) for name in fields}
    brief["targetServiceRevisionArn"] = service_deployment["targetServiceRevision"]["arn"]
    shown: Record = ecs._sanitize(brief)
    return shown


def _counts(revision: str, service: Record) -> Record:
    """Running and pending tasks of one revision, as they are now."""
    own = next(
        (
            deployment["id"]
            for deployment in service["deployments"]
            if deployment["_revision"] == revision
        ),
        None,
    )
    members = [
        task for task in service_state.tasks_of(service) if task.get("_deployment_id") == own
    ]
    return {
        "runningTaskCount": sum(task["lastStatus"] == "RUNNING" for task in members),
        "pendingTaskCount": sum(task["lastStatus"] in service_state.PENDING for task in members),
    }


def _service_of(service_deployment: Record) -> Record | None:
    service: Record | None = next(
        (
            service
            for service in ecs._services.values()
            if service["serviceArn"] == service_deployment["serviceArn"]
        ),
        None,
    )
    return service


@corrects("ecs.service-deployments", "ecs._ACTION_MAP[DescribeServiceDeployments]")
def describe_service_deployments(data: Record) -> Any:
    """DescribeServiceDeployments: every field, with counts that were just made."""
    arns = data.get("serviceDeploymentArns") or []
    if len(arns) > _MOST:
        return _too_many()
    described, missing = [], []
    for arn in arns:
        service_deployment = service_deployments.get(arn)
        service = _service_of(service_deployment) if service_deployment is not None else None
        if service_deployment is None or service is None:
            missing.append({"arn": arn, "reason": "MISSING"})
            continue
        shown = dict(service_deployment)
        target = service_deployment["targetServiceRevision"]
        shown["targetServiceRevision"] = target | _counts(target["arn"], service)
        shown["sourceServiceRevisions"] = [
            source | _counts(source["arn"], service)
            for source in service_deployment["sourceServiceRevisions"]
        ]
        described.append(ecs._sanitize(shown))
    return json_response({"serviceDeployments": described, "failures": missing})


def _too_many() -> Any:
    return error_response_json(
        "InvalidParameterException", f"You can specify up to {_MOST} ARNs.", 400
    )


@corrects("ecs.service-deployments", "ecs._ACTION_MAP[DescribeServiceRevisions]")
def describe_service_revisions(data: Record) -> Any:
    """DescribeServiceRevisions, with the digest of every container's image."""
    arns = data.get("serviceRevisionArns") or []
    if len(arns) > _MOST:
        return _too_many()
    described = [ecs._sanitize(service_revisions[arn]) for arn in arns if arn in service_revisions]
    missing = [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in service_revisions]
    return json_response({"serviceRevisions": described, "failures": missing})


def _not_found() -> Any:
    return error_response_json(
        "ServiceDeploymentNotFoundException", "Service deployment not found.", 400
    )


@corrects("ecs.service-deployments", "ecs._ACTION_MAP[StopServiceDeployment]")
def stop_service_deployment(data: Record) -> Any:
    """StopServiceDeployment: ROLLBACK goes back, ABORT leaves things as they are."""
    service_deployment = service_deployments.get(data.get("serviceDeploymentArn", ""))
    service = _service_of(service_deployment) if service_deployment is not None else None
    if service_deployment is None or service is None:
        return _not_found()
    if service_deployment["status"] in ENDED or service_deployment["status"].startswith(
        ("ROLLBACK", "STOP")
    ):
        return error_response_json(
            "ConflictException", "The service deployment is not in a state to be stopped.", 400
        )
    with ecs.resource_lock("ecs-service", service["serviceArn"]):
        abort = data.get("stopType", "ROLLBACK") == "ABORT"
        service_deployment.update(
            status="STOP_REQUESTED" if abort else "ROLLBACK_REQUESTED", updatedAt=state.now()
        )
        if abort:
            service_deployment["statusReason"] = (
                "Service deployment was stopped by a StopServiceDeployment call."
            )
    state.wake()
    return json_response({"serviceDeploymentArn": service_deployment["serviceDeploymentArn"]})


@corrects("ecs.service-deployments", "ecs._ACTION_MAP[ContinueServiceDeployment]")
def continue_service_deployment(data: Record) -> Any:
    """ContinueServiceDeployment: the answer that a PAUSE hook waits for."""
    service_deployment = service_deployments.get(data.get("serviceDeploymentArn", ""))
    service = _service_of(service_deployment) if service_deployment is not None else None
    if service_deployment is None or service is None:
        return _not_found()
    waiting = [
        hook
        for hook in service_deployment.get("lifecycleHookDetails", [])
        if hook["status"] == "AWAITING_ACTION" and hook["hookId"] == data.get("hookId")
    ]
    if not waiting:
        return error_response_json(
            "InvalidParameterException", "The hook is not awaiting an action.", 400
        )
    with ecs.resource_lock("ecs-service", service["serviceArn"]):
        hooks.answer(service_deployment, waiting[0], data.get("action") or "CONTINUE")
    state.wake()
    return json_response({"serviceDeploymentArn": service_deployment["serviceDeploymentArn"]})
