"""What else remembers a chain: copies, the registry, summaries. A folder that lost some is told.

A folder alone cannot show that its end was cut off, or that all of it is gone: nothing follows that
would miss it. Whatever was made of it elsewhere does. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.evidence.canonical_json import sha256
from shipway.evidence.copies import Copy
from shipway.evidence.ledger import LEDGER, LedgerEntry
from shipway.evidence.remote import RemoteChain
from shipway.evidence.verify import ChainFinding, Checked

MATRIX: Final = "matrix.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """A record that some copy has, and the one that it says it follows.

    Attributes:
        record: Its path below the evidence folder that it was written in.
        sha256: Its SHA-256; empty where the copy does not say it.
        previous: The SHA-256 of the record before it.
        where: The copy.
    """

    record: str
    sha256: str
    previous: str
    where: str


def followers(remote: RemoteChain) -> Iterator[Follower]:
    """What a chain in S3 has, each with what went before it in its own folder."""
    for path, statement in remote.archive.statements.items():
        previous = statement.predicate.chain.previous
        if previous is not None:
            content = remote.archive.records[path]
            where = f"{remote.place.s3}/{path}"
            yield Follower(
                record=path, sha256=sha256(content), previous=previous.sha256, where=where
            )


def lost(links: Sequence[LedgerEntry], copied: Iterable[Follower]) -> Iterator[ChainFinding]:
    """Records that follow one of ours, and that our ledger does not have: its end was cut off."""
    known = {link.sha256 for link in links}
    paths = {link.record for link in links}
    waiting = list(copied)
    while True:
        further = [
            each
            for each in waiting
            if each.previous in known and each.sha256 not in known and each.record not in paths
        ]
        if not further:
            return
        for each in further:
            why = f"{each.where} follows record {each.previous[:12]}…, which is here; it is not"
            yield ChainFinding(kind="removed", path=each.record, why=why)
            known.add(each.sha256)
            paths.add(each.record)


def forgotten(
    copied: Mapping[str, Mapping[str, Copy]], remotes: Sequence[RemoteChain]
) -> Iterator[ChainFinding]:
    """Entries that a copy of ours was given, and that the chain in S3 has no more, or otherwise.

    Args:
        copied: How each record's copies went, by the record's path and the place.
        remotes: The chains that were read.
    """
    by_place = {(chain.place.s3, chain.place.environment): chain for chain in remotes}
    for record, places in copied.items():
        for place, copy in places.items():
            remote = by_place.get((place, record.partition("/")[0]))
            number, _, head = copy.entry.partition(" ")
            if remote is None or not number.isdigit():
                continue
            entry = remote.entries.get(int(number))
            if entry is None or f"sha256:{entry.head}" != head:
                path = remote.place.key(int(number))
                became = "gone" if entry is None else "another"
                why = f"{record} was given that entry, and it is {became}"
                yield ChainFinding(kind="removed", path=f"s3: {path}", why=why)


def summarised(folder: str, matrix: bytes, checked: Checked) -> Iterator[ChainFinding]:
    """The chain that a matrix was judged of: its last record must still be there.

    Args:
        folder: Where both lie, below the evidence folder; empty for itself.
        matrix: ``matrix.json``.
        checked: What was found in the chain beside it.
    """
    above = f"{folder}/" if folder else ""
    try:
        last = str(json.loads(matrix)["chain"]["head"])
    except (ValueError, LookupError, TypeError, RecursionError):
        why = "it is none that shipway wrote"
        yield ChainFinding(kind="changed", path=f"{above}{MATRIX}", why=why)
        return
    if last and last not in {link.sha256 for link in checked.links}:
        why = f"{MATRIX} was judged of a chain up to sha256:{last[:12]}…, and that is gone"
        yield ChainFinding(kind="removed", path=f"{above}{LEDGER}", why=why)


def told(head: str, checked: Sequence[Checked]) -> Iterator[ChainFinding]:
    """A record or head that somebody remembers, from a job's summary: some chain must have it."""
    wanted = head.removeprefix("sha256:").rstrip("…").lower()
    heads = (each.head for each in checked)
    every = {*heads, *(link.sha256 for each in checked for link in each.links)}
    if not wanted or not any(known.startswith(wanted) for known in every):
        yield ChainFinding(kind="removed", path=LEDGER, why=f"no chain here has sha256:{wanted}")
