from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from shipway import __version__
from shipway.errors import EvidenceError
from shipway.evidence.canonical_json import to_json
from shipway.evidence.facts.gate import ContractFact
from shipway.evidence.journal import Journal
from shipway.evidence.predicate import VerdictFact
from shipway.evidence.recorder import RecordWriter
from shipway.evidence.store import StoredRecord
from shipway.observer import Event, Failed, Finished, Output, Rolling, Started, TaskCounts
from shipway.values import Commit, Digest, ImageReference

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
COMMIT = Commit(
    sha=SHA,
    time=datetime(2026, 11, 22, 23, 40, tzinfo=UTC),
    clean=False,
    subject="Sell more",
    remote="https://github.com/octo/shop",
)
IMAGE = ImageReference("host/shop", Digest(f"sha256:{'9' * 64}"))
VERDICT = VerdictFact(kind="succeeded", exit_code=0, text="Delivered.")
WRITTEN = {"kind": "succeeded", "exitCode": 0, "text": "Delivered."}
STAMP = "2026-11-22T23-40-58Z-3f9c2ab"


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


@dataclass
class Open:
    """A journal that is written where it belongs."""

    folder: Path
    clock: Clock
    journal: Journal

    def write(self, verdict: VerdictFact = VERDICT) -> StoredRecord:
        return RecordWriter(self.folder, self.clock).write(self.journal, verdict)


def opened(folder: Path, events: list[Event] | None = None) -> Open:
    observer = events.append if events is not None else lambda _: None
    clock = Clock()
    return Open(folder, clock, Journal(COMMIT, clock=clock, observer=observer))


def read(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    return document


def timeline(delivery: Open) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = read(delivery.write().folder)["predicate"]["timeline"]
    return entries


def rolling(elapsed: float, *, running: int = 0, subject: str = "web") -> Rolling:
    return Rolling(
        subject=subject,
        old="shop:41",
        new="shop:42",
        stage="SCALE_UP",
        new_tasks=TaskCounts(desired=2, running=running, pending=0),
        old_tasks=TaskCounts(desired=2, running=2, pending=0),
        health=(("healthy", running),),
        breaker=(0, 3),
        elapsed=elapsed,
    )


def test_the_record_is_an_in_toto_statement_about_the_image(tmp_path: Path) -> None:
    delivery = opened(tmp_path)
    delivery.journal.environment = "staging"
    delivery.journal.about(IMAGE)
    delivery.journal.note(ContractFact(path="ci/release.toml", sha256="ab"))
    delivery.journal(Started(stage="build"))
    folder = delivery.write().folder
    assert folder == tmp_path / "staging" / STAMP
    assert read(folder) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "host/shop", "digest": {"sha256": "9" * 64}}],
        "predicateType": "https://shipway.dev/delivery/v1",
        "predicate": {
            "schemaVersion": 3,
            "tool": {"name": "shipway", "version": __version__},
            "startedOn": "2026-11-22T23:40:58.000Z",
            "finishedOn": "2026-11-22T23:41:00.000Z",
            "commit": {
                "sha": SHA,
                "time": "2026-11-22T23:40:00.000Z",
                "clean": False,
                "subject": "Sell more",
                "repository": "https://github.com/octo/shop",
            },
            "contract": {"path": "ci/release.toml", "sha256": "ab"},
            "verdict": WRITTEN,
            "timeline": [
                {
                    "at": "2026-11-22T23:40:59.000Z",
                    "event": "started",
                    "stage": "build",
                    "subject": "",
                }
            ],
            "files": [],
            "chain": {"sequence": 1, "previous": None},
        },
    }


def test_a_refused_delivery_is_recorded_about_its_commit(tmp_path: Path) -> None:
    folder = opened(tmp_path).write(VerdictFact(kind="refused", exit_code=20, text="no")).folder
    assert folder == tmp_path / "refused" / STAMP
    assert read(folder)["subject"] == [
        {"name": "https://github.com/octo/shop", "digest": {"gitCommit": SHA}}
    ]


def test_every_event_is_passed_on_and_a_foreign_tools_output_is_not_kept(tmp_path: Path) -> None:
    seen: list[Event] = []
    delivery = opened(tmp_path, seen)
    events: list[Event] = [Started(stage="build"), Output(stage="build", line="#1 x")]
    for event in events:
        delivery.journal(event)
    assert seen == events
    assert [entry["event"] for entry in timeline(delivery)] == ["started"]


def test_why_nothing_was_seen_is_kept_without_secrets(tmp_path: Path) -> None:
    events: list[Event] = []
    delivery = opened(tmp_path, events)
    delivery.journal.hide(["hunter2-hunter2"])
    silent = replace(rolling(20.0), unseen=2.0, trouble="no route to hunter2-hunter2")
    delivery.journal(silent)
    (shown,) = events
    assert isinstance(shown, Rolling)
    assert shown.trouble.startswith("no route to ")
    assert "hunter2" not in shown.trouble
    assert shown.new_tasks == silent.new_tasks


def test_progress_is_kept_where_it_moved(tmp_path: Path) -> None:
    delivery = opened(tmp_path)
    for event in (
        rolling(1.0),
        rolling(2.0),
        rolling(2.0, subject="worker"),
        Finished(stage="x", text="in between"),
        rolling(3.0),
        rolling(4.0, running=1),
        rolling(5.0, running=1, subject="worker"),
        rolling(6.0),
    ):
        delivery.journal(event)
    moved = [
        (entry["subject"], entry["elapsed"])
        for entry in timeline(delivery)
        if entry["event"] == "rolling"
    ]
    assert moved == [("web", 1.0), ("worker", 2.0), ("web", 4.0), ("worker", 5.0), ("web", 6.0)]


def test_a_failure_is_known_to_have_been_told(tmp_path: Path) -> None:
    delivery = opened(tmp_path)
    delivery.journal(Started(stage="build"))
    assert not delivery.journal.reported
    delivery.journal(Failed(stage="build", text="no"))
    delivery.journal(Started(stage="build"))
    assert delivery.journal.reported


def test_two_deliveries_of_one_second_lie_beside_each_other(tmp_path: Path) -> None:
    folders = [
        opened(tmp_path).write(replace(VERDICT, kind=str(number))).folder for number in range(3)
    ]
    assert [folder.name for folder in folders] == [STAMP, f"{STAMP}-2", f"{STAMP}-3"]
    assert [read(folder)["predicate"]["verdict"]["kind"] for folder in folders] == ["0", "1", "2"]


def test_nothing_but_the_whole_record_is_there(tmp_path: Path) -> None:
    folder = opened(tmp_path).write().folder
    assert sorted(path.name for path in folder.iterdir()) == ["record.json", "vsa.json"]


def test_a_record_that_breaks_off_is_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EvidenceError) as caught:
        opened(tmp_path).write()
    assert caught.value.what == "the record cannot be written: No space left on device"
    assert not list(tmp_path.rglob("record.json"))


@pytest.mark.parametrize("place", ["evidence", "evidence/refused"])
def test_a_file_in_the_way(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    blocked = tmp_path / place
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("a file")
    with pytest.raises(EvidenceError) as caught:
        opened(tmp_path / "evidence").write()
    assert caught.value.what == "the record cannot be written: File exists"
    assert caught.value.where == str(tmp_path / "evidence" / "refused" / STAMP)
    assert caught.value.remedy == (
        "free or mount that place, or name another in SHIPWAY_EVIDENCE; "
        "this delivery ended as: succeeded (exit 0)"
    )
    (line,) = caught.value.details
    spare = Path(line.removeprefix("it lies whole, but unchained, in "))
    assert read(spare)["predicate"]["verdict"] == WRITTEN


@pytest.mark.parametrize("name", ["chain.jsonl", ".chain.lock"])
@pytest.mark.parametrize("there", [True, False])
def test_a_link_in_the_place_of_the_ledger_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, there: bool
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    theirs = tmp_path / "theirs"
    if there:
        theirs.write_text("a line\nand one without its end")
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / name).symlink_to(theirs)
    with pytest.raises(EvidenceError, match="the record cannot be written") as caught:
        opened(tmp_path / "evidence").write()
    assert "it lies whole" in caught.value.details[0]
    assert theirs.exists() == there
    assert not there or theirs.read_text() == "a line\nand one without its end"


def test_a_link_to_nowhere_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "evidence").symlink_to(tmp_path / "unmounted" / "evidence")
    (tmp_path / "unmounted").write_text("a file")
    with pytest.raises(EvidenceError) as caught:
        opened(tmp_path / "evidence").write()
    assert caught.value.where == str(tmp_path / "evidence" / "refused" / STAMP)


@dataclass(frozen=True)
class Shy:
    name: str
    secret: str = field(repr=False)


def test_what_a_value_does_not_show_is_not_kept() -> None:
    assert to_json((Shy("a", "hunter22"),)) == [{"name": "a"}]


def test_values_become_what_json_knows() -> None:
    east = timezone(timedelta(hours=2))
    assert to_json(
        {
            "digest": IMAGE.digest,
            "image": IMAGE,
            "when": datetime(2026, 11, 23, 1, 0, tzinfo=east),
            "set": {"b", "a"},
            "path": Path("/a"),
            "rows": ((1, None), [True, 2.5]),
            "nested": TaskCounts(desired=1, running=0, pending=1),
            3: "key",
        }
    ) == {
        "digest": f"sha256:{'9' * 64}",
        "image": f"host/shop@sha256:{'9' * 64}",
        "when": "2026-11-22T23:00:00.000Z",
        "set": ["a", "b"],
        "path": "/a",
        "rows": [[1, None], [True, 2.5]],
        "nested": {"desired": 1, "running": 0, "pending": 1, "failed": 0},
        "3": "key",
    }
