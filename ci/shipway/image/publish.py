"""Publish: decide what the registry still lacks, push only that, and compare digests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shipway.errors import DigestError
from shipway.image.build import BuiltImage
from shipway.values import Digest, ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """What a repository holds under a tag or digest.

    Attributes:
        digest: The digest of the index or manifest.
        platforms: Digests of the platforms' manifests (the digest itself for a lone manifest).
    """

    digest: Digest
    platforms: frozenset[Digest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push moved: layers already in the registry are not sent again."""

    digest: Digest
    blobs: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedImage:
    """An image that the environment's repository holds.

    Attributes:
        reference: ``repository@sha256:…``, what the task definition will name.
        tag: The commit's tag.
        pushed: What was sent, or ``None`` where the image was already there.
        platforms: Digests of the platforms' manifests, for the running tasks to be compared with.
    """

    reference: ImageReference
    tag: str
    pushed: Pushed | None
    platforms: frozenset[Digest]


class Repository(Protocol):
    """What the publish stage asks of one ECR repository."""

    @property
    def uri(self) -> str:
        """Its URI, ``ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME``."""
        ...

    def find(self, reference: str) -> StoredImage | None:
        """The image under a tag or a digest, or ``None`` where there is none."""
        ...

    def platforms(self, digest: Digest) -> frozenset[Digest]:
        """Digests of an index's platform manifests; empty where it is not there."""
        ...

    def push(self, folder: Path, tag: str) -> Pushed:
        """Push an OCI image layout.

        Raises:
            PublishError: The registry refused it or cannot be reached.
        """
        ...


def already_there(built: BuiltImage, stored: StoredImage | None) -> bool:
    """Whether the tag already stands for what was built.

    The index of two builds of one commit differs, because provenance holds the time of the build;
    the platforms' manifests do not. The image that is there is then the same image.

    Raises:
        DigestError: The tag stands for other content; nothing is overwritten.
    """
    if stored is None:
        return False
    if stored.digest == built.digest:
        return True
    if stored.platforms == frozenset(digest for _, digest in built.platforms):
        return True
    raise DigestError(
        f"tag {built.tag} is already in the repository with other content",
        details=(f"there:  {stored.digest}", f"built:  {built.digest}"),
        remedy="nothing was overwritten; find out which build is wrong (a base image that moved, "
        "a Dockerfile that is not reproducible), then deliver the one that is there with --image, "
        "or make a new commit",
    )


def publish(built: BuiltImage, repository: Repository) -> PublishedImage:
    """Put the image into the repository unless it is there, and prove that it is that image.

    Raises:
        DigestError: The tag stands for other content, or the registry answers another digest.
        PublishError: The registry refused the image.
    """
    stored = repository.find(built.tag)
    if stored is not None and already_there(built, stored):
        return _published(repository, stored, built.tag, None)
    pushed = repository.push(built.folder, built.tag)
    stored = repository.find(built.tag)
    if pushed.digest != built.digest:
        raise DigestError(
            f"built {built.digest}, but the registry took it as {pushed.digest}",
            where=repository.uri,
            remedy="nothing was rolled out; a proxy between here and the registry may rewrite "
            "manifests",
        )
    if stored is None or stored.digest != built.digest:
        raise DigestError(
            f"built {built.digest}, but tag {built.tag} answers "
            f"{stored.digest if stored else 'nothing'} after the push",
            where=repository.uri,
            remedy="somebody else may push to this tag; nothing was rolled out",
        )
    return _published(repository, stored, built.tag, pushed)


def _published(
    repository: Repository, stored: StoredImage, tag: str, pushed: Pushed | None
) -> PublishedImage:
    return PublishedImage(
        reference=ImageReference(repository.uri, stored.digest),
        tag=tag,
        pushed=pushed,
        platforms=stored.platforms,
    )
