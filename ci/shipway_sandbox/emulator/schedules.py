"""Rules of EventBridge and schedules of EventBridge Scheduler, corrected.

Nothing goes off here: the gateway starts none of MiniStack's clocks.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import eventbridge

from shipway_sandbox.emulator.corrections import corrects, original
from shipway_sandbox.emulator.iam import may_pass

Record = dict[str, Any]


@corrects("events.rules-must-be-there", "eventbridge._list_targets_by_rule")
def list_targets_by_rule(data: Record) -> Any:
    """ListTargetsByRule of a rule that is there."""
    rule, bus = str(data.get("Rule", "")), str(data.get("EventBusName") or "default")
    if eventbridge._rule_key(rule, bus) not in eventbridge._rules:
        message = f"Rule {rule} does not exist on EventBus {bus}."
        return error_response_json("ResourceNotFoundException", message, 400)
    return original("eventbridge._list_targets_by_rule")(data)


@corrects("iam.pass-role", "eventbridge._put_targets")
def put_targets(data: Record) -> Any:
    """PutTargets by someone who may pass the targets' roles."""
    roles = [str(target.get("RoleArn", "")) for target in data.get("Targets") or ()]
    refused = may_pass(roles, "events.amazonaws.com")
    return refused or original("eventbridge._put_targets")(data)


@corrects("iam.pass-role", "schedules._update_schedule")
def update_schedule(name: str, body: Record) -> Any:
    """UpdateSchedule by someone who may pass the target's role."""
    role = str((body.get("Target") or {}).get("RoleArn", ""))
    refused = may_pass([role], "scheduler.amazonaws.com")
    return refused or original("schedules._update_schedule")(name, body)
