"""What is so now: the time, the tag at origin, what runs, what was verified before.

Read alone: nothing here changes anything, and nothing here decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from shipway.config.environment import Environment, EnvironmentRef
from shipway.delivery.governing import PolicyPlace
from shipway.delivery.ports import Aws, DeliveryContext, ImageStore
from shipway.errors import GitError, ShipwayError, UsageError
from shipway.evidence import ledger, shared
from shipway.evidence.archive import parsed
from shipway.evidence.canonical_json import sha256
from shipway.evidence.facts.image import ImageFact
from shipway.evidence.ledger import LEDGER, RECORD
from shipway.evidence.predicate import PREDICATE, Delivery, Statement
from shipway.evidence.shared import SharedPlace
from shipway.policy.contract import Grant
from shipway.policy.facts import (
    BeforeBuild,
    History,
    LiveRelease,
    Order,
    Signature,
    Tag,
    VerifiedRelease,
)
from shipway.policy.pattern import TAGS
from shipway.policy.trigger import Trigger
from shipway.rollout.task_definition import ContainerDefinition
from shipway.util.side_by_side import look_up
from shipway.values import Digest, ImageReference

# An image's tag is its commit (shipway.values.Commit.tag). Where the work tree differed it is
# marked and says its content, for two such trees are two images: shipway.image.build.tag_of.
_TAG: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})(?:-dirty(?:-[0-9a-f]{12})?)?")
_SHORT: Final = 7
"""Digits of a commit in the name of its record's folder: shipway.values.Commit.short."""
_NEAREST: Final[tuple[Order, ...]] = ("same", "older", "newer", "apart", "unknown")


def before_build(
    grant: Grant,
    trigger: Trigger,
    context: DeliveryContext,
    policy: PolicyPlace,
    *,
    late: bool = False,
) -> BeforeBuild:
    """What the rules need to know of git and origin; nothing is asked that no rule needs.

    Args:
        grant: What is asked, in its entry.
        trigger: Who asks.
        context: The outside.
        policy: Where the files with the keys are read.
        late: Ask only for what can have changed: the time, and where the tag points.
    """
    rules = grant.entry.rules
    facts = BeforeBuild(now=context.clock.now())
    if rules.first_parent_of and not late:
        facts = replace(facts, standing=context.git.standing(trigger.sha, rules.first_parent_of))
    if not (rules.tag_must_be_new if late else rules.about_tags):
        return facts
    name = trigger.ref.removeprefix(TAGS)
    try:
        tag = context.git.tag(name)
    except GitError as error:
        return replace(facts, tag_trouble=f"origin cannot be asked: {error.what}")
    facts = replace(facts, tag=tag)
    if tag is None or late or not rules.signed_by:
        return facts
    return replace(facts, signature=_signature(tag, name, rules.signed_by, context, policy))


def _signature(
    tag: Tag, name: str, keys: tuple[str, ...], context: DeliveryContext, policy: PolicyPlace
) -> Signature | None:
    try:
        return context.git.signature(tag, name, keys, policy.revision)
    except GitError as error:
        return Signature(good=False, said=error.what)


def running(
    aws: Aws, environment: Environment, history: History, sha: str
) -> tuple[LiveRelease, ...]:
    """What every service of an environment runs now.

    A service that is not there or does not answer is left out: the rollout's plan says so itself.

    Args:
        aws: Its AWS.
        environment: The environment.
        history: Says how commits stand to each other.
        sha: Our commit.

    Raises:
        ShipwayError: AWS does not answer.
    """
    seen = aws.ecs.services(
        environment.cluster, [service.service for service in environment.services]
    )
    arns = (each.task_definition for each in seen.values() if each.answered)
    lives = look_up(aws.ecs.task_definition, filter(None, arns))
    images: dict[tuple[str, str], LiveRelease] = {}
    now = []
    for service in environment.services:
        snapshot = seen[service.service]
        if snapshot.answered and snapshot.task_definition:
            live = lives[snapshot.task_definition]
            primary = snapshot.primary
            container = live.container(service.container)
            image = (service.image, container.image)
            if image not in images:
                store = aws.repository(environment.about(service.image))
                images[image] = released(container, store, history, sha)
            since = primary.created_at if primary else None
            now.append(replace(images[image], service=service.key, since=since))
    return tuple(now)


def released(
    container: ContainerDefinition, store: ImageStore, history: History, sha: str
) -> LiveRelease:
    """What release of ours a container's image is, if it is one; ``sha`` is our commit."""
    reference = container.reference
    # One that is named by a tag is no release of ours, which are all named by digest.
    if reference is None or reference.repository != store.uri:
        return LiveRelease(foreign=container.image)
    digest = reference.digest
    if store.find(digest.value) is None:
        return LiveRelease(digest=digest)
    tags = frozenset(store.tags(digest))
    matches = map(_TAG.fullmatch, tags)
    commits = {match[1] for match in matches if match}
    if not commits:
        return LiveRelease(digest=digest, foreign=container.image)
    # One image may be of several commits that changed nothing in it: the nearest to ours counts.
    order, commit = min(
        ((history.order(commit, sha), commit) for commit in commits),
        key=lambda pair: (_NEAREST.index(pair[0]), pair[1]),
    )
    return LiveRelease(digest=digest, commit=commit, changed=commit not in tags, order=order)


def verified(
    folder: Path, destination: EnvironmentRef, aws: Aws, sha: str, *, s3: str = ""
) -> tuple[VerifiedRelease, ...]:
    """Every record of a commit that was verified in an environment, and whether it still holds.

    Three things must agree: a record under ``evidence/`` or in the environment's chain in S3 says
    that the image was rolled out and answered, its chain has it with that very SHA-256, and the
    registry of that environment still has that very digest.

    Args:
        folder: ``evidence/``.
        destination: The environment.
        aws: Our AWS; its credentials must be allowed to read that environment's repository, and
            its records in S3.
        sha: The commit.
        s3: ``s3://BUCKET/PREFIX``, where other machines' records are; empty for none.
    """
    here = tuple(
        _held(str(path), record.predicate, destination, aws)
        if chained
        else VerifiedRelease(
            record=str(path), digests=frozenset(), why=f"{path} is not what {folder / LEDGER} has"
        )
        for path, record, chained in _records(folder, destination.name)
        if _speaks(record, destination.name, sha)
    )
    if any(not release.why for release in here) or not s3:
        return here
    return (
        *here,
        *_shared(SharedPlace(s3=s3, environment=destination.name), destination, aws, sha),
    )


def _shared(
    place: SharedPlace, destination: EnvironmentRef, aws: Aws, sha: str
) -> Iterator[VerifiedRelease]:
    """The same of the environment's chain in S3; every entry up to the head must follow.

    Read from the head on, and no further than the newest record that speaks of the commit.
    """
    objects = aws.objects
    try:
        for entry in shared.entries_back(objects, place):
            if f"-{sha[:_SHORT]}" not in entry.folder:
                continue  # a record's folder is named by its commit: shipway.evidence.record
            where = f"s3://{place.bucket}/{place.above}{entry.record}"
            content = objects.get(place.bucket, f"{place.above}{entry.record}")
            record = parsed(content) if content is not None else None
            if content is None or record is None or sha256(content) != entry.sha256:
                why = f"{where} is not what entry {entry.sequence} of the chain has"
                yield VerifiedRelease(record=where, digests=frozenset(), why=why)
            elif _speaks(record, destination.name, sha):
                release = _held(where, record.predicate, destination, aws)
                yield release
                if not release.why:
                    return
    except ShipwayError as error:
        why = f"the chain of {destination.name} in S3 cannot be used: {error}"
        yield VerifiedRelease(record=str(place), digests=frozenset(), why=why)


def _records(folder: Path, environment: str) -> Iterator[tuple[Path, Statement, bool]]:
    """Records under ``evidence/``, and whether the ledger has each of them as it is."""
    try:
        links = ledger.read((folder / LEDGER).read_bytes()).links
    except OSError:
        links = ()
    known = {(link.record, link.sha256) for link in links}
    for path in sorted(folder.glob(f"{environment}/*/{RECORD}")):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        record = parsed(content)
        if record is not None:  # cut off or not ours: it proves nothing
            name = path.relative_to(folder).as_posix()
            yield path, record, (name, sha256(content)) in known


def _speaks(record: Statement, environment: str, sha: str) -> bool:
    """Whether a record says that this commit, unchanged, was rolled out there and answered."""
    delivery = record.predicate
    commit, destination = delivery.commit, delivery.environment
    return (
        record.predicate_type.startswith(PREDICATE.rpartition("/")[0])
        and destination is not None
        and destination.name == environment
        and commit is not None
        and commit.sha == sha
        and commit.clean is True
        and delivery.verdict.exit_code == 0
        and bool(delivery.verification)
    )


def _held(shown: str, delivery: Delivery, destination: EnvironmentRef, aws: Aws) -> VerifiedRelease:
    none = ImageFact(reference="", pushed=None, platforms=())
    images = [released.image or none for released in delivery.released]
    try:
        references = [ImageReference.parse(image.reference) for image in images]
        listed = {Digest(digest) for image in images for digest in image.platforms}
    except UsageError as error:
        return VerifiedRelease(record=shown, digests=frozenset(), why=f"{shown}: {error.what}")
    digests = frozenset({*(reference.digest for reference in references), *listed})
    lost = (_lost(reference, destination, aws) for reference in references)
    return VerifiedRelease(record=shown, digests=digests, why=next(filter(None, lost), ""))


def _lost(reference: ImageReference, destination: EnvironmentRef, aws: Aws) -> str:
    """Why an image is not known to lie in its environment's repository; empty where it does."""
    name, short = reference.repository.partition("/")[2], reference.digest.short
    try:
        stored = aws.repository_at(destination, name).find(reference.digest.value)
    except ShipwayError as error:
        return f"{destination.name}'s repository cannot be asked for {short}: {error}"
    return "" if stored else f"{destination.name}'s repository does not have {short} any more"
