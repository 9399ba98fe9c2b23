"""What every mode shares: the lock, the memory of what was said, and a stream that never raises."""

from __future__ import annotations

import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TextIO, TypeAlias

from shipway.console import theme
from shipway.console.describe import Acceptance
from shipway.console.layout import Row
from shipway.errors import CancelledError, ShipwayError
from shipway.observer import Concluded, Event, Failed, Noticed, Output, Rolling
from shipway.util.lines import on_one_line

_KEPT = 10

Lines: TypeAlias = list[str] | tuple[str, ...] | Iterator[str]
"""Lines of text; a text by itself is an iterable of letters, and none of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleClock:
    """Two ways to ask for the time, so that a test can answer.

    Attributes:
        now: The time of day as an aware datetime in UTC, for time stamps.
        tick: Seconds that only go forward, for durations.
    """

    now: Callable[[], datetime]
    tick: Callable[[], float]


WALL = ConsoleClock(now=lambda: datetime.now(UTC), tick=time.monotonic)


@dataclass(slots=True)
class Memory:
    """What was said before and matters later.

    Attributes:
        outputs: The last lines of foreign tools, by stage and subject.
        rolling_back: Subjects whose old revision ECS is putting back.
        failed: Whether a stage failed.
        concluded: Whether the last word was said.
    """

    outputs: defaultdict[tuple[str, str], deque[str]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=_KEPT))
    )
    rolling_back: set[str] = field(default_factory=set)
    failed: bool = False
    concluded: bool = False

    def note(self, event: Event) -> bool:
        """Remember an event; ``False`` for a straggler that came after the last word.

        A thread may still speak of a run that is over. Anything but progress begins another run:
        a rehearsal delivers many times through one console.
        """
        if self.concluded:
            if isinstance(event, Output | Rolling | Noticed):
                return False
            self.outputs.clear()
            self.rolling_back.clear()
            self.failed = self.concluded = False
        if isinstance(event, Output):
            self.outputs[event.stage, event.subject].append(event.line)
        elif isinstance(event, Rolling):
            change = self.rolling_back.add if event.rolling_back else self.rolling_back.discard
            change(event.subject)
        elif isinstance(event, Failed):
            self.failed = True
        elif isinstance(event, Concluded):
            self.concluded = True
        return True


class Writer:
    """A text stream that keeps quiet once its reader is gone.

    ``shipway … | head`` closes the pipe early; that is the reader's right and no failure of ours.
    Characters that the stream's encoding lacks are replaced by ASCII ones or shown as escapes.
    """

    def __init__(self, stream: TextIO, env: Mapping[str, str]) -> None:
        self.stream = stream
        self.terminal = _is_terminal(stream)
        self.colour = theme.wants_colour(env, terminal=self.terminal)
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.drawable = theme.can_draw(self.encoding)
        self._columns = env.get("COLUMNS", "")
        self._gone = False

    @property
    def width(self) -> int | None:
        """Columns of the terminal, asked anew each time; ``None`` where it is no terminal."""
        if not self.terminal:
            return None
        if self._columns.isascii() and self._columns.isdigit() and int(self._columns) > 0:
            return int(self._columns)
        with suppress(OSError, ValueError):
            return os.get_terminal_size(self.stream.fileno()).columns or 80
        return 80

    def rows(self, rows: Sequence[Row]) -> None:
        """Write styled rows, one a line."""
        if self.colour:
            texts = ["".join(theme.paint(text, style) for text, style in row) for row in rows]
        else:
            texts = ["".join(text for text, _ in row).rstrip() for row in rows]
        self.lines(texts)

    def lines(self, texts: Sequence[str]) -> None:
        """Write lines at once and flush them, so that a log is never behind."""
        if texts:
            self.raw("".join(f"{self.plain(text)}\n" for text in texts))

    def plain(self, text: str) -> str:
        """Return the text in characters that the stream can encode."""
        if not self.drawable:
            text = text.translate(theme.ASCII)
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def raw(self, text: str) -> None:
        """Write and flush; a stream whose reader has gone is left alone from then on."""
        if self._gone:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):  # EPIPE, a full disk, or closed under us
            self._gone = True
            _forget(self.stream)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _forget(stream: TextIO) -> None:
    """Point a dead stdout at the null device, or Python would complain while it exits.

    The way is that of Python's documentation, "Note on SIGPIPE" in the ``signal`` module.
    """
    if stream in {sys.stdout, sys.__stdout__}:
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


class Console(ABC):
    """The one printer: an observer, and a few words of its own. Thread-safe; never raises.

    Used as a context manager: leaving it closes what is open (groups, the live view) and leaves
    the terminal as it was, whatever happened inside.
    """

    def __init__(self, writer: Writer, clock: ConsoleClock, *, verbose: bool) -> None:
        self.writer = writer
        self.clock = clock
        self.verbose = verbose
        self.memory = Memory()
        self._lock = threading.RLock()
        self._error: ShipwayError | None = None
        self._printers: list[Console] = []

    def __enter__(self) -> Self:
        """Begin; the live view starts at its first event."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what is open."""
        with self._lock:
            if isinstance(problem, ShipwayError):
                self._error = self._error or problem
            elif isinstance(problem, KeyboardInterrupt):
                self._error = self._error or CancelledError("interrupted")
            elif isinstance(problem, Exception):
                self._error = self._error or ShipwayError(f"{type(problem).__name__}: {problem}")
            self._close()
            for printer in self._printers:
                printer.__exit__(kind, problem, trace)

    def add(self, printer: Console) -> None:
        """Let another printer hear the same; it is closed with this one."""
        self._printers.append(printer)

    def __call__(self, event: Event) -> None:
        """Take an event, in order, from any thread."""
        with self._lock:
            if not self.memory.note(event):
                return
            self._take(event)
            for printer in self._printers:
                printer(event)

    def replay(self, event: Event, at: datetime) -> None:
        """Take an event that happened at another time, and show it with that time."""
        with self._lock:
            clock = self.clock
            self.clock = replace(clock, now=lambda: at)
            try:
                self(event)
            finally:
                self.clock = clock

    def error(self, error: ShipwayError) -> None:
        """Print the block of an error that ended the command."""
        with self._lock:
            self._error = error
            self._show_error(error)
            for printer in self._printers:
                printer.error(error)

    def say(self, text: str) -> None:
        """Print a text of our own, a line for each of its lines."""
        with self._lock:
            self._show_text(text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, such as the release contract."""
        with self._lock:
            self._show_table(title, columns, rows)

    def answer(self, kind: str, document: Mapping[str, object], lines: Lines) -> None:
        """Print what a question came to: lines for a person, a JSON object for a machine.

        Args:
            kind: The object's ``type``, such as ``plan``.
            document: Its other fields.
            lines: The same in words. Each stays one line, whatever values are in it.
        """
        shown = tuple(map(on_one_line, lines))
        with self._lock:
            self._show_answer(kind, document, "\n".join(shown))
            for printer in self._printers:
                printer.answer(kind, document, shown)

    def acceptance(self, rows: Sequence[Acceptance], *, seconds: float, report: str = "") -> None:
        """Print the rehearsal's table: ``seconds`` it took, ``report`` the page to open."""
        with self._lock:
            self._show_acceptance(rows, seconds, report)
            for printer in self._printers:
                printer.acceptance(rows, seconds=seconds, report=report)

    def output(self, name: str, value: str) -> None:
        """Hand a value to the steps after this one, where GitHub's runner takes it."""
        with self._lock:
            for printer in self._printers:
                printer.output(name, value)

    @abstractmethod
    def _take(self, event: Event) -> None: ...

    @abstractmethod
    def _show_error(self, error: ShipwayError) -> None: ...

    @abstractmethod
    def _show_text(self, text: str) -> None: ...

    def _show_answer(self, kind: str, document: Mapping[str, object], text: str) -> None:  # noqa: ARG002  # a machine's part
        self._show_text(text)

    @abstractmethod
    def _show_table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None: ...

    @abstractmethod
    def _show_acceptance(self, rows: Sequence[Acceptance], seconds: float, report: str) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...
