"""A TOML file as a table, with the line of every key. Both files of ``ci/`` are read here."""

from __future__ import annotations

import ast
import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipway.config.positions import KeyPath, positions
from shipway.config.problems import line_of
from shipway.errors import ConfigurationError
from shipway.util import regular

# tomllib tells where only inside its message before Python 3.14: "… (at line 3, column 5)".
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

# … and names a table as a tuple of its keys.
_KEYS = re.compile(r"\('.*'(?:,|, '.*')\)")

# What tomllib says (its parser's own words), and what should stand there instead.
_EXPECTED: Mapping[re.Pattern[str], str] = {
    re.compile(message): expected
    for message, expected in (
        ("Invalid value", 'a "text" in double quotes, a number, true, false or a [list]'),
        ("Invalid (statement|initial)|Expected '='", "key = value, a [table] or a # comment"),
        ("Expected newline", "the end of the line; a text stands in one pair of double quotes"),
        ("Unterminated string|Illegal character", "the text's closing quote on the same line"),
        ("Unclosed array", "the list's closing ]"),
        ("Unclosed inline table", "the table's closing } on the same line"),
        ("Cannot|Duplicate", "each key and each [table] only once in the file"),
        ("Unescaped|Invalid hex|Escaped", r"\\ for a backslash, or the text in single quotes"),
        ("Invalid date", "a date such as 2026-11-22"),
    )
}
# TOML v1.0.0, "Integer": 64-bit signed ones are accepted.
_LIMIT = 2**63
_DIGITS = re.compile(r"[0-9][0-9_]{4299,}")
_ANYTHING = "texts in double quotes, tables in [brackets]"


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlDocument:
    """What a file says.

    Attributes:
        path: Its path as it was given, for messages.
        sha256: Of the very bytes that were read: what is judged is what is recorded.
        table: Its keys and values.
        lines: The line of every key, from 1.
    """

    path: str
    sha256: str
    table: Mapping[str, Any]
    lines: Mapping[KeyPath, int]


def read(file: Path, *, remedy: str) -> TomlDocument:
    """Read a TOML file.

    What an error says begins with the file and the line: a stage shows it behind its own name.

    Args:
        file: The file.
        remedy: What to do where there is no such file.

    Raises:
        ConfigurationError: There is no such file, it cannot be read, it leads out of the
            repository, it is not UTF-8, or it is not TOML; with the line where there is one.
    """
    path = str(file)
    try:
        # A file of ci/ stands two levels below the repository's top.
        if regular.leads_out(file, file.parent.parent):
            raise ConfigurationError(
                f"{path} leads out of the repository, so no commit says what is in it",
                remedy="put the file itself there, and no link to one elsewhere",
            )
        content = regular.content(file)
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no file {path}", remedy=remedy) from error
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}", remedy="check what it is and its mode"
        ) from error
    return parse(content, path)


def parse(content: bytes, path: str) -> TomlDocument:
    """Read TOML out of bytes.

    Args:
        content: What a file holds.
        path: What it is called in messages.

    Raises:
        ConfigurationError: It is not UTF-8, or it is not TOML; with the line where there is one.
    """
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path}:{line} is not UTF-8: byte 0x{content[error.start]:02X}",
            remedy="save the file as UTF-8",
        ) from error
    try:
        table = tomllib.loads(text)
        lines = positions(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(path, text, str(error)) from error
    except RecursionError as error:
        raise ConfigurationError(
            f"{path} is nested too deeply",
            remedy="write it as docs/configuration.md of shipway shows",
        ) from error
    except ValueError as error:  # what Python refuses to read as a number for its length
        digits = _DIGITS.search(text)
        line = text.count("\n", 0, digits.start()) + 1 if digits else 1
        raise _too_large(f"{path}:{line}") from error
    _check_numbers(path, table, lines)
    sha256 = hashlib.sha256(content).hexdigest()
    return TomlDocument(path=path, sha256=sha256, table=table, lines=lines)


def _check_numbers(path: str, table: Mapping[str, Any], lines: Mapping[KeyPath, int]) -> None:
    """No number beyond what TOML has; deeper readers would meet it as something else."""
    waiting: list[tuple[KeyPath, Any]] = [((), table)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*place, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*place, index), inner) for index, inner in enumerate(value)]
        elif isinstance(value, int) and not -_LIMIT <= value < _LIMIT:
            raise _too_large(f"{path}:{line_of(place, lines)}")


def _too_large(where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} holds a number that is too large: TOML's have 64 bits",
        remedy="correct that line",
    )


def _syntax(path: str, text: str, message: str) -> ConfigurationError:
    where = _WHERE.search(message)
    place, column = path, ""
    if where:
        place += f":{where[1] or len(text.splitlines()) or 1}"
        column = f", at column {where[2]}" if where[2] else ", at the end of the file"
    what = message[: where.start()] if where else message
    expected = next((text for pattern, text in _EXPECTED.items() if pattern.match(what)), _ANYTHING)
    what = _KEYS.sub(lambda keys: ".".join(ast.literal_eval(keys[0])), what)
    return ConfigurationError(
        f"{place} is not TOML: {what[:1].lower()}{what[1:]}{column}",
        remedy=f"correct that line; expected: {expected}",
    )
