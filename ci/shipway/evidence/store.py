"""Keeping records: whole or not at all, chained, never over another one, by one writer at a time.

A record and what belongs to it is written under other names and flushed, then its line goes into
the ledger, then the names are set right, the record's last. A machine that dies in between leaves
either nothing that looks like a record, or a line whose record is finished by the next writer.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from shipway.errors import EvidenceError
from shipway.evidence import ledger as chain
from shipway.evidence.canonical_json import sha256
from shipway.evidence.ledger import LEDGER, LOCK, RECORD, WRITING, Ledger, LedgerEntry
from shipway.evidence.predicate import ChainFact
from shipway.util import lockfile, regular

_PATIENCE: Final = 10.0
_LARGEST: Final = 1 << 30
"""Bytes of a ledger, a million deliveries."""

Compose = Callable[[ChainFact], Mapping[str, bytes]]
"""From the record's place in the chain, the files to keep; ``record.json`` is one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A record that is on the disk.

    Attributes:
        folder: Where it lies.
        link: Its line in the ledger.
        content: Its bytes.
    """

    folder: Path
    link: LedgerEntry
    content: bytes


class RecordStore:
    """One evidence folder.

    Args:
        root: The folder; made when the first record is kept.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, place: str, compose: Compose) -> StoredRecord:
        """Keep a record in a folder of its own; a second one of the same name gets ``-2``.

        Args:
            place: The folder below the root, with ``/``.
            compose: Makes the files once the record's place in the chain is known.

        Raises:
            OSError: It cannot be written; nothing is left of it, and the chain is as it was.
            EvidenceError: Another writer holds the chain.
        """
        with self._alone():
            ledger = self._mended()
            last = ledger.last
            folder = _own(self.root / place)
            name = folder.relative_to(self.root).as_posix()
            try:
                files = compose(chain.place_of(last, self._ledger_sha256()))
                link = LedgerEntry(
                    sequence=last.sequence + 1 if last else 1,
                    record=f"{name}/{RECORD}",
                    sha256=sha256(files[RECORD]),
                    files={key: sha256(content) for key, content in files.items() if key != RECORD},
                )
                for key, content in files.items():
                    _write(folder / f".{key}{WRITING}", content)
                self._append(link.written())
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            _finish(folder, link)
        return StoredRecord(folder=folder, link=link, content=files[RECORD])

    def add(self, record: str, files: Mapping[str, bytes]) -> None:
        """Put further files beside a record, and their hashes into the ledger.

        Args:
            record: The record's path below the root, as its link has it.
            files: By name; none of them may be there.

        Raises:
            OSError: They cannot be written.
            EvidenceError: Another writer holds the chain, or it has no such record.
        """
        with self._alone():
            links = self._mended().links
            link = next((link for link in reversed(links) if link.record == record), None)
            if link is None:
                raise EvidenceError("the chain has no such record", where=record)
            folder = self.root / link.folder
            for name, content in files.items():
                if name in link.files:
                    raise EvidenceError("that file is there already", where=str(folder / name))
                scratch = folder / f".{name}{WRITING}"
                scratch.unlink(missing_ok=True)
                _write(scratch, content)
            hashes = {name: sha256(content) for name, content in files.items()}
            self._append(chain.addition(link.sequence, hashes))
            for name in files:
                (folder / f".{name}{WRITING}").replace(folder / name)

    def link(self, record: str) -> LedgerEntry:
        """A record's line in the ledger, with all files that came later.

        Raises:
            EvidenceError: The chain has no such record.
        """
        try:
            links = chain.read((self.root / LEDGER).read_bytes()).links
        except OSError:
            links = ()
        for entry in reversed(links):
            if entry.record == record:
                return entry
        raise EvidenceError("the chain has no such record", where=record)

    def _mended(self) -> Ledger:
        """The ledger, after what a writer that died left undone is finished or taken back.

        Lines that are none of ours stay where they are: the audit names them, and a delivery of
        today is recorded whatever became of those of yesterday.
        """
        path = self.root / LEDGER
        if path.is_symlink():
            # A repository could hold it: lines would go to the end of any file, and its own go.
            raise EvidenceError(
                "the ledger is a link, and is not followed",
                where=str(path),
                remedy="put the file itself there, or name another folder in SHIPWAY_EVIDENCE",
            )
        try:
            content = regular.content(path, _LARGEST)
        except FileNotFoundError:
            return Ledger()
        ledger = chain.read(content)
        if ledger.torn:
            os.truncate(path, len(content) - ledger.torn)
        if ledger.last is not None:
            _finish(self.root / ledger.last.folder, ledger.last)
        return ledger

    def _ledger_sha256(self) -> str:
        try:
            return sha256((self.root / LEDGER).read_bytes())
        except FileNotFoundError:
            return ""

    def _append(self, line: bytes) -> None:
        """Add a line; where the disk is full, what came of it is taken back."""
        path = self.root / LEDGER
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o666), "ab", buffering=0) as stream:
            before = stream.tell()
            try:
                _pour(stream, line)
                os.fsync(stream.fileno())
            except BaseException:
                with suppress(OSError):
                    os.ftruncate(stream.fileno(), before)
                raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time: the lock goes with the process that holds it."""
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            # Whoever may write the records may lock: the umask decides, as for the records.
            descriptor = lockfile.take(self.root / LOCK, _PATIENCE, mode=0o666)
        except TimeoutError as error:
            raise EvidenceError(
                f"another delivery has been writing there for {_PATIENCE:.0f} s",
                where=str(self.root / LOCK),
                remedy="end the process that holds that file open",
            ) from error
        try:
            yield
        finally:
            os.close(descriptor)


def _own(folder: Path) -> Path:
    """Make a folder that is ours alone."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        try:
            own = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
            own.mkdir()
        except FileExistsError:
            number += 1
        else:
            return own


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _pour(stream: FileIO, line: bytes) -> None:
    """Write a line at once; a disk that takes a part of it is full."""
    if stream.write(line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _finish(folder: Path, link: LedgerEntry) -> None:
    """Give files their names, the record last; one that is not whole keeps none."""
    for name in (*link.files, RECORD):
        scratch = folder / f".{name}{WRITING}"
        with suppress(FileNotFoundError):
            wanted = link.sha256 if name == RECORD else link.files[name]
            if not (folder / name).exists() and sha256(scratch.read_bytes()) == wanted:
                scratch.replace(folder / name)
