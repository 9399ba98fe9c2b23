"""Copies of an environment, so that releases that must fail are walked side by side. Pure.

A copy is the same environment in another account: the same names, roles, services and images. A
release that must fail takes its time waiting for health checks; two of them in one service would
wait for each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from shipway.embedded.blueprint import Blueprint, stand_in_account
from shipway.rehearsal.scenarios import Scenario
from shipway_sandbox.plan import Layer, layer_from
from shipway_sandbox.world import World

_TASKS: Final = 4
"""An environment of more tasks than this is not copied: this machine would run all of them."""
_MEBIBYTES: Final = 1024
"""Nor is one whose tasks may take more memory than this together."""
_BALANCER_LENGTH: Final = 32
"""Elastic Load Balancing API Reference, CreateLoadBalancer: Name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """An environment once more.

    Attributes:
        environment: The environment that it is a copy of.
        layer: What stands there; its ``environment`` is a name of its own.
        original: The account of the environment itself.
    """

    environment: str
    layer: Layer
    original: str

    @property
    def accounts(self) -> tuple[str, str]:
        """The account that is written for the environment, and the copy's."""
        return self.original, self.layer.account

    def blueprint(self, whole: Blueprint) -> Blueprint:
        """The blueprint in which the environment is this copy."""
        layers = tuple(
            replace(self.layer, environment=layer.environment)
            if layer.environment == self.environment
            else layer
            for layer in whole.plan.layers
            if layer.environment != self.layer.environment
        )
        variables = {
            name: value.replace(*self.accounts) for name, value in whole.plan.variables.items()
        }
        return replace(whole, plan=replace(whole.plan, layers=layers, variables=variables))

    def world(self, whole: World) -> World:
        """The world in which the environment is this copy."""
        accounts = {**whole.state["accounts"], self.environment: self.layer.account}
        variables = {
            name: self.layer.account if value == self.original else value
            for name, value in whole.variables.items()
        }
        return replace(whole, state={**whole.state, "accounts": accounts}, variables=variables)


def copies(blueprint: Blueprint, failing: Sequence[Scenario]) -> tuple[Copy, ...]:
    """One for each rollout that must fail but the first, which has the environment itself.

    None where the environment is too large to run several times on one machine, or is made of
    templates, which name their load balancers themselves: two of one name answer at one address.
    """
    rolling = [scenario for scenario in failing if scenario.variant]
    if not rolling:
        return ()
    environment, number = rolling[0].environment, len(rolling) - 1
    layer = blueprint.layer(environment)
    tasks = sum(service.count for service in layer.services)
    memory = sum(service.count * service.memory for service in layer.services)
    if layer.templates or tasks > _TASKS or memory > _MEBIBYTES:
        return ()
    return tuple(
        Copy(environment=environment, layer=_copied(layer, index), original=layer.account)
        for index in range(2, number + 2)
    )


def with_copies(blueprint: Blueprint, further: tuple[Copy, ...]) -> Blueprint:
    """The blueprint of a world in which the copies stand beside everything else."""
    layers = (*blueprint.plan.layers, *(copy.layer for copy in further))
    return replace(blueprint, plan=replace(blueprint.plan, layers=layers))


def _copied(layer: Layer, index: int) -> Layer:
    account = stand_in_account(f"{layer.account}/{index}")
    document: Mapping[str, object] = json.loads(
        json.dumps(asdict(layer)).replace(layer.account, account)
    )
    copied = layer_from(document)
    services = tuple(
        replace(service, balancer=_balancer(service.balancer, index)) for service in copied.services
    )
    parameters = dict(copied.access_parameters)
    if "CreateProvider" in parameters:  # each account has its own, and this one has none yet
        parameters["CreateProvider"] = "true"
    return replace(
        copied,
        environment=f"{layer.environment}-copy-{index}",
        services=services,
        access_parameters=parameters,
    )


def _balancer(name: str, index: int) -> str:
    """Load balancers answer at one address, by their names."""
    ending = f"-copy-{index}"
    return f"{name[: _BALANCER_LENGTH - len(ending)]}{ending}" if name else ""
