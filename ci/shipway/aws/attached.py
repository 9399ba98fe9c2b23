"""Documents beside an image, as the registry holds them: a manifest with one layer for each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from shipway.aws.registry import DistributionClient
from shipway.errors import DigestError
from shipway.image import referrers as attestation
from shipway.image.layout import Manifest, Part
from shipway.image.referrers import AttachedDocument, Referrer
from shipway.values import Digest

_LARGEST_DOCUMENT: Final = 32 << 20
"""Bytes that are read of a document beside an image."""


def attach(
    hub: DistributionClient, subject: Manifest, documents: Sequence[AttachedDocument]
) -> tuple[Referrer, ...]:
    """Put documents beside an image.

    Args:
        hub: The image's repository.
        subject: The image's manifest there.
        documents: What is put there, in order.

    Raises:
        PublishError: The registry does not take one.
    """
    attached = []
    for document in documents:
        manifest, contents = attestation.manifest(document, subject)
        hub.attach(manifest, contents)
        attached.append(
            Referrer(
                digest=manifest.digest,
                artifact_type=document.artifact_type,
                annotations=document.annotations,
            )
        )
    return tuple(attached)


def content(hub: DistributionClient, referrer: Digest) -> bytes:
    """What a referrer holds: the bytes of its only layer.

    Raises:
        PublishError: The registry has lost it, or refuses it.
        DigestError: It gave other bytes than the digest says, or more than a document has.
    """
    try:
        layer = json.loads(hub.expect(referrer).content)["layers"][0]
        part = Part(digest=Digest(str(layer["digest"])), size=0)
    except (ValueError, LookupError, TypeError) as error:
        raise DigestError(f"{referrer} is no manifest with a document", where=hub.uri) from error
    with hub.open(part) as stream:
        read = stream.read(_LARGEST_DOCUMENT + 1)
    if attestation.digest_of(read) != part.digest:
        raise DigestError(
            f"the registry gave other bytes than {part.digest}",
            where=hub.uri,
            remedy="a proxy between here and the registry may rewrite what it passes on",
        )
    return read
