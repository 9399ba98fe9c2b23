"""BuildKit's provenance, taken out of the index it wrote it into.

BuildKit keeps it as an attestation manifest beside each platform's manifest (docs/attestations/
attestation-storage.md). Newer ones write SLSA v1, older ones v0.2, which is turned into v1 field
by field as the SLSA specification's "Provenance v1, change history" maps them; what BuildKit
itself wrote stays in the index, untouched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shipway.errors import BuildError
from shipway.image import referrers
from shipway.image.layout import Layout
from shipway.image.referrers import IN_TOTO, PREDICATE_TYPE, AttachedDocument
from shipway.values import Digest

SLSA_V1: Final = "https://slsa.dev/provenance/v1"
SLSA_V02: Final = "https://slsa.dev/provenance/v0.2"
_BUILDKIT_V1: Final = (
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
)
_OF: Final = "vnd.docker.reference.digest"


def documents(layout: Layout, name: str) -> tuple[AttachedDocument, ...]:
    """The provenance of each platform as an in-toto Statement (v1) with a SLSA v1 predicate.

    Args:
        layout: The image that BuildKit exported.
        name: What the image is called.

    Raises:
        BuildError: An attestation is there and cannot be read.
    """
    platforms = {digest: platform for platform, digest in layout.platforms}
    try:
        return tuple(
            _document(statement, platforms[digest], digest, name)
            for digest, statement in _statements(layout)
            if digest in platforms
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BuildError(
            f"BuildKit's provenance cannot be read: {error!r}",
            where=layout.root.digest.value,
            remedy="build again; see that the disk is not full",
        ) from error


def _statements(layout: Layout) -> Iterator[tuple[Digest, Mapping[str, Any]]]:
    """Each in-toto statement of the index with the platform manifest it is about."""
    about = {
        entry["digest"]: entry["annotations"][_OF]
        for entry in json.loads(layout.root.content).get("manifests", ())
        if _OF in (entry.get("annotations") or {})
    }
    paths = {blob.digest.value: blob.path for blob in layout.blobs}
    for child in layout.children:
        if child.digest.value in about:
            for layer in json.loads(child.content).get("layers", ()):
                kind = (layer.get("annotations") or {}).get(PREDICATE_TYPE, "")
                if kind in {SLSA_V1, SLSA_V02}:
                    content = paths[layer["digest"]].read_bytes()
                    yield Digest(about[child.digest.value]), json.loads(content)


def _document(
    statement: Mapping[str, Any], platform: str, digest: Digest, name: str
) -> AttachedDocument:
    predicate = statement["predicate"]
    if statement["predicateType"] == SLSA_V02:
        predicate = as_v1(predicate)
    document = referrers.statement(SLSA_V1, predicate, digest, name)
    return AttachedDocument(
        artifact_type=IN_TOTO,
        content=json.dumps(document, sort_keys=True, separators=(",", ":")).encode(),
        annotations=referrers.notes(platform, digest, SLSA_V1),
    )


def as_v1(old: Mapping[str, Any]) -> dict[str, Any]:
    """A SLSA v0.2 predicate of BuildKit in the words of v1; nothing is added but names."""
    invocation = old.get("invocation") or {}
    source = invocation.get("configSource") or {}
    metadata = old.get("metadata") or {}
    environment = invocation.get("environment") or {}
    further = {key: value for key, value in metadata.items() if key.startswith("https://")}
    return {
        "buildDefinition": {
            "buildType": _BUILDKIT_V1,
            "externalParameters": {
                "configSource": {
                    key: value
                    for key, value in (
                        ("uri", source.get("uri")),
                        ("digest", source.get("digest")),
                        ("path", source.get("entryPoint")),
                    )
                    if value
                },
                "request": invocation.get("parameters") or {},
            },
            "internalParameters": {
                "buildConfig": old.get("buildConfig") or {},
                "builderPlatform": environment.get("platform", ""),
            },
            "resolvedDependencies": list(old.get("materials") or ()),
        },
        "runDetails": {
            "builder": {"id": (old.get("builder") or {}).get("id", "")},
            "metadata": {
                "invocationId": metadata.get("buildInvocationID", ""),
                "startedOn": metadata.get("buildStartedOn", ""),
                "finishedOn": metadata.get("buildFinishedOn", ""),
                **further,
            },
        },
    }
