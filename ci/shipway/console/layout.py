"""Lines of styled text, and how they fit into a width. Pure; knows no terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

Segment = tuple[str, str]
"""A text and the name of its style in :mod:`shipway.console.theme`."""

Row = tuple[Segment, ...]
"""What stands on one row of the screen."""

WIDEST = 100
"""Times stand at this column at most: a wide terminal does not tear them from their line."""

_NARROW = 60
_SHORT = 12  # a duration; the trigger is longer, and gets a row of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One fact.

    Attributes:
        row: Its text, left to right.
        right: What stands at the right edge where there is room: a duration, the trigger.
        hang: Column at which it goes on where it does not fit into one row.
    """

    row: Row
    right: Segment = ("", "")
    hang: int = 14

    @property
    def text(self) -> str:
        """Its text without styles, ``right`` after two spaces."""
        text = "".join(part for part, _ in self.row).rstrip()
        return f"{text}  {self.right[0]}" if self.right[0] else text


def cells(text: str) -> int:
    """Columns a text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def pad(text: str, width: int) -> str:
    """Fill with spaces up to ``width`` columns."""
    return text + " " * (width - cells(text))


def fit(line: Line, width: int | None) -> tuple[Row, ...]:
    """Lay a line out as rows of at most ``width`` columns; ``None`` means one endless row."""
    right, style = line.right
    used = sum(cells(text) for text, _ in line.row)
    if width is None:
        return ((*line.row, (f"  {right}", style)),) if right else (line.row,)
    edge = min(width, WIDEST)
    if right and used + 2 + cells(right) <= edge:
        return (_with_right(line.row, line.right, edge),)
    if used <= width and not right:
        return (line.row,)
    hang = line.hang if width >= _NARROW else min(line.hang, 5)
    if 0 < cells(right) <= _SHORT:
        first, *rest = _wrap(line.row, max(edge - cells(right) - 2, hang + 8), hang)
        return (_with_right(first, line.right, edge), *rest)
    rows = tuple(_wrap(line.row, max(width, hang + 8), hang))
    below = ((" " * hang, ""), line.right)
    return (*rows, *_wrap(below, max(width, hang + 8), hang)) if right else rows


def cut(line: Line, width: int) -> Row:
    """Lay a line out as one row; what does not fit is cut, and an ellipsis says so."""
    row: list[Segment] = []
    room = width
    for text, style in line.row:
        if cells(text) <= room:
            row.append((text, style))
            room -= cells(text)
            continue
        shortened = text[: max(room - 1, 0)]
        while cells(shortened) > max(room - 1, 0):
            shortened = shortened[:-1]
        return (*row, (f"{shortened}…" if room else "", style))
    return tuple(row)


def _with_right(row: Row, right: Segment, edge: int) -> Row:
    """Put ``right`` so that it ends at column ``edge``."""
    used = sum(cells(text) for text, _ in row)
    return (*row, (" " * max(edge - used - cells(right[0]), 2), ""), right)


def _pieces(row: Row, room: int) -> Iterator[Segment]:
    """Cut a row into words and the white space between them; words too long are cut as well."""
    for text, style in row:
        for piece in re.findall(r"\s+|\S+", text):
            word = piece
            while cells(word) > room:
                length = room
                while cells(word[:length]) > room:
                    length -= 1
                yield word[:length], style
                word = word[length:]
            if word:
                yield word, style


def _wrap(row: Row, width: int, hang: int) -> Iterator[Row]:
    """Break a row at white space; every row after the first starts at column ``hang``."""
    current: list[Segment] = []
    used = 0
    for piece, style in _pieces(row, width - hang):
        blank = piece.isspace()
        text = " " * min(len(piece), hang) if blank and not used else piece
        if used + cells(text) > width and used > hang:
            yield _trimmed(current)
            current, used = [(" " * hang, "")], hang
        if blank and used == hang and current:
            continue  # white space at a break belongs to the row above
        current.append((text, style))
        used += cells(text)
    if any(not text.isspace() for text, _ in current):
        yield _trimmed(current)


def _trimmed(row: list[Segment]) -> Row:
    """Drop white space at the end of a row, and join neighbours of one style."""
    while row and row[-1][0].isspace():
        row.pop()
    return tuple(
        ("".join(text for text, _ in group), style)
        for style, group in groupby(row, key=lambda segment: segment[1])
    )
