"""IAM for ECS, corrected: the resources, condition keys and roles that AWS asks about.

"Actions, resources, and condition keys for Amazon Elastic Container Service" (Service
Authorization Reference) says which action is authorised on what.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import contextvars
import json
import re
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import ecs, iam

from shipway_sandbox.emulator import role_rights
from shipway_sandbox.emulator.corrections import corrects, original
from shipway_sandbox.emulator.door import isolation
from shipway_sandbox.emulator.refusals import definitions, services
from shipway_sandbox.emulator.role_rights import TASKS_SERVICE, role_arn
from shipway_sandbox.emulator.run_tokens import run_once

Record = dict[str, Any]
_ON_ANYTHING = frozenset(
    {
        "DeregisterTaskDefinition",
        "DescribeTaskDefinition",
        "ListClusters",
        "ListServices",
        "ListTaskDefinitionFamilies",
        "ListTaskDefinitions",
        "ListTasks",
    }
)
_more: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("more", default=())
_refused: contextvars.ContextVar[str] = contextvars.ContextVar("refused", default="")
"""The resource of a request that was denied last; MiniStack's answer knows the first one only."""


_BY_NAME = {
    ("ssm", "GetParameters"): ("parameter", "Names"),
    ("ecr", "DescribeRepositories"): ("repository", "repositoryNames"),
}
"""Actions that are authorised on each resource they name; MiniStack asks on ``*``."""
PERMISSION_OF = {
    "ecr:ListImageReferrers": "ecr:BatchGetImage",
}
"""Operations that have no permission of their own (ECR API Reference, ListImageReferrers)."""


def _arn(tail: str) -> str:
    return f"arn:aws:ecs:{get_region()}:{get_account_id()}:{tail}"


def _full(kind: str, value: str, cluster: str = "") -> str:
    if value.startswith("arn:"):
        return value
    middle = f"{cluster}/" if cluster else ""
    return _arn(f"{kind}/{middle}{value}")


def _cluster_name(data: Record) -> str:
    return str(data.get("cluster") or "default").rpartition("/")[2]


def _listed(data: Record, *names: str) -> list[str]:
    for name in names:
        value = data.get(name)
        if value:
            return [str(item) for item in value] if isinstance(value, list) else [str(value)]
    return []


def resources(action: str, data: Record) -> list[str]:  # noqa: PLR0911  # a table read downwards
    """Every ARN on which an ECS action is authorised, the telling one first."""
    if action in _ON_ANYTHING:
        return ["*"]
    if action == "RegisterTaskDefinition":
        return [_arn(f"task-definition/{data.get('family', '')}:*")]
    cluster = _cluster_name(data)
    if action in {"TagResource", "UntagResource", "ListTagsForResource"}:
        return [str(data.get("resourceArn") or "*")]
    if action in {"RunTask", "StartTask"}:
        key = ecs._resolve_td_key(str(data.get("taskDefinition", "")))
        return [_full("task-definition", str(key or ""))]
    if "ServiceDeployment" in action and action != "ListServiceDeployments":
        arns = _listed(data, "serviceDeploymentArns", "serviceDeploymentArn")
        return arns + [_service_behind(arn) for arn in arns]
    if "ServiceRevision" in action:
        arns = _listed(data, "serviceRevisionArns")
        return arns + [_service_behind(arn) for arn in arns]
    if named := _listed(data, "services", "service", "serviceName"):
        return [_full("service", service, cluster) for service in named]
    if named := _listed(data, "tasks", "task"):
        return [_full("task", task, cluster) for task in named]
    if named := _listed(data, "clusters", "cluster", "clusterName"):
        return [_full("cluster", cluster_name) for cluster_name in named]
    return ["*"]


def _service_behind(arn: str) -> str:
    """The service of a service deployment or revision."""
    head, _, tail = arn.partition(":service-")
    cluster, _, rest = tail.partition("/")[2].partition("/")
    return f"{head}:service/{cluster}/{rest.partition('/')[0]}"


def _body(body: bytes) -> Record:
    try:
        read = json.loads(body or b"{}")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


@corrects("iam.ecs-resources", "iam_actions.extract_resource_arn")
def extract_resource_arn(  # noqa: PLR0917  # MiniStack calls it with eight positions
    service: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, Any],
    region: str,
    account: str,
) -> str:
    """The resource of a request; further ones are kept for :func:`enforce`."""
    _more.set(())
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    if service == "ecs":
        named = resources(action, _body(body))
    elif (service, action) == ("logs", "GetLogEvents"):
        # Authorised on the stream (Service Authorization Reference, CloudWatch Logs).
        data = _body(body)
        stream = f"log-stream:{data.get('logStreamName', '')}"
        group = f"log-group:{data.get('logGroupName', '')}"
        named = [f"arn:aws:logs:{get_region()}:{get_account_id()}:{group}:{stream}"]
    elif (service, action) in _BY_NAME:
        kind, field = _BY_NAME[service, action]
        # A policy knows a parameter without its version or its label (Systems Manager User Guide,
        # "Working with parameter versions in Parameter Store": NAME:VERSION).
        listed = _listed(_body(body), field)
        names = [name if name.startswith("arn:") else name.partition(":")[0] for name in listed]
        arn = f"arn:aws:{service}:{get_region()}:{get_account_id()}:{kind}"
        named = [f"{arn}/{name.lstrip('/')}" for name in names]
    elif service == "events" and (rule := _body(body).get("Rule")):
        # A rule of the default bus is named without it (Service Authorization Reference, Amazon
        # EventBridge).
        bus = str(_body(body).get("EventBusName") or "default").rpartition("/")[2]
        tail = rule if bus == "default" else f"{bus}/{rule}"
        named = [f"arn:aws:events:{get_region()}:{get_account_id()}:rule/{tail}"]
    elif service == "scheduler" and path.startswith("/schedules/"):
        asked = query.get("groupName") or _body(body).get("GroupName") or "default"
        group = asked[0] if isinstance(asked, list) else asked
        tail = f"{group}/{path.removeprefix('/schedules/')}"
        named = [f"arn:aws:scheduler:{get_region()}:{get_account_id()}:schedule/{tail}"]
    elif service == "ecr" and (other := _body(body).get("registryId")):
        name = _body(body).get("repositoryName", "")
        named = [f"arn:aws:ecr:{get_region()}:{other}:repository/{name}"] if name else []
    else:
        resource: str = original("iam_actions.extract_resource_arn")(
            service, method, path, headers, body, query, region, account
        )
        return resource
    first, *rest = named or ["*"]
    _more.set(tuple(rest))
    return first


@corrects("iam.ecs-resources", "iam_evaluator.enforce")
def enforce(  # noqa: PLR0917  # MiniStack calls it with six positions
    access_key: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: Record | None = None,
) -> Any:
    """Authorise a request on every resource that it names."""
    decide = original("iam_evaluator.enforce")
    action = PERMISSION_OF.get(action, action)
    _refused.set("")
    for resource in (resource_arn, *_more.get()):
        if denied := decide(access_key, action, service, region, resource, service_context):
            _refused.set(resource)
            return denied
    return None


@corrects("iam.ecs-resources", "iam_actions.request_tag_context")
def request_context(service: str, action: str, body: bytes, query: Record) -> Record:
    """Condition keys of a request; those of ECS name the cluster and the task definition.

    Those of EventBridge name what a target leads to (Service Authorization Reference, Amazon
    EventBridge). MiniStack looks keys up in small letters.
    """
    context: Record = original("iam_actions.request_tag_context")(service, action, body, query)
    if service == "ecs":
        data = _body(body)
        if data.get("cluster") or data.get("service") or data.get("services"):
            context["ecs:cluster"] = _full("cluster", _cluster_name(data))
        if data.get("taskDefinition"):
            key = ecs._resolve_td_key(str(data["taskDefinition"]))
            context["ecs:task-definition"] = _full("task-definition", str(key or ""))
    if (service, action.rpartition(":")[2]) == ("events", "PutTargets"):
        targets = _body(body).get("Targets") or ()
        context["events:targetarn"] = [str(target.get("Arn", "")) for target in targets]
    return context


@corrects("iam.conditional-writes", "iam_actions.s3_service_context")
def s3_context(
    action: str, query: Record | None, path: str = "", headers: Record | None = None
) -> Record:
    """Condition keys of an S3 request; a write's say whether it is conditional."""
    context: Record = original("iam_actions.s3_service_context")(action, query, path, headers)
    if action == "s3:PutObject":
        sent = headers or {}
        context |= {
            f"s3:{name}": sent[name] for name in ("if-match", "if-none-match") if name in sent
        }
    return context


@corrects("iam.loopback-is-secure", "app.pin_request_origin")
def pin_request_origin(source_ip: str, secure_transport: bool) -> None:  # noqa: FBT001  # as called
    """Where a request comes from; from this machine nobody listens on the way."""
    local = source_ip in {"127.0.0.1", "::1"}
    original("app.pin_request_origin")(source_ip, secure_transport or local)


@corrects("iam.denials-name-the-resource", "iam_actions.access_denied_response")
def access_denied(
    service: str,
    action: str,
    principal: str,
    request_id: str,
    *,
    message: str = "",
    resource_arn: str = "*",
    explicit_deny: bool = False,
    **more: Any,
) -> Any:
    """AccessDenied in AWS's words."""
    if not message and not more.get("error_code") and not more.get("resource_policy_arn"):
        resource_arn = _refused.get() or resource_arn
        message = iam_actions.identity_denial_message(
            action, principal, resource_arn, explicit_deny
        )
    return original("iam_actions.access_denied_response")(
        service,
        action,
        principal,
        request_id,
        message=message,
        resource_arn=resource_arn,
        explicit_deny=explicit_deny,
        **more,
    )


@corrects("iam.wildcards-whole", "iam_evaluator._fnmatch_compile")
def wildcard(pattern: str, ignore_case: bool) -> re.Pattern[str]:  # noqa: FBT001  # MiniStack calls it so
    """A pattern of IAM as one that :meth:`re.Pattern.match` compares with the whole value."""
    parts = {"*": ".*", "?": "."}
    whole = "".join(parts.get(char) or re.escape(char) for char in pattern)
    return re.compile(rf"{whole}\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))


@corrects("iam.principal-arn", "iam_evaluator._resolve_condition_key")
def condition_key(key: str, context: Any) -> Any:
    """``aws:PrincipalArn`` of a session is its role, with the role's path."""
    if key.lower() == "aws:principalarn":
        return _principal(str(context.principal_arn))
    return original("iam_evaluator._resolve_condition_key")(key, context)


def _principal(arn: str) -> str:
    account, _, resource = arn.partition(":sts::")[2].partition(":")
    kind, _, role_and_session = resource.partition("/")
    if kind != "assumed-role":
        return arn
    role = iam._roles.get_scoped(account, None, role_and_session.partition("/")[0])
    return str(role["Arn"]) if role else arn


def _denial(action: str, resource: str, context: Record) -> Any:
    """The answer to a caller who may not do a further thing that the request implies."""
    caller = iam_evaluator._verified_key.get()
    if not caller:
        return None
    service = action.partition(":")[0]
    denied = original("iam_evaluator.enforce")(
        caller, action, service, get_region(), resource, context
    )
    if denied is None:
        return None
    return access_denied(
        "ecs",
        action,
        getattr(denied, "principal_arn", ""),
        "",
        resource_arn=resource,
        explicit_deny=getattr(denied, "decision", "") == "Deny",
    )


def may_pass(roles: list[str], service: str = TASKS_SERVICE) -> Any:
    """An AccessDenied answer if the caller may not hand one of the roles to that service."""
    for role in roles:
        context = {"iam:PassedToService": service}
        if role and (refused := _denial("iam:PassRole", role_arn(role), context)):
            return refused
    return None


@corrects("iam.pass-role", "ecs._ACTION_MAP[RegisterTaskDefinition]")
def register_task_definition(data: Record) -> Any:
    """RegisterTaskDefinition by someone who may pass its roles and set its tags.

    One that wants more of this machine than Fargate gives is refused as Fargate does it.
    """
    if wants := isolation.refusal(data):
        return error_response_json("ClientException", wants, 400)
    if bad := definitions.refusal(data):
        return bad.answer()
    refused = may_pass([data.get("executionRoleArn", ""), data.get("taskRoleArn", "")])
    if refused is None and data.get("tags"):
        family = _arn(f"task-definition/{data.get('family', '')}:*")
        context = {"ecs:CreateAction": "RegisterTaskDefinition"}
        refused = _denial("ecs:TagResource", family, context)
    return refused or ecs._register_task_definition(data)


@corrects("iam.pass-role", "ecs._ACTION_MAP[RunTask]")
def run_task(data: Record) -> Any:
    """RunTask by someone who may pass the task definition's roles and those of the overrides."""
    found = ecs._task_defs.get(ecs._resolve_td_key(data.get("taskDefinition", "")))
    if bad := services.of_task(data, found):
        return bad.answer()
    definition, overrides = found or {}, data.get("overrides") or {}
    wanted = [
        overrides.get(name) or definition.get(name, "")
        for name in ("executionRoleArn", "taskRoleArn")
    ]
    return may_pass(wanted) or _assume_roles(definition, overrides) or run_once(data, ecs._run_task)


def _assume_roles(definition: Record, overrides: Record) -> Any:
    """A refusal where ECS cannot assume a role of the task; RunTask then starts none."""
    role = role_rights.unassumable(definition, overrides) if role_rights.assumes_roles() else ""
    if not role:
        return None
    return error_response_json("ClientException", role_rights.assumption_refused(role), 400)


@corrects("ecs.registers-unknown-roles", "iam_evaluator.validate_role_arn")
def validate_role_arn(_role: str) -> str | None:
    """Nothing: RegisterTaskDefinition asks who may pass a role, and not whether it is there."""
    return None
