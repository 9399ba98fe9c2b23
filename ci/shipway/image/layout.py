"""An OCI image layout on disk, read and checked: what BuildKit exported and we push.

The layout is that of the OCI image-spec, image-layout.md: ``index.json`` names one image index or
manifest; ``blobs/sha256/…`` holds everything it refers to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipway.errors import BuildError, UsageError
from shipway.values import Digest

INDEX_TYPES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
MANIFEST_TYPES = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    }
)
CONFIG_TYPES = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
BLOBS = Path("blobs/sha256")
"""Where the blobs are, below the layout's folder."""
# BuildKit, docs/attestations/attestation-storage.md: an attestation manifest is an entry of the
# index with this annotation and the platform unknown/unknown.
_ATTESTATION = "vnd.docker.reference.type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A layer, a configuration or an attestation, wherever it lies: known by its digest."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob(Part):
    """One that lies on this machine."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An image manifest or index, with the exact bytes its digest is the digest of."""

    digest: Digest
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One image in a layout.

    Attributes:
        root: The manifest or index that the image is known by.
        children: The manifests that ``root`` refers to (none where it is a manifest itself).
        blobs: Everything that must be in a registry before the manifests, without duplicates.
        platforms: Platform (``linux/amd64``) and manifest digest, attestations left out.
    """

    root: Manifest
    children: tuple[Manifest, ...]
    blobs: tuple[Blob, ...]
    platforms: tuple[tuple[str, Digest], ...]

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return sum(blob.size for blob in self.blobs)


def read(folder: Path) -> Layout:
    """Read a layout and check that every manifest has the digest it is named by.

    Raises:
        BuildError: The layout is incomplete, or a blob's size or a manifest's digest is off.
    """
    try:
        return _read(folder)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, UsageError) as error:
        raise _broken(folder, f"it cannot be read: {error!r}") from error


def _read(folder: Path) -> Layout:
    try:
        descriptors = json.loads((folder / "index.json").read_bytes())["manifests"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _broken(folder, f"index.json cannot be read: {error}") from error
    if len(descriptors) != 1:
        raise _broken(folder, f"index.json names {len(descriptors)} images where one is expected")
    root = _manifest(folder, descriptors[0])
    if root.media_type in MANIFEST_TYPES:
        children: tuple[Manifest, ...] = ()
        platforms: tuple[tuple[str, Digest], ...] = (("", root.digest),)
    else:
        children = tuple(_manifest(folder, entry) for entry in _entries(root))
        platforms = tuple(platforms_of(root.content))
        if not platforms:
            raise _broken(folder, f"index {root.digest} holds no image")
    blobs = {
        blob.digest: blob
        for manifest in (children or (root,))
        for blob in _blobs_of(folder, manifest)
    }
    return Layout(root=root, children=children, blobs=tuple(blobs.values()), platforms=platforms)


def platforms_of(index: bytes) -> Iterator[tuple[str, Digest]]:
    """Platform and digest of each image in an index; attestation manifests are left out."""
    for entry in json.loads(index).get("manifests", ()):
        platform = entry.get("platform") or {}
        if _ATTESTATION in (entry.get("annotations") or {}) or platform.get("os") == "unknown":
            continue
        name = "/".join(
            part
            for part in (
                platform.get("os", ""),
                platform.get("architecture", ""),
                platform.get("variant", ""),
            )
            if part
        )
        yield name, Digest(entry["digest"])


def children_of(index: bytes) -> Iterator[Digest]:
    """Every manifest of an index, attestations included; none of a lone manifest."""
    for entry in json.loads(index).get("manifests", ()):
        yield Digest(entry["digest"])


def _entries(index: Manifest) -> list[dict[str, Any]]:
    return list(json.loads(index.content).get("manifests", ()))


def parts_of(manifest: bytes) -> Iterator[Part]:
    """What an image manifest refers to: its configuration and its layers."""
    document = json.loads(manifest)
    for entry in (document["config"], *document.get("layers", ())):
        yield Part(digest=Digest(entry["digest"]), size=int(entry["size"]))


def is_image(manifest: bytes) -> bool:
    """Whether this is an index or the manifest of something that can run.

    Charts, signatures and bills of materials are manifests too; their configuration is none of an
    image (OCI image-spec, manifest.md, "Guidelines for Artifact Usage").
    """
    try:
        document = json.loads(manifest)
        config = (document.get("config") or {}).get("mediaType", "")
    except (ValueError, AttributeError):
        return False
    return "manifests" in document or config in CONFIG_TYPES


def _manifest(folder: Path, descriptor: dict[str, Any]) -> Manifest:
    digest = Digest(descriptor["digest"])
    try:
        content = _path(folder, digest).read_bytes()
    except OSError as error:
        raise _broken(folder, f"manifest {digest} is missing") from error
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest.value:
        raise _broken(folder, f"manifest {digest} has other content than its digest says")
    media_type = descriptor.get("mediaType") or json.loads(content).get("mediaType", "")
    if media_type not in INDEX_TYPES | MANIFEST_TYPES:
        raise _broken(folder, f"{digest} is a {media_type or 'thing'}, not an image")
    return Manifest(digest=digest, media_type=media_type, content=content)


def _blobs_of(folder: Path, manifest: Manifest) -> Iterator[Blob]:
    document = json.loads(manifest.content)
    for entry in (document["config"], *document.get("layers", ())):
        digest = Digest(entry["digest"])
        path = _path(folder, digest)
        if not path.is_file() or path.stat().st_size != entry["size"]:
            raise _broken(folder, f"blob {digest} is missing or cut off")
        yield Blob(digest=digest, size=entry["size"], path=path)


def _path(folder: Path, digest: Digest) -> Path:
    return folder / BLOBS / digest.value.removeprefix("sha256:")


def _broken(folder: Path, what: str) -> BuildError:
    return BuildError(
        f"the image that BuildKit exported is not whole: {what}",
        where=str(folder),
        remedy="delete that folder and build again; see that the disk is not full",
    )
