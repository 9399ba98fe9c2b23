"""What lies in an evidence folder, read once: the ledger, the records, the hashes of the rest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from shipway.errors import EvidenceError
from shipway.evidence import codec, vsa
from shipway.evidence.ledger import LEDGER, LOCK, RECORD, WRITING
from shipway.evidence.predicate import Statement
from shipway.evidence.signing import ENVELOPE

_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One evidence folder. All paths are below it, with ``/``.

    Attributes:
        root: The folder.
        ledger: The ledger's bytes; ``None`` where there is none.
        records: Every record's bytes.
        statements: What those of them say that can be read.
        hashes: The SHA-256 of every file in a folder that has a record or had one.
        envelopes: Signatures' bytes.
        summaries: The gate's decisions (``vsa.json``).
        unfinished: Files that a writer left under their scratch names.
        written: Whether some delivery wrote here, whatever is left of it.
    """

    root: str
    ledger: bytes | None
    records: Mapping[str, bytes]
    statements: Mapping[str, Statement]
    hashes: Mapping[str, str]
    envelopes: Mapping[str, bytes]
    summaries: Mapping[str, bytes]
    unfinished: tuple[str, ...] = ()
    written: bool = False


def empty(root: Path) -> Archive:
    """A folder that nothing was ever written in."""
    nothing: dict[str, bytes] = {}
    return Archive(
        root=str(root),
        ledger=None,
        records=nothing,
        statements={},
        hashes={},
        envelopes=nothing,
        summaries=nothing,
    )


def joined(here: Archive, others: Mapping[str, Archive]) -> Archive:
    """An archive with the records of others, for a history: each record once.

    Args:
        here: The folder.
        others: Other archives, by what stands before their paths.
    """
    known = {hashlib.sha256(content).hexdigest() for content in here.records.values()}
    further: dict[str, Statement] = {}
    for above, other in others.items():
        for path, statement in other.statements.items():
            sha256 = hashlib.sha256(other.records[path]).hexdigest()
            if sha256 not in known:
                known.add(sha256)
                further[f"{above}/{path}"] = statement
    return replace(here, statements={**here.statements, **further})


def parsed(content: bytes) -> Statement | None:
    """A record, where the bytes are one: a JSON object with a predicate."""
    try:
        document = json.loads(content)
        if not isinstance(document["predicate"], dict):
            return None
        return codec.read(Statement, document)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


Parse = Callable[[bytes], Statement | None]


def read(root: Path, *, whole: bool = True, parse: Parse = parsed) -> Archive:
    """Read an evidence folder; folders with a ledger of their own are other chains.

    Args:
        root: The folder.
        whole: Everything, as a check needs it; else records and ledger, as a history does.
        parse: Reads a record.

    Raises:
        EvidenceError: There is no such folder, or it cannot be read.
    """
    records: dict[str, bytes] = {}
    envelopes: dict[str, bytes] = {}
    summaries: dict[str, bytes] = {}
    hashes: dict[str, str] = {}
    unfinished: list[str] = []
    try:
        if not root.is_dir():
            raise EvidenceError(
                "there is no evidence here", where=str(root), remedy="deliver something first"
            )
        ledger = (root / LEDGER).read_bytes() if (root / LEDGER).is_file() else None
        for path in _files(root):
            if not whole and path.name != RECORD:
                continue
            name = path.relative_to(root).as_posix()
            if path.name == RECORD:
                records[name] = path.read_bytes()
            elif path.name == ENVELOPE:
                envelopes[name] = path.read_bytes()
            elif path.name == vsa.NAME:
                summaries[name] = path.read_bytes()
            elif path.name.startswith(".") and path.name.endswith(WRITING):
                unfinished.append(name)
            if whole:
                hashes[name] = _sha256(path)
    except OSError as error:
        raise EvidenceError(
            f"the evidence cannot be read: {error.strerror or error}",
            where=str(error.filename or root),
            remedy="see the folder's owner and mode",
        ) from error
    return Archive(
        root=str(root),
        ledger=ledger,
        records=records,
        statements={
            name: statement
            for name, content in records.items()
            if (statement := parse(content)) is not None
        },
        hashes=hashes,
        envelopes=envelopes,
        summaries=summaries,
        unfinished=tuple(unfinished),
        written=(root / LOCK).exists(),
    )


def chains(root: Path) -> tuple[Path, ...]:
    """Every folder below this one that has a chain of its own, sorted; not this one itself.

    A folder whose ledger is gone is still one where a writer left its lock.

    Raises:
        EvidenceError: A folder cannot be read.
    """

    def refused(error: OSError) -> None:
        raise EvidenceError(
            f"the evidence cannot be read: {error.strerror or error}",
            where=str(error.filename or root),
            remedy="see the folder's owner and mode",
        ) from error

    walk = os.walk(root, onerror=refused)
    below = (Path(folder) for folder, _, files in walk if {LEDGER, LOCK} & set(files))
    return tuple(sorted(folder for folder in below if folder != root))


def _files(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        here = Path(folder)
        names[:] = sorted(name for name in names if not _is_chain(here / name))
        yield from (
            here / name for name in sorted(files) if here != root and (here / name).is_file()
        )


def _is_chain(folder: Path) -> bool:
    return (folder / LEDGER).is_file() or (folder / LOCK).is_file()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
