"""The time line as a picture: stages, tasks by state over time, what happened. Inline SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shipway.evidence.report.html import Html, tag
from shipway.evidence.report.scene import Mark, Sample, Scene, Span, steps

_WIDTH: Final = 1040
_LEFT: Final = 116
_RIGHT: Final = 14
_ROW: Final = 24
_CHART: Final = 96
_GAP: Final = 30
_LETTER: Final = 6.6
_ENDED: Final = {"good": "finished", "bad": "failed", "skip": "skipped", "open": "did not end"}


class _Scale:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def x(self, at: float) -> float:
        share = min(max(at / self._seconds, 0.0), 1.0)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def picture(scene: Scene, *, label: str) -> Html:
    """Draw a delivery.

    Args:
        scene: What happened.
        label: What the picture shows, for who does not see it.
    """
    scale = _Scale(scene.seconds)
    parts: list[Html] = []
    top = 26
    for span in scene.spans:
        parts.extend(_span(span, scale, top))
        top += _ROW
    for subject, samples in scene.rollouts.items():
        top += _GAP
        marks = [mark for mark in scene.marks if mark.subject == subject]
        deployed = [span.end for span in scene.spans if span.stage == "deploy"]
        end = max([*deployed, samples[-1].at])
        parts.extend(_rollout(subject, samples, marks, end=end, scale=scale, top=top))
        top += _CHART + 18
    height = top + 12
    return tag(
        "svg",
        tag("title", label),
        list(_axis(scene.seconds, scale, height - 8)),
        parts,
        viewBox=f"0 0 {_WIDTH} {height}",
        role="img",
        class_="time",
    )


def legend() -> Html:
    """What the colours of a rollout mean, in words."""
    entries = (
        ("a-old", "old tasks running"),
        ("a-new", "new tasks running"),
        ("a-pend", "new tasks pending"),
        ("l-fail", "new tasks failed so far"),
        ("back", "rolling back"),
    )
    return tag(
        "div",
        [tag("span", _swatch(kind), words) for kind, words in entries],
        tag("span", "▾ something happened, ▼ a warning, ✗ a failure: hold the pointer over it"),
        class_="legend",
    )


def _swatch(kind: str) -> Html:
    line = kind.startswith("l-")
    shape = (
        tag("path", d="M0 6H16", class_=kind)
        if line
        else tag("rect", width=16, height=12, class_=kind)
    )
    return tag("svg", shape, width=16, height=12, aria_hidden="true")


def clock(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3:05``: as long as it needs to be."""
    if seconds < 10:  # noqa: PLR2004 - below ten seconds a tenth matters
        return f"{seconds:.1f} s".replace(".0 s", " s")
    if seconds < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{seconds:.0f} s"
    return f"{int(seconds // 60)}:{int(seconds % 60):02}"


def _axis(seconds: float, scale: _Scale, bottom: int) -> Iterator[Html]:
    for at in steps(seconds):
        x = scale.x(at)
        yield tag("path", d=f"M{x} 18V{bottom}", class_="axis")
        yield tag("text", clock(at), x=x, y=12, text_anchor="middle", class_="dim")


def _span(span: Span, scale: _Scale, top: int) -> Iterator[Html]:
    start, end = scale.x(span.start), scale.x(span.end)
    width = max(end - start, 3.0)
    took = clock(span.end - span.start)
    words = f"{span.name}: {_ENDED[span.ended]} after {took}. {span.text}"
    yield tag("text", span.name[:16], x=_LEFT - 10, y=top + 15, text_anchor="end")
    yield tag(
        "rect",
        tag("title", words),
        x=start,
        y=top + 4,
        width=round(width, 1),
        height=_ROW - 9,
        rx=2,
        class_=f"b-{span.ended}",
    )
    note = took if span.ended == "good" else f"{'✗ ' if span.ended == 'bad' else ''}{took}"
    css = "bad" if span.ended == "bad" else "dim"
    if start + width + 6 + len(note) * _LETTER < _WIDTH:
        yield tag("text", note, x=round(start + width + 6, 1), y=top + 15, class_=css)
    else:
        yield tag("text", note, x=round(start - 6, 1), y=top + 15, text_anchor="end", class_=css)


def _rollout(
    subject: str,
    samples: Sequence[Sample],
    marks: Sequence[Mark],
    *,
    end: float,
    scale: _Scale,
    top: int,
) -> Iterator[Html]:
    """Tasks by state: old ones below, new ones on them, failed ones as a line."""
    most = max(
        max(sample.old + sample.new + sample.pending, sample.failed, sample.desired)
        for sample in samples
    )
    unit = _CHART / max(most, 1)
    base = top + _CHART

    def area(low: Sequence[int], high: Sequence[int], kind: str) -> Html | None:
        if low == high:
            return None
        upper, lower = [], []
        ends = [*(sample.at for sample in samples[1:]), end]
        for sample, until, bottom, height in zip(samples, ends, low, high, strict=True):
            left, right = scale.x(sample.at), scale.x(until)
            upper += [(left, base - height * unit), (right, base - height * unit)]
            lower += [(left, base - bottom * unit), (right, base - bottom * unit)]
        points = [*upper, *reversed(lower)]
        return tag("path", d=f"{_path(points)}Z", class_=kind)

    for current, after in zip(samples, [*samples[1:], None], strict=True):
        if current.back:
            left, right = scale.x(current.at), scale.x(after.at if after else end)
            yield tag(
                "rect", x=left, y=top, width=max(right - left, 2.0), height=_CHART, class_="back"
            )
    old = [sample.old for sample in samples]
    new = [sample.old + sample.new for sample in samples]
    pending = [sample.old + sample.new + sample.pending for sample in samples]
    for shape in (
        area([0] * len(samples), old, "a-old"),
        area(old, new, "a-new"),
        area(new, pending, "a-pend"),
    ):
        if shape is not None:
            yield shape
    if any(sample.failed for sample in samples):
        yield tag("path", d=_line(samples, end, scale, base, unit), class_="l-fail")
    yield tag("path", d=f"M{_LEFT} {base}H{_WIDTH - _RIGHT}", class_="base")
    yield tag("text", subject[:12], x=4, y=top + 14)
    yield tag("text", "tasks", x=4, y=top + 30, class_="dim")
    for count in sorted({most, most // 2} - {0}):
        y = round(base - count * unit, 1)
        yield tag("path", d=f"M{_LEFT - 4} {y}H{_LEFT}", class_="base")
        yield tag("text", count, x=_LEFT - 8, y=y + 4, text_anchor="end", class_="dim")
    yield from _marks(marks, scale, top)


def _line(samples: Sequence[Sample], end: float, scale: _Scale, base: int, unit: float) -> str:
    points: list[tuple[float, float]] = []
    ends = [*(sample.at for sample in samples[1:]), end]
    for sample, until in zip(samples, ends, strict=True):
        y = base - sample.failed * unit
        points += [(scale.x(sample.at), y), (scale.x(until), y)]
    return _path(points)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {round(y, 1):g}" for x, y in points)


def _marks(marks: Sequence[Mark], scale: _Scale, top: int) -> Iterator[Html]:
    """One sign for what happened at one moment; the words are in its title."""
    signs = {"info": "▾", "warn": "▼", "bad": "✗"}
    weight = {"info": 0, "warn": 1, "bad": 2}
    groups: dict[int, list[Mark]] = {}
    for mark in marks:
        groups.setdefault(round(scale.x(mark.at) / 10), []).append(mark)
    for group in groups.values():
        worst = max(group, key=lambda mark: weight[mark.kind])
        words = "\n".join(f"{clock(mark.at)}  {mark.text}" for mark in group)
        yield tag(
            "text",
            tag("title", words),
            signs[worst.kind],
            x=scale.x(group[0].at),
            y=top - 5,
            text_anchor="middle",
            class_=f"m-{worst.kind}",
        )
