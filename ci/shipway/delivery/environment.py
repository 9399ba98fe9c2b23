"""Where a delivery goes: from what ``ci/delivery.toml`` declares to what the infrastructure has."""

from __future__ import annotations

from shipway.config import resolve
from shipway.config.environment import Environment
from shipway.delivery.contract import Authorization
from shipway.delivery.facts import environment_fact
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.evidence.journal import Journal


def resolve_environment(
    authorization: Authorization, aws: Aws, context: DeliveryContext, journal: Journal
) -> Environment:
    """The environment with every reference looked up in what its infrastructure publishes.

    Raises:
        UnresolvedReferenceError: Something that delivery.toml refers to is not published.
        ConfigurationError: A published value is not what it must be.
    """
    declared = authorization.declared.environment(authorization.destination.name)
    environment = resolve.resolve(declared, variables=context.variables, published=aws.published)
    journal.note(environment_fact(environment))
    return environment
