"""What was told, moment by moment: an observer's events with the time of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Final, Self, get_args

from shipway.evidence import codec
from shipway.evidence.canonical_json import moment, to_json
from shipway.observer import Event, Holding, Output, Rolling
from shipway.util.clock import Clock

KINDS: Final[Mapping[str, type[Event]]] = {
    kind.__name__.lower(): kind for kind in get_args(Event) if kind is not Output
}
"""Events by the word that the record has for them; a foreign tool's output is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One event.

    Attributes:
        at: When, in UTC (RFC 3339).
        kind: The event's name; one of :data:`KINDS`, or one of a newer version.
        event: What was told; ``None`` where the kind is not known.
        extra: What a newer version told beside it.
    """

    at: str
    kind: str
    event: Event | None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """An entry as it was written; ``event`` says which, the other members are its own."""
        rest = {key: part for key, part in document.items() if key not in {"at", "event"}}
        at, name = str(document.get("at") or ""), str(document.get("event") or "")
        kind = KINDS.get(name)
        if kind is None:
            return cls(at=at, kind=name, event=None, extra=rest)
        event, extra = codec.read_with_rest(kind, rest)
        return cls(at=at, kind=name, event=event, extra=extra)

    def to_json(self) -> dict[str, Any]:
        """The event's members beside its name and its time."""
        members = to_json(self.event) if self.event is not None else {}
        return {"at": self.at, "event": self.kind, **members, **to_json(self.extra)}


class Timeline:
    """Everything that was told so far; events may come from any thread.

    Args:
        clock: The time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[TimelineEntry] = []
        self._progress: dict[tuple[type, str], Rolling | Holding] = {}
        self._lock = Lock()

    @property
    def entries(self) -> tuple[TimelineEntry, ...]:
        """In the order in which they came."""
        return tuple(self._entries)

    def add(self, event: Event) -> None:
        """Keep an event; of the progress of a rollout or a hold only what moved."""
        at = moment(self._clock.now())
        with self._lock:
            if isinstance(event, (Rolling, Holding)) and not self._moved(event):
                return
            kind = type(event).__name__.lower()
            self._entries.append(TimelineEntry(at=at, kind=kind, event=event))

    def _moved(self, event: Rolling | Holding) -> bool:
        """Whether progress differs from the last one of that service, elapsed time aside."""
        still: Rolling | Holding
        if isinstance(event, Rolling):
            still = replace(event, elapsed=0.0)
        else:
            still = replace(event, held=0.0)
        key = (type(event), event.subject)
        moved = self._progress.get(key) != still
        self._progress[key] = still
        return moved
