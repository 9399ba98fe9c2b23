"""Publish: decide what the registry still lacks, push only that, and compare digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from shipway.config.environment import Origin
from shipway.errors import DigestError
from shipway.image.build import REVISION, BuiltImage
from shipway.image.content_key import SOURCE, ContentKey
from shipway.values import Commit, Digest, ImageReference

DIRTY: Final = "-dirty"
"""Ends the content key's tag on an image that was built from a work tree with changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """What a repository holds under a tag or digest.

    Attributes:
        digest: The digest of the index or manifest.
        platforms: Digests of the platforms' manifests (the digest itself for a lone manifest).
        named: The same with their names, ``linux/amd64``, as far as the index says them.
    """

    digest: Digest
    platforms: frozenset[Digest]
    named: tuple[tuple[str, Digest], ...] = ()


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
        built_by: The commit that it was built from, where that is another than the delivered one;
            its labels name that commit too.
        promoted_from: ``repository@sha256:…`` where it was taken from, or empty.
        named: The platforms' names and digests.
    """

    reference: ImageReference
    tag: str
    pushed: Pushed | None
    platforms: frozenset[Digest]
    built_by: str = ""
    promoted_from: str = ""
    named: tuple[tuple[str, Digest], ...] = ()


class ImageRepository(Protocol):
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

    def tag(self, digest: Digest, tag: str) -> Digest | None:
        """Give an image that is here a further tag, by its manifest alone.

        A tag that stands for something else is left as it is.

        Returns:
            What the tag stands for now; ``None`` where the image has as many tags as the registry
            allows.

        Raises:
            ImageNotFoundError: There is no such image here.
            PublishError: The registry refused it.
        """
        ...

    def tags(self, digest: Digest) -> tuple[str, ...]:
        """The tags of an image, sorted; none where it is not there."""
        ...

    def labels(self, digest: Digest) -> Mapping[str, str]:
        """The labels of an image, of its first platform; none where they cannot be read."""
        ...


class PromotionTarget(ImageRepository, Protocol):
    """A repository that takes images from others."""

    def take(self, origin: Origin, digest: Digest, tag: str) -> Pushed:
        """Copy an image from another repository with its attestations and referrers.

        Args:
            origin: Where it lies.
            digest: Which image; it is the same afterwards.
            tag: The tag it gets here.

        Raises:
            PublishError: A registry refused something, lost a layer, or cannot be reached.
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
    if _same(built, stored):
        return True
    raise DigestError(
        f"tag {built.tag} is already in the repository with other content",
        details=(f"there:  {stored.digest}", f"built:  {built.digest}"),
        remedy="nothing was overwritten; find out which build is wrong (a base image that moved, "
        "a Dockerfile that is not reproducible), then deliver the one that is there with --image, "
        "or make a new commit",
    )


def standing(
    built: BuiltImage, repository: ImageRepository, commit: Commit, content: ContentKey | None
) -> PublishedImage | None:
    """The image that a clean commit has already, where this build of it gave other bytes.

    A build that is not reproducible gives other bytes each time, and a tag never stands for two
    contents. So the first image of a commit is its image, also for whoever comes later from a
    machine without a cache, or after a run that was killed between the push and the key's tag.

    Args:
        built: What was built now.
        repository: Where the commit's tag may stand.
        commit: The commit.
        content: What it was built from now; ``None`` where nobody knows.

    Returns:
        The image to go on with; ``None`` where there is none, or where it is what was built.
    """
    stored = repository.find(built.tag) if commit.clean else None
    if stored is None or _same(built, stored) or not _of(commit, content, stored, repository):
        return None
    names = {name for name, _ in stored.named}
    if names and names != {name for name, _ in built.platforms}:
        return None
    return published(repository, stored, built.tag, None)


def _of(
    commit: Commit,
    content: ContentKey | None,
    stored: StoredImage,
    repository: ImageRepository,
) -> bool:
    """Whether an image was built from this commit, and nothing says that its bases were others."""
    if repository.labels(stored.digest).get(REVISION) != commit.sha:
        return False
    keys = {tag for tag in repository.tags(stored.digest) if tag.startswith(SOURCE)}
    return content is None or not keys or content.tag in keys


def _same(built: BuiltImage, stored: StoredImage) -> bool:
    platforms = frozenset(digest for _, digest in built.platforms)
    return stored.digest == built.digest or stored.platforms == platforms


def publish(built: BuiltImage, repository: ImageRepository) -> PublishedImage:
    """Put the image into the repository unless it is there, and prove that it is that image.

    Raises:
        DigestError: The tag stands for other content, or the registry answers another digest.
        PublishError: The registry refused the image.
    """
    stored = repository.find(built.tag)
    if stored is not None and already_there(built, stored):
        return published(repository, stored, built.tag, None)
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
    return published(repository, stored, built.tag, pushed)


def reuse(
    repository: ImageRepository, content: ContentKey, commit: Commit
) -> PublishedImage | None:
    """The image that was built from the same source before; ``None`` where there is none.

    A work tree that differs from its commit also finds what such a tree left; a clean one never
    does, so what no commit holds is never released as if one did.

    Returns:
        The image. Its tag is the commit's; the key's where the image has as many tags as the
        registry allows, or where the work tree is not clean.

    Raises:
        DigestError: The commit's own tag stands for another source's image; nothing is overwritten.
        ImageNotFoundError: What has the key's tag is no image.
    """
    found = _earlier(repository, content, commit)
    if found is None:
        return None
    stored, name = found
    built_by = repository.labels(stored.digest).get(REVISION, "")
    if commit.clean:
        now = repository.tag(stored.digest, commit.sha)
        if now and now != stored.digest:
            # Built from this source by this commit, and another build was faster with the key's
            # tag; or something else, which raises.
            own = _own_of(commit, content, stored, repository, now)
            return published(repository, own, commit.sha, None)
        name = commit.sha if now else name
    return PublishedImage(
        reference=ImageReference(repository.uri, stored.digest),
        tag=name,
        pushed=None,
        platforms=stored.platforms,
        named=stored.named,
        built_by=built_by,
    )


def foresee(
    repository: ImageRepository, content: ContentKey | None, commit: Commit
) -> PublishedImage | None:
    """The image that :func:`reuse` or :func:`standing` would come to; nothing is changed.

    Args:
        repository: Where it would lie.
        content: What would be built; ``None`` where nobody knows.
        commit: The commit.

    Returns:
        The image; ``None`` where only a build can tell.

    Raises:
        DigestError: The commit's own tag stands for another source's image.
        ImageNotFoundError: What has the key's tag is no image.
    """
    found = _earlier(repository, content, commit) if content is not None else None
    own = repository.find(commit.sha) if commit.clean else None
    if content is None or found is None:
        if own is None or not _of(commit, content, own, repository):
            return None
        return published(repository, own, commit.sha, None)
    stored, name = found
    if own is not None and own.digest != stored.digest:
        stored = _own_of(commit, content, stored, repository, own.digest)
    return replace(
        published(repository, stored, commit.sha if commit.clean else name, None),
        built_by=repository.labels(stored.digest).get(REVISION, ""),
    )


def _earlier(
    repository: ImageRepository, content: ContentKey, commit: Commit
) -> tuple[StoredImage, str] | None:
    """What an earlier build of the same source left, and the tag that it is found by."""
    tags = [content.tag] if commit.clean else [content.tag, f"{content.tag}{DIRTY}"]
    for tag in tags:
        stored = repository.find(tag)
        if stored is not None:
            return stored, tag
    return None


def _own_of(
    commit: Commit,
    content: ContentKey,
    stored: StoredImage,
    repository: ImageRepository,
    now: Digest,
) -> StoredImage:
    """The commit's own image, where it is another than the one that has the key's tag.

    Raises:
        DigestError: It was not built from this source by this commit.
    """
    own = repository.find(commit.sha)
    if own is not None and _of(commit, content, own, repository):
        return own
    raise DigestError(
        f"tag {commit.sha} is already in the repository, but the same source was "
        "built as another image",
        details=(f"{commit.short}:  {now}", f"{content.tag[:16]}…:  {stored.digest}"),
        where=repository.uri,
        remedy="nothing was overwritten; deliver the right one with --image, or make a new commit",
    )


def remember(
    repository: ImageRepository, image: PublishedImage, content: ContentKey, commit: Commit
) -> None:
    """Put the content key's tag on an image that was built now, unless another has it already.

    Two builds of one source at the same time give two images; the first keeps the tag. An image
    with as many tags as the registry allows gets none.

    Raises:
        PublishError: The registry refused it.
    """
    suffix = "" if commit.clean else DIRTY
    repository.tag(image.reference.digest, f"{content.tag}{suffix}")


def published(
    repository: ImageRepository, stored: StoredImage, tag: str, pushed: Pushed | None
) -> PublishedImage:
    """What the repository holds, as an image that a delivery goes on with."""
    return PublishedImage(
        reference=ImageReference(repository.uri, stored.digest),
        tag=tag,
        pushed=pushed,
        platforms=stored.platforms,
        named=stored.named,
    )
