"""Build: what BuildKit is asked for, as a value, and what it made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from shipway.errors import BuildError
from shipway.image import layout
from shipway.observer import Observer, Output
from shipway.values import Commit, Digest

# "#9 [build 2/4] RUN …" opens a step of the Dockerfile, "#9 CACHED" says it cost nothing
# (BuildKit's plain progress, util/progress/progressui).
_STEP = re.compile(r"#(\d+) \[(?:[^\]]*\s)?\d+/\d+\] ")
_CACHED = re.compile(r"#(\d+) CACHED$")
# "#12 exporting cache to registry", "#4 importing cache manifest from …", then "#12 ERROR: …".
_CACHE = re.compile(r"#(\d+) (?:exporting|importing) cache ")
_TROUBLE = re.compile(r"#(\d+) ERROR: (.*)")

DEFAULT: Final = "default"
"""The setting for the engine's own BuildKit."""
REVISION: Final = "org.opencontainers.image.revision"
"""The label that names the commit an image was built from."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person finds what is sent: in the work tree."""

    context: Path
    dockerfile: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretMount:
    """A secret of a build, by where BuildKit's client reads it; never by its value.

    Attributes:
        id: Its name in the Dockerfile.
        file: The file; ``None`` where a variable holds it.
        variable: The variable of the process; empty where a file holds it.
        value: What was fetched for it, where neither holds it: given over in a file of its own.
    """

    id: str
    file: Path | None = None
    variable: str = ""
    value: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """Everything ``docker buildx build`` is asked for; nothing else reaches it.

    Attributes:
        context: The folder that is sent to BuildKit.
        dockerfile: The Dockerfile's path.
        platforms: Such as ``linux/amd64``.
        build_args: ``ARG`` values; not for secrets, they stay in the image's history.
        labels: ``org.opencontainers.image.*``.
        build_contexts: Named contexts that stand in for base images.
        epoch: Seconds since 1970 of the commit, the time stamp of every file (SOURCE_DATE_EPOCH).
        destination: The folder that receives the OCI image layout.
        target: The stage that is built; empty for the last one.
        secrets: What the build may read and no layer keeps.
        ssh: As ``--ssh`` takes it; empty for none.
        timeout: Seconds that it may take; 0 for as long as it takes.
        builder: ``default`` for the engine's own, ``docker-container``, the name of a buildx
            builder, or the address of a BuildKit elsewhere.
        cache: Where the cache is kept, as :mod:`shipway.image.cache` reads it; empty for none.
        name: What the image is called, by which a shared cache knows it.
        logins: Registry host → ``USER:PASSWORD``, for the cache and private bases; never shown.
        copy_of: What messages name, where what is sent is a copy of what the commit has.
    """

    context: Path
    dockerfile: Path
    platforms: tuple[str, ...]
    destination: Path
    epoch: int
    build_args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    build_contexts: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    secrets: tuple[SecretMount, ...] = ()
    ssh: str = ""
    timeout: int = 0
    builder: str = DEFAULT
    cache: str = ""
    name: str = ""
    logins: Mapping[str, str] = field(default_factory=dict, repr=False)
    copy_of: Place | None = None

    @property
    def place(self) -> Place:
        """Where a person finds it."""
        return self.copy_of or Place(self.context, self.dockerfile)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """An image that was built and lies on this machine.

    Attributes:
        digest: The digest it is known by everywhere, from BuildKit's metadata file.
        platforms: Platform and digest of each platform's manifest.
        folder: The OCI image layout that holds it.
        tag: The tag it will have in the registry.
        steps: Steps of the Dockerfile, and how many of them came from the cache.
        size: Bytes of all blobs.
        cache_troubles: What the cache in the registry could not do; it never fails a build.
    """

    digest: Digest
    platforms: tuple[tuple[str, Digest], ...]
    folder: Path
    tag: str
    steps: tuple[int, int]
    size: int
    cache_troubles: tuple[str, ...] = ()


class Stop(Protocol):
    """Says that a build is no longer wanted: a :class:`threading.Event`."""

    def is_set(self) -> bool:
        """Whether it is not wanted any more."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is not; whether that was within ``timeout`` seconds."""
        ...


class Builder(Protocol):
    """What the build stage asks of Docker."""

    def build(
        self, request: BuildRequest, tell: Callable[[str], None], stop: Stop | None = None
    ) -> Digest:
        """Build and export; the digest is that of BuildKit's metadata file.

        Args:
            request: What is built.
            tell: Takes every line of BuildKit's output.
            stop: Ends the build where it is set from another thread.

        Raises:
            EngineError: No engine or no buildx answers.
            BuildError: BuildKit failed, its own words are in the details; or it took longer than
                ``request.timeout``, or was stopped.
        """
        ...

    def resolve(self, reference: str, builder: str, logins: Mapping[str, str]) -> str:
        """What an image reference stands for now, as ``sha256:…``.

        Args:
            reference: As a FROM line names it.
            builder: Who would build with it.
            logins: Registry host → ``USER:PASSWORD``, for a private one; never shown.

        Returns:
            The digest, or an empty text where nobody can say; then nothing is reused.
        """
        ...


def labels(name: str, commit: Commit) -> dict[str, str]:
    """The image's labels (OCI image-spec, annotations.md), the same for every build of a commit."""
    made = {
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.created": commit.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        REVISION: commit.sha,
        "org.opencontainers.image.source": commit.remote,
        "org.opencontainers.image.version": commit.short,
    }
    return {key: value for key, value in made.items() if value}


def build(
    builder: Builder,
    request: BuildRequest,
    commit: Commit,
    observer: Observer,
    stop: Stop | None = None,
) -> BuiltImage:
    """Build the image and check that what lies on the disk is what BuildKit says it made.

    Raises:
        EngineError: No engine or no buildx answers.
        BuildError: The Dockerfile failed, or the exported image is not whole.
    """
    steps: set[str] = set()
    cached: set[str] = set()
    of_cache: set[str] = set()
    troubles: dict[str, None] = {}

    def hear(line: str) -> None:
        if about := _CACHE.match(line):
            of_cache.add(about[1])
        if (wrong := _TROUBLE.match(line)) and wrong[1] in of_cache:
            troubles[wrong[2]] = None
        if opened := _STEP.match(line):
            steps.add(opened[1])
        if hit := _CACHED.match(line):
            cached.add(hit[1])
        observer(Output(stage="build", line=line))

    digest = builder.build(request, hear, stop)
    image = layout.read(request.destination)
    if image.root.digest != digest:
        raise BuildError(
            f"BuildKit said it made {digest} but exported {image.root.digest}",
            where=str(request.destination),
            remedy="see that no other build writes to the same folder, then build again",
        )
    return BuiltImage(
        digest=digest,
        platforms=image.platforms,
        folder=request.destination,
        tag=tag_of(commit, image.platforms),
        steps=(len(steps), len(steps & cached)),
        size=image.size,
        cache_troubles=tuple(troubles),
    )


def tag_of(commit: Commit, platforms: tuple[tuple[str, Digest], ...]) -> str:
    """The registry tag: the commit, and for a work tree that differs from it what was built.

    A tag never stands for two contents, so a repository with immutable tags takes every rehearsal.
    """
    if commit.clean:
        return commit.sha
    content = min(digest for _, digest in platforms).value.removeprefix("sha256:")
    return f"{commit.sha}-dirty-{content[:12]}"
