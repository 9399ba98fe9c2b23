"""The images of one release, as a rollout knows them: which service runs which, and its digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from shipway.config.images import ONE
from shipway.rollout.task_definition import UnbuiltImage
from shipway.values import Digest, ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseImage:
    """One image.

    Attributes:
        reference: What a task definition names; in a plan it may not be built yet.
        platforms: Digests that a running task may report.
        processors: The platforms that it holds, where they are known: ``linux/arm64``.
    """

    reference: ImageReference | UnbuiltImage
    platforms: frozenset[Digest] = frozenset()
    processors: tuple[str, ...] = ()

    @property
    def pinned(self) -> ImageReference | None:
        """The image by its digest; ``None`` while it is not built."""
        return self.reference if isinstance(self.reference, ImageReference) else None

    @property
    def digest(self) -> str:
        """``sha256:…``; empty while it is not built."""
        return self.pinned.digest.value if self.pinned is not None else ""


@dataclass(frozen=True, slots=True)
class ReleaseImages:
    """Every image of a release by its key; one alone has the key :data:`.config.images.ONE`."""

    by_key: Mapping[str, ReleaseImage]

    @classmethod
    def alone(
        cls,
        reference: ImageReference | UnbuiltImage,
        platforms: frozenset[Digest] = frozenset(),
        processors: tuple[str, ...] = (),
    ) -> Self:
        """A release of one image."""
        image = ReleaseImage(reference=reference, platforms=platforms, processors=processors)
        return cls({ONE: image})

    def of(self, key: str) -> ReleaseImage:
        """The image of that key.

        Raises:
            LookupError: The release has none of it.
        """
        return self.by_key[key]

    @property
    def pinned(self) -> Mapping[str, ImageReference]:
        """The images that are built, by key."""
        return {key: image.pinned for key, image in self.by_key.items() if image.pinned}
