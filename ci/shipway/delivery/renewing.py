"""Have a long job's credentials renewed, as the very role and session that were found right."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Final

from shipway.config.environment import EnvironmentRef
from shipway.delivery.contract import Authorization
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.evidence.canonical_json import moment
from shipway.evidence.facts.gate import RenewalFact
from shipway.evidence.journal import Journal
from shipway.observer import Noticed
from shipway.policy.requirements import EnvironmentPolicy
from shipway.util.partitions import partition_of
from shipway.values import Identity

SWITCH: Final = "SHIPWAY_RENEW_CREDENTIALS"
"""``off`` keeps a job at the credentials of its OIDC step: for one that narrows its session, which
a renewal cannot see and would widen to what the role may do."""


def keep_renewed(
    authorization: Authorization,
    identity: Identity,
    aws: Aws,
    context: DeliveryContext,
    journal: Journal,
) -> None:
    """In a job whose token was believed; nothing changes for a person or where it is switched off.

    Args:
        authorization: What was allowed.
        identity: Who AWS says we are; it was found to be the contract's role.
        aws: The environment's AWS.
        context: The outside.
        journal: Tells of renewals, keeps when they were, and hides what they bring.
    """
    source, trigger = authorization.contract.source, authorization.trigger
    off = context.variables.get(SWITCH, "").lower() == "off"
    if off or source is None or trigger.by_hand or not trigger.proven or not identity.role:
        return
    destination = authorization.destination
    audience = partition_of(destination.region).audience

    def tell(text: str, level: str) -> None:
        journal(Noticed(stage=journal.stage, text=text, level=level))

    renewals: list[RenewalFact] = []

    def renewed(ends: datetime) -> None:
        fact = RenewalFact(at=moment(context.clock.now()), until=moment(ends), role=identity.role)
        renewals.append(fact)  # one thread renews at a time
        journal.note_all(RenewalFact, tuple(renewals))

    aws.renew_by(
        partial(context.proof.token, source.issuer, audience),
        tell=tell,
        hide=journal.hide,
        renewed=renewed,
        role=_arn(authorization.environment_policy, destination, identity),
        arn=identity.arn,
    )


def _arn(
    environment_policy: EnvironmentPolicy, destination: EnvironmentRef, identity: Identity
) -> str:
    """The role's ARN with its path, which STS leaves out of a session's ARN."""
    partition, path = identity.arn.split(":")[1], environment_policy.role_path
    return f"arn:{partition}:iam::{destination.account}:role{path}{identity.role}"
