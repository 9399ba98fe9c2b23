"""Records as real processes write them: on a full disk, where nothing can be written, killed."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shipway.evidence import archive
from shipway.evidence.verify import check

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from shipway.errors import EvidenceError
from shipway.evidence.journal import Journal
from shipway.evidence.predicate import VerdictFact
from shipway.evidence.recorder import RecordTeller, RecordWriter
from shipway.observer import Started
from shipway.util.clock import SystemClock
from shipway.values import Commit

root, count, padding = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
commit = Commit(sha="3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7", time=datetime.now(UTC), clean=True)
for number in range(count):
    journal = Journal(commit, clock=SystemClock(), observer=lambda event: None)
    journal.environment = "staging"
    journal(Started(stage="x" * padding))
    try:
        verdict = VerdictFact(kind="succeeded", exit_code=0, text="Delivered.")
        kept = RecordWriter(root, SystemClock()).write(journal, verdict)
        RecordTeller(root, lambda event: None).show(kept, "shown")
    except EvidenceError as error:
        print(error.what, error.remedy, *error.details, sep="\\n")
        sys.exit(error.exit_code)
    print(kept.link.sequence, flush=True)
"""
BOUND = 30.0


def write(root: Path, *, count: int = 1, padding: int = 10, most: int | None = None) -> list[str]:
    """Write records; the last line is the exit code. ``most``: bytes that a file may have."""

    def limit() -> None:
        if most is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(root), str(count), str(padding)],
        capture_output=True,
        text=True,
        timeout=BOUND,
        # Where a record goes that cannot be written to its place.
        env={**os.environ, "TMPDIR": str(root.parent)},
        preexec_fn=limit,
        check=False,
    )
    assert done.stderr == ""
    return [*done.stdout.splitlines(), str(done.returncode)]


def files(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_disk_without_room_leaves_what_was_there(tmp_path: Path) -> None:
    root = tmp_path / "evidence"
    assert write(root, count=2) == ["1", "2", "0"]
    before = files(root)
    said = write(root, padding=5000, most=2000)
    assert said[0] == "the record cannot be written: File too large"
    assert said[1].startswith("free or mount that place, or name another in SHIPWAY_EVIDENCE; ")
    assert "this delivery ended as: succeeded" in said[1]
    assert said[-1] == "50"
    assert files(root) == before
    assert check(archive.read(root)).findings == ()
    assert write(root) == ["3", "0"]
    assert check(archive.read(root)).findings == ()


def test_a_report_without_room_takes_nothing_from_the_record(tmp_path: Path) -> None:
    root = tmp_path / "evidence"
    assert write(root, most=6000) == ["1", "0"]
    (folder,) = (root / "staging").iterdir()
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == [
        "record.json",
        "vsa.json",
    ]
    assert check(archive.read(root)).findings == ()


def test_where_nothing_can_be_written_the_record_lies_elsewhere() -> None:
    said = write(Path("/proc/self/evidence"))
    assert said[0].startswith("the record cannot be written: ")
    spare = Path(said[2].removeprefix("it lies whole, but unchained, in "))
    record = json.loads((spare / "record.json").read_bytes())
    assert record["predicate"]["verdict"]["kind"] == "succeeded"
    assert record["predicate"]["chain"] == {"previous": None, "sequence": 0}
    assert said[-1] == "50"
    for path in spare.iterdir():
        path.unlink()
    spare.rmdir()


@pytest.mark.parametrize("milliseconds", [0, 7, 13, 29])
def test_killed_at_any_moment_there_is_no_half_record(tmp_path: Path, milliseconds: int) -> None:
    root = tmp_path / "evidence"
    command = [sys.executable, "-c", WRITER, str(root), "100000", "2000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        time.sleep(milliseconds / 1000)
        process.kill()
        process.communicate(timeout=BOUND)
    records = [json.loads(path.read_bytes()) for path in root.rglob("record.json")]
    assert all(one["predicate"]["verdict"]["exitCode"] == 0 for one in records)
    # What was begun is finished or taken back by the next one, and then all of it holds.
    assert write(root)[-1] == "0"
    checked = check(archive.read(root))
    assert checked.findings == ()
    assert len(checked.links) > len(records)
