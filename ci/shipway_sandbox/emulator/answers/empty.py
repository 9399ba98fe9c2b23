"""Members that AWS leaves out where there is nothing to say, and MiniStack sends as empty text.

An empty text is a value: a tool that asks whether ``stopCode`` is there, or reads
``executionRoleArn``, takes it for one. The Smithy specification ("JSON protocols") has members
without a value left out, ``null`` included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

NEVER_EMPTY: Final[Mapping[str, frozenset[str]]] = {
    "cloudformation": frozenset(
        {"Description", "ResourceStatusReason", "StackStatusReason", "StatusReason"}
    ),
    "ecs": frozenset(
        {
            "executionRoleArn",
            "group",
            "ipcMode",
            "pidMode",
            "platformFamily",
            "platformVersion",
            "roleArn",
            "rolloutStateReason",
            "startedBy",
            "stopCode",
            "stoppedReason",
            "taskRoleArn",
        }
    ),
    "elasticloadbalancing": frozenset({"VpcId"}),
    "iam": frozenset({"Description"}),
    "monitoring": frozenset({"AlarmDescription"}),
    "secretsmanager": frozenset({"Description"}),
    "ssm": frozenset({"AllowedPattern", "Description"}),
}
"""By service, the members that are a text with something in it, or are not there."""

UNKNOWN: Final[Mapping[str, frozenset[str]]] = {
    "cloudformation:DescribeChangeSet": frozenset({"ChangeSetType"}),
    "cloudformation:ValidateTemplate": frozenset({"ParameterType"}),
    "ec2:DescribeVpcs": frozenset(
        {"defaultNetworkAclId", "defaultSecurityGroupId", "mainRouteTableId"}
    ),
}
"""By operation, the members that MiniStack sends and no answer of AWS has."""


def without_empty(service: str, value: Any) -> Any:
    """A JSON document without ``null``, and without the empty members of its service."""
    if isinstance(value, dict):
        names = NEVER_EMPTY.get(service, frozenset())
        return {
            key: without_empty(service, inner)
            for key, inner in value.items()
            if inner is not None and not (inner == "" and key in names)
        }
    if isinstance(value, list):
        return [without_empty(service, item) for item in value]
    return value


def without_empty_elements(service: str, operation: str, text: str) -> str:
    """The same for an XML document, and without what the operation's answer does not have."""
    if empty := NEVER_EMPTY.get(service):
        text = re.sub(rf"<({'|'.join(sorted(empty))})\s*(?:/>|></\1>)", "", text)
    if unknown := UNKNOWN.get(operation):
        text = re.sub(rf"<({'|'.join(sorted(unknown))})>[^<]*</\1>", "", text)
    return text
