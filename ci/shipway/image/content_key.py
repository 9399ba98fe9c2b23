"""The content key: a name for everything that an image is made from, the commit aside.

Two commits with one key would give the same image but for its labels and time stamps, so the image
of the first is used again. docs/image.md says exactly what is in the key and what is not.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shipway.errors import BuildError
from shipway.image import dockerignore
from shipway.image.build import BuildRequest
from shipway.image.dockerfile import bases as bases_of

VERSION: Final = 2
"""Part of every key: another way to make them makes other keys."""
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class ContextFile:
    """One thing in the context that BuildKit sees.

    Attributes:
        path: Relative to the context, with ``/`` between its parts.
        kind: ``file``, ``link`` or ``folder``.
        mode: Permission bits; 0 for a link, which has none of its own.
        content: A file's SHA-256, a link's target, nothing for a folder.
    """

    path: str
    kind: str
    mode: int
    content: str


@dataclass(frozen=True, slots=True)
class ContentKey:
    """The key, 64 hexadecimal digits."""

    value: str

    @property
    def tag(self) -> str:
        """The tag by which a registry knows the image that was built from this source."""
        return f"src-{self.value[:40]}"


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
    document = {
        "version": VERSION,
        "dockerfile": hashlib.sha256(dockerfile.encode()).hexdigest(),
        "platforms": sorted(request.platforms),
        "arguments": dict(sorted(request.build_args.items())),
        "bases": dict(sorted(bases.items())),
        "labels": sorted(request.labels),
        "provenance": "max",
        "timestamps": "rewritten",
        "context": [[one.path, one.kind, one.mode, one.content] for one in sorted(entries)],
    }
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
        digests[reference] = _pinned(place, resolve)
        if not digests[reference]:
            return None, f"nobody says what {reference} stands for"
    return key(request, text, digests, read(request)), ""


def _familiar(reference: str) -> str:
    """The short form by which BuildKit looks for a named context (dockerui, NamedContext)."""
    short = reference.removeprefix("index.").removeprefix("docker.io/").removeprefix("library/")
    return short.removesuffix(":latest")


def _pinned(place: str, resolve: Callable[[str], str]) -> str:
    """What a base image or the named context in its place stands for; empty for a mere folder."""
    scheme, _, rest = place.partition("://")
    if scheme == "docker-image":
        return resolve(rest)
    _, at, digest = rest.partition("@")
    return digest if at else ""


def ignore_file(request: BuildRequest) -> Path:
    """``NAME.dockerignore`` beside the Dockerfile goes before the context's own."""
    own = request.dockerfile.with_name(f"{request.dockerfile.name}.dockerignore")
    return own if own.is_file() else request.context / ".dockerignore"


def read(request: BuildRequest) -> tuple[ContextFile, ...]:
    """What BuildKit sees of the context, in order of path.

    Raises:
        BuildError: A file cannot be read.
    """
    try:
        ignore = ignore_file(request)
        text = ignore.read_text("utf-8", "surrogateescape") if ignore.is_file() else ""
        patterns = dockerignore.parse(text)
        return tuple(sorted(_walk(request.context, "", patterns)))
    except OSError as error:
        raise BuildError(
            f"the build context cannot be read: {error.strerror or error}",
            where=str(error.filename or request.context),
            remedy="see who owns that file and its mode, or name it in .dockerignore",
        ) from error


def _walk(
    root: Path, below: str, patterns: Sequence[dockerignore.Pattern]
) -> Iterator[ContextFile]:
    with os.scandir(root / below) as found:
        listed = sorted(found, key=lambda one: one.name)
    for one in listed:
        path = f"{below}/{one.name}" if below else one.name
        left_out = dockerignore.ignored(path, patterns)
        if one.is_dir(follow_symlinks=False):
            inner = (
                list(_walk(root, path, patterns)) if not left_out or _takes_back(patterns) else ()
            )
            # A folder that was left out is there all the same where a file below it was taken back.
            if inner or not left_out:
                yield ContextFile(_shown(path), "folder", _mode(one), "")
            yield from inner
        elif not left_out:
            yield _entry(one, path)


def _takes_back(patterns: Sequence[dockerignore.Pattern]) -> bool:
    return any(pattern.back for pattern in patterns)


def _entry(one: os.DirEntry[str], path: str) -> ContextFile:
    if one.is_symlink():
        return ContextFile(_shown(path), "link", 0, _shown(str(Path(one.path).readlink())))
    if not one.is_file(follow_symlinks=False):
        return ContextFile(
            _shown(path), "other", _mode(one), ""
        )  # a socket or a device: BuildKit's word
    total = hashlib.sha256()
    with open(one.path, "rb") as content:  # noqa: PTH123  # a DirEntry holds the path as text
        while chunk := content.read(_CHUNK):
            total.update(chunk)
    return ContextFile(_shown(path), "file", _mode(one), total.hexdigest())


def _mode(one: os.DirEntry[str]) -> int:
    return stat.S_IMODE(one.stat(follow_symlinks=False).st_mode)


def _shown(path: str) -> str:
    """A name that is no UTF-8 keeps its bytes, as JSON can hold them."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
