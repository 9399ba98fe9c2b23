"""The record of one delivery: an in-toto Statement about the image, written whatever happens.

A delivery opens a :class:`Journal` before it does anything. Everything it tells the observer goes
into the journal's time line; facts are noted as they become known. When it ends, well or badly,
the journal is written in one piece and chained to the record before it.

The layout is that of the in-toto Attestation Framework, Statement v1; the predicate is ours and
its type names its version. The gate's decision lies beside it as a SLSA Verification Summary.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from shipway import __version__
from shipway.errors import EvidenceError, ShipwayError, TerminatedError
from shipway.evidence import copies, vsa
from shipway.evidence import report as reports
from shipway.evidence import summary as telling
from shipway.evidence.canonical_json import canonical, moment, sha256, to_json
from shipway.evidence.copies import Copier
from shipway.evidence.ledger import RECORD
from shipway.evidence.mask import Mask
from shipway.evidence.signing import ENVELOPE, PAYLOAD_TYPE, RecordSigner
from shipway.evidence.store import RecordStore, StoredRecord
from shipway.observer import Event, Failed, Noticed, Observer, Output, Rolling
from shipway.util.clock import Clock
from shipway.values import Commit, ImageReference

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://shipway.dev/delivery/v1"
NAME: Final = RECORD
# A refused trigger has no environment; its records lie together.
NOWHERE: Final = "refused"

_T = TypeVar("_T")


class Journal:
    """What is known of a delivery so far.

    Args:
        folder: Where records are kept (``evidence/``).
        commit: The commit that is delivered.
        clock: The time.
        observer: Is told every event after the journal noted it, without what must not be seen.
        secrets: Values that must appear nowhere.

    Attributes:
        environment: The first folder of the record's place; set once it is known.
        told: Whether a failure was told of already.
    """

    def __init__(
        self,
        folder: Path,
        commit: Commit,
        *,
        clock: Clock,
        observer: Observer,
        secrets: Iterable[str] = (),
    ) -> None:
        self._folder = folder
        self._commit = commit
        self._clock = clock
        self._observer = observer
        self._signer: RecordSigner | None = None
        self._mask = Mask(secrets)
        self._started = clock.now()
        self._facts: dict[str, Any] = {"commit": commit_fact(commit)}
        self._timeline: list[dict[str, Any]] = []
        self._attached: dict[str, tuple[bytes, str]] = {}
        self._subject: ImageReference | None = None
        self._lock = threading.Lock()
        self._copiers: tuple[Copier, ...] = ()
        self.environment = NOWHERE
        self.told = False

    def __call__(self, event: Event) -> None:
        """Note an event and pass it on; a foreign tool's output is passed on alone."""
        self.told = self.told or isinstance(event, Failed)
        if isinstance(event, Output):
            words = self._mask.text(event.line, assignments=True)
            self._observer(Output(stage=event.stage, line=words))
            return
        # Counts and names hold no secret, and they come every second; AWS's words may hold one.
        plainly = isinstance(event, Rolling) and not event.trouble
        shown: Event = event if plainly else self._mask.deep(event)
        entry = {
            "at": moment(self._clock.now()),
            "event": type(event).__name__.lower(),
            **to_json(shown),
        }
        with self._lock:
            if not isinstance(event, Rolling) or self._moved(entry):
                self._timeline.append(entry)
        self._observer(shown)

    def note(self, name: str, fact: object) -> None:
        """Keep a fact under a name of the predicate; frozen values become their fields."""
        self._facts[name] = to_json(fact)

    def about(self, image: ImageReference) -> None:
        """Say which image this delivery is about."""
        self._subject = image

    def attach(self, name: str, content: bytes, media_type: str) -> None:
        """Keep a file beside the record, which then holds its SHA-256.

        Args:
            name: Its name, such as ``sbom-linux-amd64.cdx.json``.
            content: Its bytes; they are kept as they are.
            media_type: What it is.
        """
        self._attached[name] = (content, media_type)

    def hide(self, values: Iterable[str]) -> None:
        """Let these values appear nowhere, from now on in events, and in the whole record."""
        self._mask.hide(values)

    @property
    def folder(self) -> Path:
        """Where the record will lie: environment, then time and commit."""
        return self._folder / self._place

    @property
    def _place(self) -> str:
        return f"{self.environment}/{self._started:%Y-%m-%dT%H-%M-%SZ}-{self._commit.short}"

    def write(self, verdict: Mapping[str, object]) -> StoredRecord:
        """Write the record; its folder gets a number where one of the same second is there.

        A signal that arrives meanwhile is answered after the record is whole.

        Raises:
            EvidenceError: It cannot be written there; where it can, it lies whole, but unchained,
                in a temporary folder that the details name.
        """
        finished = moment(self._clock.now())
        vault = RecordStore(self._folder)

        def compose(place: Mapping[str, Any]) -> Mapping[str, bytes]:
            return self._files(verdict, finished, place)

        try:
            return unbroken(lambda: vault.keep(self._place, compose))
        except (OSError, EvidenceError) as error:
            ended = f"{verdict.get('kind')} (exit {verdict.get('exitCode')})"
            spare = _spare(compose({"sequence": 0, "previous": None}))
            if isinstance(error, EvidenceError):
                what, where, remedy = error.what, error.where, error.remedy
            else:
                what, where = str(error.strerror or error), str(self.folder)
                remedy = "free or mount that place"
            raise EvidenceError(
                f"the record cannot be written: {what}",
                where=where,
                remedy=f"{remedy}; this delivery ended as: {ended}",
                details=(f"it lies whole, but unchained, in {spare}",) if spare else (),
            ) from error

    def copy_to(self, copiers: Iterable[Copier]) -> None:
        """Say where the record is to be copied once it is written."""
        self._copiers = tuple(copiers)

    def sign_with(self, signer: RecordSigner) -> None:
        """Say who signs the record once it is written."""
        self._signer = signer

    def sign(self, kept: StoredRecord, *, later: bool) -> None:
        """Put a signature beside the record; what fails is told, no more.

        Args:
            kept: The record.
            later: Leave it: somebody waits for our end, and a key may be far away.
        """
        if self._signer is None or later:
            return
        try:
            envelope = self._signer.sign(PAYLOAD_TYPE, kept.content)
            RecordStore(self._folder).add(kept.link.record, {ENVELOPE: envelope})
        except (ShipwayError, OSError) as error:
            text = f"the record is not signed: {error}"
            self(Noticed(stage="record", text=text, level="warning"))

    def copy(self, kept: StoredRecord, *, later: bool) -> None:
        """Copy the record and all that lies beside it; what fails is noted and told, no more.

        Args:
            kept: The record.
            later: Only note what is to be copied: somebody waits for our end.
        """
        if not self._copiers:
            return
        try:
            link = RecordStore(self._folder).link(kept.link.record)
            made = copies.make(kept.folder, link, self._copiers, later=later)
        except (EvidenceError, OSError) as error:
            self(Noticed(stage="record", text=f"no copy was made: {error}", level="warning"))
            return
        for one in made:
            if one.state in {"failed", "pending"}:
                again = "nox -s audit -- --verify tries again"
                text = f"the copy to {one.place} is {one.state}: {one.why}; {again}"
                self(Noticed(stage="record", text=text, level="warning"))

    def show(self, kept: StoredRecord, shown: str) -> tuple[str, ...]:
        """Render the report beside a record, and tell what a summary shows of it.

        Args:
            kept: The record.
            shown: Its folder, as people are to find it.

        Returns:
            What went wrong: a report that cannot be made takes nothing from the record.
        """
        record = json.loads(kept.content)
        files = {name: content for name, (content, _) in self._attached.items()}
        trouble: tuple[str, ...] = ()
        name = ""
        try:
            beside = {RECORD: kept.content, **files}
            beside[vsa.NAME] = (kept.folder / vsa.NAME).read_bytes()
            page = reports.report(record, kept.link.sha256, beside)
            RecordStore(self._folder).add(kept.link.record, {reports.NAME: page})
            name = f"{shown}/{reports.NAME}"
        except (
            OSError,
            EvidenceError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
        ) as error:
            trouble = (f"the report cannot be made: {error}",)
        self._observer(
            telling.evidenced(
                record, path=f"{shown}/{RECORD}", sha256=kept.link.sha256, report=name
            )
        )
        return trouble

    def _files(
        self, verdict: Mapping[str, object], finished: str, place: Mapping[str, Any]
    ) -> dict[str, bytes]:
        statement = self._mask.deep(self._statement(to_json(verdict), finished, place))
        record = canonical(statement)
        summary = vsa.statement(statement, sha256(record))
        files = {name: content for name, (content, _) in self._attached.items()}
        files |= {RECORD: record, vsa.NAME: canonical(summary)}
        return files

    def _statement(
        self, verdict: Mapping[str, Any], finished: str, place: Mapping[str, Any]
    ) -> dict[str, Any]:
        subject: dict[str, Any] = {
            "name": self._commit.remote or "commit",
            "digest": {"gitCommit": self._commit.sha},
        }
        if self._subject is not None:
            value = self._subject.digest.value.removeprefix("sha256:")
            subject = {"name": self._subject.repository, "digest": {"sha256": value}}
        return {
            "_type": STATEMENT,
            "subject": [subject],
            "predicateType": PREDICATE,
            "predicate": {
                "tool": {"name": "shipway", "version": __version__},
                "startedOn": moment(self._started),
                "finishedOn": finished,
                **self._facts,
                "verdict": dict(verdict),
                "timeline": self._timeline,
                "files": [
                    {
                        "name": name,
                        "sha256": sha256(content),
                        "bytes": len(content),
                        "mediaType": media_type,
                    }
                    for name, (content, media_type) in sorted(self._attached.items())
                ],
                "chain": dict(place),
            },
        }

    def _moved(self, entry: dict[str, Any]) -> bool:
        """Whether a rollout's progress differs from the last one noted, elapsed time aside."""
        moving = {key: value for key, value in entry.items() if key not in {"at", "elapsed"}}
        for earlier in reversed(self._timeline):
            if earlier["event"] == "rolling" and earlier["subject"] == entry["subject"]:
                return any(earlier[key] != value for key, value in moving.items())
        return True


def commit_fact(commit: Commit) -> dict[str, object]:
    """A commit as the record names it."""
    return {
        "sha": commit.sha,
        "time": moment(commit.time),
        "clean": commit.clean,
        "subject": commit.subject,
        "repository": commit.remote,
    }


def unbroken(work: Callable[[], _T]) -> _T:
    """Do a short piece of work to its end, whatever signal arrives meanwhile.

    Python answers signals in the main thread alone: the work is done in another one. What a signal
    asks for is the end of the delivery, and that is what this work is.
    """
    done: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            failed.append(error)

    thread = threading.Thread(target=run, name="record")
    thread.start()
    while thread.is_alive():
        with suppress(KeyboardInterrupt, TerminatedError):
            thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _spare(files: Mapping[str, bytes]) -> Path | None:
    """Keep a record that has no place where it may still be found; ``None`` where nothing can."""
    with suppress(OSError):
        folder = Path(tempfile.mkdtemp(prefix="shipway-record-"))
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return folder
    return None
