"""Tables in words: columns that line up, and the rehearsal's acceptance table. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from shipway.console import theme
from shipway.console.describe import Acceptance, duration
from shipway.console.layout import Line, cells, pad
from shipway.console.safe import clean

_HUNDRED = 100.0


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None
) -> tuple[Line, ...]:
    """Columns side by side; where they do not fit into ``width``, one block for each row."""
    names = [clean(column) for column in columns]
    body = [[clean(cell) for cell in row] for row in rows]
    widths = [
        max(cells(texts[index]) for texts in (names, *body) if index < len(texts))
        for index in range(len(names))
    ]
    lines = [Line(row=((f" {clean(title)}", "title"),), hang=1)] if title else []
    if width is not None and sum(widths) + 2 * len(widths) > width:
        return (*lines, *_blocks(names, body))
    header = "  ".join(map(pad, names, widths))
    lines.append(Line(row=((f"   {header}".rstrip(), "quiet"),), hang=3))
    for row in body:
        text = "  ".join(map(pad, row, widths))
        lines.append(Line(row=((f"   {text}".rstrip(), ""),), hang=5))
    return tuple(lines)


def _blocks(names: Sequence[str], body: Sequence[Sequence[str]]) -> list[Line]:
    """The same facts where there is no room for columns: a name and a value a line."""
    widest = max(map(cells, names), default=0)
    return [
        Line(
            row=(
                (" · " if index == 0 else "   ", "quiet"),
                (f"{pad(name, widest)}  ", "quiet"),
                (text, ""),
            ),
            hang=5,
        )
        for row in body
        for index, (name, text) in enumerate(zip(names, row, strict=False))
    ]


def acceptance(
    rows: Sequence[Acceptance], *, seconds: float, report: str, width: int | None
) -> tuple[Line, ...]:
    """Each criterion with its mark, its word and the file that proves it; then the total."""
    names = [clean(row.name) for row in rows]
    widest = max(map(cells, names), default=0)
    longest = max((cells(clean(row.proof)) for row in rows), default=0)
    side_by_side = width is None or 10 + widest + 2 + longest <= width
    title = pad(" Acceptance", 10 + widest) + "  proof" if side_by_side else " Acceptance"
    lines = [Line(row=((title, "title"),), hang=1)]
    for row, name in zip(rows, names, strict=True):
        mark = (f" {theme.GOOD} Met    ", "good") if row.met else (f" {theme.BAD} Unmet  ", "bad")
        if side_by_side:
            text = f"{pad(name, widest)}  "
            lines.append(Line(row=(mark, (text, ""), (clean(row.proof), "quiet")), hang=10))
        else:
            lines.append(Line(row=(mark, (name, "")), hang=10))
            lines.append(Line(row=((" " * 10, ""), (clean(row.proof), "quiet")), hang=12))
    lines.append(Line(row=((f" {total(rows, seconds=seconds, report=report)}", "title"),), hang=1))
    return tuple(lines)


def total(rows: Sequence[Acceptance], *, seconds: float, report: str) -> str:
    """``10 of 10 met in 41 s. Report: …``."""
    took = f"{seconds:.0f} s" if seconds < _HUNDRED else duration(seconds)
    text = f"{sum(row.met for row in rows)} of {len(rows)} met in {took}."
    return f"{text} Report: {clean(report)}" if report else text
