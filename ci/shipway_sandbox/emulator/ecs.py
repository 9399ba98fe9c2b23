"""The ECS API's calls on services, corrected: what they answer and what they set going."""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import ecs

from shipway_sandbox.emulator import service_state, state
from shipway_sandbox.emulator.answers import whole
from shipway_sandbox.emulator.corrections import corrects, original, rule
from shipway_sandbox.emulator.refusals import services

Record = dict[str, Any]
_MUTABLE = (
    "deploymentConfiguration",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
    "loadBalancers",
    "networkConfiguration",
    "platformVersion",
    "propagateTags",
    "serviceRegistries",
)
_STARTS_DEPLOYMENT = ("loadBalancers", "networkConfiguration", "platformVersion")

shows_current = rule("ecs.current-service-deployment")
tells_tasks_whole = rule("ecs.tasks-are-told-whole")


@corrects("ecs.records-are-read-whole", "ecs._sanitize")
def sanitize(record: Any) -> Any:
    """A record as it is sent: no internal keys, no empty members; taken in one step each level.

    ``copy`` of a dict or a list is one bytecode under the interpreter's lock.
    """
    if isinstance(record, dict):
        told = whole.task(record) if _is_task(record) and tells_tasks_whole() else record.copy()
        return {
            key: sanitize(value)
            for key, value in told.items()
            if not key.startswith("_") and value is not None
        }
    if isinstance(record, list):
        return [sanitize(item) for item in record.copy()]
    return record


def _is_task(record: Record) -> bool:
    """Whether a record is a whole task's: only these have what the engine made for them."""
    return "_docker_ids" in record


@corrects("ecs.scheduler", "ecs._make_deployment")
def make_deployment(definition: str, desired: int, status: str = "PRIMARY") -> Record:
    """A placeholder that CreateService and UpdateService replace at once."""
    made: Record = original("ecs._make_deployment")(definition, desired, status)
    return made | {"rolloutState": "IN_PROGRESS", "rolloutStateReason": ""}


@corrects("ecs.scheduler", "ecs._reconcile_service_tasks")
def reconcile(_cluster: str, _key: str) -> None:
    """Nothing here: the scheduler's own thread looks at the service."""
    state.wake()


@corrects("ecs.scheduler", "ecs._refresh_service_state")
def refresh(_cluster: str, _group: str) -> None:
    """Nothing here: the scheduler counts."""


def _service(data: Record) -> Record | None:
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    resolved = ecs._resolve_service_ref(data.get("service", "")) if cluster else None
    if not resolved:
        return None
    name, of_cluster = resolved
    service: Record | None = ecs._services.get(f"{of_cluster or cluster}/{name}")
    return service


def _definition(reference: str | None) -> Record | None:
    definition: Record | None = ecs._task_defs.get(ecs._resolve_td_key(reference or ""))
    return definition


@corrects("ecs.scheduler", "ecs._create_service")
@corrects("ecs.scheduler", "ecs._ACTION_MAP[CreateService]")
def create_service(data: Record) -> Any:
    """CreateService: the first deployment begins, and can fail."""
    if refused := services.of_service(data, _definition(data.get("taskDefinition")), None):
        return refused.answer()
    reply = original("ecs._create_service")(data)
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    service = ecs._services.get(f"{cluster}/{data.get('serviceName')}")
    if reply[0] >= 400 or service is None:  # noqa: PLR2004  # an HTTP error status
        return reply
    with ecs.resource_lock("ecs-service", service["serviceArn"]):
        service["createdAt"] = state.now()
        service["createdBy"] = ecs_caller()
        service.setdefault("deploymentConfiguration", {})
        configured = service["deploymentConfiguration"]
        configured.setdefault("maximumPercent", 200)
        configured.setdefault("minimumHealthyPercent", 100)
        configured.setdefault("strategy", "ROLLING")
        for field in ("healthCheckGracePeriodSeconds", "serviceRegistries"):
            if field in data:
                service[field] = data[field]
        deployment = service_state.new_deployment(
            service, service["taskDefinition"], service["desiredCount"]
        )
        service["deployments"] = [deployment]
        service_state.begin_service_deployment(service, deployment)
    state.wake()
    return json_response({"service": _shown(service)})


def ecs_caller() -> str:
    """The ARN of who made this request, as far as MiniStack knows it."""
    from ministack.core import iam_evaluator  # noqa: PLC0415  # it imports services while loading

    return str(iam_evaluator.caller_arn())


@corrects("ecs.scheduler", "ecs._update_service")
@corrects("ecs.scheduler", "ecs._ACTION_MAP[UpdateService]")
def update_service(data: Record) -> Any:
    """UpdateService: a change of what runs begins a deployment; a change of count does not."""
    service = _service(data)
    if service is None:
        return error_response_json("ServiceNotFoundException", "Service not found.", 400)
    if service["status"] != "ACTIVE":
        return error_response_json("ServiceNotActiveException", "Service was not ACTIVE.", 400)
    definition = _definition(data.get("taskDefinition") or service["taskDefinition"])
    if refused := services.of_service(data, definition, service):
        return refused.answer()
    with ecs.resource_lock("ecs-service", service["serviceArn"]):
        changed = [
            field for field in _STARTS_DEPLOYMENT if field in data and data[field] != service[field]
        ]
        for field in _MUTABLE:
            if field in data:
                service[field] = data[field]
        service["deploymentConfiguration"].setdefault("maximumPercent", 200)
        service["deploymentConfiguration"].setdefault("minimumHealthyPercent", 100)
        service["deploymentConfiguration"].setdefault("strategy", "ROLLING")
        if data.get("desiredCount") is not None:
            service["desiredCount"] = int(data["desiredCount"])
        wanted = service["taskDefinition"]
        if data.get("taskDefinition"):
            key = ecs._resolve_td_key(data["taskDefinition"])
            wanted = ecs._task_defs[key]["taskDefinitionArn"]
        if wanted != service["taskDefinition"] or data.get("forceNewDeployment") or changed:
            _deploy(service, wanted)
    state.wake()
    return json_response({"service": _shown(service)})


def _deploy(service: Record, definition: str) -> None:
    service["taskDefinition"] = definition
    for deployment in service["deployments"]:
        deployment.update(status="ACTIVE", desiredCount=0)
        deployment.pop("_rolling_back", None)
        if deployment["rolloutState"] == "IN_PROGRESS":
            # A deployment that was replaced before it was complete is no place to go back to,
            # unless it had been complete before.
            deployment["rolloutState"] = (
                "COMPLETED" if deployment.get("_completed") else "IN_PROGRESS"
            )
    made = service_state.new_deployment(service, definition, service["desiredCount"])
    service["deployments"].insert(0, made)
    service_state.begin_service_deployment(service, made)


@corrects("ecs.scheduler", "ecs._delete_service")
@corrects("ecs.scheduler", "ecs._ACTION_MAP[DeleteService]")
def delete_service(data: Record) -> Any:
    """DeleteService: DRAINING while its tasks stop, then INACTIVE."""
    service = _service(data)
    if service is None or service["status"] == "INACTIVE":
        return error_response_json("ServiceNotFoundException", "Service not found.", 400)
    if not data.get("force") and service["desiredCount"] > 0:
        return error_response_json(
            "InvalidParameterException",
            "The service cannot be stopped while it is scaled above 0.",
            400,
        )
    from shipway_sandbox.emulator import tasks  # noqa: PLC0415  # tasks asks us for nothing

    with ecs.resource_lock("ecs-service", service["serviceArn"]):
        service.update(status="DRAINING", desiredCount=0)
        for task in service_state.tasks_of(service):
            if task["lastStatus"] in service_state.PRE_STOP:
                tasks.stop(task, "Service deleted", "ServiceSchedulerInitiated")
    state.wake()
    return json_response({"service": _shown(service)})


def _shown(service: Record) -> Record:
    shown: Record = ecs._sanitize(dict(service))
    if not shows_current():
        shown.pop("currentServiceDeployment", None)
    return shown


@corrects("ecs.scheduler", "ecs._ACTION_MAP[DescribeServices]")
def describe_services(data: Record) -> Any:
    """DescribeServices: at most ten, with counts that were just made.

    ECS's own words are in panther-labs/panther, issue 1526.
    """
    if len(data.get("services", [])) > 10:  # noqa: PLR2004  # the API's own limit
        return error_response_json(
            "InvalidParameterException", "service names can have at most 10 items.", 400
        )
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    if cluster is None or cluster not in ecs._clusters:
        return error_response_json("ClusterNotFoundException", "Cluster not found.", 400)
    described, missing = [], []
    for reference in data.get("services", []):
        service = _service({"cluster": cluster, "service": reference})
        if service is None:
            tail = f"service/{cluster}/{reference}"
            arn = reference if reference.startswith("arn:") else service_arn(tail)
            missing.append({"arn": arn, "reason": "MISSING"})
            continue
        shown = _shown(service)
        if "TAGS" in data.get("include", []):
            shown["tags"] = ecs._tags.get(service["serviceArn"], [])
        else:
            shown.pop("tags", None)
        described.append(shown)
    return json_response({"services": described, "failures": missing})


def service_arn(tail: str) -> str:
    """An ECS ARN in the caller's account and region."""
    return f"arn:aws:ecs:{ecs.get_region()}:{ecs.get_account_id()}:{tail}"


@corrects("ecs.millisecond-times", "ecs._ts_to_epoch")
def to_epoch(value: Any) -> Any:
    """A text time as seconds since the epoch, with its fraction."""
    if not isinstance(value, str):
        return value
    from datetime import datetime  # noqa: PLC0415  # only texts that MiniStack wrote come here

    try:
        return round(datetime.fromisoformat(value).timestamp(), 3)
    except ValueError:
        return value
