"""Time lines by environment: how many deliveries when, and what ran meanwhile. Inline SVG."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from shipway.evidence.report.amounts import day_and_time
from shipway.evidence.report.html import Html, tag
from shipway.evidence.report.queries import query

_WIDTH: Final = 1040
_LEFT: Final = 116
_RIGHT: Final = 14
_BARS: Final = 56
_RIBBON: Final = 16
_LANE: Final = 108
_TOP: Final = 28
_LETTER: Final = 6.8
_NARROW: Final = 3.0
_MOST_BARS: Final = 100
_MOST_TICKS: Final = 8
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_STEPS: Final = (
    *(_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(_DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY, 91 * _DAY, 364 * _DAY),
)
"""Seconds of a bar or between two ticks."""
_KINDS: Final = ("held", "failed", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A delivery's end, and whether it ``held``, ``failed`` or was something ``other``."""

    at: datetime
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A release that came into service, until the next one did.

    Attributes:
        since: When it had held.
        name: What a person knows it by: the commit's first digits.
        href: Where its record is.
    """

    since: datetime
    name: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One environment: its deliveries, and what ran, each oldest first."""

    environment: str
    moments: Sequence[Moment]
    stays: Sequence[Stay]


class _Axis:
    def __init__(self, begin: datetime, end: datetime) -> None:
        seconds = max((end - begin).total_seconds(), float(_HOUR))
        self.bar = _step(seconds, _MOST_BARS)
        self.tick = _step(seconds, _MOST_TICKS)
        self.begin = _floor(begin, self.bar)
        # What runs now has a width, too.
        self._seconds = (end - self.begin).total_seconds() * 1.01 + self.bar

    def x(self, at: datetime) -> float:
        share = min(max((at - self.begin).total_seconds() / self._seconds, 0.0), 1.0)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    def ticks(self) -> Iterator[datetime]:
        last = self.begin + timedelta(seconds=self._seconds)
        at = _floor(self.begin, self.tick) + timedelta(seconds=self.tick)
        while at <= last:
            yield at
            at += timedelta(seconds=self.tick)


def calendar(lanes: Sequence[Lane]) -> Html | None:
    """Draw every environment over one axis; nothing where nothing was delivered."""
    moments = [each.at for lane in lanes for each in lane.moments]
    if not moments:
        return None
    axis = _Axis(min(moments), max(moments))
    height = _TOP + _LANE * len(lanes)
    return tag(
        "svg",
        tag("title", f"{len(moments)} deliveries over time, by environment"),
        [_tick(axis, at, height) for at in axis.ticks()],
        [_Drawing(lane, axis, _TOP + _LANE * nth).parts() for nth, lane in enumerate(lanes)],
        viewBox=f"0 0 {_WIDTH} {height}",
        class_="time",
    )


def _tick(axis: _Axis, at: datetime, bottom: int) -> tuple[Html, ...]:
    x = axis.x(at)
    words = f"{at:%Y-%m-%d}" if axis.tick >= _DAY else f"{at:%m-%d %H:%M}"
    line = tag("path", d=f"M{x} 18V{bottom - 14}", class_="axis")
    if x > _WIDTH - _RIGHT - len(words) * _LETTER / 2:
        return (line,)
    return (line, tag("text", words, x=x, y=12, text_anchor="middle", class_="dim"))


class _Drawing:
    """One environment: bars of what was delivered, and below them what ran."""

    def __init__(self, lane: Lane, axis: _Axis, top: int) -> None:
        self._lane = lane
        self._axis = axis
        self._top = top
        self._base = top + _BARS

    def parts(self) -> Iterator[Html]:
        """Everything."""
        name, base = self._lane.environment, self._base
        bars = self._bars()
        most = max((sum(counts.values()) for counts in bars.values()), default=1)
        yield tag("text", tag("title", name), name[:15], x=4, y=self._top + 14)
        yield tag("text", f"up to {most}", x=4, y=self._top + 30, class_="dim")
        yield tag("text", "runs", x=4, y=base + _RIBBON - 1, class_="dim")
        yield tag("path", d=f"M{_LEFT} {base}H{_WIDTH - _RIGHT}", class_="base")
        for begin, counts in sorted(bars.items()):
            yield self._bar(begin, counts, most)
        yield from self._ribbon()

    def _bars(self) -> Mapping[datetime, Counter[str]]:
        bars: dict[datetime, Counter[str]] = {}
        for each in self._lane.moments:
            bars.setdefault(_floor(each.at, self._axis.bar), Counter())[each.kind] += 1
        return bars

    def _bar(self, begin: datetime, counts: Counter[str], most: int) -> Html:
        end = begin + timedelta(seconds=self._axis.bar)
        left, right = self._axis.x(begin), self._axis.x(end)
        width = round(max(right - left - 1, 2.0), 1)
        shapes = []
        y = float(self._base)
        for kind in _KINDS:
            if counts[kind]:
                height = max(round(counts[kind] / most * _BARS, 1), 2.0)
                y = round(y - height, 1)
                css = f"c-{kind}"
                shapes.append(tag("rect", x=left, y=y, width=width, height=height, class_=css))
        words = ", ".join(f"{counts[kind]} {kind}" for kind in _KINDS if counts[kind])
        name = self._lane.environment
        title = f"{name}, {day_and_time(begin)} to {day_and_time(end)}: {words}"
        href = query(env=name, begin=begin, end=end)
        return tag("a", tag("title", title), shapes, href=href)

    def _ribbon(self) -> Iterator[Html]:
        """What ran; stays that are too short to be seen become one."""
        stays = self._lane.stays
        edges = [*(self._axis.x(stay.since) for stay in stays), float(_WIDTH - _RIGHT)]
        first, odd = 0, False
        for after in range(1, len(edges)):
            if edges[after] - edges[first] >= _NARROW or after == len(stays):
                css = "c-run odd" if odd else "c-run"
                yield self._stay(first, after, css, edges[first], edges[after])
                first, odd = after, not odd

    def _stay(self, first: int, after: int, css: str, left: float, right: float) -> Html:
        stays, environment = self._lane.stays, self._lane.environment
        stay, count = stays[first], after - first
        until = stays[after].since if after < len(stays) else None
        name, href = stay.name, stay.href
        if count > 1:
            name = f"{count} releases"
            href = query(env=environment, is_="held", begin=stay.since, end=until)
        ended = f"to {day_and_time(until)}" if until else "until now, as records say"
        title = f"{environment}: {name} from {day_and_time(stay.since)} {ended}"
        width = round(max(right - left - 1, 1.0), 1)
        box = {"x": left, "y": self._base + 3, "width": width, "height": _RIBBON}
        fits = count == 1 and len(name) * _LETTER + 10 < width
        label = tag("text", name, x=round(left + 5, 1), y=self._base + 15) if fits else None
        return tag("a", tag("title", title), tag("rect", **box, class_=css), label, href=href)


def _step(seconds: float, most: int) -> int:
    """The shortest step with which there are at most so many."""
    wanted = next((step for step in _STEPS if seconds / step <= most), _STEPS[-1])
    return wanted * max(math.ceil(seconds / most / wanted), 1)


def _floor(at: datetime, step: int) -> datetime:
    """The begin of the step that a moment lies in; weeks begin on Mondays."""
    monday = datetime(1970, 1, 5, tzinfo=UTC)
    whole = int((at - monday).total_seconds() // step) * step
    return monday + timedelta(seconds=whole)
