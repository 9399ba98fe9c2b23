"""One JSON object for each event: for machines, and for the recording behind the README's picture.

``type`` and ``time`` (RFC 3339, UTC) come first, then the event's own fields as in
:mod:`shipway.observer`. Names are stable. ``concluded`` is the last line of a run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from shipway.console.base import Console
from shipway.console.describe import Acceptance
from shipway.errors import ShipwayError, UsageError
from shipway.observer import (
    Concluded,
    Detail,
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
    TaskCounts,
)

_KINDS: tuple[type[Event], ...] = (
    Heading,
    Planned,
    Started,
    Finished,
    Skipped,
    Failed,
    Noticed,
    Output,
    Rolling,
    Holding,
    PutBack,
    Evidenced,
    Concluded,
)
TYPES: Mapping[str, type[Event]] = {kind.__name__.lower(): kind for kind in _KINDS}
"""The ``type`` of each event."""


def encode(value: Mapping[str, object]) -> str:
    """Write one line of ASCII JSON that is no workflow command of GitHub's, whatever it holds.

    ASCII keeps control characters out. ``##[`` starts a command anywhere in a line (actions/runner,
    ActionCommand.cs), and can only stand inside a JSON text, where an escape means the same.
    """
    text = json.dumps(value, ensure_ascii=True, separators=(", ", ": "))
    return text.replace("##[", "#\\u0023[").replace("\x7f", "\\u007f")


def decode(record: Mapping[str, Any]) -> Event | None:
    """Read an event back; ``None`` for types that are no event, such as ``table``.

    Raises:
        UsageError: The record lacks a field, or has one of another kind.
    """
    kind = TYPES.get(str(record.get("type")))
    if kind is None:
        return None
    names = {item.name for item in fields(kind)}
    values = {name: _frozen(value) for name, value in record.items() if name in names}
    try:
        for name in ("new_tasks", "old_tasks"):
            if kind is Rolling:
                values[name] = TaskCounts(**values[name])
        if kind is Failed:
            values["details"] = tuple(Detail(**detail) for detail in values.get("details", ()))
        return kind(**values)
    except (KeyError, TypeError) as problem:
        raise UsageError(
            f"not a recorded {record.get('type')} event: {problem}",
            remedy="give the file that --json wrote",
        ) from problem


def _frozen(value: Any) -> Any:
    """Turn JSON's arrays back into tuples, however deep."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else _object(value)


def _object(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _frozen(item) for name, item in value.items()}
    return value


class JsonConsole(Console):
    """Writes each event as it comes; of a run, nothing after its last word."""

    def _take(self, event: Event) -> None:
        self._write(type(event).__name__.lower(), asdict(event))

    def _show_error(self, error: ShipwayError) -> None:
        self._write(
            "error",
            {
                "kind": error.kind,
                "exit_code": error.exit_code,
                "what": error.what,
                "where": error.where,
                "remedy": error.remedy,
                "details": error.details,
            },
        )

    def _show_text(self, text: str) -> None:
        self._write("say", {"text": text})

    def _show_answer(self, kind: str, document: Mapping[str, object], text: str) -> None:  # noqa: ARG002  # a person's part
        self._write(kind, document)

    def _show_table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None:
        body = [list(row) for row in rows]
        self._write("table", {"title": title, "columns": list(columns), "rows": body})

    def _show_acceptance(self, rows: Sequence[Acceptance], seconds: float, report: str) -> None:
        body = [asdict(row) for row in rows]
        self._write("acceptance", {"rows": body, "seconds": seconds, "report": report})

    def _close(self) -> None:
        """Give a run that ended early its last word; a success is never made up."""
        if self._error and not self.memory.concluded:
            self(
                Concluded(
                    text=str(self._error),
                    kind=self._error.kind,
                    exit_code=self._error.exit_code,
                    remedy=self._error.remedy,
                    details=self._error.details,
                )
            )

    def _write(self, kind: str, values: Mapping[str, object]) -> None:
        if self.memory.concluded and kind == "error":
            return
        stamp = self.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.writer.lines([encode({"type": kind, "time": stamp, **values})])
