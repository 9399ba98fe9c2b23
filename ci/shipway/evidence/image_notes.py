"""What is noted of one image of several: kept apart, and put into the record together.

Images are made side by side. Each has facts of the same kinds, so each notes them by itself; what
it tells goes on to the delivery's journal with the image's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, Protocol, TypeVar

from shipway.evidence.facts import Fact
from shipway.evidence.facts.image import (
    AttestationsFact,
    BuildFact,
    ImageFact,
    PromotionFact,
    ProvenanceFact,
    ReleasedImageFact,
    SbomFact,
    ScanFact,
    SignatureFact,
    WaiverFact,
    WaiversFileFact,
)
from shipway.evidence.journal import Journal
from shipway.observer import Event, Failed, Finished, Noticed, Output, Skipped, Started
from shipway.values import ImageReference

_F = TypeVar("_F", bound=Fact)


class ImageNotes(Protocol):
    """Where whoever makes an image tells and notes: a delivery's journal, or one image's part."""

    def __call__(self, event: Event) -> None:
        """Take an event and pass it on."""
        ...

    def note(self, fact: Fact) -> None:
        """Keep a fact; a newer one of its type takes its place."""
        ...

    def note_all(self, kind: type[_F], facts: Iterable[_F]) -> None:
        """Keep all facts of a type."""
        ...

    def about(self, image: ImageReference) -> None:
        """Say which image it is."""
        ...

    def attach(self, name: str, content: bytes, media_type: str) -> None:
        """Keep a file beside the record."""
        ...

    def hide(self, values: Iterable[str]) -> None:
        """Let these values appear nowhere."""
        ...


class NamedImageNotes:
    """The part of a journal that is about one of several images.

    Args:
        journal: The delivery's journal.
        name: The image's name under ``[images]``.
    """

    def __init__(self, journal: Journal, name: str) -> None:
        self._journal = journal
        self.name = name
        self.reference: ImageReference | None = None
        self.fact = ReleasedImageFact(name=name)
        self.waivers: tuple[WaiverFact, ...] = ()

    def __call__(self, event: Event) -> None:
        """Pass an event on, with the image as its subject where it has none."""
        if isinstance(event, Started | Finished | Skipped | Failed | Noticed | Output):
            event = replace(event, subject=event.subject or self.name)
        self._journal(event)

    def note(self, fact: Fact) -> None:
        """Keep a fact of this image."""
        if isinstance(fact, WaiversFileFact):
            self._journal.note(fact)
        else:
            self._keep(type(fact), fact)

    def note_all(self, kind: type[_F], facts: Iterable[_F]) -> None:
        """Keep all facts of a type."""
        self._keep(kind, tuple(facts))

    def about(self, image: ImageReference) -> None:
        """Keep which image it is; the journal is told of all of them, in the file's order."""
        self.reference = image

    def attach(self, name: str, content: bytes, media_type: str) -> None:
        """Keep a file beside the record."""
        self._journal.attach(name, content, media_type)

    def hide(self, values: Iterable[str]) -> None:
        """Let these values appear nowhere."""
        self._journal.hide(values)

    def _keep(self, kind: type[Fact], value: Any) -> None:
        if kind is WaiverFact:
            self.waivers = value
        else:
            self.fact = replace(self.fact, **{_PLACES[kind]: value})


_PLACES: dict[type[Fact], str] = {
    BuildFact: "build",
    PromotionFact: "promotion",
    ImageFact: "image",
    ScanFact: "scan",
    SbomFact: "sbom",
    ProvenanceFact: "provenance",
    SignatureFact: "signature",
    AttestationsFact: "papers",
}


def put_together(notes: Sequence[NamedImageNotes], journal: Journal) -> None:
    """Note every image in the delivery's journal; called again when there is more to note."""
    for each in notes:
        if each.reference is not None:
            journal.about(each.reference, each.name)
    journal.note_all(ReleasedImageFact, (each.fact for each in notes))
    journal.note_all(WaiverFact, _used_anywhere(notes))
    first = notes[0].fact
    for field in fields(first):
        value = getattr(first, field.name)
        kind = next((kind for kind, name in _PLACES.items() if name == field.name), None)
        if kind is not None and isinstance(value, tuple):
            journal.note_all(kind, value)
        elif isinstance(value, Fact):
            journal.note(value)


def _used_anywhere(notes: Sequence[NamedImageNotes]) -> Iterator[WaiverFact]:
    """Each waiver once; it was used where one image needed it."""
    together: dict[tuple[str, str, str], WaiverFact] = {}
    for waiver in (waiver for each in notes for waiver in each.waivers):
        key = (waiver.id, waiver.package, waiver.digest)
        known = together.setdefault(key, waiver)
        together[key] = replace(known, used=known.used or waiver.used)
    yield from together.values()
