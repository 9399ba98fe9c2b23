"""Plain lines for GitHub's runner: a group for each stage, annotations for what went wrong.

What strangers wrote (a tool's output, a container's log) cannot command the runner: it stands
between ``::stop-commands::TOKEN`` and ``::TOKEN::`` with a token nobody can guess ("Workflow
commands for GitHub Actions", Stopping and starting workflow commands). Every line besides is made
inert, so that a lost token or an older runner changes nothing.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable

from shipway.console import describe
from shipway.console.base import ConsoleClock, Writer
from shipway.console.layout import Line
from shipway.console.lines import Changes, TextConsole
from shipway.console.safe import clean, clean_lines, escape_data, escape_property, inert
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

_TITLE = 200
_MESSAGE = 4000
_WARNINGS = 9  # GitHub shows ten annotations of each kind a step; the last is kept for the verdict
_PLACE = re.compile(r"(?P<file>[\w./-]+\.(?:toml|yml|yaml|json|py)|Dockerfile):(?P<line>[0-9]+)")


def token() -> str:
    """Make a word that nobody can guess, of letters and digits only."""
    return f"shipway-{secrets.token_hex(16)}"


class ActionsConsole(TextConsole):
    """Groups fold away what happened on the way; results and failures stand between them."""

    def __init__(
        self,
        writer: Writer,
        clock: ConsoleClock,
        *,
        verbose: bool,
        new_token: Callable[[], str] = token,
    ) -> None:
        super().__init__(writer, clock, verbose=verbose)
        self._new_token = new_token
        self._changes = Changes()
        self._group: str | None = None
        self._stopped = ""
        self._warnings = 0
        self._annotated = False

    def _width(self) -> None:
        """Let a log be as wide as it is."""

    def _take(self, event: Event) -> None:
        match event:
            case Planned() | Evidenced():
                pass
            case Started():
                title = " ".join(filter(None, (event.stage, event.subject)))
                if self._group == event.stage:  # the next service of the same stage
                    self._put((describe.begun(event.stage, event.subject),))
                self._open(event.stage, title)
            case Output():
                self._open(event.stage, event.stage)
                self._untrusted((describe.output(event.line, event.subject),))
            case Rolling() | Holding():
                self._progress(event)
            case Noticed():
                self._open(event.stage, event.stage)
                self._notice(event)
            case Failed():
                self._leave_group()
                self._untrusted(self._lasting_lines(event) or ())
                self._annotate(event)
            case Heading() | Finished() | Skipped() | PutBack() | Concluded():
                self._leave_group()
                self._put(self._lasting_lines(event) or ())
                self._annotate(event)

    def _progress(self, event: Rolling | Holding) -> None:
        """Say how a rollout or a hold stands, where that is news."""
        if isinstance(event, Rolling) and self._changes.is_new(event):
            self._open(describe.DEPLOY, f"{describe.DEPLOY} {event.subject}")
            self._put((describe.rolling_line(event),))
        elif isinstance(event, Holding) and self._changes.is_new_hold(event):
            self._open(describe.HOLD, f"{describe.HOLD} {event.subject}")
            self._put((describe.holding_line(event),))

    def _notice(self, event: Noticed) -> None:
        if event.level == "warning" and self._warnings < _WARNINGS:
            self._warnings += 1
            title = " ".join(filter(None, (event.stage, event.subject)))
            self._command("warning", event.text, title=title)
        else:
            self._put(self._lasting_lines(event) or ())

    def _annotate(self, event: Event) -> None:
        """Say what the run's page shows: one error for each failure, one notice for a success."""
        if isinstance(event, Failed):
            causes = [part.lines for part in event.details if part.label == "cause"]
            title = next((line for lines in causes for line in lines), event.text)
            message = [event.text] if title != event.text or not event.details else []
            for part in event.details:
                message += [f"{part.label}: {line}" if part.label else line for line in part.lines]
            self._command("error", "\n".join(message), title=title)
            self._annotated = True
        elif isinstance(event, Concluded):
            message = list(filter(None, (event.text, *event.details, event.remedy)))
            if not event.failed:
                self._command("notice", "\n".join(message), title="shipway")
            elif not self._annotated:
                self._command("error", "\n".join(message), title=event.text)
            self._annotated, self._warnings, self._changes = False, 0, Changes()

    def _show_error(self, error: ShipwayError) -> None:
        self._leave_group()
        super()._show_error(error)
        if self._annotated:
            return
        self._annotated = True
        texts = (error.where, error.what, *error.details)
        place = next(filter(None, map(_PLACE.match, texts)), None)
        message = "\n".join(filter(None, (str(error), *error.details, error.remedy)))
        location = place.groupdict() if place else {}
        self._command("error", message, **location, title=error.what)

    def _put(self, lines: Iterable[Line]) -> None:
        """Print lines of ours, which may name what strangers chose: cleaned and inert."""
        self._resume()
        self.writer.lines([inert(self.writer.plain(line.text)) for line in lines])

    def _untrusted(self, lines: Iterable[Line]) -> None:
        """Print what strangers wrote: stopped, cleaned and inert."""
        texts = [inert(self.writer.plain(line.text)) for line in lines]
        if not self._stopped:
            self._stopped = self._new_token()
            texts.insert(0, f"::stop-commands::{self._stopped}")
        self.writer.lines(texts)

    def _resume(self) -> None:
        if self._stopped:
            token, self._stopped = self._stopped, ""
            self.writer.lines([f"::{token}::"])

    def _command(self, command: str, message: str, **properties: str) -> None:
        """Give the runner a command of ours; every part is cleaned and escaped."""
        self._resume()
        options = ",".join(
            f"{name}={escape_property(_short(' '.join(clean_lines(value)), _TITLE))}"
            for name, value in properties.items()
        )
        text = _short("\n".join(clean_lines(message)), _MESSAGE)
        # The runner would not look for "##[" here, since "::" comes first; the log's viewer does.
        space = " " if options else ""
        self.writer.lines([f"::{command}{space}{options}::{escape_data(_no_brackets(text))}"])

    def _open(self, stage: str, title: str) -> None:
        if self._group != stage:
            self._leave_group()
            self._group = stage
            self._command("group", clean(title))

    def _leave_group(self) -> None:
        self._resume()
        if self._group is not None:
            self._group = None
            self.writer.lines(["::endgroup::"])

    def _show_text(self, text: str) -> None:
        self._leave_group()
        super()._show_text(text)

    def _close(self) -> None:
        self._leave_group()


def _no_brackets(text: str) -> str:
    return text.replace("##[", "## [")


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
