"""``ci/waivers.toml``: findings that somebody answers for, for at most 90 days at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError

from shipway.config.document import TomlDocument, parse, read
from shipway.config.environment import Waiver
from shipway.config.problems import Problem, configuration_error
from shipway.config.rules import Rule, Table, problems_of

LONGEST: Final = timedelta(days=90)
_LINE = r"[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*"

Line = Annotated[str, Rule(expected="a text of one line", shape=_LINE, references=())]


class WaiverTable(Table):
    """One finding, waived for a while. One that ran out refuses the image that has the finding."""

    id: Annotated[
        str,
        Rule(
            expected='a vulnerability such as "CVE-2026-1234"',
            shape=r"[A-Za-z0-9][A-Za-z0-9._:-]{2,99}",
            references=(),
        ),
    ] = Field(description="The finding, as the scanner names it.")
    package: Line = Field(description="The package it is waived in.")
    digest: Annotated[
        str,
        Rule(
            expected='"all" or the digest of an image or of one of its platforms',
            shape=r"all|sha256:[0-9a-f]{64}",
            references=(),
        ),
    ] = Field(description="The image it is waived in, or `all`.")
    owner: Line = Field(description="Who answers for it; named when the waiver runs out.")
    reason: Line = Field(description="Why it may be.")
    expires: Annotated[
        date, Rule(expected="a date without quotes, such as 2026-12-31", references=())
    ] = Field(description="The last day it holds (UTC), at most 90 days ahead.")


class WaiversTable(Table):
    """The waivers: findings that somebody answers for."""

    schema_version: Annotated[
        int, Rule(expected="1, the only version there is", low=1, high=1, references=())
    ] = Field(alias="schema", description="The version of this file's format.")
    waiver: list[WaiverTable] = Field(default=[], description="The waivers.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waivers:
    """What the file says; ``sha256`` is of the bytes that were read, empty where there is none."""

    entries: tuple[Waiver, ...] = ()
    sha256: str = ""


def load(file: Path, today: date) -> Waivers:
    """Read the waivers; none where there is no such file. One that ran out is read like another.

    Args:
        file: ``ci/waivers.toml``.
        today: In UTC.

    Raises:
        ConfigurationError: It is not TOML, or a waiver is wrong or lasts too long; ``details``
            holds one line for each problem.
    """
    if not file.exists():
        return Waivers()
    return _waivers(read(file, remedy="see that it is a file"), today)


def load_bytes(content: bytes, path: str, today: date) -> Waivers:
    """The same for bytes that were read elsewhere.

    Args:
        content: What the file holds.
        path: What it is called in messages.
        today: In UTC.

    Raises:
        ConfigurationError: As :func:`load`.
    """
    return _waivers(parse(content, path), today)


def _waivers(document: TomlDocument, today: date) -> Waivers:
    problems: list[Problem] = []
    tables: list[WaiverTable] = []
    try:
        tables = WaiversTable.model_validate(document.table).waiver
    except ValidationError as error:
        problems += problems_of(error, WaiversTable)
    problems += _too_long(tables, today)
    if problems:
        raise configuration_error(problems, path=document.path, lines=document.lines)
    entries = tuple(Waiver(**row.model_dump()) for row in tables)
    return Waivers(entries=entries, sha256=document.sha256)


def _too_long(tables: list[WaiverTable], today: date) -> Iterator[Problem]:
    for number, waiver in enumerate(tables):
        if waiver.expires > today + LONGEST:
            yield Problem(
                path=("waiver", number, "expires"),
                text=f"{waiver.expires} is more than {LONGEST.days} days ahead; "
                f"at most {today + LONGEST}",
            )
