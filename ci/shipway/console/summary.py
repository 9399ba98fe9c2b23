"""What GitHub's runner takes from files: the job summary and the step's outputs.

Kept apart from the printing, so that ``--json`` in a workflow still gives both.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from shipway.console import tables, theme
from shipway.console.base import Console, ConsoleClock, Writer
from shipway.console.describe import Acceptance, duration
from shipway.console.gantt import gantt
from shipway.console.safe import clean, clean_lines, escape_markdown, fence
from shipway.errors import ShipwayError, UsageError
from shipway.observer import (
    Concluded,
    Event,
    Evidenced,
    Failed,
    Finished,
    Heading,
    Skipped,
)
from shipway.util import regular

LIMIT = 1024 * 1024
"""Bytes of a step's summary; the runner throws a larger one away as a whole ("Job summaries")."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_CUT = "\n\n… cut here: a job summary holds 1 MiB. The evidence has the rest.\n"


def write_outputs(path: str | Path, values: Mapping[str, str]) -> None:
    """Append outputs to the file behind ``$GITHUB_OUTPUT``.

    Each value stands between lines with a random delimiter, so that it may hold any text and
    cannot define another output ("Workflow commands for GitHub Actions", Multiline strings).

    Raises:
        UsageError: A name is not one that a workflow can read.
        OSError: The file cannot be written.
    """
    parts = []
    for name, value in values.items():
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name[:100]!r} is not the name of an output")
        end = f"shipway-{secrets.token_hex(16)}"
        parts.append(f"{name}<<{end}\n{value}\n{end}\n")
    regular.append(Path(path), "".join(parts).encode("utf-8", "backslashreplace"))


def _cell(text: str) -> str:
    return escape_markdown(" ".join(clean_lines(text)))


def _code(text: str) -> str:
    """An inline code span; ``|`` would end a table's cell even there."""
    return f"<code>{escape_markdown(clean(text))}</code>"


class Summary(Console):
    """Collects a run's events, and writes files when it hears the last word. Prints nothing."""

    def __init__(self, writer: Writer, clock: ConsoleClock, env: Mapping[str, str]) -> None:
        super().__init__(writer, clock, verbose=False)
        self._summary = env.get("GITHUB_STEP_SUMMARY", "")
        self._outputs = env.get("GITHUB_OUTPUT", "")
        self._heading: Heading | None = None
        self._rows: list[tuple[str, str, str, str, str]] = []
        self._failures: list[Failed] = []
        self._record: Evidenced | None = None
        self._answer = ""

    def _take(self, event: Event) -> None:
        match event:
            case Heading():
                self._heading, self._rows, self._failures = event, [], []
                self._record = None
            case Finished(stage=stage, subject=subject, text=text, seconds=seconds):
                self._rows.append((theme.GOOD, stage, subject, text, duration(seconds)))
            case Skipped(stage=stage, subject=subject, text=text):
                self._rows.append((theme.SKIP, stage, subject, text, ""))
            case Failed(stage=stage, subject=subject, text=text, seconds=seconds):
                self._rows.append((theme.BAD, stage, subject, text, duration(seconds)))
                self._failures.append(event)
            case Evidenced():
                self._record = event
            case Concluded():
                self._append(
                    summary(
                        event,
                        self._heading,
                        self._rows,
                        self._failures,
                        self._record,
                        answer=self._answer,
                    )
                )
                values = {"verdict": event.kind, "exit-code": str(event.exit_code)}
                self._give({**values, "evidence": event.evidence})
                self._heading, self._rows, self._failures = None, [], []
                self._record, self._answer = None, ""
            case _:
                pass

    def output(self, name: str, value: str) -> None:
        """Hand a value to the steps after this one."""
        self._give({name: value})

    def _give(self, values: Mapping[str, str]) -> None:
        if self._outputs:
            with suppress(OSError):  # a printer must not fail a release
                write_outputs(self._outputs, values)

    def _append(self, text: str) -> None:
        if not self._summary:
            return
        with suppress(OSError):
            path = Path(self._summary)
            room = LIMIT - (path.stat().st_size if path.exists() else 0)
            data = shorten(text, room)
            regular.append(path, data)

    def _show_error(self, error: ShipwayError) -> None:
        """Wait: the last word, or the end of the block, has it."""
        self._error = error

    def _close(self) -> None:
        if self._error and not self.memory.concluded:
            error = self._error
            self(
                Concluded(
                    text=str(error),
                    kind=error.kind,
                    exit_code=error.exit_code,
                    remedy=error.remedy,
                    details=error.details,
                )
            )

    def _show_text(self, text: str) -> None:
        """Leave it to the log."""

    def _show_answer(self, kind: str, document: Mapping[str, object], text: str) -> None:
        """Keep what a question came to, for the last word to stand above it."""
        del kind, document
        self._answer = text

    def _show_table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None:
        """Leave it to the log."""

    def _show_acceptance(self, rows: Sequence[Acceptance], seconds: float, report: str) -> None:
        head = tables.total(rows, seconds=seconds, report=report)
        body = [f"| {theme.GOOD} Met | " if row.met else f"| {theme.BAD} Unmet | " for row in rows]
        lines = ["| | Acceptance | Proof |", "|---|---|---|"]
        lines += [
            f"{start}{_cell(row.name)} | {_code(row.proof)} |"
            for start, row in zip(body, rows, strict=True)
        ]
        self._append(f"## {escape_markdown(head)}\n\n" + "\n".join(lines) + "\n\n")


def shorten(text: str, room: int) -> bytes:
    """Cut to ``room`` bytes at the end of a line, and say so; nothing where not even that fits."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= room:
        return data
    note = _CUT.encode()
    beginning = data[: max(room - len(note) - 64, 0)].rpartition(b"\n")[0]
    if not beginning:
        return b""
    ticks = re.findall(rb"(?m)^(`{3,})", beginning)
    close = b"\n" + ticks[-1] if len(ticks) % 2 else b""
    shortened = beginning + close + note
    return shortened if len(shortened) <= room else b""


def summary(
    end: Concluded,
    heading: Heading | None,
    rows: Sequence[tuple[str, str, str, str, str]],
    failures: Sequence[Failed],
    record: Evidenced | None = None,
    *,
    answer: str = "",
) -> str:
    """Write the job summary: verdict, cause, stages, what was recorded, where the evidence is.

    What a question came to, such as a plan, stands below the verdict as it is.
    """
    mark = theme.BAD if end.failed else theme.GOOD
    parts = [f"## {mark} {_cell(end.text)}", ""]
    for failure in failures:
        parts += _explained(failure)
    for text in end.details:
        parts += [_cell(text), ""]
    if end.remedy:
        parts += [f"**Next:** {_cell(end.remedy)}", ""]
    if heading:
        place = (heading.environment, heading.account, heading.region)
        facts = (*place, heading.trigger, heading.commit)
        parts += [" · ".join(_cell(fact) for fact in facts if fact), ""]
    if answer:
        parts += [*fence(clean_lines(answer)), ""]
    if rows:
        parts += ["| | Stage | Service | Result | Time |", "|---|---|---|---|--:|"]
        parts += [f"| {' | '.join((row[0], *map(_cell, row[1:])))} |" for row in rows]
        parts.append("")
    if record:
        parts += _recorded(record)
    if end.evidence:
        parts.append(f"Evidence: {_code(end.evidence)}  ")
    parts += [f"Exit code {end.exit_code} ({_cell(end.kind)})", "", ""]
    return "\n".join(parts)


def _recorded(record: Evidenced) -> list[str]:
    """What the record says: decision, image, scan, the time line, and its own SHA-256."""
    parts = [f"**{_cell(name)}:** {_code(value)}  " for name, value in record.facts]
    parts.append("")
    if record.scan:
        header, *rows = record.scan
        parts += [f"| {' | '.join(map(_cell, header))} |", f"|{'---|' * len(header)}"]
        parts += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
        parts.append("")
    parts += [*gantt(record.spans), ""]
    parts.append(f"Record: {_code(record.record)} {_code(f'sha256:{record.sha256}')}  ")
    if record.report:
        parts.append(f"Report: {_code(record.report)}  ")
    return parts


def _explained(failure: Failed) -> list[str]:
    """A failure's text, then its details; logs stand in a block as they were."""
    subject = f"{failure.stage} {failure.subject}".strip()
    parts = [f"**{_cell(subject)}:** {_cell(failure.text)}", ""]
    for detail in failure.details:
        lines = tuple(part for line in detail.lines for part in clean_lines(line))
        if detail.label in {"", "log", "output"}:
            parts += [*fence(lines), ""]
        else:
            parts += [f"**{_cell(detail.label)}:** {_cell(' '.join(lines))}", ""]
    return parts
