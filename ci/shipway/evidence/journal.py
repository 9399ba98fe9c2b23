"""What a stage says to the record: what it tells, what it found out, what it wants kept.

Nothing is written here. :mod:`shipway.evidence.recorder` makes a record of a journal in the end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from shipway.evidence.canonical_json import moment
from shipway.evidence.facts import Fact
from shipway.evidence.mask import Mask
from shipway.evidence.predicate import CommitFact, DeliveryFacts
from shipway.evidence.timeline import Timeline, TimelineEntry
from shipway.observer import Event, Failed, Observer, Output, Rolling, Started
from shipway.util.clock import Clock
from shipway.util.paths import NOWHERE
from shipway.values import Commit, ImageReference

_F = TypeVar("_F", bound=Fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalContents:
    """What a record is made of.

    Attributes:
        commit: The commit that was delivered.
        started: When the delivery began, in UTC.
        environment: The first folder of the record's place.
        images: The images that it was about, by key; one alone has an empty one.
        facts: What was noted.
        timeline: What was told.
        attached: Files to be kept beside the record: content and media type by name.
        mask: Hides what must appear nowhere.
    """

    commit: Commit
    started: datetime
    environment: str
    images: Mapping[str, ImageReference]
    facts: DeliveryFacts
    timeline: tuple[TimelineEntry, ...]
    attached: Mapping[str, tuple[bytes, str]]
    mask: Mask


class Journal:
    """What is known of a delivery so far.

    Args:
        commit: The commit that is delivered.
        clock: The time.
        observer: Is told every event after the journal took it, without what must not be seen.
        secrets: Values that must appear nowhere.

    Attributes:
        environment: The first folder of the record's place; set once it is known.
        reported: Whether a failure was told of already.
        stage: The stage that began last.
    """

    def __init__(
        self,
        commit: Commit,
        *,
        clock: Clock,
        observer: Observer,
        secrets: Iterable[str] = (),
    ) -> None:
        self._commit = commit
        self._observer = observer
        self._mask = Mask(secrets)
        self._mask.show((commit.sha, commit.short))
        self._started = clock.now()
        self._facts = DeliveryFacts(commit=commit_fact(commit))
        self._timeline = Timeline(clock)
        self._attached: dict[str, tuple[bytes, str]] = {}
        self._images: dict[str, ImageReference] = {}
        # Several images are built side by side, each telling from a thread of its own.
        self._lock = threading.RLock()
        self.environment = NOWHERE
        self.reported = False
        self.stage = ""

    def __call__(self, event: Event) -> None:
        """Take an event and pass it on; a foreign tool's output is passed on alone."""
        with self._lock:
            self._take(event)

    def _take(self, event: Event) -> None:
        self.reported = self.reported or isinstance(event, Failed)
        if isinstance(event, Started):
            self.stage = event.stage
        if isinstance(event, Output):
            line = self._mask.text(event.line, assignments=True)
            self._observer(replace(event, line=line))
            return
        # Counts and names hold no secret, and they come every second; AWS's words may hold one.
        plainly = isinstance(event, Rolling) and not event.trouble
        shown: Event = event if plainly else self._mask.deep(event)
        self._timeline.add(shown)
        self._observer(shown)

    def note(self, fact: Fact) -> None:
        """Keep a fact; a newer one of its type takes its place."""
        self._keep(type(fact), fact)

    def note_all(self, kind: type[_F], facts: Iterable[_F]) -> None:
        """Keep all facts of a type, of which there may be many or none."""
        self._keep(kind, tuple(facts))

    def about(self, image: ImageReference, key: str = "") -> None:
        """Say which image this delivery is about; each of several by itself, with its key."""
        self._images[key] = image
        self._mask.show((str(image), image.repository, str(image.digest), image.digest.value[7:]))

    def deliver(self, commit: Commit) -> None:
        """Say that another commit is delivered than the one that is checked out."""
        self._commit = commit
        self._mask.show((commit.sha, commit.short))
        self.note(commit_fact(commit))

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

    def show(self, values: Iterable[str]) -> None:
        """Let these values be seen whatever else is hidden: names that the delivery is about."""
        self._mask.show(values)

    def contents(self) -> JournalContents:
        """Everything so far, for the record."""
        return JournalContents(
            commit=self._commit,
            started=self._started,
            environment=self.environment,
            images=dict(self._images),
            facts=self._facts,
            timeline=self._timeline.entries,
            attached=dict(self._attached),
            mask=self._mask,
        )

    def _keep(self, kind: type[Fact], value: Fact | tuple[Fact, ...]) -> None:
        place: dict[str, Any] = {_places()[kind]: value}
        with self._lock:
            self._facts = replace(self._facts, **place)


@cache
def _places() -> Mapping[type, str]:
    """Where in :class:`DeliveryFacts` each type of fact stands; no type stands twice."""
    hints = get_type_hints(DeliveryFacts)
    return {
        kind: each.name
        for each in fields(DeliveryFacts)
        for kind in _types_in(hints[each.name])
        if issubclass(kind, Fact)
    }


def _types_in(annotation: Any) -> Iterable[type]:
    """The types in ``X | None`` and in ``tuple[X, ...] | None``."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from _types_in(part)


def commit_fact(commit: Commit) -> CommitFact:
    """A commit as the record names it."""
    return CommitFact(
        sha=commit.sha,
        time=moment(commit.time),
        clean=commit.clean,
        subject=commit.subject,
        repository=commit.remote,
    )
