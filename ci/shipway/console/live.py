"""The view on a terminal: what has ended stays as lines, only what runs is redrawn.

rich draws; when it draws is decided here: at most eight times a second, four times while a stage
runs and nothing is said, and never while nothing runs.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import IO, cast

from rich.console import Console as RichConsole
from rich.console import ConsoleDimensions
from rich.live import Live
from rich.text import Text

from shipway.console import describe, theme
from shipway.console.base import ConsoleClock, Writer
from shipway.console.layout import Line, Row, fit
from shipway.console.lines import TextConsole
from shipway.console.view import View
from shipway.observer import Concluded, Event, Output

_SHORTEST = 1 / 8
_IDLE = 1 / 4
_SHOW_CURSOR = "\x1b[?25h"


class _Stream(io.TextIOBase):
    """The writer as a file for rich: same encoding, same silence once the reader is gone."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has a variable here
        """UTF-8, since :meth:`Writer.plain` replaces what the stream lacks."""
        return "utf-8"

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._writer.terminal

    def write(self, text: str, /) -> int:
        """Write through the writer."""
        self._writer.raw(self._writer.plain(text))
        return len(text)


def text_of(row: Row) -> Text:
    """Turn a row into rich's text; nothing in it is read as markup."""
    text = Text(no_wrap=True, overflow="crop", end="")
    for part, style in row:
        text.append(part, theme.STYLES[style])
    return text


class _MovingPart:
    """Asked by rich each time it draws, so that lines printed above never stand over old news.

    It only hands over what was laid out before: rich may ask from any thread that prints through
    its stand-in for ``sys.stdout``, with rich's lock held, where ours must not be waited for.
    """

    def __init__(self) -> None:
        self.text = Text()

    def __rich__(self) -> Text:
        return self.text


class LiveConsole(TextConsole):
    """What has ended stays as lines; what runs is redrawn below them."""

    def __init__(self, writer: Writer, clock: ConsoleClock, *, verbose: bool) -> None:
        super().__init__(writer, clock, verbose=verbose)
        self._view = View()
        self._part = _MovingPart()
        self._rich = RichConsole(
            file=cast("IO[str]", _Stream(writer)),
            force_terminal=True,
            color_system="standard" if writer.colour else None,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
            _environ={},  # mode, colour and size are decided here, once
        )
        self._live: Live | None = None
        self._wake = threading.Condition(self._lock)
        self._ended = False
        self._dirty = False
        self._pending: list[Line] = []
        self._thread: threading.Thread | None = None

    def _take(self, event: Event) -> None:
        self._view.take(event, self.clock.tick())
        lines = self._lasting_lines(event)
        if isinstance(event, Output) and (self.verbose or event.stage == describe.JOB):
            self._pending.append(
                describe.output(event.line, event.subject)
            )  # drawn together: there are many
        if isinstance(event, Concluded):
            self._stop()
        elif not self._view.empty:
            self._start()
        if lines:
            self._put(lines)
        self._dirty = True
        self._wake.notify()

    def _size(self) -> tuple[int, int]:
        """Columns and rows of the terminal now, told to rich as well."""
        width, height = self._width(), 24
        with suppress(OSError, ValueError):
            height = os.get_terminal_size(self.writer.stream.fileno()).lines or 24
        self._rich.size = ConsoleDimensions(width, height)
        return width, height

    def _width(self) -> int:
        return max(self.writer.width or 80, 20)

    def _put(self, lines: Iterable[Line]) -> None:
        """Print lines that stay; rich puts them above the moving part."""
        lines = (*self._pending, *lines)
        self._pending.clear()
        self._lay_out()
        width = self._width()
        rows = [row for line in lines for row in fit(line, width)]
        if rows:
            self._rich.print(joined(rows))

    def _lay_out(self) -> None:
        """Lay the moving part out as it stands now, with the lock held."""
        width, height = self._size()
        self._part.text = joined(self._view.rows(self.clock.tick(), width=width, height=height))

    def _start(self) -> None:
        if self._live is None:
            self._lay_out()
            redirect = self.writer.stream in {sys.stdout, sys.__stdout__}
            self._live = Live(
                self._part,
                console=self._rich,
                auto_refresh=False,
                transient=True,
                redirect_stdout=redirect,
                redirect_stderr=redirect,
            )
            self._live.start(refresh=True)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="shipway-live", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        """Redraw until the end: soon after a change, else at the spinner's pace."""
        with self._wake:
            while not self._ended:
                idle = _IDLE if self._live and self._view.moving else None
                if not self._dirty:
                    self._wake.wait(idle)
                if not self._ended:
                    self._draw()
                    self._wake.wait_for(lambda: self._ended, _SHORTEST)

    def _draw(self) -> None:
        """Draw once, with the lock held."""
        self._dirty = False
        if self._pending:
            self._put(())
        if self._live:
            self._lay_out()
            self._live.refresh()

    def _stop(self) -> None:
        """End the moving part; its rows vanish, the cursor comes back."""
        live, self._live = self._live, None
        if live is None:
            return
        self._lay_out()
        try:
            live.stop()
        finally:
            # Once more by hand: an interrupt may have hit rich between its own steps.
            self.writer.raw(_SHOW_CURSOR)

    def _close(self) -> None:
        self._ended = True
        self._wake.notify_all()
        self._put(())
        self._stop()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what is open; the drawing thread has ended afterwards."""
        super().__exit__(kind, problem, trace)
        if self._thread:
            self._thread.join(1.0)


def joined(rows: Iterable[Row]) -> Text:
    """Put rows under each other in one text, so that they are drawn at once."""
    return Text("\n", no_wrap=True, overflow="crop").join(map(text_of, rows))
