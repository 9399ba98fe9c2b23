"""Promotion: an image is taken from another environment as it is, by its digest."""

from __future__ import annotations

from shipway.config.environment import Origin
from shipway.errors import DigestError, ImageNotFoundError
from shipway.image.publish import (
    ImageRepository,
    PromotionTarget,
    PublishedImage,
    StoredImage,
)
from shipway.values import Commit, ImageReference


def promotable(
    commit: Commit, origin: Origin, source: ImageRepository, repository: ImageRepository
) -> tuple[StoredImage, StoredImage | None]:
    """The image of a commit in another environment, and the same here if it is; nothing is changed.

    Raises:
        ImageNotFoundError: The other environment has no image of this commit, or it is none.
        DigestError: The tag stands for other content here.
    """
    found = source.find(commit.sha)
    if found is None:
        raise ImageNotFoundError(
            f"{origin.environment} has no image of {commit.short} to promote",
            where=origin.uri,
            remedy=f"deliver this commit to {origin.environment} first; nothing was built or "
            "changed",
        )
    stored = repository.find(commit.sha)
    if stored is not None and stored.digest != found.digest:
        raise DigestError(
            f"tag {commit.sha} is already in the repository with other content",
            details=(f"there:  {stored.digest}", f"{origin.environment}:  {found.digest}"),
            where=repository.uri,
            remedy="nothing was overwritten; find out who put it there, then deliver the right one "
            "with --image, or make a new commit",
        )
    return found, stored


def promote(
    commit: Commit, origin: Origin, source: ImageRepository, repository: PromotionTarget
) -> PublishedImage:
    """Take the image of a commit from another environment as it is; nothing is built.

    Raises:
        ImageNotFoundError: The other environment has no image of this commit, or it is none.
        DigestError: The tag stands for other content here, or the copy has another digest.
        PublishError: A registry refused something, lost a layer, or cannot be reached.
    """
    found, stored = promotable(commit, origin, source, repository)
    pushed = None
    if stored is None:
        pushed = repository.take(origin, found.digest, commit.sha)
        stored = repository.find(commit.sha)
    if stored is None or stored.digest != found.digest:
        raise DigestError(
            f"promoted {found.digest}, but tag {commit.sha} answers "
            f"{stored.digest if stored else 'nothing'}",
            where=repository.uri,
            remedy="somebody else may push to this tag; nothing was rolled out",
        )
    return PublishedImage(
        reference=ImageReference(repository.uri, stored.digest),
        tag=commit.sha,
        pushed=pushed,
        platforms=stored.platforms,
        named=stored.named,
        promoted_from=f"{origin.uri}@{found.digest}",
    )
