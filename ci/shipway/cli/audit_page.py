"""``audit --html``: the page of all deliveries, written where it was asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from shipway.errors import UsageError
from shipway.evidence import archive, history
from shipway.evidence.archive import Archive
from shipway.evidence.history import RecordedDelivery
from shipway.evidence.remote import RemoteChain
from shipway.evidence.report import NAME
from shipway.evidence.report.amounts import counted
from shipway.evidence.report.overview import Place, overview
from shipway.evidence.verify import ChainFinding, Checked

Files = Mapping[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a check of everything found.

    Attributes:
        own: Of the folder's own chain.
        others: Of the chains below it, by their folders.
        shared: Of the chains in S3, by their places.
        findings: Everything that does not hold, copies and registry included.
    """

    own: Checked
    others: Mapping[str, Checked]
    shared: Mapping[str, Checked]
    findings: tuple[ChainFinding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where records were found.

    Attributes:
        here: The evidence folder.
        chains: The chains in S3.
        beside: What lies beside images, an archive for each repository.
        verified: What a check found; ``None`` where none was made.
    """

    here: Archive
    chains: Sequence[RemoteChain]
    beside: Sequence[Archive]
    verified: Verified | None

    def deliveries(self, env: str) -> tuple[RecordedDelivery, ...]:
        """Every record once, oldest first."""
        others = {chain.place.s3: chain.archive for chain in self.chains}
        others |= {each.root: each for each in self.beside}
        return history.deliveries(archive.joined(self.here, others), env)

    def places(self) -> Iterator[Place]:
        """Each of them, and how its chain stands."""
        verified = self.verified
        if Path(self.here.root).is_dir():
            own = _stands(verified.own) if verified else ""
            yield Place(name=self.here.root, records=len(self.here.statements), checked=own)
        for chain in self.chains:
            name = str(chain.place)
            stands = _stands(verified.shared[name]) if verified else ""
            yield Place(name=name, records=len(chain.archive.statements), checked=stands)
        for each in self.beside:
            has_none = "copies beside images have none"
            yield Place(name=each.root, records=len(each.statements), checked=has_none)


def write(file: Path, sources: Sources, *, env: str) -> int:
    """Write the page; gives how many deliveries it shows.

    Args:
        file: Where.
        sources: Where records were found.
        env: Only deliveries to this environment; empty for all.

    Raises:
        UsageError: It cannot be written there.
    """
    deliveries = sources.deliveries(env)
    here = [row for row in deliveries if row.record in sources.here.statements]
    page = overview(
        deliveries,
        tuple(sources.places()),
        files=files_beside(here, Path(sources.here.root), file.parent),
        findings=sources.verified.findings if sources.verified else (),
    )
    _write(page, file)
    return len(deliveries)


def _stands(checked: Checked) -> str:
    if checked.findings:
        return f"does not hold: {counted(len(checked.findings), 'finding')}"
    head = f", last sha256:{checked.head}" if checked.head else ""
    return f"holds{head}"


def files_beside(deliveries: Sequence[RecordedDelivery], root: Path, page: Path) -> Files:
    """What the page can lead to: reports and records that lie on this machine.

    Args:
        deliveries: Every delivery.
        root: The evidence folder.
        page: The folder that the page lies in.
    """
    above = Path(os.path.relpath(root, page)).as_posix()
    files: dict[str, tuple[tuple[str, str], ...]] = {}
    for recorded in deliveries:
        folder, _, name = recorded.record.rpartition("/")
        if not (root / recorded.record).is_file():
            continue
        beside = [("report", NAME)] if (root / folder / NAME).is_file() else []
        files[recorded.record] = tuple(
            # Quoted, and never at the begin of a path: a folder's name must not become a scheme.
            (shown, f"./{quote(f'{above}/{folder}/{file}')}")
            for shown, file in (*beside, ("record", name))
        )
    return files


def _write(page: bytes, file: Path) -> None:
    scratch = file.with_name(f".{file.name}.writing")
    try:
        scratch.unlink(missing_ok=True)  # a link in its place would lead the page elsewhere
        with scratch.open("xb") as stream:
            stream.write(page)
        scratch.replace(file)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise UsageError(
            f"the page cannot be written: {error.strerror or error}",
            where=f"--html {file}",
            remedy="name a file in a folder that is there and can be written",
        ) from error
