"""Checking a chain: what was changed, removed, reordered or added, each named. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from shipway.errors import EvidenceError
from shipway.evidence import ledger as chain
from shipway.evidence import vsa
from shipway.evidence.archive import Archive
from shipway.evidence.canonical_json import canonical, is_canonical, sha256
from shipway.evidence.ledger import LEDGER, RECORD, Ledger, LedgerEntry
from shipway.evidence.signing import ENVELOPE, Verifier

Kind = Literal[
    "changed", "removed", "reordered", "added", "cut off", "form", "signature", "registry"
]

_UNHASHED: Final = frozenset({RECORD, "copies.json"})
"""The record has a hash of its own; how its copies went changes until each of them is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFinding:
    """One thing that is not as it was written.

    Attributes:
        kind: What became of it.
        path: The file, below the evidence folder.
        why: How that is known.
    """

    kind: Kind
    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found.

    Attributes:
        links: The records that the ledger names, in its order.
        findings: Everything that is wrong; empty means that the chain holds.
        signed: How many records carry a signature that was checked.
        head: The SHA-256 of the last record.
    """

    links: tuple[LedgerEntry, ...]
    findings: tuple[ChainFinding, ...]
    signed: int = 0
    head: str = ""

    def broken(self, record: str) -> tuple[ChainFinding, ...]:
        """What is wrong with one record or a file beside it."""
        folder = record.rpartition("/")[0]
        return tuple(
            finding for finding in self.findings if finding.path.rpartition("/")[0] == folder
        )


def check(archive: Archive, verifier: Verifier | None = None, *, foreign: bool = False) -> Checked:
    """Check ledger, records, their links, the files beside them and the signatures.

    Args:
        archive: What lies there.
        verifier: Checks signatures; with one, a record that is not signed is a finding.
        foreign: The records come from several folders: what each says of its place is of its own.
    """
    ledger = chain.read(archive.ledger) if archive.ledger is not None else Ledger()
    findings = list(_ledger(archive, ledger))
    for link in ledger.links:
        findings.extend(_record(archive, link, ledger))
    findings.extend(_added(archive, ledger))
    if not foreign:
        findings.extend(_links(archive, ledger))
    signed, bad = _signatures(archive, verifier)
    findings.extend(bad)
    if verifier is not None:
        findings.extend(_unsigned(archive, ledger))
    last = ledger.last
    return Checked(
        links=ledger.links,
        findings=tuple(dict.fromkeys(findings)),
        signed=signed,
        head=last.sha256 if last else "",
    )


def _ledger(archive: Archive, ledger: Ledger) -> Iterator[ChainFinding]:
    if archive.ledger is None and archive.records:
        yield ChainFinding(kind="removed", path=LEDGER, why="there are records, and no ledger")
    elif not ledger.links and archive.written:
        yield ChainFinding(kind="removed", path=LEDGER, why="a delivery wrote here, and it is gone")
    for line in ledger.wrong:
        yield ChainFinding(
            kind="changed", path=LEDGER, why=f"line {line} is none that shipway wrote"
        )
    if ledger.torn:
        yield ChainFinding(
            kind="cut off", path=LEDGER, why="its last line has no end: the writer died there"
        )
    if ledger.links and ledger.links[0].sequence != 1:
        first = ledger.links[0]
        yield ChainFinding(
            kind="removed",
            path=LEDGER,
            why=f"it begins with record {first.sequence}, {first.record}",
        )
    for before, other in pairwise(ledger.links):
        if other.sequence == before.sequence + 1:
            continue
        kind: Kind = "removed" if other.sequence > before.sequence else "reordered"
        yield ChainFinding(
            kind=kind,
            path=other.record,
            why=f"line {other.line} of the ledger has record {other.sequence} "
            f"after record {before.sequence}",
        )


def _record(archive: Archive, link: LedgerEntry, ledger: Ledger) -> Iterator[ChainFinding]:
    """One record and what lies beside it, against the ledger."""
    content = archive.records.get(link.record)
    if content is None:
        scratch = f"{link.folder}/.{RECORD}{chain.WRITING}"
        if scratch in archive.unfinished:
            why = "its writer died before it had its name; the next delivery finishes it"
            yield ChainFinding(kind="cut off", path=link.record, why=why)
            return
        why = f"the ledger has it as record {link.sequence}, SHA-256 {link.sha256[:12]}…"
        yield ChainFinding(kind="removed", path=link.record, why=why)
    elif sha256(content) != link.sha256:
        yield _changed(archive, link, ledger)
    elif not is_canonical(content):
        yield ChainFinding(kind="form", path=link.record, why="it is not canonical JSON (RFC 8785)")
    yield from _beside(archive, link)


def _beside(archive: Archive, link: LedgerEntry) -> Iterator[ChainFinding]:
    """Files beside a record: the ledger has their hashes, and the record those written before."""
    content = archive.records.get(link.record, b"")
    # A record that is not the one it was says nothing of what lies beside it.
    untouched = sha256(content) == link.sha256
    record = archive.statements.get(link.record) if untouched else None
    own = {file.name: file.sha256 for file in record.predicate.files} if record else {}
    for name, wanted in {**link.files, **own}.items():
        path = f"{link.folder}/{name}"
        actual = archive.hashes.get(path)
        if actual is None:
            why = f"it was written with record {link.sequence}"
            yield ChainFinding(kind="removed", path=path, why=why)
        elif actual != wanted:
            why = f"its SHA-256 is {actual[:12]}…, and was {wanted[:12]}…"
            yield ChainFinding(kind="changed", path=path, why=why)
    summary = archive.summaries.get(f"{link.folder}/{vsa.NAME}")
    if (
        untouched
        and summary is not None
        and (record is None or not vsa.follows(record, link.sha256, summary))
    ):
        why = "it does not follow from the record that it names"
        yield ChainFinding(kind="changed", path=f"{link.folder}/{vsa.NAME}", why=why)


def _changed(archive: Archive, link: LedgerEntry, ledger: Ledger) -> ChainFinding:
    content = archive.records[link.record]
    actual = sha256(content)
    other = next((link for link in ledger.links if link.sha256 == actual), None)
    if other is not None:
        return ChainFinding(
            kind="reordered",
            path=link.record,
            why=f"record {other.sequence} ({other.record}) lies in the place of "
            f"record {link.sequence}",
        )
    if link.record not in archive.statements:
        why = f"what is left ({len(content)} bytes) is no record"
        return ChainFinding(kind="cut off", path=link.record, why=why)
    if sha256(_form(content)) == link.sha256:
        return ChainFinding(
            kind="form", path=link.record, why="it says the same, but not in canonical JSON"
        )
    why = f"its SHA-256 is {actual[:12]}…, and was {link.sha256[:12]}…"
    return ChainFinding(kind="changed", path=link.record, why=why)


def _form(content: bytes) -> bytes:
    """The same in canonical JSON."""
    try:
        return canonical(json.loads(content))
    except (ValueError, RecursionError):
        return b""


def _added(archive: Archive, ledger: Ledger) -> Iterator[ChainFinding]:
    known = {link.record for link in ledger.links}
    for path in archive.records:
        if path in known:
            continue
        record = archive.statements.get(path)
        sequence = record.predicate.chain.sequence if record else 0
        claim = f"; it calls itself record {sequence}" if sequence else ""
        yield ChainFinding(kind="added", path=path, why=f"the ledger does not have it{claim}")
    yield from _strangers(archive, ledger)


def _strangers(archive: Archive, ledger: Ledger) -> Iterator[ChainFinding]:
    """Files beside a record that neither it nor the ledger knows."""
    known: dict[str, set[str]] = {}
    for link in ledger.links:
        record = archive.statements.get(link.record)
        own = {file.name for file in record.predicate.files} if record else set()
        known.setdefault(link.folder, set()).update(own, link.files, _UNHASHED)
    for path in archive.hashes:
        folder, _, name = path.rpartition("/")
        if folder in known and name not in known[folder] and path not in archive.unfinished:
            why = "it was not written with the record, and the ledger does not have it"
            yield ChainFinding(kind="added", path=path, why=why)


def _links(archive: Archive, ledger: Ledger) -> Iterator[ChainFinding]:
    """What each record says of the one before it and of the ledger then, against the ledger."""
    lines = {link.line for link in ledger.links}
    prefixes = chain.prefixes(archive.ledger or b"", lines)
    for before, link in zip((None, *ledger.links), ledger.links, strict=False):
        record = archive.statements.get(link.record)
        if record is None or sha256(archive.records[link.record]) != link.sha256:
            continue  # told of already; what it says proves nothing
        place = record.predicate.chain
        ledger_before = place.previous.ledger if place.previous else ""
        if place == chain.place_of(before, ledger_before):
            if ledger_before and ledger_before != prefixes[link.line]:
                why = f"its lines before record {link.sequence} are not those that it vouches for"
                yield ChainFinding(kind="changed", path=LEDGER, why=why)
            continue
        previous = place.previous.record if place.previous else ""
        yield ChainFinding(
            kind="reordered",
            path=link.record,
            why=f"it says that it is record {place.sequence} after "
            f"{previous or 'none'}, and the ledger has it after "
            f"{before.record if before else 'none'}",
        )


def _signatures(archive: Archive, verifier: Verifier | None) -> tuple[int, list[ChainFinding]]:
    findings = []
    signed = 0
    for path, envelope in archive.envelopes.items():
        record = archive.records.get(path.removesuffix(ENVELOPE) + RECORD)
        try:
            if record is not None and _payload(envelope) != record:
                why = "it signs something else than the record beside it"
                findings.append(ChainFinding(kind="signature", path=path, why=why))
            elif verifier is not None:
                verifier.verify(envelope)
                signed += 1
        except EvidenceError as error:
            findings.append(ChainFinding(kind="signature", path=path, why=error.what))
    return signed, findings


def _unsigned(archive: Archive, ledger: Ledger) -> Iterator[ChainFinding]:
    """Records without a signature: with a key in hand, nothing less will do."""
    for link in ledger.links:
        if link.record in archive.records and f"{link.folder}/{ENVELOPE}" not in archive.envelopes:
            yield ChainFinding(kind="signature", path=link.record, why="it is not signed")


def _payload(envelope: bytes) -> bytes:

    try:
        return base64.b64decode(json.loads(envelope)["payload"], validate=True)
    except (ValueError, LookupError, TypeError) as error:
        raise EvidenceError("it is no DSSE envelope") from error
