"""The bill of materials: CycloneDX from the image itself, once for each platform's digest."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from shipway.errors import EvidenceError
from shipway.image import referrers
from shipway.image.layout import Layout, Manifest
from shipway.image.referrers import BOM_PREDICATE, CYCLONEDX, AttachedDocument
from shipway.values import Digest

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://shipway.dev/sbom")


class Cataloguer(Protocol):
    """Finds out what is in an image."""

    def catalogue(self, folder: Path, name: str, version: str) -> bytes | None:
        """CycloneDX JSON of an OCI layout with one image; ``None`` where no tool is installed.

        Raises:
            EvidenceError: The tool failed.
        """
        ...

    def end(self) -> None:
        """Stop what runs, for good; called from another thread."""
        ...


class NoCataloguer:
    """Finds out nothing: for where no tool is wired."""

    def catalogue(self, folder: Path, name: str, version: str) -> bytes | None:
        """Nothing."""
        del folder, name, version
        return None

    def end(self) -> None:
        """Nothing runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sbom:
    """What is known of one platform's bill.

    Attributes:
        platform: Such as ``linux/amd64``.
        digest: The platform manifest it is about.
        document: The bill; ``None`` where there is none.
        components: How many things it lists.
        file: Where it is kept on this machine.
    """

    platform: str
    digest: Digest
    document: AttachedDocument | None
    components: int = 0
    file: Path | None = None


def bills(
    cataloguer: Cataloguer, layout: Layout, folder: Path, *, name: str, time: datetime, cache: Path
) -> tuple[Sbom, ...]:
    """The bill of each platform, from the cache where the digest was catalogued before.

    Args:
        cataloguer: The tool.
        layout: The image.
        folder: Where it lies.
        name: What the image is called.
        time: The commit's time, which stands in every bill: a bill says what a digest holds, and
            that does not change with the clock.
        cache: A folder that is kept.

    Raises:
        EvidenceError: The tool failed, or the cache cannot be written.
    """
    children = {child.digest: child for child in (*layout.children, layout.root)}
    return tuple(
        _bill(cataloguer, children[digest], platform, folder, name=name, time=time, cache=cache)
        for platform, digest in layout.platforms
    )


def _bill(
    cataloguer: Cataloguer,
    image: Manifest,
    platform: str,
    folder: Path,
    *,
    name: str,
    time: datetime,
    cache: Path,
) -> Sbom:
    digest = image.digest
    file = cache / f"{digest.value.removeprefix('sha256:')}.cdx.json"
    try:
        if not file.is_file():
            raw = _catalogued(cataloguer, image, folder, name)
            if raw is None:
                return Sbom(platform=platform, digest=digest, document=None)
            file.parent.mkdir(parents=True, exist_ok=True)
            scratch = file.with_suffix(f".{os.getpid()}")
            scratch.write_bytes(settled(raw, digest, time))
            scratch.replace(file)
        content = file.read_bytes()
        components = len(json.loads(content).get("components") or ())
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise EvidenceError(
            f"the bill of materials cannot be kept: {error}",
            where=str(file),
            remedy="see that the disk is not full and the folder can be written",
        ) from error
    document = AttachedDocument(
        artifact_type=CYCLONEDX,
        content=content,
        annotations=referrers.notes(platform, digest, BOM_PREDICATE),
    )
    return Sbom(
        platform=platform, digest=digest, document=document, components=components, file=file
    )


def _catalogued(cataloguer: Cataloguer, image: Manifest, folder: Path, name: str) -> bytes | None:
    """Show the tool a layout with this one platform: it would stumble over attestations."""
    with tempfile.TemporaryDirectory(prefix="shipway-sbom-") as scratch:
        view = Path(scratch)
        entry = {
            "mediaType": image.media_type,
            "digest": image.digest.value,
            "size": len(image.content),
        }
        (view / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
        (view / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "manifests": [entry]}), encoding="utf-8"
        )
        (view / "blobs").symlink_to((folder / "blobs").resolve(), target_is_directory=True)
        return cataloguer.catalogue(view, name, image.digest.value)


def settled(raw: bytes, digest: Digest, time: datetime) -> bytes:
    """The bill with a serial number and a time that depend on what it is about alone."""
    sbom: dict[str, Any] = json.loads(raw)
    sbom["serialNumber"] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, digest.value)}"
    metadata = sbom.setdefault("metadata", {})
    metadata["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps(sbom, sort_keys=True, separators=(",", ":")).encode()


def statements(bills: Sequence[Sbom], name: str) -> tuple[Mapping[str, Any], ...]:
    """Each bill as an in-toto Statement, for a signature to be about."""
    return tuple(
        referrers.statement(BOM_PREDICATE, json.loads(sbom.document.content), sbom.digest, name)
        for sbom in bills
        if sbom.document is not None
    )
