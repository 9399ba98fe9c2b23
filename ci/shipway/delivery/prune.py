"""Prune: old revisions of task definitions that nothing uses; shown, or taken away.

Never a part of a delivery. What is taken away is looked at again while the environment is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shipway.config.environment import Environment
from shipway.delivery import rollback
from shipway.delivery.locking import locked
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.errors import UsageError
from shipway.evidence import good
from shipway.evidence.journal import Journal
from shipway.observer import Observer
from shipway.policy.trigger import Trigger
from shipway.rollout.judge.state import label
from shipway.rollout.prune import MOST, Fate, Keeps, candidates, judged
from shipway.util.side_by_side import look_up

KEEP = 10
"""Of the newest revisions of a family, and of the newest good releases, so many stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What becomes of the revisions of an environment's families.

    Attributes:
        families: Family → its active revisions, the newest first.
    """

    families: Mapping[str, Sequence[Fate]]

    @property
    def going(self) -> tuple[Fate, ...]:
        """What goes, of each family the oldest first."""
        return tuple(
            fate for fates in self.families.values() for fate in reversed(fates) if not fate.stays
        )

    def document(self) -> list[Mapping[str, object]]:
        """The same as JSON objects."""
        return [
            {
                "family": family,
                "revisions": [
                    {"revision": fate.label, "goes": not fate.stays, "stays": fate.stays}
                    for fate in fates
                ],
            }
            for family, fates in self.families.items()
        ]


def look(environment: Environment, aws: Aws, context: DeliveryContext, keep: int) -> Pruning:
    """What would go; nothing is changed.

    Args:
        environment: Whose families.
        aws: Its AWS.
        context: The outside.
        keep: How many of the newest of a family stay, and of how many good releases the revisions.

    Raises:
        UsageError: ``keep`` is not one or more.
        AccessDeniedError: Something may not be seen, so that nothing is known to be unused.
        ShipwayError: AWS does not answer, or a record cannot be read.
    """
    if keep < 1:
        raise UsageError(
            f"{keep} revisions of a family cannot be kept",
            where="--keep",
            remedy="give 1 or more; nothing was changed",
        )
    releases = good.good_releases(rollback.recorded(environment, aws, context))[:keep]
    recorded = {
        revision: release.described
        for release in reversed(releases)
        for revision in release.revisions.values()
    }
    keeps = Keeps(newest=keep, uses=aws.revisions.uses(), recorded=recorded)
    families = _families(environment, aws)
    active = look_up(aws.revisions.active, families)
    fates = {family: candidates(arns, keeps) for family, arns in active.items()}
    oldest = [
        fate.arn
        for family in families
        for fate in [fate for fate in reversed(fates[family]) if not fate.stays][:MOST]
    ]
    definitions = look_up(aws.ecs.task_definition, oldest)
    repository = aws.repository(environment).uri
    return Pruning(
        families={family: judged(fates[family], definitions, repository) for family in families}
    )


def _families(environment: Environment, aws: Aws) -> tuple[str, ...]:
    """The families of its services and jobs, each once, in their order."""
    names = [service.service for service in environment.services]
    seen = aws.ecs.services(environment.cluster, names)
    live = [seen[name].task_definition for name in names]
    own = [job.task_definition for job in environment.jobs]
    labels = [label(arn).partition(":")[0] for arn in (*live, *own) if arn]
    return tuple(dict.fromkeys(labels))


def carry_out(
    environment: Environment,
    aws: Aws,
    context: DeliveryContext,
    trigger: Trigger,
    *,
    keep: int,
    observer: Observer,
) -> Pruning:
    """Take away what is to go, while nobody delivers there; what went.

    Raises:
        LockedError: Somebody delivers, or holds the environment; nothing was changed.
        ShipwayError: As :func:`look`; or ECS refused on the way, and what went before it is gone.
    """
    journal = Journal(context.git.head(), clock=context.clock, observer=observer)
    with locked(environment, aws, context, journal, trigger, reason="prune") as held:
        pruning = look(environment, aws, context, keep)
        held.require()
        for fate in pruning.going:
            aws.revisions.deregister(fate.arn)
    return pruning
