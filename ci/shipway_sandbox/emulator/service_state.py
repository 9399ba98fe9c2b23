"""What a service's rollout is made of: deployments, service deployments and revisions.

Field names are the ECS API's (API Reference: Deployment, ServiceDeployment, ServiceRevision). Keys
that begin with an underscore are ours and never leave the emulator.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import itertools
import math
import random
import time
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ecs

from shipway_sandbox.emulator import images, state

Record = dict[str, Any]

PRE_STOP = ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING")
PENDING = ("PROVISIONING", "PENDING", "ACTIVATING")
ENDED = frozenset({"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"})
_MAX_EVENTS = 100

service_deployments: dict[str, Record] = {}
service_revisions: dict[str, Record] = {}
_digits = itertools.count(random.SystemRandom().randrange(10**15))


def number() -> str:
    """A number as ECS gives to deployments and revisions: 19 digits, growing."""
    return f"{9 * 10**18 + time.time_ns() // 1000 % 10**15 * 1000 + next(_digits) % 1000}"


def arn(kind: str, service: Record, tail: str) -> str:
    """``arn:aws:ecs:…:KIND/CLUSTER/SERVICE/TAIL``."""
    cluster = service["clusterArn"].rpartition("/")[2]
    where = f"{get_region()}:{get_account_id()}"
    return f"arn:aws:ecs:{where}:{kind}/{cluster}/{service['serviceName']}/{tail}"


def add_event(service: Record, message: str) -> None:
    """Put one line on top of the service's events."""
    service["events"].insert(
        0,
        {
            "id": str(ecs.new_uuid()),
            "createdAt": state.now(),
            "message": f"(service {service['serviceName']}) {message}",
        },
    )
    del service["events"][_MAX_EVENTS:]


def primary_of(service: Record) -> Record:
    """The deployment that the service is heading for."""
    primary: Record = next(
        deployment for deployment in service["deployments"] if deployment["status"] == "PRIMARY"
    )
    return primary


def breaker_of(service: Record) -> Record:
    """The circuit breaker's configuration, empty where there is none."""
    configured = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker")
    breaker: Record = configured or {}
    return breaker


def threshold(service: Record) -> int:
    """How many failures open the circuit breaker.

    Half of the desired count, from 3 to 200, unless configured ("How the Amazon ECS deployment
    circuit breaker detects failures").
    """
    configured = breaker_of(service).get("thresholdConfiguration") or {}
    kind, value = configured.get("type", "BOUNDED_PERCENT"), float(configured.get("value", 50))
    if kind == "COUNT":
        return max(1, int(value))
    share = math.ceil(value * int(service.get("desiredCount") or 0) / 100)
    return max(1, share) if kind == "UNBOUNDED_PERCENT" else min(200, max(3, share))


def tasks_of(service: Record) -> list[Record]:
    """Every task of the service that ECS still remembers."""
    group = f"service:{service['serviceName']}"
    return [
        task
        for task in ecs._tasks.values()
        if task.get("group") == group and task.get("clusterArn") == service["clusterArn"]
    ]


def current(service: Record) -> Record | None:
    """The newest service deployment of the service."""
    return service_deployments.get(service.get("currentServiceDeployment") or "")


def new_revision(service: Record, definition_arn: str) -> Record:
    """Record what is to be put into service now, with the digests that its tags stand for."""
    definition = images.definition_of(definition_arn) or {"containerDefinitions": []}
    digests = images.known_digests(definition)
    listed = [
        {
            "containerName": container["name"],
            "image": container["image"],
            **({"imageDigest": digests[container["name"]]} if container["name"] in digests else {}),
        }
        for container in definition["containerDefinitions"]
    ]
    revision: Record = {
        "serviceRevisionArn": arn("service-revision", service, number()),
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "taskDefinition": definition_arn,
        "launchType": service.get("launchType"),
        "platformVersion": service.get("platformVersion") or None,
        "loadBalancers": service.get("loadBalancers") or [],
        "networkConfiguration": service.get("networkConfiguration") or None,
        "containerImages": listed,
        "guardDutyEnabled": False,
        "createdAt": state.now(),
        "_digests": digests,
    }
    service_revisions[revision["serviceRevisionArn"]] = revision
    return revision


def new_deployment(service: Record, definition_arn: str, desired: int) -> Record:
    """A deployment as it is the moment it is made: IN_PROGRESS, also the very first."""
    identity = number()
    revision = new_revision(service, definition_arn)
    when = state.now()
    state.emulator().pins[f"ecs-svc/{identity}"] = revision["_digests"]
    return {
        "id": f"ecs-svc/{identity}",
        "status": "PRIMARY",
        "taskDefinition": definition_arn,
        "desiredCount": desired,
        "pendingCount": 0,
        "runningCount": 0,
        "failedTasks": 0,
        "createdAt": when,
        "updatedAt": when,
        "launchType": service.get("launchType"),
        "capacityProviderStrategy": service.get("capacityProviderStrategy"),
        "platformVersion": service.get("platformVersion") or None,
        "networkConfiguration": service.get("networkConfiguration") or None,
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment ecs-svc/{identity} in progress.",
        "_revision": revision["serviceRevisionArn"],
    }


def begin_service_deployment(service: Record, deployment: Record) -> Record:
    """Record a service deployment towards ``deployment``; one that is under way is superseded."""
    before = current(service)
    if before is not None and before["status"] not in ENDED:
        before["_superseded"] = True
    sources = [
        {"arn": source["_revision"], "requestedTaskCount": source["desiredCount"]}
        for source in service["deployments"]
        if source is not deployment and source["rolloutState"] == "COMPLETED"
    ]
    made: Record = {
        "serviceDeploymentArn": arn("service-deployment", service, ecs.new_uuid()[:21]),
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "createdAt": state.now(),
        "updatedAt": state.now(),
        "sourceServiceRevisions": sources,
        "targetServiceRevision": {
            "arn": deployment["_revision"],
            "requestedTaskCount": deployment["desiredCount"],
        },
        "status": "PENDING",
        "lifecycleStage": "RECONCILE_SERVICE",
        "deploymentConfiguration": dict(service.get("deploymentConfiguration") or {}),
        "_deployment": deployment["id"],
        "_order": time.monotonic_ns(),
    }
    service_deployments[made["serviceDeploymentArn"]] = made
    service["currentServiceDeployment"] = made["serviceDeploymentArn"]
    return made


def end(deployment: Record, status: str, reason: str = "") -> None:
    """Give a service deployment its last status."""
    when = state.now()
    deployment.update(status=status, statusReason=reason or None, updatedAt=when)
    deployment["stoppedAt" if status == "STOPPED" else "finishedAt"] = when
