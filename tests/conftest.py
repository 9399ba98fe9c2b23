"""What several rooms of tests need: their order, and made-up OCI image layouts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shipway.values import Digest

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_UNITS = Path(__file__).parent / "unit"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Units last: short as they are, they fill the end of a run on several workers."""
    items.sort(key=lambda item: item.path.is_relative_to(_UNITS))


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeLayout:
    """A layout on the disk, as BuildKit would export it."""

    folder: Path
    root: Digest
    platforms: tuple[tuple[str, Digest], ...]
    layers: tuple[Digest, ...]

    def blob(self, digest: Digest) -> Path:
        return self.folder / "blobs" / "sha256" / digest.value.removeprefix("sha256:")


MakeLayout = Callable[..., MadeLayout]


def _put(folder: Path, content: bytes) -> Digest:
    name = hashlib.sha256(content).hexdigest()
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / name).write_bytes(content)
    return Digest(f"sha256:{name}")


def _described(media_type: str, digest: Digest, size: int, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest.value, "size": size, **more}


def _manifest(folder: Path, layers: list[bytes], config: bytes) -> tuple[Digest, int, list[Digest]]:
    digests = [_put(folder, layer) for layer in layers]
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _described("application/json", _put(folder, config), len(config)),
        "layers": [
            _described("application/octet-stream", digest, len(layer))
            for digest, layer in zip(digests, layers, strict=True)
        ],
    }
    content = json.dumps(document).encode()
    return _put(folder, content), len(content), digests


def make_layout(
    folder: Path,
    content: bytes = b"one",
    *,
    platforms: tuple[str, ...] = ("linux/amd64",),
    attested: bytes | None = b"provenance",
    single: bool = False,
    layers: Mapping[str, bytes] | None = None,
) -> MadeLayout:
    """Write a layout: an index of platforms with attestations, or one lone manifest."""
    entries: list[dict[str, Any]] = []
    known: list[tuple[str, Digest]] = []
    all_layers: list[Digest] = []
    for platform in platforms:
        os, architecture, *variant = platform.split("/")
        blobs = [content, *(layers or {}).values()]
        digest, size, digests = _manifest(folder, blobs, f'{{"of": "{platform}"}}'.encode())
        all_layers += digests
        named = {
            "os": os,
            "architecture": architecture,
            **({"variant": variant[0]} if variant else {}),
        }
        entries.append(_described(MANIFEST, digest, size, platform=named))
        known.append((platform, digest))
        if attested is not None:
            digest, size, digests = _manifest(folder, [attested], b"{}")
            entries.append(
                _described(
                    MANIFEST,
                    digest,
                    size,
                    platform={"os": "unknown", "architecture": "unknown"},
                    annotations={"vnd.docker.reference.type": "attestation-manifest"},
                )
            )
    if single:
        root = entries[0]
        known = [("", Digest(root["digest"]))]
    else:
        document = json.dumps(
            {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        ).encode()
        root = _described(INDEX, _put(folder, document), len(document))
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))
    return MadeLayout(
        folder=folder,
        root=Digest(root["digest"]),
        platforms=tuple(known),
        layers=tuple(dict.fromkeys(all_layers)),
    )


@pytest.fixture(name="make_layout")
def _make_layout() -> MakeLayout:
    return make_layout


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests want told; as a property of their report it comes from a worker too."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, text in report.user_properties:
                    if name == "told":
                        terminalreporter.write_line(str(text))
