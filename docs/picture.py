"""``python docs/picture.py EVENTS.jsonl OUT.svg``: a run's picture for the README.

EVENTS.jsonl is what ``--json`` printed. The picture shows the terminal as it stood at the end, or
``--until`` so many seconds after the first event, with what ran then.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console as RichConsole
from rich.terminal_theme import TerminalTheme

from shipway.console.base import WALL, Writer
from shipway.console.json_lines import decode
from shipway.console.layout import Line, Row, fit
from shipway.console.lines import TextConsole
from shipway.console.live import text_of
from shipway.console.view import View
from shipway.errors import UsageError
from shipway.observer import Event

_THEME = TerminalTheme(
    (24, 26, 31),
    (214, 217, 224),
    [
        (24, 26, 31),
        (239, 110, 110),
        (126, 199, 134),
        (229, 192, 106),
        (110, 165, 240),
        (198, 140, 230),
        (96, 195, 205),
        (214, 217, 224),
    ],
)


_SPACE = "&#160;"
_TEXT = re.compile(
    r'x="(?P<x>[0-9.]+)"(?P<between>[^<>]*?)textLength="(?P<length>[0-9.]+)"(?P<tail>[^<>]*)>'
    rf"(?P<space>(?:{_SPACE})+)(?P<rest>[^<]+)<"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event and the second, counted from the first event, at which it was said."""

    second: float
    event: Event


def read(lines: Iterable[str]) -> Iterator[Recorded]:
    """Read what ``--json`` wrote; lines of other types are passed over.

    Raises:
        UsageError: A line is not JSON, or an event lacks a field.
    """
    begin: datetime | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            at = datetime.fromisoformat(record["time"])
        except (ValueError, KeyError, TypeError) as problem:
            raise UsageError(
                "not a line that --json writes", where=f"line {number}", remedy="record it again"
            ) from problem
        begin = begin or at
        event = decode(record)
        if event is not None:
            yield Recorded(second=(at - begin).total_seconds(), event=event)


class _Screen(TextConsole):
    """Keeps rows instead of printing them."""

    def __init__(self, width: int) -> None:
        super().__init__(Writer(io.StringIO(), {}), WALL, verbose=False)
        self.lasting: list[Row] = []
        self.view = View()
        self.second = 0.0
        self._columns = width

    def _take(self, event: Event) -> None:
        self.view.take(event, self.second)
        self._put(self._lasting_lines(event) or ())

    def _put(self, lines: Iterable[Line]) -> None:
        self.lasting += [row for line in lines for row in fit(line, self._columns)]


def draw(
    recorded: Iterable[Recorded], *, title: str, width: int = 100, until: float | None = None
) -> str:
    """Draw the terminal as SVG, with no font or picture from elsewhere.

    Args:
        recorded: The run.
        title: What stands in the window's frame, such as the command.
        width: Columns.
        until: Seconds after the first event at which to look; ``None`` means the end.
    """
    screen = _Screen(width)
    for item in recorded:
        if until is not None and item.second > until:
            break
        screen.second = item.second
        screen(item.event)
    now = screen.second if until is None else until
    rows = (*screen.lasting, *screen.view.rows(now, width=width, height=1000))
    console = RichConsole(
        record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="standard"
    )
    for row in rows:
        console.print(text_of(row), end="\n")
    svg = console.export_svg(title=title, theme=_THEME, unique_id="shipway")
    # rich's frame loads a web font; a README's picture must not ask anybody for anything.
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")
    svg = _TEXT.sub(_without_indent, svg)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def _without_indent(found: re.Match[str]) -> str:
    """Move a text to where its first letter stands: some viewers drop spaces at a text's start."""
    spaces = len(found["space"]) // len(_SPACE)
    letters = len(html.unescape(found["rest"]))
    wide = float(found["length"])
    step = wide / (spaces + letters)
    x, length = float(found["x"]) + spaces * step, wide - spaces * step
    return f'x="{x:g}"{found["between"]}textLength="{length:g}"{found["tail"]}>{found["rest"]}<'


def main(argv: list[str] | None = None) -> None:
    """Draw the picture that the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python docs/picture.py", description=__doc__)
    parser.add_argument("events", type=Path, help="what --json printed")
    parser.add_argument("out", type=Path, help="the SVG to write")
    parser.add_argument("--until", type=float, help="seconds after the first event")
    parser.add_argument("--width", type=int, default=100, help="columns (default: 100)")
    parser.add_argument("--title", default="nox -s deploy", help="text in the window's frame")
    given = parser.parse_args(argv)
    with given.events.open(encoding="utf-8") as lines:
        svg = draw(read(lines), title=given.title, width=given.width, until=given.until)
    given.out.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
