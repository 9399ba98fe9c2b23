"""Documents about an image, as the registry keeps them beside it: OCI 1.1 referrers.

OCI image-spec 1.1, manifest.md: a manifest with a ``subject`` refers to it; its ``artifactType``
says what it is, its only layer holds it. ECR lists them with ListImageReferrers and removes them
with their subject.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from shipway.image.layout import Manifest
from shipway.values import Digest

MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
EMPTY: Final = b"{}"
CYCLONEDX: Final = "application/vnd.cyclonedx+json"
IN_TOTO: Final = "application/vnd.in-toto+json"
DSSE: Final = "application/vnd.dsse.envelope.v1+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
BOM_PREDICATE: Final = "https://cyclonedx.org/bom"
PREDICATE_TYPE: Final = "in-toto.io/predicate-type"
PLATFORM: Final = "dev.shipway.platform"
PLATFORM_DIGEST: Final = "dev.shipway.platform.digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedDocument:
    """Something that is said about one platform of an image.

    Attributes:
        artifact_type: What it is.
        content: Its bytes.
        annotations: What tells it from others of its type: platform, predicate type.
    """

    artifact_type: str
    content: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> Digest:
        """The digest of its bytes."""
        return digest_of(self.content)

    @property
    def key(self) -> tuple[str, str, str]:
        """Two documents with one key say the same thing about the same platform."""
        return _key(self.artifact_type, self.annotations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Referrer:
    """A document that the registry holds.

    Attributes:
        digest: Of the manifest that refers to the image.
        artifact_type: What it is.
        annotations: As they were attached.
    """

    digest: Digest
    artifact_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """As :attr:`AttachedDocument.key`."""
        return _key(self.artifact_type, self.annotations)


class Attachments(Protocol):
    """A repository that keeps documents beside an image."""

    def referrers(self, digest: Digest) -> tuple[Referrer, ...]:
        """Everything that refers to the image.

        Raises:
            AwsError: ECR does not say.
        """
        ...

    def attach(
        self, subject: Digest, documents: Sequence[AttachedDocument]
    ) -> tuple[Referrer, ...]:
        """Attach documents to an image that is here.

        Raises:
            PublishError: The registry refused one, or the image is not here.
        """
        ...


def digest_of(content: bytes) -> Digest:
    """The digest of some bytes."""
    return Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")


def manifest(
    document: AttachedDocument, subject: Manifest
) -> tuple[Manifest, Mapping[Digest, bytes]]:
    """The manifest that attaches a document, and the blobs it needs. The same for the same values.

    Args:
        document: What is attached.
        subject: What it is attached to.
    """
    empty = digest_of(EMPTY)
    body = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": document.artifact_type,
        "config": {"mediaType": EMPTY_TYPE, "digest": empty.value, "size": len(EMPTY)},
        "layers": [
            {
                "mediaType": document.artifact_type,
                "digest": document.digest.value,
                "size": len(document.content),
            }
        ],
        "subject": {
            "mediaType": subject.media_type,
            "digest": subject.digest.value,
            "size": len(subject.content),
        },
        "annotations": dict(sorted(document.annotations.items())),
    }
    content = json.dumps(body, separators=(",", ":")).encode()
    attachment = Manifest(digest=digest_of(content), media_type=MANIFEST_TYPE, content=content)
    return attachment, {empty: EMPTY, document.digest: document.content}


def statement(
    predicate_type: str, predicate: object, platform_digest: Digest, name: str
) -> dict[str, Any]:
    """An in-toto Statement (v1) about one platform's manifest."""
    sha256 = platform_digest.value.removeprefix("sha256:")
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": sha256}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }


def notes(platform: str, digest: Digest, predicate_type: str) -> dict[str, str]:
    """What every document of ours is annotated with."""
    return {
        PLATFORM: platform,
        PLATFORM_DIGEST: digest.value,
        PREDICATE_TYPE: predicate_type,
    }


def _key(artifact_type: str, annotations: Mapping[str, str]) -> tuple[str, str, str]:
    return artifact_type, annotations.get(PREDICATE_TYPE, ""), annotations.get(PLATFORM_DIGEST, "")
