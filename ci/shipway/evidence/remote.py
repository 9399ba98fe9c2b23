"""An environment's chain in S3, read back as an evidence folder is: history and check are the same.

The ledger is made of the chain's entries; the records below the prefix come from many folders, each
with a chain of its own.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

from shipway.errors import EvidenceError
from shipway.evidence import shared, vsa
from shipway.evidence.archive import Archive, Parse, parsed
from shipway.evidence.canonical_json import is_canonical, sha256
from shipway.evidence.ledger import RECORD, LedgerEntry
from shipway.evidence.shared import ObjectStore, SharedEntry, SharedPlace
from shipway.evidence.signing import ENVELOPE, Verifier
from shipway.evidence.verify import ChainFinding, Checked, check

_ENTRY: Final = re.compile(r"chain/([0-9]{8})\.json")
_OURS: Final = re.compile(r".*-[0-9a-f]{12}")
"""A record's folder: what older versions copied has no hash in its name, and no entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteChain:
    """What lies in S3.

    Attributes:
        place: Where.
        entries: The chain's entries by their numbers; ``None`` for one that is none of ours.
        signatures: The entries' signatures, by their numbers.
        archive: Records and what lies beside them.
    """

    place: SharedPlace
    entries: Mapping[int, SharedEntry | None]
    signatures: Mapping[int, bytes]
    archive: Archive


def environments(objects: ObjectStore, s3: str) -> tuple[str, ...]:
    """Every environment that has a chain below a prefix, sorted.

    Raises:
        ShipwayError: S3 refused.
    """
    place = SharedPlace(s3=s3, environment="")
    names = (key.removeprefix(place.above) for key in objects.keys(place.bucket, place.above))
    pairs = (name.split("/", 2) for name in names)
    return tuple(sorted({pair[0] for pair in pairs if pair[1:2] == ["chain"]}))


def read(
    objects: ObjectStore, place: SharedPlace, *, whole: bool, parse: Parse = parsed
) -> RemoteChain:
    """Read an environment's chain.

    Args:
        objects: The bucket.
        place: Whose chain.
        whole: Everything, as a check needs it; else entries and records, as a history does.
        parse: Reads a record.

    Raises:
        ShipwayError: S3 refused.
    """
    below = f"{place.above}{place.environment}/"
    names = [key.removeprefix(below) for key in objects.keys(place.bucket, below)]
    numbers = [int(match[1]) for name in names if (match := _ENTRY.fullmatch(name))]
    get = partial(objects.get, place.bucket)
    contents = shared.together(lambda number: get(place.key(number)) or b"", numbers)
    entries = {
        number: _own(number, content) for number, content in zip(numbers, contents, strict=True)
    }
    there = set(names)
    signed = [n for n in numbers if whole and f"chain/{n:08}.dsse.json" in there]
    envelopes = shared.together(lambda number: get(place.signature(number)) or b"", signed)
    return RemoteChain(
        place=place,
        entries=entries,
        signatures=dict(zip(signed, envelopes, strict=True)),
        archive=_archive(objects, place, entries, names, whole=whole, parse=parse),
    )


def _own(number: int, content: bytes) -> SharedEntry | None:
    entry = shared.parsed(content)
    return entry if entry and entry.sequence == number and is_canonical(content) else None


def _archive(
    objects: ObjectStore,
    place: SharedPlace,
    entries: Mapping[int, SharedEntry | None],
    names: list[str],
    *,
    whole: bool,
    parse: Parse,
) -> Archive:
    known = {entry.folder for entry in entries.values() if entry}
    paths = [f"{place.environment}/{name}" for name in names if not name.startswith("chain/")]
    wanted = [
        path
        for path in paths
        if path.endswith(f"/{RECORD}") or (whole and _is_ours(path.rpartition("/")[0], known))
    ]
    bodies = shared.together(
        lambda path: objects.get(place.bucket, f"{place.above}{path}") or b"", wanted
    )
    files = dict(zip(wanted, bodies, strict=True))
    records = {
        path: body
        for path, body in files.items()
        if path.endswith(f"/{RECORD}") and _is_ours(path.rpartition("/")[0], known)
    }
    statements = ((path, parse(body)) for path, body in records.items())
    return Archive(
        root=str(place),
        ledger=b"".join(map(_line, (entry for _, entry in sorted(entries.items()) if entry))),
        records=records,
        statements={path: statement for path, statement in statements if statement is not None},
        hashes={path: sha256(body) for path, body in files.items()},
        envelopes={path: body for path, body in files.items() if path.endswith(f"/{ENVELOPE}")},
        summaries={path: body for path, body in files.items() if path.endswith(f"/{vsa.NAME}")},
    )


def _is_ours(folder: str, known: set[str]) -> bool:
    return folder in known or _OURS.fullmatch(folder) is not None


def _line(entry: SharedEntry) -> bytes:
    return LedgerEntry(
        sequence=entry.sequence, record=entry.record, sha256=entry.sha256, files=entry.files
    ).written()


def verify(remote: RemoteChain, verifier: Verifier | None = None) -> Checked:
    """Check a chain in S3: entries, their links, records, files beside them, signatures."""
    checked = check(remote.archive, verifier, foreign=True)
    findings = (*_entries(remote), *_signatures(remote, verifier), *checked.findings)
    last = max(remote.entries, default=0)
    entry = remote.entries.get(last)
    return Checked(
        links=checked.links,
        findings=tuple(dict.fromkeys(findings)),
        signed=checked.signed,
        head=entry.head if entry else "",
    )


def _entries(remote: RemoteChain) -> Iterator[ChainFinding]:
    numbers = sorted(remote.entries)
    for number in numbers:
        if remote.entries[number] is None:
            path = remote.place.key(number)
            yield ChainFinding(kind="changed", path=path, why="it is no entry that shipway wrote")
    for number in sorted(set(range(1, max(numbers, default=0))) - set(numbers)):
        why = f"there are entries after it, up to {numbers[-1]}"
        yield ChainFinding(kind="removed", path=remote.place.key(number), why=why)
    for before, number in pairwise(numbers):
        earlier, later = remote.entries[before], remote.entries[number]
        if earlier and later and number == before + 1 and later.previous != earlier.head:
            why = f"entry {number} was written after another entry {before}"
            yield ChainFinding(kind="changed", path=remote.place.key(before), why=why)


def _signatures(remote: RemoteChain, verifier: Verifier | None) -> Iterator[ChainFinding]:
    """Each entry is signed for itself: so the head is, and by its hashes all before it."""
    for number, entry in sorted(remote.entries.items()):
        envelope = remote.signatures.get(number)
        path = remote.place.signature(number)
        if entry is None or verifier is None:
            continue
        if envelope is None:
            yield ChainFinding(kind="signature", path=path, why="the entry is not signed")
            continue
        try:
            verifier.verify(envelope)
            if base64.b64decode(json.loads(envelope)["payload"]) != entry.content:
                why = "it signs something else than the entry"
                yield ChainFinding(kind="signature", path=path, why=why)
        except EvidenceError as error:
            yield ChainFinding(kind="signature", path=path, why=error.what)
