"""What a task may have of this machine: what Fargate gives, and nothing more.

"Amazon ECS task definition differences for Fargate" (Amazon ECS Developer Guide) lists what Fargate
has not; the rest of its words are from its own answers (aws/amazon-ecs-cli#501,
aws/amazon-ecs-cli#1145, cn-terraform/terraform-aws-ecs-fargate#2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Record = Mapping[str, Any]
_OF_ITS_OWN: Final = frozenset({"", "awsvpc", "bridge", "default", "none"})
_CAPABILITY: Final = "SYS_PTRACE"
_HOST_VOLUMES: Final = (
    "dockerVolumeConfiguration",
    "efsVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration",
    "s3filesVolumeConfiguration",
)


def refusal(definition: Record) -> str:
    """Why a task definition gets no task here, in Fargate's words; empty where it does.

    Args:
        definition: As the API or a template spells it: ``pidMode`` or ``PidMode``.
    """
    return next(_refusals(definition), "")


def _refusals(definition: Record) -> Iterator[str]:
    network = str(_of(definition, "networkMode") or "")
    if network not in _OF_ITS_OWN:
        yield f"Fargate only supports network mode 'awsvpc'; this one wants {network!r}."
    for name in ("pidMode", "ipcMode"):
        mode = str(_of(definition, name) or "")
        if mode and (name == "ipcMode" or mode != "task"):
            yield f"Tasks using the Fargate launch type do not support {name} {mode!r}."
    for volume in _of(definition, "volumes") or []:
        if _of(_of(volume, "host") or {}, "sourcePath"):
            yield "host.sourcePath should not be set for volumes in Fargate."
        yield from (
            f"The sandbox mounts nothing from outside: {name} is not supported."
            for name in _HOST_VOLUMES
            if _of(volume, name)
        )
    for container in _of(definition, "containerDefinitions") or []:
        yield from _container(container)


def _container(container: Record) -> Iterator[str]:
    where = f"container {_of(container, 'name')}"
    if str(_of(container, "privileged") or False).lower() != "false":
        yield f"Fargate does not support privileged ({where})."
    if _of(container, "dockerSecurityOptions"):
        yield f"Fargate does not support dockerSecurityOptions ({where})."
    linux = _of(container, "linuxParameters") or {}
    if _of(linux, "devices"):
        yield f"Fargate compatible task definitions do not support devices ({where})."
    added = _of(_of(linux, "capabilities") or {}, "add") or []
    if set(added) - {_CAPABILITY}:
        yield f"Fargate adds no capability but {_CAPABILITY} ({where})."


def _of(record: Record, name: str) -> Any:
    """A property under either spelling."""
    return record.get(name) or record.get(name[:1].upper() + name[1:])
