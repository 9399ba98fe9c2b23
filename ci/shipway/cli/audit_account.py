"""What an audit asks of AWS: what runs, what registry and S3 hold, and who we are there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from shipway.config.environment import EnvironmentRef
from shipway.config.references import References
from shipway.errors import ShipwayError, UsageError
from shipway.evidence import copies, history
from shipway.evidence.copies import BucketCopier, Copier, ReferrerCopier
from shipway.evidence.facts.gate import EnvironmentFact
from shipway.evidence.history import RecordedDelivery
from shipway.evidence.memory import Follower
from shipway.evidence.shared import ObjectStore
from shipway.image.publish import StoredImage
from shipway.image.referrers import Attachments, Referrer
from shipway.rollout.ports import Ecs
from shipway.values import Digest, Identity, ImageReference


class Store(Attachments, Protocol):
    """A registry's repository."""

    def find(self, reference: str) -> StoredImage | None:
        """The image under a tag or a digest."""
        ...

    def newest(self, most: int) -> tuple[Digest, ...]:
        """Images that have a tag, the last one that was pushed first."""
        ...

    def contents(self, referrers: Sequence[Digest]) -> Iterator[bytes]:
        """What referrers hold, in order."""
        ...


class Account(Protocol):
    """What an audit asks of AWS."""

    @property
    def ecs(self) -> Ecs:
        """Its services."""
        ...

    @property
    def objects(self) -> ObjectStore:
        """Its buckets."""
        ...

    @property
    def published(self) -> References:
        """What its parameters and stacks publish."""
        ...

    def identity(self) -> Identity:
        """Who AWS says we are."""
        ...

    def repository_at(self, place: EnvironmentRef, name: str) -> Store:
        """A repository."""
        ...


Open = Callable[[str], Account]


def region() -> str:
    """The region that the environment names; S3 itself says where a bucket is."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def attached(beside: Sequence[Referrer], image: str) -> Iterator[Follower]:
    """Records that lie beside an image, as far as they say which one they follow."""
    for referrer in beside:
        record = referrer.annotations.get(copies.ATTACHED, "")
        previous = referrer.annotations.get(copies.PREVIOUS, "")
        if record and previous:
            where = f"the one beside {history.short(image.partition('@')[2])}"
            yield Follower(record=record, sha256="", previous=previous, where=where)


def copier_of(where: str, place: EnvironmentRef, account: Account) -> Copier:
    """Makes the copy that is still to be made at a place, as copies.json names it."""
    if where.startswith("s3://"):
        return BucketCopier(objects=account.objects, place=where)
    repository = where.removeprefix("referrer of ")
    store = account.repository_at(place, repository.partition("/")[2])
    return ReferrerCopier(store=store, repository=repository)


def running(
    digest: str, deliveries: Sequence[RecordedDelivery], account: Open
) -> Iterator[tuple[str, str, str]]:
    """Where a digest runs now, of the services that it was ever rolled out to."""
    newest: Mapping[str, RecordedDelivery] = {
        recorded.environment: recorded
        for recorded in deliveries
        if recorded.delivery.services and digest in history.mentioned(recorded)
    }
    for name, recorded in newest.items():
        place = place_of(recorded)
        if place is None:
            continue
        environment = recorded.delivery.environment or EnvironmentFact(name="")
        services = list(environment.services.values())
        try:
            opened = account(place.region)
            same_account(opened, place)
            seen = opened.ecs.services(environment.cluster, services)
            for service, snapshot in seen.items():
                live = opened.ecs.task_definition(snapshot.task_definition)
                runs = digest in map(str, live.digests)
                state = "still running" if runs else "no longer running"
                count = f"{snapshot.running} of {snapshot.desired} tasks"
                yield state, f"{name}/{service}  {count}", "asked of ECS now"
        except ShipwayError as error:
            yield "not asked", f"{name}: {error.what}", ""


def same_account(account: Account, place: EnvironmentRef) -> None:
    """That these credentials are of a record's account.

    Raises:
        UsageError: They are of another one.
    """
    actual = account.identity().account
    if actual != place.account:
        raise UsageError(f"these credentials are of account {actual}, not of {place.account}")


def place_of(recorded: RecordedDelivery) -> EnvironmentRef | None:
    """Where a delivery went; ``None`` where its record does not say the account and the region."""
    environment = recorded.delivery.environment
    if environment is None or not environment.account or not environment.region:
        return None
    return EnvironmentRef(
        name=recorded.environment, account=environment.account, region=environment.region
    )


def image_of(recorded: RecordedDelivery) -> ImageReference | None:
    """The image that a delivery was about; ``None`` where it came to none."""
    reference = recorded.delivery.image.reference if recorded.delivery.image else ""
    try:
        return ImageReference.parse(reference) if reference else None
    except UsageError:
        return None
