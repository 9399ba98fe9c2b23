"""Chains of records in a folder, as deliveries leave them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shipway.evidence.facts.gate import DecisionFact, EnvironmentFact, TriggerFact
from shipway.evidence.facts.image import ImageFact
from shipway.evidence.journal import Journal
from shipway.evidence.predicate import VerdictFact
from shipway.evidence.recorder import RecordWriter
from shipway.evidence.store import StoredRecord
from shipway.observer import Event, Finished, Started
from shipway.values import Commit, Digest, ImageReference

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"


@dataclass
class Clock:
    """A second later at every question."""

    at: datetime = datetime(2026, 11, 22, 23, 40, 57, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def image(digit: str = "9") -> ImageReference:
    return ImageReference("host/shop", Digest(f"sha256:{digit * 64}"))


def journal(clock: Clock, events: list[Event] | None = None) -> Journal:
    commit = Commit(
        sha=SHA,
        time=datetime(2026, 11, 22, 23, 40, tzinfo=UTC),
        clean=True,
        subject="Sell more",
        remote="https://github.com/octo/shop",
    )
    observer = events.append if events is not None else lambda _: None
    return Journal(commit, clock=clock, observer=observer)


def deliver(root: Path, environment: str, clock: Clock, digit: str = "9") -> StoredRecord:
    """One delivery that went well."""
    new_journal = journal(clock)
    new_journal.environment = environment
    new_journal.about(image(digit))
    new_journal.note(TriggerFact(event="push", ref="refs/tags/v1-stable", actor="octocat"))
    new_journal.note(DecisionFact(allowed=True, environment=environment, tasks=("deploy",)))
    new_journal.note(EnvironmentFact(name=environment))
    new_journal.note(ImageFact(reference=str(image(digit)), platforms=(), pushed=None))
    new_journal(Started(stage="build"))
    new_journal(Finished(stage="build", text="built", seconds=1.5))
    new_journal.attach("sbom-linux-amd64.cdx.json", b'{"components":[]}', "application/json")
    verdict = VerdictFact(kind="succeeded", exit_code=0, text="Delivered.")
    return RecordWriter(root, clock).write(new_journal, verdict)


Fill = Callable[[], tuple[StoredRecord, ...]]


@pytest.fixture
def filled(tmp_path: Path) -> tuple[StoredRecord, ...]:
    """Four records of two environments."""
    clock = Clock()
    places = (("staging", "1"), ("production", "1"), ("staging", "2"), ("production", "2"))
    return tuple(deliver(tmp_path, name, clock, digit) for name, digit in places)
