"""From a journal to evidence: written, shown, signed, copied, in that order.

Each step stands alone. What fails after the record is written takes nothing from it, and is told.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from shipway.errors import EvidenceError, ShipwayError, TerminatedError
from shipway.evidence import copies, record
from shipway.evidence import report as reports
from shipway.evidence import summary as summaries
from shipway.evidence.archive import parsed
from shipway.evidence.canonical_json import moment
from shipway.evidence.copies import Copier
from shipway.evidence.journal import Journal
from shipway.evidence.ledger import RECORD
from shipway.evidence.predicate import ChainFact, VerdictFact
from shipway.evidence.signing import ENVELOPE, PAYLOAD_TYPE, RecordSigner
from shipway.evidence.store import RecordStore, StoredRecord
from shipway.observer import Noticed, Observer
from shipway.util.clock import Clock

_T = TypeVar("_T")
_UNCHAINED = ChainFact(sequence=0, previous=None)


class RecordWriter:
    """Writes the record of a journal.

    Args:
        folder: Where records are kept (``evidence/``).
        clock: The time.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def write(self, journal: Journal, verdict: VerdictFact) -> StoredRecord:
        """Write the record; its folder gets a number where one of the same second is there.

        A signal that arrives meanwhile is answered after the record is whole.

        Raises:
            EvidenceError: It cannot be written there; where it can, it lies whole, but unchained,
                in a temporary folder that the details name.
        """
        contents, finished = journal.contents(), moment(self._clock.now())
        place, store = record.place(contents), RecordStore(self._folder)

        def compose(chain: ChainFact) -> Mapping[str, bytes]:
            return record.files(contents, verdict, finished=finished, chain=chain)

        try:
            return unbroken(lambda: store.keep(place, compose))
        except (OSError, EvidenceError) as error:
            ended = f"{verdict.kind} (exit {verdict.exit_code})"
            spare = _spare(compose(_UNCHAINED))
            if isinstance(error, EvidenceError):
                what, where, remedy = error.what, error.where, error.remedy
            else:
                what, where = str(error.strerror or error), str(self._folder / place)
                remedy = "free or mount that place, or name another in SHIPWAY_EVIDENCE"
            raise EvidenceError(
                f"the record cannot be written: {what}",
                where=where,
                remedy=f"{remedy}; this delivery ended as: {ended}",
                details=(f"it lies whole, but unchained, in {spare}",) if spare else (),
            ) from error


class RecordTeller:
    """Renders the report beside a record, and tells what a summary shows of it."""

    def __init__(self, folder: Path, observer: Observer) -> None:
        self._folder = folder
        self._observer = observer

    def show(self, stored: StoredRecord, shown: str) -> tuple[str, ...]:
        """Render and tell.

        Args:
            stored: The record.
            shown: Its folder, as people are to find it.

        Returns:
            What went wrong: a report that cannot be made takes nothing from the record.
        """
        trouble: tuple[str, ...] = ()
        report = ""
        try:
            beside = {name: (stored.folder / name).read_bytes() for name in stored.link.files}
            page = reports.report(stored.content, {RECORD: stored.content, **beside})
            RecordStore(self._folder).add(stored.link.record, {reports.NAME: page})
            report = f"{shown}/{reports.NAME}"
        except (OSError, EvidenceError, LookupError, TypeError, ValueError) as error:
            trouble = (f"the report cannot be made: {error}",)
        statement = parsed(stored.content)
        if statement is not None:
            path, sha256 = f"{shown}/{RECORD}", stored.link.sha256
            self._observer(summaries.evidenced(statement, path=path, sha256=sha256, report=report))
        return trouble


class RecordSeal:
    """Puts a signature beside a record; what fails is told, no more."""

    def __init__(self, folder: Path, signer: RecordSigner | None, observer: Observer) -> None:
        self._folder = folder
        self._signer = signer
        self._observer = observer

    def sign(self, stored: StoredRecord, *, later: bool) -> None:
        """Sign.

        Args:
            stored: The record.
            later: Leave it: somebody waits for our end, and a key may be far away.
        """
        if self._signer is None or later:
            return
        try:
            envelope = self._signer.sign(PAYLOAD_TYPE, stored.content)
            RecordStore(self._folder).add(stored.link.record, {ENVELOPE: envelope})
        except (ShipwayError, OSError) as error:
            self._observer(_warning(f"the record is not signed: {error}"))


class RecordCopies:
    """Copies a record and all that lies beside it; what fails is noted and told, no more."""

    def __init__(self, folder: Path, copiers: tuple[Copier, ...], observer: Observer) -> None:
        self._folder = folder
        self._copiers = copiers
        self._observer = observer

    def copy(self, stored: StoredRecord, *, later: bool) -> None:
        """Copy.

        Args:
            stored: The record.
            later: Only note what is to be copied: somebody waits for our end.
        """
        if not self._copiers:
            return
        try:
            link = RecordStore(self._folder).link(stored.link.record)
            copied = copies.make(stored.folder, link, self._copiers, later=later)
        except (EvidenceError, OSError) as error:
            self._observer(_warning(f"no copy was made: {error}"))
            return
        for copy in copied:
            if copy.state in {"failed", "pending"}:
                again = "nox -s audit -- --verify tries again"
                text = f"the copy to {copy.place} is {copy.state}: {copy.why}; {again}"
                self._observer(_warning(text))
            elif copy.entry:
                number, _, head = copy.entry.partition(" ")
                text = f"record {number} of the chain in {copy.place}, head {head}"
                self._observer(Noticed(stage="record", text=text))


def unbroken(work: Callable[[], _T]) -> _T:
    """Do a short piece of work to its end, whatever signal arrives meanwhile.

    Python answers signals in the main thread alone: the work is done in another one. What a signal
    asks for is the end of the delivery, and that is what this work is.
    """
    results: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            failed.append(error)

    thread = threading.Thread(target=run, name="record")
    thread.start()
    while thread.is_alive():
        with suppress(KeyboardInterrupt, TerminatedError):
            thread.join()
    if failed:
        raise failed[0]
    return results[0]


def _spare(files: Mapping[str, bytes]) -> Path | None:
    """Keep a record that has no place where it may still be found; ``None`` where nothing can."""
    with suppress(OSError):
        folder = Path(tempfile.mkdtemp(prefix="shipway-record-"))
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return folder
    return None


def _warning(text: str) -> Noticed:
    return Noticed(stage="record", text=text, level="warning")
