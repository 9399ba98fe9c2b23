"""One chain for an environment, wherever its deliveries ran: kept in S3, continued by each of them.

Below ``s3://BUCKET/PREFIX/ENVIRONMENT/chain/`` lies one entry for each record, named by its number.
An entry has the SHA-256 of the entry before it, of the record, and of every file beside the record.
The next number is taken with a conditional write ("How to prevent object overwrites with
conditional writes", Amazon S3 User Guide): of two runs that end at once one is answered 412, reads
the other's entry and takes the number after it. So both are in the chain, and no entry is ever
written twice. Where ``sign`` is set, each entry is signed, and with it the whole chain up to there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from shipway.errors import EvidenceError
from shipway.evidence.canonical_json import canonical, sha256
from shipway.evidence.ledger import LedgerEntry
from shipway.evidence.signing import RecordSigner

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")
ENTRY_TYPE: Final = "application/vnd.shipway.chain+json"
"""The payload type of a signed entry (DSSE)."""
_S3: Final = "s3://"
_NAME: Final = re.compile(r"([0-9]{8})\.json")
_TRIES: Final = 50
"""Runs that may end at once before one gives up; each loses at most to every other."""
_AT_ONCE: Final = 16
_LOOK_BACK: Final = 64
"""Entries read at once from the head on."""


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

    def create(self, bucket: str, key: str, content: bytes) -> bool:
        """Put an object; ``False`` where one is there, which stays as it is.

        Raises:
            AccessDeniedError: IAM refused it.
            AwsError: S3 cannot be reached.
        """
        ...

    def get(self, bucket: str, key: str) -> bytes | None:
        """An object's bytes; ``None`` where there is none.

        Raises:
            AccessDeniedError: IAM refused it.
            AwsError: S3 cannot be reached.
        """
        ...

    def keys(self, bucket: str, prefix: str) -> tuple[str, ...]:
        """Every key that begins so, sorted.

        Raises:
            AccessDeniedError: IAM refused it.
            AwsError: S3 cannot be reached.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedEntry:
    """One record's entry.

    Attributes:
        sequence: Counts from 1.
        previous: The SHA-256 of the entry before; empty for the first.
        record: The record's path below the prefix, with ``/``.
        sha256: The SHA-256 of the record.
        files: Names of the files beside it and their SHA-256.
        content: The entry as it is kept.
    """

    sequence: int
    previous: str
    record: str
    sha256: str
    files: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def head(self) -> str:
        """The entry's own SHA-256, by which the next one names it."""
        return sha256(self.content)

    @property
    def folder(self) -> str:
        """Where the record lies, below the prefix."""
        return self.record.rpartition("/")[0]

    @property
    def described(self) -> str:
        """Number and SHA-256, as a copy remembers them."""
        return f"{self.sequence} sha256:{self.head}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPlace:
    """Where an environment's chain lies.

    Attributes:
        s3: ``s3://BUCKET/PREFIX``, as ``[evidence]`` has it.
        environment: The environment.
    """

    s3: str
    environment: str

    @property
    def bucket(self) -> str:
        """The bucket."""
        return self.s3.removeprefix(_S3).partition("/")[0]

    @property
    def above(self) -> str:
        """What stands before every key: the prefix and a ``/``, or nothing."""
        prefix = self.s3.removeprefix(_S3).partition("/")[2]
        return f"{prefix}/" if prefix else ""

    @property
    def chain(self) -> str:
        """What stands before the keys of the entries."""
        return f"{self.above}{self.environment}/chain/"

    def key(self, sequence: int) -> str:
        """The key of an entry."""
        return f"{self.chain}{sequence:08}.json"

    def signature(self, sequence: int) -> str:
        """The key of an entry's signature."""
        return f"{self.chain}{sequence:08}.dsse.json"

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.s3}/{self.environment}"


def append(
    objects: ObjectStore,
    place: SharedPlace,
    link: LedgerEntry,
    signer: RecordSigner | None = None,
) -> SharedEntry:
    """Take the next number for a record that lies there; the same one again keeps its number.

    Args:
        objects: The bucket.
        place: Whose chain.
        link: The record as it lies below the prefix, with the files beside it.
        signer: Signs the entry; ``None`` where nothing is signed.

    Raises:
        EvidenceError: The head is no entry of ours, or others were quicker too often.
        ShipwayError: S3 or the key refused.
    """
    for _ in range(_TRIES):
        last = head(objects, place)
        if last is not None and last.sha256 == link.sha256:
            return _sealed(objects, place, last, signer)
        entry = _next(place, last, link)
        if objects.create(place.bucket, place.key(entry.sequence), entry.content):
            return _sealed(objects, place, entry, signer)
    raise EvidenceError(
        f"{_TRIES} other deliveries were quicker to continue the chain",
        where=str(place),
        remedy="nox -s audit -- --verify tries again",
    )


def _sealed(
    objects: ObjectStore, place: SharedPlace, entry: SharedEntry, signer: RecordSigner | None
) -> SharedEntry:
    if signer is not None:
        # A signature of ECDSA is another one each time: the first is kept.
        envelope = signer.sign(ENTRY_TYPE, entry.content)
        objects.create(place.bucket, place.signature(entry.sequence), envelope)
    return entry


def _next(place: SharedPlace, last: SharedEntry | None, link: LedgerEntry) -> SharedEntry:
    sequence, previous = (last.sequence + 1, last.head) if last else (1, "")
    fact = {
        "environment": place.environment,
        "sequence": sequence,
        "previous": previous,
        "record": link.record,
        "sha256": link.sha256,
        "files": dict(link.files),
    }
    return SharedEntry(
        sequence=sequence,
        previous=previous,
        record=link.record,
        sha256=link.sha256,
        files=link.files,
        content=canonical(fact),
    )


def head(objects: ObjectStore, place: SharedPlace) -> SharedEntry | None:
    """The newest entry; ``None`` where the chain has not begun.

    Raises:
        EvidenceError: What lies there is no entry of ours.
        ShipwayError: S3 refused.
    """
    numbers = _numbers(objects, place)
    return _entry(objects, place, numbers[-1]) if numbers else None


def entries_back(objects: ObjectStore, place: SharedPlace) -> Iterator[SharedEntry]:
    """Every entry from the newest to the first, each checked against the one after it.

    Raises:
        EvidenceError: An entry is missing, was changed, or is none of ours.
        ShipwayError: S3 refused.
    """
    numbers = _numbers(objects, place)[::-1]
    after: SharedEntry | None = None
    for begin in range(0, len(numbers), _LOOK_BACK):
        batch = numbers[begin : begin + _LOOK_BACK]
        for entry in together(lambda number: _entry(objects, place, number), batch):
            if after is not None and (
                entry.sequence + 1 != after.sequence or entry.head != after.previous
            ):
                why = f"entry {after.sequence} does not follow entry {entry.sequence}"
                raise EvidenceError(why, where=str(place), remedy=_SEE)
            yield entry
            after = entry
    if after is not None and (after.sequence != 1 or after.previous):
        why = f"it begins with entry {after.sequence}"
        raise EvidenceError(why, where=str(place), remedy=_SEE)


_SEE: Final = "see what changed it: nox -s audit -- --verify"


def _numbers(objects: ObjectStore, place: SharedPlace) -> list[int]:
    """The numbers that are taken, in order."""
    names = (key[len(place.chain) :] for key in objects.keys(place.bucket, place.chain))
    return sorted(int(match[1]) for name in names if (match := _NAME.fullmatch(name)))


def _entry(objects: ObjectStore, place: SharedPlace, sequence: int) -> SharedEntry:
    content = objects.get(place.bucket, place.key(sequence))
    entry = parsed(content) if content is not None else None
    if entry is None or entry.sequence != sequence:
        raise EvidenceError(
            f"entry {sequence} is none that shipway wrote", where=str(place), remedy=_SEE
        )
    return entry


def parsed(content: bytes) -> SharedEntry | None:
    """An entry, where the bytes are one."""
    try:
        document: Any = json.loads(content)
        return SharedEntry(
            sequence=int(document["sequence"]),
            previous=str(document["previous"]),
            record=str(document["record"]),
            sha256=str(document["sha256"]),
            files={str(name): str(value) for name, value in document["files"].items()},
            content=content,
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def together(ask: Callable[[_Asked], _Answer], items: Sequence[_Asked]) -> Iterator[_Answer]:
    """Ask for each, many at once, in order."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(ask, items)
