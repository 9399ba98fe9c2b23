"""A task definition without what ECS takes for granted, so that two can be compared. Pure.

ECS fills in what a request leaves out and tells it ever after: of a health check without an
interval DescribeTaskDefinition says 30 (eagletmt/hako, issue 56; hashicorp/terraform-provider-aws,
issue 38872). What a file leaves out would differ from what runs for ever. The values are those of
the ECS API Reference (ContainerDefinition, HealthCheck, PortMapping, EFSVolumeConfiguration) and of
"Amazon ECS task definition parameters". A field that is not known here stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

Document = Mapping[str, Any]

_TASK: Final = {
    "networkMode": "bridge",
    "enableFaultInjection": False,
}
_CONTAINER: Final = {
    "cpu": 0,
    "essential": True,
    "disableNetworking": False,
    "interactive": False,
    "privileged": False,
    "pseudoTerminal": False,
    "readonlyRootFilesystem": False,
    "versionConsistency": "enabled",
}
_HEALTH_CHECK: Final = {"interval": 30, "timeout": 5, "retries": 3}
_MOUNT: Final = {"readOnly": False}
_EFS: Final = {"rootDirectory": "/", "transitEncryption": "DISABLED"}
_OWN_PORT: Final = frozenset({"awsvpc", "host"})
"""Network modes in which the host's port is the container's."""
_UNITS: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(vcpu|gb)\s*", re.IGNORECASE)


def meaning(document: Document) -> dict[str, Any]:
    """The same as ECS means it: defaults and the tags that AWS keeps for itself left out."""
    network = document.get("networkMode") or ""
    meant = _without(document, _TASK)
    for name in ("cpu", "memory"):
        if isinstance(meant.get(name), str):
            meant[name] = _units(meant[name])
    tags = _each(meant.get("tags"))
    if tags:
        meant["tags"] = [tag for tag in tags if not is_reserved(tag)]
    if "volumes" in meant:
        meant["volumes"] = [_volume(volume) for volume in _each(meant["volumes"])]
    containers = _each(meant.get("containerDefinitions"))
    meant["containerDefinitions"] = [_container(each, network) for each in containers]
    return meant


def is_reserved(tag: Document) -> bool:
    """Whether AWS keeps a tag for itself, such as CloudFormation's: nobody else may write it."""
    return str(tag.get("key", "")).lower().startswith("aws:")


def _container(container: Document, network: str) -> dict[str, Any]:
    meant = _without(container, _CONTAINER)
    if isinstance(check := meant.get("healthCheck"), Mapping):
        meant["healthCheck"] = _without(check, _HEALTH_CHECK)
    for name in ("mountPoints", "volumesFrom"):
        if name in meant:
            meant[name] = [_without(each, _MOUNT) for each in _each(meant[name])]
    if "portMappings" in meant:
        meant["portMappings"] = [_port(each, network) for each in _each(meant["portMappings"])]
    return meant


def _port(mapping: Document, network: str) -> dict[str, Any]:
    own = mapping.get("containerPort") if network in _OWN_PORT else 0
    return _without(mapping, {"protocol": "tcp", "hostPort": own})


def _volume(volume: Document) -> dict[str, Any]:
    meant = dict(volume)
    if isinstance(efs := meant.get("efsVolumeConfiguration"), Mapping):
        meant["efsVolumeConfiguration"] = _without(efs, _EFS)
    return meant


def _units(amount: str) -> str:
    """``1 vCPU`` in CPU units and ``2 GB`` in MiB, as ECS tells them; another text as it is."""
    match = _UNITS.fullmatch(amount)
    return f"{1024 * float(match[1]):g}" if match else amount


def _without(document: Document, defaults: Document) -> dict[str, Any]:
    return {
        name: value
        for name, value in document.items()
        if name not in defaults or value != defaults[name]
    }


def _each(value: object) -> list[Document]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
