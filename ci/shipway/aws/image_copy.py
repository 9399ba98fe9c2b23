"""An image's way from one repository to another, with everything that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shipway.aws.registry import DistributionClient
from shipway.errors import PublishError
from shipway.image import layout
from shipway.image.publish import Pushed
from shipway.image.referrers import Referrer
from shipway.values import Digest


def copy(
    origin: DistributionClient,
    destination: DistributionClient,
    digest: Digest,
    referrers: Callable[[Digest], Iterable[Referrer]],
) -> Pushed:
    """Copy an image and its referrers; it has no tag there yet, for that comes last.

    Referrers of the image and of its platforms come with it, so that its bill of materials and its
    provenance can be read where it runs.

    Args:
        origin: The repository that it is in.
        destination: The repository that it goes to.
        digest: The image.
        referrers: What the origin holds beside a digest.

    Raises:
        PublishError: The origin has lost the image or a part of it, or a registry refuses one.
    """
    root = origin.manifest(digest.value)
    if root is None:
        raise PublishError(
            f"there is no image {digest} in {origin.uri}",
            where=origin.uri,
            remedy="somebody may have deleted it; nothing was changed",
        )
    children = [origin.expect(child) for child in layout.children_of(root.content)]
    subjects = (digest, *(child for _, child in layout.platforms_of(root.content)))
    copied = destination.copy(origin, root, children)
    attached = [
        destination.copy(origin, origin.expect(referrer.digest), ())
        for subject in subjects
        for referrer in referrers(subject)
    ]
    return Pushed(
        digest=copied.digest,
        blobs=copied.blobs + sum(pushed.blobs for pushed in attached),
        bytes=copied.bytes + sum(pushed.bytes for pushed in attached),
    )
