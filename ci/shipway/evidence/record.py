"""The record of one delivery: an in-toto Statement about the image, written whatever happens.

A delivery opens a :class:`Journal` before it does anything. Everything it tells the observer goes
into the journal's time line; facts are noted as they become known. When it ends, well or badly,
the journal is written: first beside its place, then renamed, so that a record is whole or absent.

The layout is that of the in-toto Attestation Framework, Statement v1; the predicate is ours and
its type names its version.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from shipway import __version__
from shipway.clock import Clock
from shipway.errors import EvidenceError
from shipway.observer import Event, Failed, Observer, Output, Rolling
from shipway.values import Commit, Digest, ImageReference

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://shipway.dev/delivery/v1"
NAME: Final = "record.json"
# A refused trigger has no environment; its records lie together.
NOWHERE: Final = "refused"


class Journal:
    """What is known of a delivery so far.

    Args:
        folder: Where records are kept (``evidence/``).
        commit: The commit that is delivered.
        clock: The time.
        observer: Is told every event after the journal noted it.

    Attributes:
        environment: The first folder of the record's place; set once it is known.
        told: Whether a failure was told of already.
    """

    def __init__(self, folder: Path, commit: Commit, *, clock: Clock, observer: Observer) -> None:
        self._folder = folder
        self._commit = commit
        self._clock = clock
        self._observer = observer
        self._started = clock.now()
        self._facts: dict[str, Any] = {"commit": commit_fact(commit)}
        self._timeline: list[dict[str, Any]] = []
        self._subject: ImageReference | None = None
        self._lock = threading.Lock()
        self.environment = NOWHERE
        self.told = False

    def __call__(self, event: Event) -> None:
        """Note an event and pass it on; a foreign tool's output is passed on alone."""
        self.told = self.told or isinstance(event, Failed)
        if not isinstance(event, Output):
            entry = {
                "at": _time(self._clock.now()),
                "event": type(event).__name__.lower(),
                **plain(event),
            }
            with self._lock:
                if not isinstance(event, Rolling) or self._moved(entry):
                    self._timeline.append(entry)
        self._observer(event)

    def note(self, name: str, fact: object) -> None:
        """Keep a fact under a name of the predicate; frozen values become their fields."""
        self._facts[name] = plain(fact)

    def about(self, image: ImageReference) -> None:
        """Say which image this delivery is about."""
        self._subject = image

    @property
    def folder(self) -> Path:
        """Where the record will lie: environment, then time and commit."""
        name = f"{self._started:%Y-%m-%dT%H-%M-%SZ}-{self._commit.short}"
        return self._folder / self.environment / name

    def write(self, verdict: Mapping[str, object]) -> Path:
        """Write the record; its folder gets a number where one of the same second is there.

        Raises:
            EvidenceError: The folder cannot be written; the record is in the details' words.
        """
        statement = self._statement(verdict)
        try:
            folder = _own(self.folder)
            _whole(folder / NAME, json.dumps(statement, indent=1, sort_keys=True) + "\n")
        except OSError as error:
            raise EvidenceError(
                f"the record cannot be written: {error.strerror or error}",
                where=str(self.folder),
                remedy="free or mount that place; this delivery ended as: "
                f"{verdict.get('kind')} (exit {verdict.get('exitCode')})",
            ) from error
        return folder

    def _statement(self, verdict: Mapping[str, object]) -> dict[str, Any]:
        subject: dict[str, Any] = {
            "name": self._commit.remote or "commit",
            "digest": {"gitCommit": self._commit.sha},
        }
        if self._subject is not None:
            value = self._subject.digest.value.removeprefix("sha256:")
            subject = {"name": self._subject.repository, "digest": {"sha256": value}}
        return {
            "_type": STATEMENT,
            "subject": [subject],
            "predicateType": PREDICATE,
            "predicate": {
                "tool": {"name": "shipway", "version": __version__},
                "startedOn": _time(self._started),
                "finishedOn": _time(self._clock.now()),
                **self._facts,
                "verdict": dict(verdict),
                "timeline": self._timeline,
            },
        }

    def _moved(self, entry: dict[str, Any]) -> bool:
        """Whether a rollout's progress differs from the last one noted, elapsed time aside."""
        moving = {key: value for key, value in entry.items() if key not in {"at", "elapsed"}}
        for earlier in reversed(self._timeline):
            if earlier["event"] == "rolling" and earlier["subject"] == entry["subject"]:
                return any(earlier[key] != value for key, value in moving.items())
        return True


def plain(value: object) -> Any:
    """Frozen values as JSON knows them: fields by name, times in UTC, digests as text."""
    made: Any = str(value)
    if value is None or isinstance(value, (str, int, float)):
        made = value
    elif isinstance(value, datetime):
        made = _time(value)
    elif isinstance(value, Mapping):
        made = {str(key): plain(part) for key, part in value.items()}
    elif isinstance(value, (list, tuple)):
        made = [plain(part) for part in value]
    elif isinstance(value, (set, frozenset)):
        made = sorted(str(part) for part in value)
    elif is_dataclass(value) and not isinstance(value, (Digest, ImageReference, type)):
        made = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return made


def commit_fact(commit: Commit) -> dict[str, object]:
    """A commit as the record names it."""
    return {
        "sha": commit.sha,
        "time": _time(commit.time),
        "clean": commit.clean,
        "subject": commit.subject,
        "repository": commit.remote,
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _own(folder: Path) -> Path:
    """Make a folder that is ours alone; a second delivery of the same second gets ``-2``."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        try:
            own = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
            own.mkdir()
        except FileExistsError:
            number += 1
        else:
            return own


def _whole(path: Path, text: str) -> None:
    """Write all of it or nothing: a record that was cut off must not look like one."""
    scratch = path.with_name(f".{path.name}.writing")
    with scratch.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    scratch.replace(path)
