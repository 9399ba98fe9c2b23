"""Which image a delivery would go on with, found out without building, pushing or tagging one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shipway.config.environment import Environment
from shipway.config.images import ImageSettings
from shipway.delivery.image import Artifact, short
from shipway.delivery.ports import ImageStore
from shipway.evidence.good import GoodRelease
from shipway.image import promotion
from shipway.image import publish as publishing
from shipway.image.content_key import ContentKey
from shipway.image.publish import PublishedImage
from shipway.policy.contract import Task
from shipway.rollout.task_definition import UnbuiltImage
from shipway.values import ImageReference

How = Literal["named", "reused", "promoted", "built", "recorded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedImage:
    """The image that would go on.

    Attributes:
        how: Where it would come from.
        image: The image; ``None`` where only a build can tell.
        repository: The environment's repository, where it would lie.
        there: Whether it lies there already.
        text: The same for a person.
    """

    how: How
    repository: str
    image: PublishedImage | None
    there: bool
    text: str

    @property
    def reference(self) -> ImageReference | UnbuiltImage:
        """What a task definition would name."""
        return UnbuiltImage(self.repository) if self.image is None else self.image.reference


def foresee(
    artifact: Artifact,
    tasks: tuple[Task, ...],
    environment: Environment,
    reference: ImageReference | None,
) -> PlannedImage | None:
    """What :meth:`.image.Artifact.provide` would come to; nothing is changed.

    Args:
        artifact: The image of the delivery that is planned.
        tasks: What the contract allows of what was asked for.
        environment: Where it goes.
        reference: ``--image``.

    Returns:
        The image; ``None`` where none is needed.

    Raises:
        ImageNotFoundError: The image asked for, or the one to promote, is not there.
        DigestError: A tag stands for something else.
    """
    if reference is None and "build" not in tasks:
        return None
    store = artifact.environment_context.aws.repository(environment)
    if reference is not None:
        image = artifact.existing(reference, environment, store)
        return PlannedImage(
            how="named",
            repository=store.uri,
            image=image,
            there=True,
            text=f"{short(image.reference)}  named by --image, and there",
        )
    if environment.promote_from:
        return _promoted(artifact, environment, store) if "publish" in tasks else None
    return _made(artifact, tasks, environment, store)


def of_record(image: PublishedImage, release: GoodRelease) -> PlannedImage:
    """The image of a release that was good, which is in the registry. Pure."""
    return PlannedImage(
        how="recorded",
        repository=image.reference.repository,
        image=image,
        there=True,
        text=f"{short(image.reference)}  of {release.commit.short}, verified and held "
        f"{release.at} by {release.by}, and there",
    )


def _promoted(artifact: Artifact, environment: Environment, store: ImageStore) -> PlannedImage:
    origin = artifact.origin(environment)
    source = artifact.environment_context.aws.origin(origin)
    found, stored = promotion.promotable(artifact.commit, origin, source, store)
    image = publishing.published(store, stored or found, artifact.commit.sha, None)
    state = "there already" if stored else "would be copied"
    return PlannedImage(
        how="promoted",
        repository=store.uri,
        image=image,
        there=stored is not None,
        text=f"{short(image.reference)}  of {origin.environment}, {state}",
    )


def _made(
    artifact: Artifact, tasks: tuple[Task, ...], environment: Environment, store: ImageStore
) -> PlannedImage:
    wanted, commit = environment.image, artifact.commit
    why, image = "", None
    if "publish" in tasks:
        key, why = _key(artifact, wanted) if wanted.reuse else (None, "reuse = false")
        image = publishing.foresee(store, key, commit)
    if image is None:
        pushed = " and pushed" if "publish" in tasks else ""
        note = f" ({why})" if why else ""
        return PlannedImage(
            how="built",
            repository=store.uri,
            image=None,
            there=False,
            text=f"{wanted.name} of {commit.short} would be built{pushed}{note}",
        )
    built_by = image.built_by[:7] or commit.short
    whose = "this commit" if commit.sha.startswith(built_by) else built_by
    return PlannedImage(
        how="reused",
        repository=store.uri,
        image=image,
        there=True,
        text=f"{short(image.reference)}  there already: the same source was built by {whose}",
    )


def _key(artifact: Artifact, wanted: ImageSettings) -> tuple[ContentKey | None, str]:
    requests = artifact.requests
    with requests.source(wanted) as made_from:
        return requests.content_key(requests.request(wanted, made_from, {}))
