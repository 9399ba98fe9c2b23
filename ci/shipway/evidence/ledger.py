"""The chain: every record carries the SHA-256 of the one before it.

One chain for one evidence folder, over all its environments, in the order in which deliveries
ended. The first record carries ``previous: null``. Beside the records lies the ledger,
``chain.jsonl``: one line for each record with its place, its SHA-256 and those of the files that
were written with it; a file that came later has a line of its own. A folder below that has a ledger
itself is another chain.

Each record also carries the SHA-256 of the ledger as it was before it, and so vouches for the files
that came later, such as ``report.html``. Records and ledger vouch for each other: who changes,
removes or reorders one has to change all that follow, and the ledger. Who may write the whole
folder could do that; the copies in S3 and in the registry, and the SHA-256 in the job summary, are
what such a person cannot reach.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shipway.evidence.canonical_json import canonical
from shipway.evidence.predicate import ChainFact, PreviousRecordFact

LEDGER: Final = "chain.jsonl"
LOCK: Final = ".chain.lock"
"""Held by the one who writes; it stays."""
RECORD: Final = "record.json"
WRITING: Final = ".writing"
"""The end of a file's name while it is being written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One record's line in the ledger.

    Attributes:
        sequence: Counts from 1.
        record: The record's path below the evidence folder, with ``/``.
        sha256: The SHA-256 of its bytes.
        files: Names of the files beside it and their SHA-256.
        line: The line of the ledger, from 1; not part of it.
    """

    sequence: int
    record: str
    sha256: str
    files: Mapping[str, str] = field(default_factory=dict)
    line: int = 0

    @property
    def folder(self) -> str:
        """Where the record lies, below the evidence folder."""
        return self.record.rpartition("/")[0]

    def written(self) -> bytes:
        """The line."""
        fact = {"sequence": self.sequence, "record": self.record, "sha256": self.sha256}
        return canonical({**fact, "files": dict(self.files)}) + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What a ledger says.

    Attributes:
        links: Its records' lines, in the order of the file.
        torn: Bytes behind the last line's end: a writer died there.
        wrong: Numbers of lines that are none of ours.
    """

    links: tuple[LedgerEntry, ...] = ()
    torn: int = 0
    wrong: tuple[int, ...] = ()

    @property
    def last(self) -> LedgerEntry | None:
        """The record that was written last: where lines were moved, that of the highest number."""
        return max(self.links, key=lambda link: link.sequence, default=None)


def addition(sequence: int, files: Mapping[str, str]) -> bytes:
    """The line for files that came after their record's own line."""
    return canonical({"of": sequence, "files": dict(files)}) + b"\n"


def read(content: bytes) -> Ledger:
    """Read a ledger; what cannot be read is named, never skipped in silence."""
    links: dict[int, LedgerEntry] = {}
    order: list[LedgerEntry] = []
    wrong: list[int] = []
    *lines, torn = content.split(b"\n")
    for number, text in enumerate(lines, 1):
        try:
            _take(json.loads(text), number, links, order)
        except (
            ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError,
        ):  # fmt: skip
            wrong.append(number)
    current = tuple(links.get(link.line, link) for link in order)
    return Ledger(links=current, torn=len(torn), wrong=tuple(wrong))


def _take(line: Any, number: int, links: dict[int, LedgerEntry], order: list[LedgerEntry]) -> None:
    files = {_name(name): str(value) for name, value in line["files"].items()}
    if "of" in line:
        # The newest record of that number: a ledger that was tampered with may hold two.
        owner = next((link for link in reversed(order) if link.sequence == line["of"]), None)
        if owner is None:
            raise ValueError(line["of"])
        known = links.get(owner.line, owner)
        links[owner.line] = LedgerEntry(
            sequence=owner.sequence,
            record=owner.record,
            sha256=owner.sha256,
            files={**known.files, **files},
            line=owner.line,
        )
        return
    link = LedgerEntry(
        sequence=int(line["sequence"]),
        record=_path(line["record"]),
        sha256=str(line["sha256"]),
        files=files,
        line=number,
    )
    order.append(link)


def _path(record: str) -> str:
    """A record's path, where it is one below the folder; a line may say anything.

    Raises:
        ValueError: It leads elsewhere.
    """
    *folders, name = record.split("/")
    if not folders or name != RECORD:
        raise ValueError(record)
    return "/".join([*map(_name, folders), name])


def _name(name: str) -> str:
    """A file's or a folder's own name.

    Raises:
        ValueError: It is none.
    """
    if not name.isprintable() or name in {"", ".", ".."} or set(name) & set("/\\"):
        raise ValueError(name)
    return name


def place_of(last: LedgerEntry | None, ledger: str = "") -> ChainFact:
    """What the next record says of its place.

    Args:
        last: The record before it.
        ledger: The SHA-256 of the ledger as it is then, so that every line of it is vouched for.
    """
    if last is None:
        return ChainFact(sequence=1, previous=None)
    previous = PreviousRecordFact(record=last.record, sha256=last.sha256, ledger=ledger)
    return ChainFact(sequence=last.sequence + 1, previous=previous)


def prefixes(content: bytes, lines: Collection[int]) -> dict[int, str]:
    """The SHA-256 of everything before each of these lines, counted from 1."""
    digest, before = hashlib.sha256(), {}
    for number, text in enumerate(content.split(b"\n"), 1):
        if number in lines:
            before[number] = digest.hexdigest()
        digest.update(text + b"\n")
    return before
