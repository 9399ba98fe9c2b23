"""A record's time line, as spans and samples that can be drawn. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from shipway.evidence.predicate import Delivery
from shipway.observer import (
    Event,
    Failed,
    Finished,
    Noticed,
    PutBack,
    Rolling,
    Skipped,
    Started,
)

Ended = Literal["good", "bad", "skip", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stage, in seconds since the delivery began."""

    stage: str
    subject: str
    start: float
    end: float
    ended: Ended
    text: str = ""

    @property
    def name(self) -> str:
        """The stage, and the service where it has one."""
        return f"{self.stage} {self.subject}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A rollout at one moment; tasks by state."""

    at: float
    new: int
    pending: int
    failed: int
    old: int
    desired: int
    stage: str
    back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened."""

    at: float
    text: str
    kind: Literal["info", "warn", "bad"]
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One delivery.

    Attributes:
        seconds: How long it took.
        spans: Its stages, in the order in which they began.
        rollouts: Samples of each service, by its name.
        marks: What happened, in order.
    """

    seconds: float
    spans: tuple[Span, ...]
    rollouts: Mapping[str, tuple[Sample, ...]]
    marks: tuple[Mark, ...]


@dataclass(slots=True)
class _Build:
    """What is known while the time line is read."""

    zero: datetime
    open: dict[tuple[str, str], float] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    rollouts: dict[str, list[Sample]] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)

    def seconds(self, at: str) -> float:
        return max((_time(at) - self.zero).total_seconds(), 0.0)


def scene(delivery: Delivery) -> Scene:
    """Read a record's time line.

    Raises:
        ValueError: A moment in it is none.
    """
    build = _Build(_time(delivery.started_on))
    total = seconds(delivery)
    for entry in delivery.timeline:
        if entry.event is not None:
            _take(build, entry.event, build.seconds(entry.at))
    for (stage, subject), began in build.open.items():
        build.spans.append(Span(stage=stage, subject=subject, start=began, end=total, ended="open"))
    ends = [span.end for span in build.spans]
    return Scene(
        seconds=max([total, *ends]),
        spans=tuple(sorted(build.spans, key=lambda span: (span.start, span.end))),
        rollouts={subject: tuple(samples) for subject, samples in build.rollouts.items()},
        marks=tuple(build.marks),
    )


def seconds(delivery: Delivery) -> float:
    """How long a delivery took; never nothing.

    Raises:
        ValueError: Its begin or its end is no moment.
    """
    took = _time(delivery.finished_on) - _time(delivery.started_on)
    return max(took.total_seconds(), 0.001)


def _take(build: _Build, event: Event, at: float) -> None:
    match event:
        case Started():
            build.open[event.stage, event.subject] = at
        case Finished() | Failed() | Skipped():
            build.spans.append(_span(build, event, at))
            if isinstance(event, Failed):
                build.marks.append(Mark(at=at, text=event.text, kind="bad", subject=event.subject))
        case Noticed():
            level: Literal["info", "warn"] = "warn" if event.level == "warning" else "info"
            build.marks.append(Mark(at=at, text=event.text, kind=level, subject=event.subject))
        case PutBack():
            build.marks.append(Mark(at=at, text=event.text, kind="warn", subject=event.subject))
        case Rolling():
            build.rollouts.setdefault(event.subject, []).append(_sample(event, at))
        case _:
            pass


def _span(build: _Build, event: Finished | Failed | Skipped, at: float) -> Span:
    ended: Ended = "skip"
    if not isinstance(event, Skipped):
        ended = "bad" if isinstance(event, Failed) else "good"
    return Span(
        stage=event.stage,
        subject=event.subject,
        start=_began(build, event, at),
        end=at,
        ended=ended,
        text=event.text,
    )


def _began(build: _Build, event: Finished | Failed | Skipped, at: float) -> float:
    """When a stage began: its own start, that of the stage for all, or what it says it took."""
    stage, subject = event.stage, event.subject
    for key in ((stage, subject), (stage, "")):
        if key in build.open:
            return build.open.pop(key)
    mine = [key for key in build.open if key[0] == stage]
    if not subject and mine:  # it failed for all services at once
        return min(build.open.pop(key) for key in mine)
    took = None if isinstance(event, Skipped) else event.seconds
    return max(at - (took or 0.0), 0.0)


def _sample(event: Rolling, at: float) -> Sample:
    return Sample(
        at=at,
        new=event.new_tasks.running,
        pending=event.new_tasks.pending,
        failed=event.new_tasks.failed,
        old=event.old_tasks.running,
        desired=event.new_tasks.desired,
        stage=event.stage,
        back=event.rolling_back,
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def steps(seconds: float, wanted: int = 8) -> Sequence[float]:
    """Round moments along an axis: 0, 5, 10, … as many as fit."""
    rough = seconds / wanted
    base = next(
        (step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600) if step >= rough),
        1800,
    )
    return [base * number for number in range(int(seconds / base) + 1)]
