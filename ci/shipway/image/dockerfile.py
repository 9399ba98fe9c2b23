"""The images that a Dockerfile starts from, read from its text alone."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

_ESCAPE: Final = re.compile(r"#\s*escape\s*=\s*(?P<sign>[\\`])\s*", re.IGNORECASE)
_SYNTAX: Final = re.compile(r"#\s*syntax\s*=\s*(?P<image>\S+)\s*", re.IGNORECASE)
_DIRECTIVE: Final = re.compile(r"#\s*[A-Za-z]+\s*=\s*\S+.*")
_HEREDOC: Final = re.compile(
    r"<<(?P<dash>-?)(?P<quote>[\"']?)(?P<word>[A-Za-z_][A-Za-z0-9_]*)(?P=quote)"
)
_VARIABLE: Final = re.compile(
    r"\$(?:(?P<plain>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::?(?P<sign>[-+])(?P<word>[^}]*))?\})"
)


def missing_bases(text: str, arguments: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The image references that a build of this Dockerfile needs from elsewhere.

    Stage names, stage numbers and ``scratch`` are no images; a reference whose variables have no
    value is left out, because BuildKit itself will name it.

    Args:
        text: The Dockerfile.
        arguments: Build arguments that override the defaults of ``ARG`` before the first ``FROM``.

    Returns:
        Each reference once, in order of appearance.
    """
    return _read(text, arguments).images


@dataclass(frozen=True, slots=True, kw_only=True)
class Bases:
    """What a Dockerfile starts from.

    Attributes:
        images: Each image reference once, in order of appearance; a frontend that a ``syntax``
            line names comes first, for it decides what the rest means.
        complete: Whether these are all: ``False`` where a reference has a variable without a
            value, such as one that BuildKit sets for each platform.
    """

    images: tuple[str, ...]
    complete: bool


def bases(text: str, arguments: Mapping[str, str] | None = None) -> Bases:
    """Every image that a build of this Dockerfile rests on.

    Args:
        text: The Dockerfile.
        arguments: Build arguments.
    """
    found = _read(text, arguments)
    frontend = _frontend(text)
    return Bases(images=((frontend,) if frontend else ()) + found.images, complete=found.complete)


def _frontend(text: str) -> str:
    """The image of ``# syntax=…``, which stands before everything else or not at all."""
    for line in text.lstrip("\ufeff").splitlines():
        if not _DIRECTIVE.fullmatch(line.strip()):
            return ""
        if match := _SYNTAX.fullmatch(line.strip()):
            return match["image"]
    return ""


def _read(text: str, arguments: Mapping[str, str] | None) -> Bases:
    reader = _Reader(given=dict(arguments or {}))
    for word, rest in instructions(text):
        if word == "ARG":
            reader.argument(rest)
        elif word == "FROM":
            reader.stage(rest)
        elif word == "COPY":
            reader.flags(rest, "--from=")
        elif word == "RUN":
            reader.flags(rest, "--mount=")
    return Bases(images=tuple(reader.found), complete=reader.complete)


@dataclass(slots=True)
class _Reader:
    """What is known after the instructions read so far."""

    given: dict[str, str]
    values: dict[str, str] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)
    found: dict[str, None] = field(default_factory=dict)
    complete: bool = True

    def argument(self, rest: str) -> None:
        """ARG: only those before the first FROM can be used in a FROM."""
        for pair in () if self.stages else _words(rest):
            name, equals, default = pair.partition("=")
            value = self.given.get(name, _expand(default, self.values) if equals else None)
            if value is not None:
                self.values[name] = value

    def stage(self, rest: str) -> None:
        """FROM: an image or an earlier stage, and perhaps the name of this one."""
        match [part for part in rest.split() if not part.startswith("--")]:
            case [image, word, name] if word.lower() == "as":
                self.image(_expand(image, self.values))
                self.stages.append(name.lower())
            case [image, *_]:
                self.image(_expand(image, self.values))
                self.stages.append("")
            case _:
                pass

    def flags(self, rest: str, flag: str) -> None:
        """COPY --from=… and RUN --mount=…,from=…, where a number is a stage too."""
        for part in _flags(rest):
            value = part.removeprefix(flag).strip("\"'")
            if part.startswith(flag):
                options = value.split(",") if flag == "--mount=" else [f"from={value}"]
                for option in options:
                    source = option.removeprefix("from=")
                    if source != option and not source.isdecimal():
                        self.image(source)

    def image(self, reference: str | None) -> None:
        """Note a reference that is neither a stage nor the empty image."""
        if reference is None or "$" in reference:
            self.complete = False
        elif reference and reference.lower() not in {*self.stages, "scratch"}:
            self.found[reference] = None


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError:  # an unbalanced quote: BuildKit will say so
        return rest.split()


def _flags(rest: str) -> Iterator[str]:
    for part in rest.split():
        if not part.startswith("--"):
            return
        yield part


def _expand(text: str, values: Mapping[str, str]) -> str | None:
    """Put values in; ``None`` where a variable has none."""
    unknown = False

    def put(match: re.Match[str]) -> str:
        nonlocal unknown
        value = values.get(match["plain"] or match["name"], "")
        if match["sign"] == "+":
            return match["word"] if value else ""
        if value:
            return value
        if match["sign"] == "-":
            return str(match["word"])
        unknown = True
        return ""

    result = _VARIABLE.sub(put, text.strip("\"'"))
    return None if unknown else result


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction's name in capitals and its arguments, heredocs and comments left out."""
    lines = iter(text.lstrip("\ufeff").splitlines())
    escape, head = "\\", True
    for first in lines:
        line = first.strip()
        if head:
            if match := _ESCAPE.fullmatch(line):
                escape = match["sign"]
            head = bool(_DIRECTIVE.fullmatch(line))
        if not line or line.startswith("#"):
            continue
        while line.endswith(escape):
            following = next(lines, None)
            if following is None:
                line = line[:-1]
                break
            part = following.strip()
            # A comment or an empty line inside a continued instruction is as if not there.
            if part and not part.startswith("#"):
                line = f"{line[:-1]} {part}"
        name, _, rest = line.partition(" ")
        if name.upper() in {"RUN", "COPY", "ADD"}:
            for document in _HEREDOC.finditer(rest):
                _skip(lines, document)
        yield name.upper(), rest.strip()


def _skip(lines: Iterator[str], document: re.Match[str]) -> None:
    for line in lines:
        if (line.lstrip("\t") if document["dash"] else line).rstrip() == document["word"]:
            return
