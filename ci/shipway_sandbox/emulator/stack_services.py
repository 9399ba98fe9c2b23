"""AWS::ECS::Service as CloudFormation handles it: all properties sent, and waited for."""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import time
from typing import Any

from ministack.services import ecs

from shipway_sandbox.emulator import state
from shipway_sandbox.emulator.corrections import corrects, original, rule
from shipway_sandbox.emulator.stack_names import named

Record = dict[str, Any]

_TYPE = "AWS::ECS::Service"
_CREATE = "provisioners._RESOURCE_HANDLERS[AWS::ECS::Service][create]"
_UPDATE = "provisioners._RESOURCE_HANDLERS[AWS::ECS::Service][update]"
_LOOK_SECONDS = 0.1
_STEADY_SECONDS = 600.0
"""CloudFormation waits for three hours; nobody waits that long for a sandbox."""

sends_all = rule("cloudformation.service-sends-all")


@corrects("cloudformation.service-whole", _CREATE)
def create_service(logical_id: str, props: Record, stack: str) -> Any:
    """AWS::ECS::Service made, its grace period included; it is steady when this is over.

    One without a name gets one that ends in random letters.

    Raises:
        ValueError: Its deployment failed; the stack shows it as the reason.
    """
    fixed = named(_numbers(props), "ServiceName", stack, logical_id)
    made = original(_CREATE)(logical_id, fixed, stack)
    service = ecs._services.get(made[0].partition(":service/")[2])
    if service is not None and "HealthCheckGracePeriodSeconds" in fixed:
        service["healthCheckGracePeriodSeconds"] = fixed["HealthCheckGracePeriodSeconds"]
    _await_steady(made[0])
    return made


@corrects("cloudformation.service-whole", _UPDATE)
def update_service(physical_id: str, old: Record, new: Record, stack: str) -> Any:
    """AWS::ECS::Service updated; it is steady when this is over.

    Raises:
        ValueError: Its deployment failed; the stack shows it as the reason.
    """
    known = {} if sends_all() else _numbers(old)
    made = original(_UPDATE)(physical_id, known, _numbers(new), stack)
    _await_steady(physical_id)
    return made


def _numbers(props: Record) -> Record:
    fixed = dict(props)
    for name in ("DesiredCount", "HealthCheckGracePeriodSeconds"):
        if name in fixed:
            fixed[name] = int(fixed[name])
    balancers = props.get("LoadBalancers", [])
    fixed["LoadBalancers"] = [
        {**balancer, "ContainerPort": int(balancer["ContainerPort"])} for balancer in balancers
    ]
    return fixed


waits_for_services = rule("cloudformation.waits-for-services")


@corrects("cloudformation.handlers-may-wait", "stacks._runs_on_worker_thread")
def runs_on_worker_thread(resource_type: str) -> bool:
    """Whether a type's handler may block: it gets a thread of its own."""
    usual = original("stacks._runs_on_worker_thread")(resource_type)
    return bool(usual) or resource_type == _TYPE


def _await_steady(physical_id: str) -> None:
    """Wait until the newest deployment is over.

    The wording of a failure is that of a stack event (aws/containers-roadmap, issue 1205).
    """
    service = ecs._services.get(physical_id.partition(":service/")[2])
    if service is None or not waits_for_services():
        return
    ours = service["deployments"][0]["id"]
    deadline = time.monotonic() + _STEADY_SECONDS
    while not state.emulator().stopping.is_set():
        rollout = next(
            (
                deployment["rolloutState"]
                for deployment in service["deployments"]
                if deployment["id"] == ours
            ),
            "FAILED",  # one that ECS rolled back leaves the list
        )
        if rollout == "COMPLETED":
            return
        if rollout == "FAILED":
            raise ValueError(
                "Resource handler returned message: \"Error occurred during operation 'ECS "
                "Deployment Circuit Breaker was triggered'.\" (HandlerErrorCode: "
                "GeneralServiceException)"
            )
        if time.monotonic() > deadline:
            raise ValueError(
                'Resource handler returned message: "Exceeded attempts to wait" '
                "(HandlerErrorCode: NotStabilized)"
            )
        time.sleep(_LOOK_SECONDS)
