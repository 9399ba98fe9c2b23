"""The images that a build rests on, read from its Dockerfile's text as BuildKit reads it.

A base that is overlooked is an image that is never renewed. So whatever is not sure here says so,
and its reason is told; no base is ever guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from shipway.image.dockerfile_parser import Instruction, frontend, inner, instructions
from shipway.image.dockerfile_words import UnsureError, expand

# https://github.com/distribution/reference, reference.go; a digest may be of any length here.
_REFERENCE: Final = re.compile(
    r"(?:(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]+)?"
)
_OFFICIAL: Final = re.compile(r"(?:.*/)?docker/dockerfile(?:-upstream)?(?:[:@].*)?")
_NUMBER: Final = re.compile(r"[0-9]+")
_STAGE: Final = re.compile(r"[a-z][a-z0-9_.-]*")
# What BuildKit gives a Dockerfile that nobody here can know: where it builds, and names that were
# not the same in all its releases (dockerfile2llb/platform.go). The commit's time is an argument of
# every build and no part of a key; proxies come from the user's docker configuration.
_NOT_KNOWN: Final = (
    *("BUILDPLATFORM", "BUILDOS", "BUILDOSVERSION", "BUILDARCH", "BUILDVARIANT"),
    *("TARGETOSVERSION", "TARGETSTAGE", "SOURCE_DATE_EPOCH"),
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"),
)
_OF_THE_TARGET: Final = ("TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT")
_FORCED: Final = "SOURCE_DATE_EPOCH"
_SYNTAX: Final = "BUILDKIT_SYNTAX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bases:
    """What a Dockerfile starts from.

    Attributes:
        images: Each image reference once, in order of appearance; a frontend that a ``syntax``
            line names comes first, for it decides what the rest means.
        stages: The names of its stages; BuildKit puts a named context in the place of one.
        unsure: Why there may be others, or empty where these are all.
    """

    images: tuple[str, ...]
    stages: tuple[str, ...] = ()
    unsure: str = ""


def missing_bases(text: str, arguments: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The image references that a build of this Dockerfile needs from elsewhere.

    Stage names, stage numbers and ``scratch`` are no images; a reference that is not sure is left
    out, because BuildKit itself will name it.

    Args:
        text: The Dockerfile.
        arguments: Build arguments that override the defaults of ``ARG`` before the first ``FROM``.

    Returns:
        Each reference once, in order of appearance.
    """
    reader = _Reader(given=dict(arguments or {}), platform="")
    reader.read(text)
    return tuple(reader.images)


def bases(
    text: str, arguments: Mapping[str, str] | None = None, platforms: Sequence[str] = ()
) -> Bases:
    """Every image that a build of this Dockerfile rests on, for any of its platforms.

    Args:
        text: The Dockerfile, line ends as they are.
        arguments: Build arguments.
        platforms: What is built for, such as ``linux/arm64``.
    """
    given = dict(arguments or {})
    syntax = given.get(_SYNTAX, "").strip().partition(" ")[0] or frontend(text)
    images = dict.fromkeys([syntax] if syntax else ())
    stages: dict[str, None] = {}
    unsure = ""
    if syntax and not _OFFICIAL.fullmatch(syntax):
        unsure = f"the frontend {syntax} may read the Dockerfile in its own way"
    for platform in platforms or ("",):
        reader = _Reader(given=given, platform=platform)
        reader.read(text)
        images.update(reader.images)
        stages.update(dict.fromkeys(filter(None, reader.stages)))
        unsure = unsure or reader.unsure
    return Bases(images=tuple(images), stages=tuple(stages), unsure=unsure)


@dataclass(slots=True)
class _Reader:
    """What is known after the instructions read so far, for one platform."""

    given: Mapping[str, str]
    platform: str
    values: dict[str, str | None] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)
    images: dict[str, None] = field(default_factory=dict)
    unsure: str = ""

    def __post_init__(self) -> None:
        self.values = dict.fromkeys((*_NOT_KNOWN, *_OF_THE_TARGET))
        self.values |= _target(self.platform)
        # They alone may be given without an ARG.
        own = {name: value for name, value in self.given.items() if name in self.values}
        self.values |= {name: value for name, value in own.items() if name != _FORCED}

    def read(self, text: str) -> None:
        """Read to the end, or to where it is no longer sure what follows."""
        try:
            for instruction in instructions(text):
                try:
                    self._dispatch(instruction)
                except UnsureError as error:
                    self._not_sure(instruction, error)
        except UnsureError as error:
            self.unsure = self.unsure or f"the Dockerfile is not understood: {error}"

    def _not_sure(self, instruction: Instruction, error: UnsureError) -> None:
        self.unsure = self.unsure or f"{instruction.name} {instruction.rest[:60]}: {error}"

    def _dispatch(self, instruction: Instruction) -> None:
        if instruction.name == "ONBUILD" and instruction.rest:
            instruction = inner(instruction)
        if instruction.name == "ARG" and not self.stages:
            self._arguments(instruction)
        elif instruction.name == "FROM":
            self._stage(instruction)
        elif instruction.name == "COPY":
            for flag in instruction.flags:
                if flag.startswith("--from="):
                    self._copied(flag.removeprefix("--from="))
        elif instruction.name == "RUN":
            for flag in instruction.flags:
                if flag.startswith("--mount="):
                    self._mounted(flag.removeprefix("--mount="))

    def _arguments(self, instruction: Instruction) -> None:
        """ARG: only those before the first FROM can be used in a FROM."""
        for pair in instruction.words():
            name, equals, default = pair.partition("=")
            if name == _FORCED:
                continue
            if name in self.given:
                self.values[name] = self.given[name]
            elif equals:
                try:
                    word = expand(default, self.values, instruction.escape)
                except UnsureError as error:
                    self.values[name] = None
                    self._not_sure(instruction, error)
                else:
                    self.values[name] = None if word.unknown else word.text

    def _stage(self, instruction: Instruction) -> None:
        """FROM: an image or an earlier stage, and perhaps the name of this one."""
        match instruction.fields():
            case [base]:
                name = ""
            case [base, as_, name] if as_.lower() == "as" and _STAGE.fullmatch(name.lower()):
                name = name.lower()
            case _:
                self.stages.append("")
                raise UnsureError("it is neither IMAGE nor IMAGE AS NAME")
        try:
            word = expand(base, self.values, instruction.escape)
            if word.unknown:
                names = ", ".join(sorted(word.unknown))
                raise UnsureError(f"the variable {names} has no value that is known here")
            self._image(word.text)
        finally:
            self.stages.append(name)

    def _copied(self, source: str) -> None:
        """COPY --from=…, where a number is a stage too; an empty one is the context."""
        if source and not _NUMBER.fullmatch(source):
            self._image(source)

    def _mounted(self, options: str) -> None:
        """RUN --mount=…,from=… takes from a stage or an image."""
        if '"' in options:
            raise UnsureError("a mount has a quote inside")
        for option in options.split(","):
            key, _, source = option.partition("=")
            if key.lower() == "from" and source:
                self._image(source)

    def _image(self, reference: str) -> None:
        """Note a reference that is neither a stage nor the empty image."""
        if reference.lower() in {*self.stages, "scratch"}:
            return
        if not _REFERENCE.fullmatch(reference):
            raise UnsureError(f"{reference[:60]!r} is no image's name")
        self.images[reference] = None


def _target(platform: str) -> dict[str, str | None]:
    """What BuildKit says of a platform, in containerd's normal form."""
    match platform.split("/"):
        case ["linux", "amd64" | "arm64" | "386" | "ppc64le" | "s390x" | "riscv64" as processor]:
            variant = ""
        case ["linux", "arm" as processor, "v5" | "v6" | "v7" as variant]:
            pass
        case _:
            # Another spelling of one of these, or a variant whose normal form depends on the
            # release: BuildKit's word.
            return {}
    name = f"linux/{processor}" + (f"/{variant}" if variant else "")
    return dict(zip(_OF_THE_TARGET, (name, "linux", processor, variant), strict=True))
