"""Where a delivery goes: from what ``ci/delivery.toml`` declares to what the infrastructure has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shipway.config import receivers, resolve
from shipway.config.environment import Environment
from shipway.config.references import Found, Reference, References, Resolution
from shipway.config.rules import Resolved
from shipway.delivery.contract import Authorization
from shipway.delivery.facts import environment_fact
from shipway.delivery.order import Order, relevant
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.task_files import with_task_files
from shipway.evidence.journal import Journal


@dataclass(frozen=True, slots=True)
class _Unrecorded:
    """What is published, with every SecureString hidden from all that is told or recorded."""

    published: References
    journal: Journal

    def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        resolutions = self.published.resolve(references)
        self.journal.hide(
            resolution.text
            for resolution in resolutions.values()
            if isinstance(resolution, Found) and resolution.secret
        )
        return resolutions


def resolve_environment(
    authorization: Authorization, order: Order, aws: Aws, context: DeliveryContext, journal: Journal
) -> Environment:
    """The environment with every reference looked up in what its infrastructure publishes.

    Of what the order does not need nothing is looked up or read: see :func:`.order.relevant`.

    Raises:
        UnresolvedReferenceError: Something that delivery.toml refers to is not published.
        ConfigurationError: A published value is not what it must be, or a file that holds a task
            definition is wrong.
    """
    declared = relevant(order, authorization.declared.environment(authorization.destination.name))
    published = _Unrecorded(aws.published, journal)
    environment = resolve.resolve(declared, variables=context.variables, published=published)
    environment = with_task_files(environment, context, aws.revisions)
    told = receivers.receivers(declared, context.variables, published)
    # Whoever knows an address of these can write to it, wherever it was kept.
    journal.hide(text for each in told for text in each.secrets)
    environment = replace(environment, notify=told)
    names = (
        (environment.name, environment.cluster),
        *((key, environment.about(key).repository) for key in environment.keys),
        *((each.key, each.service, each.container) for each in environment.services),
    )
    journal.show(
        name for row in names for name in row if not (isinstance(name, Resolved) and name.secret)
    )
    journal.note(environment_fact(environment))
    return environment
