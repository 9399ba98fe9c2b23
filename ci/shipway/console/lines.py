"""Plain lines with the time in front, one for each change: for pipes, files and dumb terminals."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import partial

from shipway.console import describe, tables
from shipway.console.base import Console, ConsoleClock, Writer
from shipway.console.describe import Acceptance
from shipway.console.layout import Line, fit
from shipway.console.safe import clean, clean_lines
from shipway.console.steps import Steps
from shipway.errors import ShipwayError
from shipway.observer import (
    Concluded,
    Event,
    Evidenced,
    Failed,
    Finished,
    Heading,
    Holding,
    Noticed,
    Output,
    Planned,
    PutBack,
    Rolling,
    Skipped,
    Started,
)

_BUILD = "build"
_LOOK = 0.5
"""Seconds between two looks whether a step of the build is worth a line by now."""
_HEARTBEAT = 30.0
"""Seconds after which a rollout that only waits is told again, so that it does not look dead."""


class Changes:
    """Lets those Rolling events through that say something new."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[tuple[object, ...], float]] = {}
        self._held: dict[str, tuple[tuple[object, ...], float]] = {}

    def is_new(self, event: Rolling) -> bool:
        """Whether this one differs from the last told, or is the first for half a minute."""
        key = describe.rolling_key(event)
        last = self._last.get(event.subject)
        if last and last[0] == key and event.elapsed - last[1] < _HEARTBEAT:
            return False
        self._last[event.subject] = (key, event.elapsed)
        return True

    def is_new_hold(self, event: Holding) -> bool:
        """The same of a hold: it is told when tasks or troubles change, and each half minute."""
        key = (event.running, event.desired, event.trouble)
        last = self._held.get(event.subject)
        if last and last[0] == key and 0 <= event.held - last[1] < _HEARTBEAT:
            return False
        self._held[event.subject] = (key, event.held)
        return True


class TextConsole(Console):
    """A console that tells every event once, as lines; how lines are put out is its child's."""

    def _lasting_lines(self, event: Event) -> tuple[Line, ...] | None:
        """The lines that stay for good, the same in every mode; ``None`` for passing events."""
        lines: tuple[Line, ...] | None = None
        match event:
            case Heading():
                lines = (describe.heading(event),)
            case Finished():
                lines = (describe.finished(event),)
            case Skipped():
                lines = (describe.skipped(event),)
            case Noticed():
                rolling_back = event.subject in self.memory.rolling_back
                lines = (describe.noticed(event, rolling_back=rolling_back),)
            case Failed():
                lines = describe.failed(
                    event, tuple(self.memory.outputs.pop((event.stage, event.subject), ()))
                )
            case PutBack():
                lines = (describe.put_back(event),)
            case Concluded():
                lines = describe.concluded(event)
            case Planned() | Started() | Output() | Rolling() | Holding() | Evidenced():
                lines = None
        return lines

    @abstractmethod
    def _put(self, lines: Iterable[Line]) -> None: ...

    def _width(self) -> int | None:
        return self.writer.width

    def _show_error(self, error: ShipwayError) -> None:
        self._put(describe.error(error))

    def _show_text(self, text: str) -> None:
        self._put(Line(row=((part, ""),), hang=0) for part in clean_lines(text))

    def _show_table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None:
        self._put(tables.table(title, columns, rows, self._width()))

    def _show_acceptance(self, rows: Sequence[Acceptance], seconds: float, report: str) -> None:
        self._put(tables.acceptance(rows, seconds=seconds, report=report, width=self._width()))

    def _close(self) -> None:
        """Nothing is open."""


class LinesConsole(TextConsole):
    """Every line starts with the time in UTC: ``23:41:07  ✓ build      web  …  11.2 s``."""

    def __init__(self, writer: Writer, clock: ConsoleClock, *, verbose: bool) -> None:
        super().__init__(writer, clock, verbose=verbose)
        self._changes = Changes()
        self._steps: dict[str, Steps] = {}
        self._built = threading.Event()

    def _take(self, event: Event) -> None:
        if isinstance(event, Heading | Concluded):
            self._changes = Changes()
        if isinstance(event, Output) and not self.verbose:
            self._hear(event)
        elif isinstance(event, Concluded):
            self._forget_steps()
        elif isinstance(event, Finished | Failed) and event.stage == _BUILD:
            self._forget_steps(event.subject)
        lines = self._lasting_lines(event)
        if lines is None:
            lines = tuple(self._passing_lines(event))
        self._stamped(lines)

    def _passing_lines(self, event: Event) -> Iterable[Line]:
        if isinstance(event, Started):
            yield describe.begun(event.stage, event.subject)
        elif isinstance(event, Output) and (self.verbose or event.stage == describe.JOB):
            yield describe.output(event.line, event.subject)
        elif isinstance(event, Rolling) and self._changes.is_new(event):
            yield describe.rolling_line(event)
        elif isinstance(event, Holding) and self._changes.is_new_hold(event):
            yield describe.holding_line(event)

    def _hear(self, event: Output) -> None:
        """Follow the steps of a build; a thread tells the one that runs long without a word."""
        if not self._steps:
            self._built = threading.Event()
            look = partial(self._look, self._built)
            threading.Thread(target=look, name="shipway-steps", daemon=True).start()
        steps = self._steps.setdefault(event.subject, Steps(self.clock.tick()))
        steps.hear(event.line, self.clock.tick())
        self._tell(event.subject, steps)

    def _look(self, built: threading.Event) -> None:
        while not built.wait(_LOOK):
            with self._lock:
                if not built.is_set():
                    for subject, steps in self._steps.items():
                        self._tell(subject, steps)

    def _tell(self, subject: str, steps: Steps) -> None:
        due = steps.due(self.clock.tick())
        self._stamped([describe.output(text, subject) for text in due])

    def _forget_steps(self, subject: str | None = None) -> None:
        """The build of one image is over, or every build is."""
        if subject is None:
            self._steps.clear()
        else:
            self._steps.pop(subject, None)
        if not self._steps:
            self._built.set()

    def _close(self) -> None:
        self._forget_steps()

    def _stamped(self, lines: Iterable[Line]) -> None:
        stamp = clean(f"{self.clock.now():%H:%M:%S} ")
        width = self.writer.width
        self.writer.rows(
            [
                row
                for line in lines
                for row in fit(
                    Line(
                        row=((stamp, "quiet"), *line.row),
                        right=line.right,
                        hang=line.hang + len(stamp),
                    ),
                    width,
                )
            ]
        )

    def _put(self, lines: Iterable[Line]) -> None:
        width = self.writer.width
        self.writer.rows([row for line in lines for row in fit(line, width)])

    def _show_error(self, error: ShipwayError) -> None:
        self._stamped(describe.error(error))
