"""The content key: a name for everything that an image is made from, the commit aside.

Two commits with one key would give the same image but for its labels and time stamps, so the image
of the first is used again. docs/image.md says exactly what is in the key and what is not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from shipway.image import context
from shipway.image.build import BuildRequest
from shipway.image.context import ContextFile
from shipway.image.dockerfile import bases as bases_of

VERSION: Final = 2
"""Part of every key: another way to make them makes other keys."""
SOURCE: Final = "src-"
"""Begins the tag of every key."""


@dataclass(frozen=True, slots=True)
class ContentKey:
    """The key, 64 hexadecimal digits."""

    value: str

    @property
    def tag(self) -> str:
        """The tag by which a registry knows the image that was built from this source."""
        return f"{SOURCE}{self.value[:40]}"


def key(
    request: BuildRequest, dockerfile: str, bases: Mapping[str, str], entries: Sequence[ContextFile]
) -> ContentKey:
    """Make the key. Pure: the same values give the same key, on every machine.

    Args:
        request: Platforms, arguments and the labels' names are taken from it; the commit's time,
            where the image lies, the builder and the cache are not, for they change no content.
        dockerfile: The Dockerfile's text.
        bases: Every image that the Dockerfile starts or copies from, with what it stands for now:
            a digest, or the name of a stand-in and its digest.
        entries: What BuildKit sees of the context.
    """
    document: dict[str, object] = {
        "version": VERSION,
        "dockerfile": hashlib.sha256(dockerfile.encode()).hexdigest(),
        "platforms": sorted(request.platforms),
        "arguments": dict(sorted(request.build_args.items())),
        "bases": dict(sorted(bases.items())),
        "labels": sorted(request.labels),
        "provenance": "max",
        "timestamps": "rewritten",
        "context": [
            [entry.path, entry.kind, entry.mode, entry.content] for entry in sorted(entries)
        ],
    }
    # What a request lacks stands in no key, so that what was built before these were known is
    # found. Values of secrets are in none: BuildKit builds nothing again for another value either.
    if request.target:
        document["target"] = request.target
    if request.secrets:
        document["secrets"] = sorted(secret.id for secret in request.secrets)
    if request.ssh:
        document["ssh"] = request.ssh.partition("=")[0]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return ContentKey(hashlib.sha256(text.encode()).hexdigest())


def of(request: BuildRequest, resolve: Callable[[str], str]) -> tuple[ContentKey | None, str]:
    """The key of what is about to be built, or why there is none; then it is simply built.

    Args:
        request: What BuildKit would be asked for.
        resolve: Says what an image reference stands for now; an empty text where nobody knows.

    Raises:
        BuildError: The context cannot be read.
    """
    try:
        # As bytes: reading as text would turn a lone carriage return into an end of line.
        text = request.dockerfile.read_bytes().decode()
    except (OSError, UnicodeError):
        return None, "the Dockerfile cannot be read"
    wanted = bases_of(text, request.build_args, request.platforms)
    if wanted.unsure:
        return None, f"the base images are not sure: {wanted.unsure}"
    contexts = {_familiar(name): place for name, place in request.build_contexts.items()}
    places = {
        # BuildKit puts a named context in the place of a stage, too.
        **{name: contexts[name] for name in wanted.stages if name in contexts},
        **{
            reference: contexts.get(_familiar(reference), f"docker-image://{reference}")
            for reference in wanted.images
        },
    }
    digests: dict[str, str] = {}
    for reference, place in places.items():
        digests[reference] = _pinned(place, resolve, request)
        if not digests[reference]:
            return None, f"nobody says what {reference} stands for"
    return key(request, text, digests, context.read(request)), ""


def _familiar(reference: str) -> str:
    """The short form by which BuildKit looks for a named context (dockerui, NamedContext)."""
    short = reference.removeprefix("index.docker.io/").removeprefix("docker.io/")
    return short.removeprefix("library/").removesuffix(":latest")


def _pinned(place: str, resolve: Callable[[str], str], request: BuildRequest) -> str:
    """What a base image or the named context in its place stands for; empty where nobody knows."""
    scheme, separator, rest = place.partition("://")
    if not separator and Path(place).is_dir():
        # A folder: everything in it, as BuildKit takes it.
        seen = context.read(replace(request, context=Path(place)))
        rows = [[entry.path, entry.kind, entry.mode, entry.content] for entry in seen]
        return f"sha256:{hashlib.sha256(json.dumps(rows).encode()).hexdigest()}"
    if scheme == "docker-image":
        return resolve(rest)
    _, at, digest = rest.partition("@")
    return digest if at else ""
