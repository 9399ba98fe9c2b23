"""What a task's role may do: the emulator asks for itself, as AWS would ask for the task's session.

A session of a role is named after the task: ``assumed-role/NAME/TASK``, as AWS's own denials show
it (aws/copilot-cli#4504).
"""

# ruff: noqa: SLF001  # one pinned MiniStack keeps its evaluation under private names

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.iam_actions import identity_denial_message
from ministack.core.iam_evaluator import EvalContext
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import iam
from ministack.services.tagging import resource_tags

from shipway_sandbox.emulator.corrections import rule

Record = dict[str, Any]

assumes_roles = rule("ecs.assumes-task-roles")
TASKS_SERVICE = "ecs-tasks.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSession:
    """A role as ECS assumed it for one task.

    Attributes:
        account: The role's account.
        role: The role's name, without its path.
        task: The task's id.
    """

    account: str
    role: str
    task: str

    @property
    def arn(self) -> str:
        """As IAM names the session."""
        return f"arn:aws:sts::{self.account}:assumed-role/{self.role}/{self.task}"


def role_arn(value: str) -> str:
    """A role's ARN, where a task definition may also give its name alone."""
    return value if value.startswith("arn:") else f"arn:aws:iam::{get_account_id()}:role/{value}"


def session_of(task: Record, definition: Record) -> RoleSession | None:
    """The session of a task's execution role; ``None`` where it has none.

    RunTask may give another role than the task definition does.
    """
    named = (task.get("overrides") or {}).get("executionRoleArn")
    value = named or definition.get("executionRoleArn")
    if not value:
        return None
    account, name = _parts(role_arn(value))
    return RoleSession(account=account, role=name, task=task["taskArn"].rpartition("/")[2])


def _parts(arn: str) -> tuple[str, str]:
    """Account and name of a role."""
    return arn.split(":")[4], arn.rpartition("/")[2]


def denial(session: RoleSession, action: str, resource: str = "*") -> str:
    """Why a session may not do something, in AWS's words; empty where it may.

    Its role's policies count, the role's permissions boundary, and the policy of the resource.
    """
    account, region = _place(resource)
    service = action.partition(":")[0]
    with request_scope(account or session.account, region or get_region()):
        context = EvalContext(
            principal_arn=session.arn,
            principal_type="AssumedRole",
            principal_account=session.account,
            action=action,
            resource_arn=resource,
            region=get_region(),
            secure_transport=True,
            service_context={"aws:tagkeys": None, **_tags(service, resource)},
        )
        policies = iam_evaluator._gather_role_policies(session.role, session.account)
        limits = iam_evaluator._permissions_boundary(iam._roles, session.role, session.account)
        outcome = iam_evaluator.evaluate(context, policies, *limits)
        owned = iam_evaluator._resource_policy(service, resource)
        if owned is not None:
            required = service in iam_evaluator._POLICY_REQUIRED
            outcome = iam_evaluator.combine_resource_policy(
                outcome, context, *owned, required=required, limits=tuple(limits)
            )
    if outcome.decision == "Allow":
        return ""
    explicit = outcome.decision == "Deny"
    return str(identity_denial_message(action, session.arn, resource, explicit))


def _place(resource: str) -> tuple[str, str]:
    """Account and region of a resource; empty where its ARN has none."""
    try:
        arn = parse_arn(resource)
    except ArnParseError:
        return "", ""
    return str(arn.account_id or ""), str(arn.region or "")


def _tags(service: str, resource: str) -> dict[str, str]:
    """A resource's tags as condition keys, of AWS's own kind and of the service's."""
    tags: dict[str, str] = resource_tags(resource) or {}
    return {
        f"{prefix}:resourcetag/{name}".lower(): value
        for name, value in tags.items()
        for prefix in ("aws", service)
    }


def is_assumable(arn: str) -> bool:
    """Whether a role is there and trusts ECS tasks.

    The two keys are those that AWS recommends in a trust policy ("Amazon ECS task IAM role").
    """
    account, name = _parts(arn)
    role = iam._roles.get_scoped(account, None, name)
    if role is None:
        return False
    context = EvalContext(
        principal_arn=TASKS_SERVICE,
        principal_type="Service",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn=arn,
        region=get_region(),
        secure_transport=True,
        service_context={
            "aws:sourceaccount": get_account_id(),
            "aws:sourcearn": f"arn:aws:ecs:{get_region()}:{get_account_id()}:*",
        },
    )
    trust = role.get("AssumeRolePolicyDocument")
    outcome = iam_evaluator.evaluate_resource_policy(trust, context, service=TASKS_SERVICE)
    return bool(outcome.decision == "Allow")


def unassumable(definition: Record, overrides: Record | None = None) -> str:
    """The first role of a task that ECS cannot assume, by its ARN; empty where there is none."""
    for field in ("taskRoleArn", "executionRoleArn"):
        value = (overrides or {}).get(field) or definition.get(field)
        if value and not is_assumable(role_arn(value)):
            return role_arn(value)
    return ""


def assumption_refused(arn: str) -> str:
    """What ECS says of a role that it cannot assume (boto/boto3#1878)."""
    return (
        f"ECS was unable to assume the role '{arn}' that was provided for this task. Please verify "
        "that the role being passed has the proper trust relationship and permissions and that "
        "your IAM user has permissions to pass this role."
    )
