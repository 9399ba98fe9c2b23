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
from shipway.evidence.archive import parsed
from shipway.evidence.history import digest_of
from shipway.evidence.ledger import RECORD, LedgerEntry
from shipway.image.referrers import IN_TOTO, AttachedDocument, Attachments
from shipway.values import Digest

NAME: Final = "copies.json"
State = Literal["done", "failed", "pending", "not applicable"]
_S3: Final = "s3://"


class ObjectStore(Protocol):
    """A store of objects that are never overwritten."""

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Put an object; done as well where the same bytes are there already.

        Raises:
            EvidenceError: Other bytes are there under that key.
            AccessDeniedError: IAM refused it.
            AwsError: S3 cannot be reached.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """How one copy went: where it is to be, and why it is not there yet."""

    place: str
    state: State
    why: str = ""


class Copier(Protocol):
    """Makes one copy of everything that belongs to a record."""

    @property
    def place(self) -> str:
        """Where: ``s3://…``, or ``referrer`` of a repository."""
        ...

    def copy(self, link: LedgerEntry, files: Mapping[str, bytes]) -> State:
        """Copy; raises what the other side says."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketCopier:
    """Every file below a prefix, and the ledger's line, which names the record by its number."""

    objects: ObjectStore
    place: str

    def copy(self, link: LedgerEntry, files: Mapping[str, bytes]) -> State:
        """Put every file where it lies here; the record last."""
        bucket, _, prefix = self.place.removeprefix(_S3).partition("/")
        above = f"{prefix}/" if prefix else ""
        names = sorted(files, key=lambda name: (name == RECORD, name))
        for name in names:
            self.objects.put(bucket, f"{above}{link.folder}/{name}", files[name])
        number = f"{link.sequence:08}-{link.sha256[:12]}"
        self.objects.put(bucket, f"{above}chain/{number}.json", link.written())
        return "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferrerCopier:
    """The record, attached to the image that it is about."""

    store: Attachments
    repository: str

    @property
    def place(self) -> str:
        """The repository."""
        return f"referrer of {self.repository}"

    def copy(self, link: LedgerEntry, files: Mapping[str, bytes]) -> State:
        """Attach the record; a delivery that came to no image has nothing to attach it to."""
        record = parsed(files[RECORD])
        digest = digest_of(record) if record else ""
        image = record.predicate.image if record else None
        if not digest or image is None or not image.reference:
            return "not applicable"
        notes = {"dev.shipway.record": link.record, "dev.shipway.sequence": str(link.sequence)}
        attached = AttachedDocument(artifact_type=IN_TOTO, content=files[RECORD], annotations=notes)
        self.store.attach(Digest(digest), (attached,))
        return "done"


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
        return Copy(place=copier.place, state=copier.copy(link, files))
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
        {"place": copied.place, "state": copied.state, "why": copied.why} for copied in copies
    ]
    scratch = folder / f".{NAME}.writing"
    try:
        scratch.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        scratch.replace(folder / NAME)
    except OSError as error:
        raise EvidenceError(
            f"how the copies went cannot be noted: {error.strerror or error}", where=str(folder)
        ) from error
