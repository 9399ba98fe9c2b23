"""A whole release against the embedded AWS: rolled out, held, and taken back where it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from tests.sandbox.rollouts.shop import Shop

from shipway.adapters.http import HttpProber
from shipway.aws.cloudwatch import CloudWatchAlarms
from shipway.aws.ecs import AwsEcs
from shipway.aws.logs import CloudWatchLogs
from shipway.config.environment import Environment, Service
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.release import Release
from shipway.errors import ShipwayError
from shipway.evidence.journal import Journal
from shipway.evidence.predicate import DeliveryFacts
from shipway.observer import Event, Failed, PutBack
from shipway.rollout.images import ReleaseImages
from shipway.rollout.plan import plan
from shipway.util.clock import SystemClock
from shipway.values import Commit, ImageReference

Meddle = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What a release came to.

    Attributes:
        error: What it ended with; ``None`` where it went well.
        events: What was told, in order.
        facts: What the record would hold.
        runs: The task definition that each service has in the end, ``family:revision``.
        asked: The operations of every API call.
    """

    error: ShipwayError | None
    events: tuple[Event, ...]
    facts: DeliveryFacts
    runs: Mapping[str, str]
    asked: Sequence[str]

    @property
    def failed(self) -> tuple[Failed, ...]:
        return tuple(event for event in self.events if isinstance(event, Failed))

    @property
    def put_back(self) -> tuple[PutBack, ...]:
        return tuple(event for event in self.events if isinstance(event, PutBack))

    def told(self) -> str:
        """All of it, for a test that fails."""
        return "\n".join(repr(event)[:300] for event in self.events)


class _Account:
    """What a release needs of AWS."""

    def __init__(self, shop: Shop) -> None:
        session = shop.grounds.session
        self.ecs = AwsEcs(session)
        self.logs = CloudWatchLogs(session)
        self.alarms = CloudWatchAlarms(session)


def release(
    shops: Sequence[Shop], script: str, settings: Mapping[str, Any], meddle: Meddle | None = None
) -> Released:
    """Release an image to the services of these shops, together.

    Args:
        shops: Services that are open.
        script: What the image runs.
        settings: Of every service's entry in delivery.toml.
        meddle: Is told every event, before the release goes on.
    """
    first = shops[0]
    services = tuple(replace(_only(shop.environment), key=shop.name, **settings) for shop in shops)
    environment = replace(first.environment, services=services)
    image = ImageReference.parse(first.grounds.image(script))
    events: list[Event] = []

    def observe(event: Event) -> None:
        events.append(event)
        if meddle is not None:
            meddle(event)

    clock = SystemClock()
    commit = Commit(sha="3f9c2ab" + "0" * 33, time=datetime.now(UTC), clean=True)
    journal = Journal(commit, clock=clock, observer=observe)
    account = cast("Aws", _Account(first))
    context = DeliveryContext(
        root=Path(),
        variables={},
        cache=Path(),
        git=cast("Any", None),
        proof=cast("Any", None),
        open_environment=cast("Any", None),
        prober=HttpProber(),
        clock=clock,
    )
    going = Release(environment, account, context, journal)
    error: ShipwayError | None = None
    first.grounds.taken()
    try:
        images = ReleaseImages.alone(image, frozenset({image.digest}))
        steps = plan(account.ecs, environment, images)
        going.check_alarms(steps)
        going.roll_out(steps)
        going.hold()
    except ShipwayError as ended:
        error = ended
    return Released(
        error=error,
        events=tuple(events),
        facts=journal.contents().facts,
        runs={shop.name: _runs(shop) for shop in shops},
        asked=first.grounds.taken(),
    )


def _only(environment: Environment) -> Service:
    [service] = environment.services
    return service


def _runs(shop: Shop) -> str:
    with suppress(LookupError):
        return str(shop.described()["taskDefinition"]).rpartition("/")[2]
    return ""
