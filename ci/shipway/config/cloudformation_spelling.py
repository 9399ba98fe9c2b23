"""CloudFormation's spelling of a task definition, and that of ECS's own API. Pure.

A property of ``AWS::ECS::TaskDefinition`` is the API's field with a capital first letter, but for
the few in ``_OTHER``; a test walks the request's every field through both spellings. Names inside
of a map, such as a label's, are the user's and stay. CloudFormation takes a number or a truth as a
text, too ("AWS::ECS::TaskDefinition", CloudFormation Template Reference).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from shipway.config.positions import KeyPath

FOREIGN_FUNCTIONS: Final = re.compile(r"Ref|Condition|Fn::[A-Za-z0-9:]+")
"""What a value is written as where only a stack knows it (Intrinsic function reference)."""

_OTHER: Final = {
    "EFSVolumeConfiguration": "efsVolumeConfiguration",
    "FSxWindowsFileServerVolumeConfiguration": "fsxWindowsFileServerVolumeConfiguration",
    "S3FilesVolumeConfiguration": "s3filesVolumeConfiguration",
    "FilesystemId": "fileSystemId",
    "IAM": "iam",
    "ProxyConfigurationProperties": "properties",
}
_BACK: Final = {request: template for template, request in _OTHER.items()}
# Only EFS's own is spelled so; FSx's is FileSystemId, as the rule has it.
_BACK_ELSEWHERE: Final = {"fileSystemId": "fsxWindowsFileServerVolumeConfiguration"}
_MAPS: Final = frozenset({"dockerLabels", "options", "driverOpts", "labels"})
_TEXTS_OF_A_TASK: Final = frozenset({"cpu", "memory"})
_NUMBERS: Final = frozenset(
    {
        *("cpu", "memory", "memoryReservation", "containerPort", "hostPort", "startTimeout"),
        *("stopTimeout", "softLimit", "hardLimit", "interval", "timeout", "retries"),
        *("startPeriod", "sharedMemorySize", "maxSwap", "swappiness", "size", "sizeInGiB"),
        *("restartAttemptPeriod", "transitEncryptionPort", "ignoredExitCodes"),
    }
)
_TRUTHS: Final = frozenset(
    {
        *("essential", "readOnly", "initProcessEnabled", "disableNetworking", "privileged"),
        *("readonlyRootFilesystem", "interactive", "pseudoTerminal", "autoprovision"),
        *("configuredAtLaunch", "enableFaultInjection", "enabled"),
    }
)


def as_request(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A resource's properties as RegisterTaskDefinition takes them."""
    return {
        (key := _request_key(name)): str(value)
        if key in _TEXTS_OF_A_TASK and isinstance(value, int)
        else _value(value, key, of_task=True)
        for name, value in properties.items()
    }


def as_template(path: KeyPath) -> KeyPath:
    """A path into the request as the template spells it."""
    return tuple(
        part if isinstance(part, int) else _template_key(part, path[:index])
        for index, part in enumerate(path)
    )


def _request_key(name: str) -> str:
    return _OTHER.get(name) or name[:1].lower() + name[1:]


def _template_key(name: str, around: KeyPath) -> str:
    if any(part in _MAPS for part in around):
        return name
    regular = name[:1].upper() + name[1:]
    return regular if _BACK_ELSEWHERE.get(name) in around else _BACK.get(name, regular)


def _value(value: Any, key: str, *, of_task: bool = False) -> Any:
    if isinstance(value, Mapping):
        if key == "image":  # a function of the template: a release puts its own there
            return ""
        if key in _MAPS:
            return dict(value)
        return {(inner := _request_key(name)): _value(each, inner) for name, each in value.items()}
    if isinstance(value, list):
        return [_value(each, key) for each in value]
    if isinstance(value, str) and not (of_task and key in _TEXTS_OF_A_TASK):
        return _read(value, key)
    return value


def _read(text: str, key: str) -> str | int | bool:
    """A text as the kind of value that the request has there."""
    if key in _NUMBERS and re.fullmatch(r"-?[0-9]{1,9}", text):
        return int(text)
    if key in _TRUTHS and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return text
