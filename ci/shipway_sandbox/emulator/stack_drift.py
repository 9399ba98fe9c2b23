"""Drift of a stack's services and secrets: what they are now, in a template's words.

Of a service those properties are compared that can change without a new one. CloudFormation looks
at what a template sets and at nothing else (CloudFormation User Guide, "Detect unmanaged
configuration changes"): a delivery beside the stack shows as another task definition.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

from typing import Any, Final

from ministack.services import ecs
from ministack.services.cloudformation import drift

from shipway_sandbox.emulator.corrections import corrects, original
from shipway_sandbox.emulator.stack_resources import secret_name

Record = dict[str, Any]

_CORRECTION: Final = "cloudformation.drift-of-services"
_SERVICE: Final = "AWS::ECS::Service"
_SECRET: Final = "AWS::SecretsManager::Secret"  # noqa: S105  # a type's name
_COMPARED: Final = frozenset(
    {
        "AvailabilityZoneRebalancing",
        "CapacityProviderStrategy",
        "DeploymentConfiguration",
        "DesiredCount",
        "EnableExecuteCommand",
        "HealthCheckGracePeriodSeconds",
        "LoadBalancers",
        "NetworkConfiguration",
        "PlatformVersion",
        "TaskDefinition",
    }
)


@corrects(_CORRECTION, "drift.supports_drift")
def supports_drift(resource_type: str) -> bool:
    """Whether a type is looked at; a service is."""
    return resource_type == _SERVICE or bool(original("drift.supports_drift")(resource_type))


@corrects(_CORRECTION, "drift.detect_resource_drift")
def detect_resource_drift(stack: Record, logical_id: str, record: Record, timestamp: str) -> Any:
    """How one resource differs from its template."""
    detect = original("drift.detect_resource_drift")
    if record.get("ResourceType") == _SERVICE:
        # A map of pairs, in which no function can stand: it gets its entry when it is needed.
        drift._DRIFT_READERS[_SERVICE] = (read_service, _COMPARED)
    elif record.get("ResourceType") == _SECRET:
        # MiniStack looks a secret up by its name, AWS's physical id is its ARN.
        arn = record["PhysicalResourceId"]
        named = record | {"PhysicalResourceId": secret_name(arn)}
        return detect(stack, logical_id, named, timestamp) | {"PhysicalResourceId": arn}
    return detect(stack, logical_id, record, timestamp)


def read_service(physical_id: str, props: Record) -> Record | None:
    """A service's properties as a template writes them; ``None`` for one that is gone."""
    service = ecs._services.get(physical_id.partition(":service/")[2])
    if service is None or service.get("status") == "INACTIVE":
        return None
    return {
        name: as_template(expected, service[_camel(name)])
        for name, expected in props.items()
        if name in _COMPARED and _camel(name) in service
    }


def as_template(expected: Any, actual: Any) -> Any:
    """A value of ECS in the keys of a template, with those keys alone that the template sets."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return {
            key: as_template(inner, actual[_camel(key)])
            for key, inner in expected.items()
            if _camel(key) in actual
        }
    if isinstance(expected, list) and isinstance(actual, list):
        patterns = [*expected, *[expected[-1] if expected else None] * len(actual)]
        return [
            as_template(pattern, value) for pattern, value in zip(patterns, actual, strict=False)
        ]
    if isinstance(expected, str) and isinstance(actual, str) and ":task-definition/" in actual:
        return _definition(expected, actual)
    return actual


def _definition(expected: str, arn: str) -> str:
    """A task definition as the template names it: by ARN, by revision, or by family."""
    if expected.startswith("arn:"):
        return arn
    revision = arn.rpartition("/")[2]
    return revision if ":" in expected else revision.partition(":")[0]


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
