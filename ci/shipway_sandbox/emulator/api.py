"""The ECS API's calls, before each is carried out: what they name must be there.

"Cluster not found." and its code are those of the API Reference, Common Errors of every call on a
cluster; "Tasks cannot be empty." is told in aws/copilot-cli#3551.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

from typing import Any, Final

from ministack.services import ecs

from shipway_sandbox.emulator.corrections import corrects, original, rule
from shipway_sandbox.emulator.refusals.refusal import Refusal, invalid
from shipway_sandbox.emulator.refusals.services import CLUSTER_MISSING, knows_definitions

Record = dict[str, Any]

_ON_A_CLUSTER: Final = frozenset(
    {
        "CreateService",
        "DeleteService",
        "DescribeServices",
        "DescribeTasks",
        "ExecuteCommand",
        "ListServiceDeployments",
        "ListServices",
        "ListTasks",
        "RunTask",
        "StopTask",
        "UpdateService",
    }
)
_LISTS: Final = {"DescribeTasks": "tasks", "DescribeServices": "services"}

refuses_empty = rule("ecs.refuses-empty-lists")


@corrects("ecs.refuses-unknown-clusters", "ecs._dispatch_action")
def dispatch(action: str, data: Record) -> Any:
    """One call of the API, where what it names is there."""
    refused = _refusal(action, data)
    return refused.answer() if refused else original("ecs._dispatch_action")(action, data)


def _refusal(action: str, data: Record) -> Refusal | None:
    if action in _ON_A_CLUSTER:
        name = ecs._resolve_cluster_name(data.get("cluster") or "default")
        if name is None or name not in ecs._clusters:
            return CLUSTER_MISSING
    listed = _LISTS.get(action)
    if listed and not data.get(listed) and refuses_empty():
        return invalid(f"{listed.capitalize()} cannot be empty.")
    if action == "DescribeTaskDefinition" and knows_definitions():
        reference = data.get("taskDefinition") or ""
        if ecs._resolve_td_key(reference) not in ecs._task_defs:
            return Refusal("Unable to describe task definition.")
    return None


@corrects("ecs.execute-command", "ecs._ACTION_MAP[ExecuteCommand]")
def execute_command(data: Record) -> Any:
    """ExecuteCommand: refused where it is off, and where it is on nobody answers.

    The texts are those of keidarcy/e1s#206 and aws-containers/amazon-ecs-exec-checker#43: the SSM
    agent that would answer is no part of the sandbox.
    """
    cluster = ecs._resolve_cluster_name(data.get("cluster") or "default")
    task = ecs._resolve_task(data.get("task", ""), cluster)
    if task is None:
        return invalid("The referenced task was not found.").answer()
    if not task.get("enableExecuteCommand") or task["lastStatus"] != "RUNNING":
        return invalid(
            "The execute command failed because execute command was not enabled when the task was "
            "run or the execute command agent isn’t running. Wait and try again or run a new task "
            "with execute command enabled and try again."
        ).answer()
    return Refusal(
        "The execute command failed due to an internal error. Try again later.",
        "TargetNotConnectedException",
    ).answer()
