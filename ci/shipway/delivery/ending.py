"""How a delivery ends, well or badly: record, report, signature, copies, and the last word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shipway.config.environment import Environment
from shipway.delivery.announcing import Announcer, End
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.errors import (
    CancelledError,
    EvidenceError,
    RefusedError,
    ShipwayError,
    TerminatedError,
)
from shipway.evidence.copies import BucketCopier, Copier, ReferrerCopier
from shipway.evidence.journal import Journal
from shipway.evidence.predicate import VerdictFact
from shipway.evidence.recorder import RecordCopies, RecordSeal, RecordTeller, RecordWriter
from shipway.evidence.signing import RecordSigner
from shipway.evidence.standing import all_back
from shipway.evidence.store import RecordStore, StoredRecord
from shipway.observer import Concluded, Noticed, Observer
from shipway.util.paths import evidence_folder
from shipway.values import ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOutcome:
    """How a delivery ended; everything about it was told to the observer already.

    Attributes:
        kind: As machines read it; ``succeeded`` for a good end.
        exit_code: The process's.
        evidence: The record's folder; ``None`` where there is none.
        images: What it came to, by key; one image alone has none.
        url: Where people see it; empty where nothing says it.
    """

    kind: str
    exit_code: int
    evidence: Path | None
    images: Mapping[str, ImageReference] = field(default_factory=dict)
    url: str = ""

    @property
    def image(self) -> ImageReference | None:
        """The first of them, which mostly is the only one."""
        return next(iter(self.images.values()), None)


@dataclass(slots=True, kw_only=True)
class Ending:
    """Makes evidence of a journal, once.

    Attributes:
        context: The outside.
        journal: What is known of the delivery.
        observer: Is told of the record.
        signer: Who signs the record; known once the environment is.
        copiers: Where the record is copied to; known once the environment is.
        announcer: Tells others how it ends; known once the environment is, where it rolls out.
    """

    context: DeliveryContext
    journal: Journal
    observer: Observer
    signer: RecordSigner | None = None
    copiers: tuple[Copier, ...] = ()
    announcer: Announcer | None = None

    def close(
        self,
        text: str,
        error: ShipwayError | None = None,
        *,
        images: Mapping[str, ImageReference] | None = None,
    ) -> DeliveryOutcome:
        """Write the record and say the last word; a record that cannot be written is a failure."""
        kind, exit_code = (error.kind, error.exit_code) if error else ("succeeded", 0)
        details: tuple[str, ...] = ()
        remedy = ""
        if error is not None and not self.journal.reported:
            details = (str(error), *error.details)
            remedy = error.remedy
        if error is not None:
            details = (*details, *self._way_back())
        folder: Path | None = None
        root = evidence_folder(self.context.root, self.context.variables)
        try:
            verdict = VerdictFact(kind=kind, exit_code=exit_code, text=text)
            if self.announcer is not None:
                self.announcer.note()
            stored = RecordWriter(root, self.context.clock).write(self.journal, verdict)
            folder = stored.folder
            troubles = RecordTeller(root, self.observer).show(stored, self._shown(folder))
            details = (*details, *troubles)
            awaited = isinstance(error, (CancelledError, TerminatedError))
            RecordSeal(root, self.signer, self.journal).sign(stored, later=awaited)
            why = f"{text} {error.what}" if error is not None else text
            end = End(kind=kind, exit_code=exit_code, text=why, hurry=awaited)
            self._announce(root, stored, end)
            RecordCopies(root, self.copiers, self.journal).copy(stored, later=awaited)
        except ShipwayError as lost:
            details, remedy = (*details, lost.what, *lost.details), lost.remedy
            if error is None:
                text, kind, exit_code = "Delivered, but not recorded.", lost.kind, lost.exit_code
        self.journal(
            Concluded(
                text=text,
                kind=kind,
                exit_code=exit_code,
                evidence=f"{self._shown(folder)}/" if folder else "",
                details=details,
                remedy=remedy,
            )
        )
        images = images or {}
        url = self.announcer.url if self.announcer is not None and images else ""
        return DeliveryOutcome(
            kind=kind, exit_code=exit_code, evidence=folder, images=images, url=url
        )

    def _announce(self, root: Path, stored: StoredRecord, end: End) -> None:
        """Tell others, and keep beside the record who was told."""
        files = self.announcer.ended(end) if self.announcer is not None else {}
        if files:
            try:
                RecordStore(root).add(stored.link.record, files)
            except (OSError, EvidenceError) as error:
                text = f"who was told is not kept: {error}"
                self.journal(Noticed(stage="record", text=text, level="warning"))

    def _way_back(self) -> tuple[str, ...]:
        """The line that goes back, where a service was touched and is not back already."""
        facts = self.journal.contents().facts
        if not facts.services:
            return ()
        command = f"nox -s rollback -- --env {self.journal.environment}"
        if all_back(facts.services, facts.put_back):
            return (f"what ran before runs again; the way further back: {command} --plan",)
        return (f"to go back: {command}",)

    def _shown(self, path: Path) -> str:
        """A path below the repository from its top, any other as it is."""
        root = self.context.root
        return str(path.relative_to(root) if path.is_relative_to(root) else path)


def last_words(error: ShipwayError) -> str:
    """How a person is told that a delivery did not go well."""
    if isinstance(error, RefusedError):
        late = "Refused: nothing was rolled out."
        return late if error.late else "Refused: nothing was built or changed."
    if error.aftermath:
        return f"Release failed: {error.aftermath}."
    return f"Release failed: {error.kind.replace('-', ' ')}."


def copiers(environment: Environment, aws: Aws, signer: RecordSigner | None) -> Iterator[Copier]:
    """Where records are copied to, as delivery.toml says."""
    wanted = environment.evidence
    if wanted.s3:
        yield BucketCopier(objects=aws.objects, place=wanted.s3, signer=signer)
    if wanted.referrer:
        store = aws.repository(environment)
        yield ReferrerCopier(store=store, repository=environment.repository_uri)
