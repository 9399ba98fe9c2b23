"""Resource types that MiniStack lacks, and names that it gives otherwise than CloudFormation.

The tasks of the sandbox share one bridge network and are as many as a service says: a rule of a
security group, an address, or a scaling policy is taken and kept, and moves nothing.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final

from ministack.core.responses import get_account_id, get_region
from ministack.services import alb, ec2

from shipway_sandbox.emulator import state
from shipway_sandbox.emulator.corrections import corrects, original
from shipway_sandbox.emulator.stack_names import keeps, suffix

Record = dict[str, Any]
Made = tuple[str, Record]

_HANDLERS: Final = "provisioners._RESOURCE_HANDLERS"
_TAKEN: Final = "cloudformation.takes-network-and-scaling"
_SECRET: Final = f"{_HANDLERS}[AWS::SecretsManager::Secret]"
_PARAMETER: Final = f"{_HANDLERS}[AWS::SSM::Parameter]"


def _taken(kind: str, make: Callable[[str, Record, str], Made]) -> None:
    """Register a type that is only kept: made by ``make``, and nothing to undo."""
    corrects(_TAKEN, f"{_HANDLERS}[{kind}][create]")(make)

    @corrects(_TAKEN, f"{_HANDLERS}[{kind}][update]")
    def update(physical_id: str, _old: Record, _new: Record, _stack: str) -> Made:
        return physical_id, {}

    @corrects(_TAKEN, f"{_HANDLERS}[{kind}][delete]")
    def delete(_physical_id: str, _props: Record) -> None:
        return None


def _rule_of(_logical_id: str, props: Record, _stack: str) -> Made:
    """A rule of a security group, by its id; the group must be there.

    Raises:
        ValueError: The group is not there, in EC2's words.
    """
    group = str(props.get("GroupId", ""))
    if group not in ec2._security_groups:
        raise ValueError(f"The security group '{group}' does not exist")
    name = f"sgr-{secrets.token_hex(8)}0"
    return name, {"Id": name}


def _target_of(_logical_id: str, props: Record, _stack: str) -> Made:
    """AWS::ApplicationAutoScaling::ScalableTarget: ``Ref`` gives its three parts."""
    parts = [str(props[name]) for name in ("ResourceId", "ScalableDimension", "ServiceNamespace")]
    return "|".join(parts), {"Id": "|".join(parts)}


def _policy_of(logical_id: str, props: Record, _stack: str) -> Made:
    """AWS::ApplicationAutoScaling::ScalingPolicy: ``Ref`` gives its ARN."""
    where = f"{get_region()}:{get_account_id()}"
    name = props.get("PolicyName", logical_id)
    arn = f"arn:aws:autoscaling:{where}:scalingPolicy:{suffix(8)}:policyName/{name}"
    return arn, {"Arn": arn}


def _address_of(_logical_id: str, _props: Record, _stack: str) -> Made:
    """AWS::EC2::EIP, an address of those that are kept for documentation (RFC 5737)."""
    address = f"203.0.113.{secrets.randbelow(254) + 1}"
    attributes = {"AllocationId": f"eipalloc-{secrets.token_hex(8)}0", "PublicIp": address}
    return address, attributes


def _gateway_of(_logical_id: str, _props: Record, _stack: str) -> Made:
    name = f"nat-{secrets.token_hex(8)}0"
    return name, {"NatGatewayId": name}


def _providers_of(_logical_id: str, props: Record, _stack: str) -> Made:
    """AWS::ECS::ClusterCapacityProviderAssociations: ``Ref`` gives the cluster."""
    return str(props["Cluster"]), {}


_taken("AWS::EC2::SecurityGroupIngress", _rule_of)
_taken("AWS::EC2::SecurityGroupEgress", _rule_of)
_taken("AWS::EC2::EIP", _address_of)
_taken("AWS::EC2::NatGateway", _gateway_of)
_taken("AWS::ApplicationAutoScaling::ScalableTarget", _target_of)
_taken("AWS::ApplicationAutoScaling::ScalingPolicy", _policy_of)
_taken("AWS::ECS::ClusterCapacityProviderAssociations", _providers_of)


@corrects("cloudformation.secret-by-arn", f"{_SECRET}[create]")
def create_secret(logical_id: str, props: Record, stack: str) -> Made:
    """AWS::SecretsManager::Secret: ``Ref`` gives its ARN, a name that is made up has no stack."""
    named = {**props, "Name": props.get("Name") or f"{logical_id}-{suffix()}"}
    _, attributes = original(f"{_SECRET}[create]")(logical_id, named, stack)
    return attributes["Arn"], attributes


@corrects("cloudformation.secret-by-arn", f"{_SECRET}[update]")
def update_secret(physical_id: str, old: Record, new: Record, stack: str, logical_id: str) -> Made:
    """The same, changed in place or replaced."""
    name = secret_name(physical_id)
    kept = keeps(name, "Name", old, new, f"{logical_id}-{suffix()}")
    _, attributes = original(f"{_SECRET}[update]")(name, old, kept, stack, logical_id)
    return attributes["Arn"], attributes


@corrects("cloudformation.secret-by-arn", f"{_SECRET}[delete]")
def delete_secret(physical_id: str, props: Record) -> None:
    """The same, gone."""
    original(f"{_SECRET}[delete]")(secret_name(physical_id), props)


def secret_name(arn: str) -> str:
    """A secret's name by its ARN, which ends in a hyphen and six more letters."""
    return arn.partition(":secret:")[2].rpartition("-")[0] or arn


@corrects("cloudformation.parameter-names", f"{_PARAMETER}[create]")
def create_parameter(logical_id: str, props: Record, stack: str) -> Made:
    """AWS::SSM::Parameter: one without a name gets one, without a slash at its beginning."""
    named = {**props, "Name": props.get("Name") or f"CFN-{logical_id}-{suffix()}"}
    made: Made = original(f"{_PARAMETER}[create]")(logical_id, named, stack)
    return made


_BALANCER: Final = f"{_HANDLERS}[AWS::ElasticLoadBalancingV2::LoadBalancer]"


@corrects("alb.answers-at-its-name", f"{_BALANCER}[create]")
def create_balancer(logical_id: str, props: Record, stack: str) -> Made:
    """AWS::ElasticLoadBalancingV2::LoadBalancer: its DNSName leads to this machine."""
    arn, attributes = original(f"{_BALANCER}[create]")(logical_id, props, stack)
    return arn, attributes | {"DNSName": _reachable(arn)}


@corrects("alb.answers-at-its-name", "alb._ACTION_MAP[CreateLoadBalancer]")
def create_load_balancer(params: Record) -> Any:
    """CreateLoadBalancer: its DNSName leads to this machine."""
    before = {*alb._lbs}
    status, headers, body = original("alb._ACTION_MAP[CreateLoadBalancer]")(params)
    text = body.decode() if isinstance(body, bytes) else str(body)
    for arn in {*alb._lbs} - before:
        amazon = alb._lbs[arn]["DNSName"]
        text = text.replace(amazon, _reachable(arn))
    return status, headers, text.encode() if isinstance(body, bytes) else text


def _reachable(arn: str) -> str:
    """Give a load balancer a name with which ``http://NAME`` is answered here."""
    balancer = alb._lbs[arn]
    place = f"localhost:{state.emulator().port}/_alb/{balancer['LoadBalancerName']}"
    balancer["DNSName"] = place
    return place
