"""A record's time line, as spans and samples that can be drawn. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

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

    def seconds(self, at: object) -> float:
        return max((_time(at) - self.zero).total_seconds(), 0.0)


def scene(predicate: Mapping[str, Any]) -> Scene:
    """Read a record's time line."""
    build = _Build(_time(predicate["startedOn"]))
    total = build.seconds(predicate["finishedOn"])
    for entry in predicate.get("timeline") or ():
        _take(build, entry, build.seconds(entry["at"]))
    for (stage, subject), began in build.open.items():
        build.spans.append(Span(stage=stage, subject=subject, start=began, end=total, ended="open"))
    ends = [one.end for one in build.spans]
    return Scene(
        seconds=max([total, *ends, 0.001]),
        spans=tuple(sorted(build.spans, key=lambda one: (one.start, one.end))),
        rollouts={subject: tuple(samples) for subject, samples in build.rollouts.items()},
        marks=tuple(build.marks),
    )


def _take(build: _Build, entry: Mapping[str, Any], at: float) -> None:
    kind, stage, subject = entry["event"], entry.get("stage", ""), entry.get("subject", "")
    if kind == "started":
        build.open[stage, subject] = at
    elif kind in {"finished", "failed", "skipped"}:
        began = _began(build, entry, at)
        ended: Mapping[str, Ended] = {"finished": "good", "failed": "bad", "skipped": "skip"}
        text = str(entry.get("text", ""))
        build.spans.append(
            Span(stage=stage, subject=subject, start=began, end=at, ended=ended[kind], text=text)
        )
        if kind == "failed":
            build.marks.append(Mark(at=at, text=text, kind="bad", subject=subject))
    elif kind == "noticed":
        level: Literal["info", "warn"] = "warn" if entry.get("level") == "warning" else "info"
        build.marks.append(
            Mark(at=at, text=str(entry.get("text", "")), kind=level, subject=subject)
        )
    elif kind == "rolling":
        build.rollouts.setdefault(subject, []).append(_sample(entry, at))


def _began(build: _Build, entry: Mapping[str, Any], at: float) -> float:
    """When a stage began: its own start, that of the stage for all, or what it says it took."""
    stage, subject = entry.get("stage", ""), entry.get("subject", "")
    for key in ((stage, subject), (stage, "")):
        if key in build.open:
            return build.open.pop(key)
    mine = [key for key in build.open if key[0] == stage]
    if not subject and mine:  # it failed for all services at once
        return min(build.open.pop(key) for key in mine)
    return max(at - float(entry.get("seconds") or 0.0), 0.0)


def _sample(entry: Mapping[str, Any], at: float) -> Sample:
    new, old = entry["new_tasks"], entry["old_tasks"]
    return Sample(
        at=at,
        new=int(new["running"]),
        pending=int(new["pending"]),
        failed=int(new["failed"]),
        old=int(old["running"]),
        desired=int(new["desired"]),
        stage=str(entry.get("stage", "")),
        back=bool(entry.get("rolling_back")),
    )


def _time(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


def steps(seconds: float, wanted: int = 8) -> Sequence[float]:
    """Round moments along an axis: 0, 5, 10, … as many as fit."""
    rough = seconds / wanted
    base = next(
        (one for one in (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600) if one >= rough),
        1800,
    )
    return [base * number for number in range(int(seconds / base) + 1)]
