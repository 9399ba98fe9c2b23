"""A Dockerfile's instructions, read as BuildKit reads them.

The facts are those of BuildKit's ``frontend/dockerfile/parser`` (parser.go, directives.go,
split_command.go, line_parsers.go). What it would refuse raises :class:`UnsureError`: that build
fails, and no key is needed for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from shipway.image.dockerfile_words import SPACES, Heredoc, UnsureError, heredocs

_NAMES: Final = frozenset(
    {
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK"),
        *("LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME"),
        "WORKDIR",
    }
)
_ASCII_SPACES: Final = "\t\n\v\f\r "
_MAY_OPEN: Final = frozenset({"ADD", "COPY", "RUN"})
_BLANKS: Final = re.compile(r"[\t\v\f\r ]+")
_DIRECTIVE: Final = re.compile(
    rf"#[{SPACES}]*(?P<name>[a-zA-Z][a-zA-Z0-9]*)[ \t\f\r]*=[ \t\f\r]*(?P<value>.+?)[ \t\f\r]*"
)
_DIRECTIVES: Final = frozenset({"syntax", "escape", "check"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction.

    Attributes:
        name: In capitals.
        flags: Such as ``--from=x``, without their quotes.
        rest: What stands behind the flags.
        escape: The escape sign of its Dockerfile.
    """

    name: str
    flags: tuple[str, ...]
    rest: str
    escape: str

    def fields(self) -> list[str]:
        """What stands behind the flags, parted by blanks alone."""
        return _BLANKS.split(self.rest) if self.rest else []

    def words(self) -> list[str]:
        """The same parted by blanks that are neither quoted nor escaped; the quotes stay."""
        return _words(self.rest, self.escape)


def frontend(text: str) -> str:
    """The image of ``# syntax=…``, which stands before everything else or not at all.

    Unlike any other directive it may follow a line with ``#!`` and may have no blank before it.

    Args:
        text: The Dockerfile, line ends as they are.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    if lines[0].startswith("#!"):
        del lines[0]
    seen: set[str] = set()
    for line in lines:
        match = _DIRECTIVE.fullmatch(line.removesuffix("\r"))
        name = match["name"].lower() if match else ""
        if not match or name not in _DIRECTIVES or name in seen:
            return ""
        seen.add(name)
        if name == "syntax":
            return match["value"].partition(" ")[0]
    return ""


def instructions(text: str) -> Iterator[Instruction]:
    """Each instruction in order; what heredocs and comments hold is none.

    Args:
        text: The Dockerfile, line ends as they are.

    Raises:
        UnsureError: BuildKit would refuse it, or knows an instruction that is not known here.
    """
    # Not str.splitlines: it also parts lines where a form feed or U+2028 stands.
    lines = iter(text.removeprefix("\ufeff").split("\n"))
    directives = _Directives()
    for first in lines:
        line = first.rstrip("\r").lstrip(SPACES)
        directives.read(line)
        if line.startswith("#"):
            continue
        escape = directives.escape
        continuation = re.compile(rf"(?:(?<=[^{re.escape(escape)}])|^){re.escape(escape)}[ \t]*\Z")
        line, goes_on = _cut(line, continuation)
        while goes_on and (following := next(lines, None)) is not None:
            # A comment or an empty line inside a continued instruction is as if not there.
            if (part := following.rstrip("\r")).lstrip(SPACES)[:1] not in {"", "#"}:
                part, goes_on = _cut(part, continuation)
                line += part
        if not line.strip(SPACES):
            continue
        instruction = _instruction(line, escape)
        for document in _opened(instruction, line):
            _skip(lines, document)
        yield instruction


def inner(instruction: Instruction) -> Instruction:
    """What ONBUILD holds back.

    Raises:
        UnsureError: BuildKit would refuse it.
    """
    return _instruction(instruction.rest, instruction.escape)


class _Directives:
    """``# escape=…`` and its kin, which end with the first line that is none."""

    def __init__(self) -> None:
        self.escape = "\\"
        self._seen: set[str] | None = set()

    def read(self, line: str) -> None:
        if self._seen is None:
            return
        match = _DIRECTIVE.fullmatch(line)
        name = match["name"].lower() if match else ""
        if not match or name not in _DIRECTIVES:
            self._seen = None
            return
        if name in self._seen:
            raise UnsureError(f"# {name}= stands there twice")
        self._seen.add(name)
        if name == "escape":
            self.escape = match["value"]
            if self.escape not in {"\\", "`"}:
                raise UnsureError("# escape= is neither \\ nor `")


def _cut(line: str, continuation: re.Pattern[str]) -> tuple[str, bool]:
    """The line without its sign of continuation, and whether it had one."""
    match = continuation.search(line)
    return (line[: match.start()], True) if match else (line, False)


def _instruction(line: str, escape: str) -> Instruction:
    name, *behind = _BLANKS.split(line.strip(SPACES), maxsplit=1)
    if name.upper() not in _NAMES:
        raise UnsureError(f"{name[:40]!r} is no instruction")
    flags, rest = _flags(behind[0] if behind else "", escape)
    return Instruction(name=name.upper(), flags=flags, rest=rest.strip(SPACES), escape=escape)


def _opened(instruction: Instruction, line: str) -> tuple[Heredoc, ...]:
    asked = instruction
    if instruction.name == "ONBUILD" and instruction.rest:
        asked = inner(instruction)
    return heredocs(line) if asked.name in _MAY_OPEN and not _is_json(asked.rest) else ()


def _is_json(rest: str) -> bool:
    """Whether it is in JSON form.

    Raises:
        UnsureError: An array of something else than texts, which BuildKit refuses.
    """
    if not rest.startswith("["):
        return False
    try:
        values = json.loads(rest, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    if not all(isinstance(value, str) for value in values):
        raise UnsureError("a JSON form holds something else than texts")
    return True


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are JSON for Python alone


def _skip(lines: Iterator[str], document: Heredoc) -> None:
    for line in lines:
        end = line.rstrip("\r")
        if (end.lstrip("\t") if document.chomp else end) == document.end:
            return
    raise UnsureError(f"the heredoc {document.end[:40]!r} has no end")


def _flags(behind: str, escape: str) -> tuple[tuple[str, ...], str]:
    """The words that begin with ``--``, and what follows them."""
    flags: list[str] = []
    position = 0
    while True:
        # BuildKit looks at bytes here, so no letter outside ASCII is a blank in front of a flag.
        while position < len(behind) and behind[position] in _ASCII_SPACES:
            position += 1
        if not behind.startswith("--", position):
            return tuple(flags), behind[position:]
        word, position = _flag(behind, position, escape)
        if word == "--":
            return tuple(flags), behind[position:]
        if not word.isascii():
            # BuildKit reads flags byte by byte: half a letter may be a blank for it.
            raise UnsureError("a flag has a letter outside ASCII")
        flags.append(word)


def _flag(behind: str, position: int, escape: str) -> tuple[str, int]:
    word, quote = "", ""
    while position < len(behind):
        sign = behind[position]
        if not quote and sign in _ASCII_SPACES:
            break
        if sign == quote:
            quote = ""
        elif not quote and sign in "'\"":
            quote = sign
        elif sign == escape:
            position += 1
            word += behind[position : position + 1]
        else:
            word += sign
        position += 1
    return word, position


def _words(rest: str, escape: str) -> list[str]:
    words: list[str] = []
    word, quote, position = "", "", 0
    while position < len(rest):
        sign = rest[position]
        position += 1
        if not quote and sign in SPACES:
            words += [word] if word else []
            word = ""
        elif sign == escape and quote != "'":
            # At the end of the line it stands for nothing.
            word += rest[position - 1 : position + 1] if position < len(rest) else ""
            position += 1
        else:
            if sign == quote:
                quote = ""
            elif not quote and sign in "'\"":
                quote = sign
            word += sign
    return [*words, word] if word else words
