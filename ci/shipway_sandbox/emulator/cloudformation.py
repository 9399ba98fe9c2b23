"""CloudFormation, corrected where a compute layer needs it."""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import iam

from shipway_sandbox.emulator.corrections import corrects, original

Record = dict[str, Any]


def camel(value: Any) -> Any:
    """Property names as the API spells them; the keys of free maps stay as they are."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    renamed = {}
    for key, item in value.items():
        free = key in {"Options", "DockerLabels"}
        renamed[key[:1].lower() + key[1:]] = item if free else camel(item)
    return renamed


@corrects("cloudformation.task-definitions-whole", "provisioners._normalize_container_defs")
def container_definitions(definitions: list[Record]) -> list[Record]:
    """Container definitions of a template as RegisterTaskDefinition takes them."""
    made = [camel(definition) for definition in definitions]
    for container in made:
        container.setdefault("cpu", 0)
        container["essential"] = str(container.get("essential", True)).lower() == "true"
        for name in ("cpu", "memory", "memoryReservation", "stopTimeout"):
            if name in container:
                container[name] = int(container[name])
        for mapping in container.get("portMappings", []):
            mapping["containerPort"] = int(mapping["containerPort"])
    return made


@corrects("cloudformation.role-boundary", "provisioners._RESOURCE_HANDLERS[AWS::IAM::Role][create]")
def create_role(logical_id: str, props: Record, stack: str) -> Any:
    """AWS::IAM::Role made, its permissions boundary included."""
    made = original("provisioners._RESOURCE_HANDLERS[AWS::IAM::Role][create]")(
        logical_id, props, stack
    )
    _bound(made[0], props)
    return made


@corrects("cloudformation.role-boundary", "provisioners._RESOURCE_HANDLERS[AWS::IAM::Role][update]")
def update_role(
    physical_id: str, old: Record, new: Record, stack: str, logical_id: str | None = None
) -> Any:
    """AWS::IAM::Role updated, its permissions boundary included."""
    made = original("provisioners._RESOURCE_HANDLERS[AWS::IAM::Role][update]")(
        physical_id, old, new, stack, logical_id
    )
    _bound(made[0], new)
    return made


def _bound(name: str, props: Record) -> None:
    role = iam._roles[name]
    if boundary := props.get("PermissionsBoundary"):
        role["PermissionsBoundary"] = boundary
    else:
        role.pop("PermissionsBoundary", None)


@corrects(
    "cloudformation.oidc-provider",
    "provisioners._RESOURCE_HANDLERS[AWS::IAM::OIDCProvider][create]",
)
def create_provider(_logical_id: str, props: Record, _stack: str) -> Any:
    """AWS::IAM::OIDCProvider made through IAM's own call.

    Raises:
        ValueError: IAM refused; the stack shows it as the reason.
    """
    params = {"Url": [props["Url"]]}
    for index, audience in enumerate(props.get("ClientIdList", []), 1):
        params[f"ClientIDList.member.{index}"] = [audience]
    for index, print_ in enumerate(props.get("ThumbprintList", []), 1):
        params[f"ThumbprintList.member.{index}"] = [print_]
    status, _, body = iam._create_oidc_provider(params)
    if status >= 400:  # noqa: PLR2004  # an HTTP error status
        raise ValueError(f"AWS::IAM::OIDCProvider create failed: {body!r}")
    host = props["Url"].partition("://")[2].rstrip("/")
    arn = f"arn:aws:iam::{get_account_id()}:oidc-provider/{host}"
    return arn, {"Arn": arn}


@corrects(
    "cloudformation.oidc-provider",
    "provisioners._RESOURCE_HANDLERS[AWS::IAM::OIDCProvider][delete]",
)
def delete_provider(physical_id: str, _props: Record) -> None:
    """AWS::IAM::OIDCProvider deleted; one that is gone is no error."""
    iam._oidc_providers.pop(physical_id, None)
