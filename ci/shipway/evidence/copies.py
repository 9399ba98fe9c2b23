"""Copies of a record where whoever can write ``evidence/`` cannot reach: S3, and the registry.

The record under ``evidence/`` is whole before the first copy is tried, and never depends on one.
How each copy went lies in ``copies.json`` beside it; what failed is tried again by the audit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from shipway.errors import EvidenceError, ShipwayError
from shipway.evidence import codec
from shipway.evidence import shared as shared_chain
from shipway.evidence.archive import parsed
from shipway.evidence.canonical_json import sha256
from shipway.evidence.history import digest_of
from shipway.evidence.ledger import RECORD, LedgerEntry
from shipway.evidence.shared import ObjectStore, SharedPlace
from shipway.evidence.signing import RecordSigner
from shipway.image.referrers import IN_TOTO, AttachedDocument, Attachments
from shipway.values import Digest

NAME: Final = "copies.json"
ATTACHED: Final = "dev.shipway.record"
"""The annotation with the path of the record that is attached."""
PREVIOUS: Final = "dev.shipway.previous"
"""The annotation with the SHA-256 of the record before the one that is attached."""
State = Literal["done", "failed", "pending", "not applicable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """How one copy went.

    Attributes:
        place: Where it is to be.
        state: How it went.
        why: Why it is not there yet.
        entry: Its number in the environment's chain there, and that entry's SHA-256.
    """

    place: str
    state: State
    why: str = ""
    entry: str = ""


class Copier(Protocol):
    """Makes one copy of everything that belongs to a record."""

    @property
    def place(self) -> str:
        """Where: ``s3://…``, or ``referrer`` of a repository."""
        ...

    def copy(self, link: LedgerEntry, files: Mapping[str, bytes]) -> Copy:
        """Copy; raises what the other side says."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketCopier:
    """Every file below a prefix, then the record's entry in its environment's chain.

    Attributes:
        objects: The bucket.
        place: ``s3://BUCKET/PREFIX``.
        signer: Signs the entry; ``None`` where nothing is signed.
    """

    objects: ObjectStore
    place: str
    signer: RecordSigner | None = None

    def copy(self, link: LedgerEntry, files: Mapping[str, bytes]) -> Copy:
        """Put every file, the record last; the entry is written once all of them are there."""
        environment = link.folder.partition("/")[0]
        shared = SharedPlace(s3=self.place, environment=environment)
        # Two machines may deliver one commit in one second: what a record says tells them apart.
        folder = f"{link.folder}-{link.sha256[:12]}"
        names = sorted(files, key=lambda name: (name == RECORD, name))
        for name in names:
            self.objects.put(shared.bucket, f"{shared.above}{folder}/{name}", files[name])
        beside = {name: sha256(body) for name, body in sorted(files.items()) if name != RECORD}
        there = LedgerEntry(
            sequence=0, record=f"{folder}/{RECORD}", sha256=link.sha256, files=beside
        )
        entry = shared_chain.append(self.objects, shared, there, self.signer)
        return Copy(place=self.place, state="done", entry=entry.described)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferrerCopier:
    """The record, attached to the image that it is about."""

    store: Attachments
    repository: str

    @property
    def place(self) -> str:
        """The repository."""
        return f"referrer of {self.repository}"

    def copy(self, link: LedgerEntry, files: Mapping[str, bytes]) -> Copy:
        """Attach the record; a delivery that came to no image has nothing to attach it to."""
        record = parsed(files[RECORD])
        digest = digest_of(record) if record else ""
        image = record.predicate.image if record else None
        if not digest or image is None or not image.reference:
            return Copy(place=self.place, state="not applicable")
        notes = {ATTACHED: link.record, "dev.shipway.sequence": str(link.sequence)}
        if record is not None and record.predicate.chain.previous is not None:
            notes[PREVIOUS] = record.predicate.chain.previous.sha256
        attached = AttachedDocument(artifact_type=IN_TOTO, content=files[RECORD], annotations=notes)
        self.store.attach(Digest(digest), (attached,))
        return Copy(place=self.place, state="done")


def make(
    folder: Path, link: LedgerEntry, copiers: Sequence[Copier], *, later: bool
) -> tuple[Copy, ...]:
    """Make the copies that are not made yet, and keep how each went.

    Args:
        folder: Where the record lies.
        link: Its line in the ledger.
        copiers: Who copies.
        later: Only note them as pending: somebody waits for our end.
    """
    before = read(folder)
    files = _files(folder)
    by_place = {place: copied for place, copied in before.items() if copied.state != "pending"}
    for copier in copiers:
        if by_place.get(copier.place, _PENDING).state in {"done", "not applicable"}:
            continue
        by_place[copier.place] = _copied(copier, link, files, later=later)
    _write(folder, tuple(by_place.values()))
    return tuple(by_place.values())


_PENDING: Final = Copy(place="", state="pending")


def _copied(copier: Copier, link: LedgerEntry, files: Mapping[str, bytes], *, later: bool) -> Copy:
    if later:
        return Copy(place=copier.place, state="pending", why="the delivery was ended")
    try:
        return copier.copy(link, files)
    except ShipwayError as error:
        return Copy(place=copier.place, state="failed", why=str(error))


def read(folder: Path) -> dict[str, Copy]:
    """What is known of a record's copies; nothing where none was ever wanted."""
    try:
        written: Any = json.loads((folder / NAME).read_bytes())
        copies = [codec.read(Copy, each) for each in written]
    except (OSError, ValueError, TypeError):
        return {}
    return {copy.place: copy for copy in copies if copy.place}


def unmade(root: Path, links: Sequence[LedgerEntry]) -> Iterator[tuple[LedgerEntry, Copy]]:
    """Copies that are still to be made."""
    for link in links:
        for copied in read(root / link.folder).values():
            if copied.state in {"failed", "pending"}:
                yield link, copied


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != NAME and not path.name.startswith(".")
    }


def _write(folder: Path, copies: Sequence[Copy]) -> None:
    content = [
        {
            "place": copied.place,
            "state": copied.state,
            "why": copied.why,
            **({"entry": copied.entry} if copied.entry else {}),
        }
        for copied in copies
    ]
    scratch = folder / f".{NAME}.writing"
    try:
        scratch.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        scratch.replace(folder / NAME)
    except OSError as error:
        raise EvidenceError(
            f"how the copies went cannot be noted: {error.strerror or error}", where=str(folder)
        ) from error
