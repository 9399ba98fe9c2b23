"""What lies in an evidence folder, read once: the ledger, the records, the hashes of the rest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shipway.errors import EvidenceError
from shipway.evidence import codec, vsa
from shipway.evidence.ledger import LEDGER, RECORD, WRITING
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
    """

    root: str
    ledger: bytes | None
    records: Mapping[str, bytes]
    statements: Mapping[str, Statement]
    hashes: Mapping[str, str]
    envelopes: Mapping[str, bytes]
    summaries: Mapping[str, bytes]
    unfinished: tuple[str, ...] = ()


def read(root: Path) -> Archive:
    """Read an evidence folder; folders with a ledger of their own are other chains.

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
            name = path.relative_to(root).as_posix()
            if path.name == RECORD:
                records[name] = path.read_bytes()
            elif path.name == ENVELOPE:
                envelopes[name] = path.read_bytes()
            elif path.name == vsa.NAME:
                summaries[name] = path.read_bytes()
            elif path.name.startswith(".") and path.name.endswith(WRITING):
                unfinished.append(name)
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
            if (statement := parsed(content)) is not None
        },
        hashes=hashes,
        envelopes=envelopes,
        summaries=summaries,
        unfinished=tuple(unfinished),
    )


def parsed(content: bytes) -> Statement | None:
    """A record, where the bytes are one: a JSON object with a predicate."""
    try:
        document = json.loads(content)
        if not isinstance(document["predicate"], dict):
            return None
        return codec.read(Statement, document)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _files(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        here = Path(folder)
        names[:] = sorted(name for name in names if not (here / name / LEDGER).is_file())
        yield from (
            here / name for name in sorted(files) if here != root and (here / name).is_file()
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
