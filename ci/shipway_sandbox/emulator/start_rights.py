"""What the execution role must be allowed before a task's containers are made, and what is asked.

Fargate gets the registry's token and the secrets, then the log streams, then the images; the first
thing that fails stops the task with the reason below. A task on an instance gets token and stream
with the instance's role; there are no instances here, so that the execution role is asked for all
of it wherever a task definition names one, and nobody where it names none.

The texts are AWS's, from tasks that failed so: registry and pull (aws/aws-cdk#29876), secrets
(aws/aws-cdk#18555, aws/copilot-cli#4504), KMS (GiamPy5/terraform-aws-directus#10,
external-secrets/kubernetes-external-secrets#627), log groups and streams
(terraform-aws-modules/terraform-aws-ecs#313, prakhar1989/docker-curriculum#260). "Resolve Amazon
ECS stopped task errors" (Amazon ECS Developer Guide) lists them.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import uuid
from typing import Any, Final

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs, ecs, kms, secretsmanager, ssm

from shipway_sandbox.emulator import images, registry
from shipway_sandbox.emulator.corrections import rule
from shipway_sandbox.emulator.launching import StartError
from shipway_sandbox.emulator.role_rights import RoleSession, denial, session_of
from shipway_sandbox.plan import STAND_IN

Record = dict[str, Any]

_FETCHING: Final = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
    "retrieval failed: "
)
_OWN_KEYS: Final = frozenset({"", "alias/aws/secretsmanager", "alias/aws/ssm"})
"""Keys of AWS's own: whoever may read the secret may decrypt it."""
_BLOB_ACTIONS: Final = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer")

asks_for_pull = rule("ecs.execution-role-pulls")
asks_for_secrets = rule("ecs.execution-role-reads-secrets")
asks_for_logs = rule("ecs.execution-role-writes-logs")
needs_log_group = rule("ecs.log-group-must-exist")


def require(task: Record, definition: Record) -> None:
    """See that a task may have what it needs.

    Raises:
        StartError: Something is not allowed or not there, in ECS's words.
    """
    session = session_of(task, definition)
    if session is not None:
        if asks_for_pull():
            _registry_token(session, definition)
        if asks_for_secrets():
            _secrets(session, definition)
    for container in definition["containerDefinitions"]:
        _log_stream(task, session, container)
    if session is not None and asks_for_pull():
        for container in definition["containerDefinitions"]:
            _pull(session, container)


def may_write_logs(task: Record, definition: Record, stream: str) -> bool:
    """Whether the execution role may put events into a log stream.

    Where it may not, a container runs all the same and its lines are lost: the log driver meets
    the denial when it sends them.
    """
    session = session_of(task, definition)
    return (
        session is None or not asks_for_logs() or not denial(session, "logs:PutLogEvents", stream)
    )


def _denied(why: str) -> str:
    return _failed(f"AccessDeniedException: {why}")


def _failed(error: str) -> str:
    return f"{error} status code: 400, request id: {uuid.uuid4()}"


def _repositories(definition: Record) -> list[tuple[str, registry.Repository]]:
    """The images of a definition that lie in ECR."""
    found = [
        (container["image"], registry.locate(images.split(container["image"])[0]))
        for container in definition["containerDefinitions"]
    ]
    return [(image, repository) for image, repository in found if repository is not None]


def _registry_token(session: RoleSession, definition: Record) -> None:
    why = denial(session, "ecr:GetAuthorizationToken") if _repositories(definition) else ""
    if why:
        raise StartError(
            f"{_FETCHING}unable to retrieve ecr registry auth: service call has been retried "
            f"1 time(s): {_denied(why)}"
        )


def _pull(session: RoleSession, container: Record) -> None:
    image = container["image"]
    named, reference = images.split(image)
    repository = registry.locate(named)
    if repository is None:
        return
    host, _, name = named.partition("/")
    failed = ""
    if denial(session, "ecr:BatchGetImage", repository.arn):
        failed = (
            f"pulling from host {host} failed with status code [manifests {reference}]: "
            "403 Forbidden"
        )
    elif any(denial(session, action, repository.arn) for action in _BLOB_ACTIONS):
        digest = images.resolve(image) or reference
        failed = (
            f"unexpected status from HEAD request to https://{host}/v2/{name}/blobs/{digest}: "
            "403 Forbidden"
        )
    if failed:
        raise StartError(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
            f"resolve ref {image}: {failed}",
            container["name"],
        )


def _secrets(session: RoleSession, definition: Record) -> None:
    wanted = [
        secret["valueFrom"]
        for container in definition["containerDefinitions"]
        for secret in container.get("secrets", [])
    ]
    parameters = [source for source in wanted if ":secretsmanager:" not in source]
    for source in parameters:
        if why := _parameter_denial(session, source):
            raise StartError(
                f"{_FETCHING}unable to retrieve secrets from ssm: service call has been retried "
                f"1 time(s): {_denied(why)}"
            )
    for source in wanted:
        arn = ":".join(source.split(":")[:7])
        if source not in parameters and (failure := _secret_failure(session, arn)):
            raise StartError(
                f"{_FETCHING}unable to retrieve secret from asm: service call has been retried "
                f"1 time(s): failed to fetch secret {arn} from secrets manager: {failure}"
            )


def _parameter_denial(session: RoleSession, source: str) -> str:
    arn = source
    if not source.startswith("arn:"):
        place = f"{ecs.get_region()}:{ecs.get_account_id()}"
        arn = f"arn:aws:ssm:{place}:parameter/{source.lstrip('/')}"
    _, parameter = ssm._lookup_parameter(source, allow_arn_region=True, flexible_name=True)
    if parameter is not None and parameter.get("Description") == STAND_IN:
        return ""
    if why := denial(session, "ssm:GetParameters", arn):
        return why
    is_secure = parameter is not None and parameter.get("Type") == "SecureString"
    if is_secure and not _may_decrypt(session, str(parameter.get("KeyId") or "")):
        return (
            "The ciphertext refers to a customer master key that does not exist, does not exist in "
            "this region, or you are not allowed to access. (Service: AWSKMS; Status Code: 400; "
            "Error Code: AccessDeniedException)"
        )
    return ""


def _secret_failure(session: RoleSession, arn: str) -> str:
    """Why a secret cannot be read; it is named as the task definition names it.

    A policy may know it by its whole ARN where a task definition leaves the last letters out.
    """
    _, secret = secretsmanager._resolve(arn, use_arn_scope=True)
    action = "secretsmanager:GetSecretValue"
    why = denial(session, action, arn)
    if why and (secret is None or secret["ARN"] == arn or denial(session, action, secret["ARN"])):
        return _denied(why)
    if secret is None or secret.get("DeletedDate"):
        return _failed(
            "ResourceNotFoundException: Secrets Manager can't find the specified secret."
        )
    key = str(secret.get("KmsKeyId") or "")
    return "" if _may_decrypt(session, key) else _denied("Access to KMS is not allowed")


def _may_decrypt(session: RoleSession, key: str) -> bool:
    if key in _OWN_KEYS or key.rpartition(":")[2] in _OWN_KEYS:
        return True
    record = kms._resolve_key(key)
    return record is not None and not denial(session, "kms:Decrypt", record["Arn"])


def _log_stream(task: Record, session: RoleSession | None, container: Record) -> None:
    config = ecs._awslogs_config(container, task["taskArn"].rpartition("/")[2], "")
    if not config:
        return
    arn = parse_arn(task["taskArn"])
    region = config["region"] or arn.region
    group = f"arn:aws:logs:{region}:{arn.account_id}:log-group:{config['group']}"
    with request_scope(arn.account_id, region):
        is_there = config["group"] in cloudwatch_logs._log_groups
    asked = session if asks_for_logs() else None
    what, why = "stream", ""
    if asked is not None:
        why = denial(asked, "logs:CreateLogStream", stream_arn(group, config["stream"]))
    if not why and not is_there and config["create_group"] and asked is not None:
        what, why = "group", denial(asked, "logs:CreateLogGroup", f"{group}:log-stream:")
    failure = _denied(why) if why else ""
    if not failure and not is_there and not config["create_group"] and needs_log_group():
        failure = "ResourceNotFoundException: The specified log group does not exist."
    if failure:
        raise _log_failure(task, container, f"failed to create Cloudwatch log {what}: {failure}")


def stream_arn(group: str, stream: str) -> str:
    """A log stream's ARN in its group's; on it AWS asks for CreateLogStream and PutLogEvents."""
    return f"{group}:log-stream:{stream}"


def _log_failure(task: Record, container: Record, failure: str) -> StartError:
    """Fargate sees to the stream before it starts a task, an instance's engine at the start."""
    if task.get("launchType") == "FARGATE":
        return StartError(
            "ResourceInitializationError: failed to validate logger args: create stream has been "
            f"retried 1 times: {failure} : exit status 1"
        )
    return StartError(
        "CannotStartContainerError: Error response from daemon: failed to initialize logging "
        f"driver: {failure}",
        container["name"],
    )
