"""Go back to a release that was good: which one, that its image is there, and what runs it.

From there on it is a delivery as any other: by the same gate, watched, verified, held, recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from typing import Final

from shipway.config.environment import Environment
from shipway.delivery.contract import Authorization
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.stage import stage
from shipway.errors import EvidenceError, NoReleaseError
from shipway.evidence import archive, good, history, ledger, shared
from shipway.evidence.archive import parsed
from shipway.evidence.facts.rollout import WentBackFact
from shipway.evidence.good import GoodRelease
from shipway.evidence.history import RecordedDelivery
from shipway.evidence.journal import Journal
from shipway.evidence.shared import SharedPlace
from shipway.image.publish import PublishedImage
from shipway.observer import Noticed
from shipway.policy.facts import VerifiedRelease
from shipway.rollout.going_back import RecordedRevision
from shipway.util.paths import evidence_folder
from shipway.util.side_by_side import look_up
from shipway.values import Digest, ImageReference

STAGE: Final = "rollback"
_LOOK_BACK: Final = 100
"""Records of an environment's chain in S3 that are read, from the newest on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is gone back to.

    Attributes:
        release: The release, by its record.
        images: Its images by key, which are in the registry.
    """

    release: GoodRelease
    images: Mapping[str, PublishedImage]

    @property
    def revisions(self) -> Mapping[str, RecordedRevision]:
        """What its services ran, by ECS's names of them."""
        return {
            service: RecordedRevision(name=name, container=self.release.containers.get(service, ""))
            for service, name in self.release.revisions.items()
        }


def find(
    wanted: str, environment: Environment, aws: Aws, context: DeliveryContext, journal: Journal
) -> Target:
    """The release to go back to; nothing is changed.

    Args:
        wanted: ``--to``: ``previous``, or a word for a release.
        environment: Where.
        aws: Its AWS.
        context: The outside.
        journal: Is told, and is about that release's commit and image from then on.

    Raises:
        NoReleaseError: No record speaks of it, it was not good, or its image is gone.
        UsageError: More than one release fits.
        ShipwayError: AWS refused, or does not answer.
    """
    with stage(STAGE, journal, context.clock, quiet=True):
        deliveries = recorded(environment, aws, context)
        running = _running(environment, aws, deliveries)
        choice = good.choose(deliveries, running, wanted, environment.name)
        release = choice.release
        images = dict(_images(release, environment, aws))
        journal(Noticed(stage=STAGE, text=f"goes back to {release.described}"))
        if choice.further:
            text = (
                f"it is what {environment.name} is to run already; further back: {choice.further}"
            )
            journal(Noticed(stage=STAGE, text=text))
        journal.deliver(release.commit)
        journal.note(
            WentBackFact(
                asked=wanted,
                record=release.record,
                at=release.at,
                by=release.by,
                left=tuple(sorted(running - release.served - {""})),
            )
        )
    return Target(release=release, images=images)


def about(authorization: Authorization, target: Target) -> Authorization:
    """The authorization as the rules ask it: of the commit that is gone back to, by name.

    It may be older than what runs, for it was asked for; and it was verified here, by its record,
    which is more than an environment before it could say. Freezes hold.
    """
    release = target.release
    own = (image.reference.digest for image in target.images.values())
    digests = frozenset({*own, *map(Digest, release.platforms)})
    return replace(
        authorization,
        trigger=replace(authorization.trigger, sha=release.commit.sha),
        overrides=replace(authorization.overrides, rollback_to=release.commit.sha),
        verified=(VerifiedRelease(record=release.record, digests=digests),),
    )


def recorded(
    environment: Environment, aws: Aws, context: DeliveryContext
) -> tuple[RecordedDelivery, ...]:
    """The environment's records that their chain has: those here, and those in S3; oldest first.

    Raises:
        ShipwayError: The folder cannot be read, or S3 refused.
    """
    rows = [*_here(environment, context), *_in_s3(environment, aws)]
    # A record that lies in both places lies there as the same bytes, and counts once.
    once = {(row.started, row.what, row.kind): row for row in rows}
    return tuple(sorted(once.values(), key=lambda row: (row.started, row.sequence)))


def _here(environment: Environment, context: DeliveryContext) -> Iterator[RecordedDelivery]:
    folder = evidence_folder(context.root, context.variables)
    if not folder.is_dir():
        return
    lying = archive.read(folder)
    links = ledger.read(lying.ledger or b"").links
    chained = {(link.record, link.sha256) for link in links}
    for row in history.deliveries(lying, environment.name):
        if (row.record, sha256(lying.records[row.record]).hexdigest()) in chained:
            yield row


def _in_s3(environment: Environment, aws: Aws) -> Iterator[RecordedDelivery]:
    if not environment.evidence.s3:
        return
    place = SharedPlace(s3=environment.evidence.s3, environment=environment.name)
    entries = list(islice(shared.entries_back(aws.objects, place), _LOOK_BACK))
    contents = shared.together(
        lambda entry: aws.objects.get(place.bucket, f"{place.above}{entry.record}"), entries
    )
    for entry, content in zip(entries, contents, strict=True):
        statement = parsed(content) if content is not None else None
        if content is None or statement is None or sha256(content).hexdigest() != entry.sha256:
            raise EvidenceError(
                f"entry {entry.sequence} of the chain and its record differ",
                where=f"s3://{place.bucket}/{place.above}{entry.record}",
                remedy="see what changed it: nox -s audit -- --verify; nothing was changed",
            )
        yield history.row(entry.record, statement)


def _running(
    environment: Environment, aws: Aws, deliveries: Sequence[RecordedDelivery]
) -> frozenset[str]:
    """The digests that the services are to run now; empty for one that none pins.

    A container may be called otherwise in delivery.toml by now: good releases' records say how.
    """
    before = [release.containers for release in good.good_releases(deliveries)]
    names = [service.service for service in environment.services]
    seen = aws.ecs.services(environment.cluster, names)
    arns = (each.task_definition for each in seen.values() if each.answered)
    lives = look_up(aws.ecs.task_definition, filter(None, arns))
    digests = set()
    for service in environment.services:
        snapshot = seen[service.service]
        if snapshot.answered and snapshot.task_definition:
            live = lives[snapshot.task_definition]
            containers = (service.container, *(each.get(service.service, "") for each in before))
            references = (live.container(name).reference for name in containers)
            digests.add(next((each.digest.value for each in references if each is not None), ""))
    return frozenset(digests)


def _images(
    release: GoodRelease, environment: Environment, aws: Aws
) -> Iterator[tuple[str, PublishedImage]]:
    """Every image that the environment has now, as that release had it."""
    for key in environment.keys:
        # One that came to the file since, or the one image that was split up since, has no record.
        if key not in release.images:
            raise NoReleaseError(
                f"{release.described} has no image {key or 'alone'}: its images are "
                f"{', '.join(release.images) or 'unknown'}",
                where=release.record,
                remedy="check out the commit of that release, whose ci/delivery.toml fits it, and "
                "go back there; nothing was changed",
            )
        yield key, _image(release, release.images[key], environment.about(key), aws)


def _image(release: GoodRelease, image: str, environment: Environment, aws: Aws) -> PublishedImage:
    reference = ImageReference.parse(image)
    stored = aws.repository(environment).find(reference.digest.value)
    if stored is None:
        raise NoReleaseError(
            f"the image of {release.described} is gone from {reference.repository}",
            where=release.record,
            remedy="name another release with --to, by its digest or commit: nox -s audit -- --env "
            f"{environment.name} shows them; nothing was changed",
        )
    return PublishedImage(reference=reference, tag="", pushed=None, platforms=stored.platforms)
