"""AWS::ECS::TaskDefinition as CloudFormation handles it: registered as ECS would, or refused.

The text of a refusal is that of a stack event (towardsthecloud/aws-cdk-examples#1).
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

from typing import Any, Final

from ministack.services import ecs

from shipway_sandbox.emulator.cloudformation import camel, container_definitions
from shipway_sandbox.emulator.corrections import corrects, original
from shipway_sandbox.emulator.refusals import definitions

Record = dict[str, Any]
_NAME: Final = "cloudformation.task-definitions-checked"
_TYPE: Final = "provisioners._RESOURCE_HANDLERS[AWS::ECS::TaskDefinition]"
_KEPT: Final = ("RuntimePlatform", "EphemeralStorage")
"""What MiniStack's own handler drops."""


@corrects(_NAME, f"{_TYPE}[create]")
def create(logical_id: str, props: Record, stack: str) -> Any:
    """A task definition of a template, registered.

    Raises:
        ValueError: ECS refuses it; the stack shows it as the reason.
    """
    _check(props, f"{stack}-{logical_id}")
    made = original(f"{_TYPE}[create]")(logical_id, props, stack)
    _keep(made[0], props)
    return made


@corrects(_NAME, f"{_TYPE}[update]")
def update(
    physical_id: str, old: Record, new: Record, stack: str, logical_id: str | None = None
) -> Any:
    """The next revision of a task definition of a template.

    Raises:
        ValueError: ECS refuses it; the stack shows it as the reason.
    """
    _check(new, f"{stack}-{logical_id}" if logical_id else "")
    made = original(f"{_TYPE}[update]")(physical_id, old, new, stack, logical_id)
    _keep(made[0], new)
    return made


def _check(props: Record, family: str) -> None:
    request = {
        "family": props.get("Family", family),
        "containerDefinitions": container_definitions(props.get("ContainerDefinitions") or []),
        "networkMode": props.get("NetworkMode", "bridge"),
        "requiresCompatibilities": props.get("RequiresCompatibilities") or [],
        "cpu": props.get("Cpu"),
        "memory": props.get("Memory"),
        "executionRoleArn": props.get("ExecutionRoleArn"),
    }
    if refused := definitions.refusal(request):
        raise ValueError(
            'Resource handler returned message: "Invalid request provided: Create TaskDefinition: '
            f"{refused.message} (Service: AmazonECS; Status Code: 400; Error Code: "
            f'{refused.code})"'
        )


def _keep(arn: str, props: Record) -> None:
    definition = ecs._task_defs.get(ecs._resolve_td_key(arn))
    if definition is not None:
        for name in _KEPT:
            if name in props:
                definition[name[:1].lower() + name[1:]] = camel(props[name])
