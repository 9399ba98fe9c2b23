from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.evidence.conftest import Clock, deliver

from shipway.errors import EvidenceError
from shipway.evidence import archive
from shipway.evidence import ledger as chain
from shipway.evidence.canonical_json import canonical, sha256
from shipway.evidence.ledger import LOCK
from shipway.evidence.store import RecordStore
from shipway.evidence.verify import ChainFinding, Checked, check

if TYPE_CHECKING:
    from shipway.evidence.store import StoredRecord

LEDGER = chain.LEDGER


def checked(root: Path) -> Checked:
    return check(archive.read(root))


def findings(root: Path) -> set[tuple[str, str]]:
    return {(finding.kind, finding.path) for finding in checked(root).findings}


def record(stored: StoredRecord) -> Path:
    return stored.folder / "record.json"


def test_a_chain_that_nobody_touched_holds(
    tmp_path: Path, filled: tuple[StoredRecord, ...]
) -> None:
    result = checked(tmp_path)
    assert result.findings == ()
    assert [link.sequence for link in result.links] == [1, 2, 3, 4]
    assert result.head == sha256(record(filled[3]).read_bytes())


def test_each_record_carries_the_hash_of_the_one_before_it(
    tmp_path: Path, filled: tuple[StoredRecord, ...]
) -> None:
    lines = (tmp_path / LEDGER).read_bytes().splitlines(keepends=True)
    places = [json.loads(record(stored).read_bytes())["predicate"]["chain"] for stored in filled]
    assert places[0] == {"sequence": 1, "previous": None}
    for number, place in enumerate(places[1:], 1):
        before = filled[number - 1]
        assert place == {
            "sequence": number + 1,
            "previous": {
                "record": before.link.record,
                "sha256": sha256(record(before).read_bytes()),
                "ledger": sha256(b"".join(lines[:number])),
            },
        }


def test_a_record_is_canonical(filled: tuple[StoredRecord, ...]) -> None:
    content = record(filled[0]).read_bytes()
    assert content == canonical(json.loads(content))
    assert b": " not in content
    assert not content.endswith(b"\n")


def _delete(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    assert root
    record(records[1]).unlink()
    return {("removed", records[1].link.record)}


def _delete_the_last(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    assert root
    record(records[3]).unlink()
    return {("removed", records[3].link.record)}


def _one_byte(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    assert root
    content = record(records[2]).read_bytes()
    record(records[2]).write_bytes(content.replace(b"Delivered.", b"Delivered!"))
    return {("changed", records[2].link.record)}


def _swap(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    assert root
    earlier, other = record(records[0]), record(records[2])
    first, second = earlier.read_bytes(), other.read_bytes()
    earlier.write_bytes(second)
    other.write_bytes(first)
    return {("reordered", records[0].link.record), ("reordered", records[2].link.record)}


def _cut_off(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    assert root
    content = record(records[1]).read_bytes()
    record(records[1]).write_bytes(content[: len(content) // 2])
    return {("cut off", records[1].link.record)}


def _prettier(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    assert root
    document = json.loads(record(records[0]).read_bytes())
    record(records[0]).write_text(json.dumps(document, indent=1))
    return {("form", records[0].link.record)}


def _add(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    forged = root / "staging" / "2027-01-01T00-00-00Z-3f9c2ab" / "record.json"
    forged.parent.mkdir()
    forged.write_bytes(record(records[0]).read_bytes())
    return {("added", "staging/2027-01-01T00-00-00Z-3f9c2ab/record.json")}


def _no_ledger(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    (root / LEDGER).unlink()
    return {("removed", LEDGER)} | {("added", stored.link.record) for stored in records}


def _line_taken(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    lines = (root / LEDGER).read_bytes().splitlines(keepends=True)
    del lines[1]
    (root / LEDGER).write_bytes(b"".join(lines))
    return {
        ("changed", LEDGER),
        ("added", records[1].link.record),
        ("removed", records[2].link.record),
        ("reordered", records[2].link.record),
    }


def _last_line_taken(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    lines = (root / LEDGER).read_bytes().splitlines(keepends=True)
    (root / LEDGER).write_bytes(b"".join(lines[:-1]))
    return {("added", records[3].link.record)}


def _lines_swapped(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    lines = (root / LEDGER).read_bytes().splitlines(keepends=True)
    lines[1], lines[2] = lines[2], lines[1]
    (root / LEDGER).write_bytes(b"".join(lines))
    return {
        ("removed", records[2].link.record),
        ("reordered", records[1].link.record),
        ("reordered", records[2].link.record),
        ("removed", records[3].link.record),
        ("reordered", records[3].link.record),
    }


def _record_and_line(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    """Whoever changes a record and its line still meets the record that follows."""
    content = record(records[1]).read_bytes().replace(b"Delivered.", b"Delivered!")
    record(records[1]).write_bytes(content)
    ledger = (root / LEDGER).read_text()
    (root / LEDGER).write_text(ledger.replace(records[1].link.sha256, sha256(content)))
    summary = records[1].folder / "vsa.json"
    return {
        ("changed", LEDGER),
        ("reordered", records[2].link.record),
        ("changed", summary.relative_to(root).as_posix()),
    }


def _attached(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    path = records[2].folder / "sbom-linux-amd64.cdx.json"
    path.write_text("{}")
    return {("changed", path.relative_to(root).as_posix())}


def _attached_and_line(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    path = records[2].folder / "sbom-linux-amd64.cdx.json"
    before = sha256(path.read_bytes())
    path.write_text("{}")
    ledger = (root / LEDGER).read_text()
    (root / LEDGER).write_text(ledger.replace(before, sha256(b"{}")))
    changed = {("changed", path.relative_to(root).as_posix()), ("changed", LEDGER)}
    # All four hold the same bytes: the ledger now lies about each of them.
    assert {path for kind, path in findings(root) if kind == "changed"} == {
        path for _, path in changed
    }
    return changed


def _no_attachment(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    path = records[0].folder / "sbom-linux-amd64.cdx.json"
    path.unlink()
    return {("removed", path.relative_to(root).as_posix())}


def _decision_turned(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    path = records[0].folder / "vsa.json"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"PASSED", b"FAILED"))
    ledger = (root / LEDGER).read_text()
    turned = ledger.replace(sha256(before), sha256(path.read_bytes()))
    (root / LEDGER).write_text(turned)
    return {("changed", path.relative_to(root).as_posix()), ("changed", LEDGER)}


def _foreign_line(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    assert records
    with (root / LEDGER).open("a") as stream:
        stream.write('{"sequence": "five"}\n')
    return {("changed", LEDGER)}


def _torn_line(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    assert records
    with (root / LEDGER).open("a") as stream:
        stream.write('{"sequence": 5, "rec')
    return {("cut off", LEDGER)}


TAMPERINGS = (
    _delete,
    _delete_the_last,
    _one_byte,
    _swap,
    _cut_off,
    _prettier,
    _add,
    _no_ledger,
    _line_taken,
    _last_line_taken,
    _lines_swapped,
    _record_and_line,
    _attached,
    _attached_and_line,
    _no_attachment,
    _decision_turned,
    _foreign_line,
    _torn_line,
)


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=[each.__name__[1:] for each in TAMPERINGS])
def test_whatever_was_done_is_named(
    tmp_path: Path,
    filled: tuple[StoredRecord, ...],
    tamper: Callable[[Path, tuple[StoredRecord, ...]], set[tuple[str, str]]],
) -> None:
    expected = tamper(tmp_path, filled)
    assert findings(tmp_path) == expected


def test_every_single_byte_counts(tmp_path: Path, filled: tuple[StoredRecord, ...]) -> None:
    path = record(filled[1])
    content = path.read_bytes()
    for position in range(0, len(content), 97):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]
        )
        assert filled[1].link.record in {finding.path for finding in checked(tmp_path).findings}, (
            position
        )


def test_who_writes_at_the_same_time_waits(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        records = list(
            pool.map(lambda number: deliver(tmp_path, f"e{number % 3}", Clock()), range(24))
        )
    result = checked(tmp_path)
    assert result.findings == ()
    assert len(result.links) == 24
    assert {stored.link.sequence for stored in records} == set(range(1, 25))


@pytest.mark.usefixtures("filled")
def test_who_may_write_the_ledger_may_lock_it(tmp_path: Path) -> None:
    """A folder that a group shares: the first of them must not lock the others out."""
    modes = {(tmp_path / name).stat().st_mode for name in (chain.LEDGER, LOCK)}
    assert len(modes) == 1


def test_a_folder_with_a_ledger_of_its_own_is_another_chain(
    tmp_path: Path, filled: tuple[StoredRecord, ...]
) -> None:
    assert filled
    deliver(tmp_path / "rehearsal", "staging", Clock())
    assert checked(tmp_path).findings == ()
    assert len(checked(tmp_path).links) == 4
    assert len(checked(tmp_path / "rehearsal").links) == 1


def test_a_writer_that_died_before_the_name_is_finished_by_the_next(
    tmp_path: Path, filled: tuple[StoredRecord, ...]
) -> None:
    last = filled[-1]
    scratch = last.folder / ".record.json.writing"
    record(last).rename(scratch)
    (finding,) = checked(tmp_path).findings
    assert finding == ChainFinding(
        kind="cut off",
        path=last.link.record,
        why="its writer died before it had its name; the next delivery finishes it",
    )
    deliver(tmp_path, "staging", Clock())
    assert checked(tmp_path).findings == ()
    assert record(last).read_bytes() == last.content


def test_a_half_record_never_gets_its_name(
    tmp_path: Path, filled: tuple[StoredRecord, ...]
) -> None:
    last = filled[-1]
    content = record(last).read_bytes()
    record(last).unlink()
    (last.folder / ".record.json.writing").write_bytes(content[:100])
    deliver(tmp_path, "staging", Clock())
    assert not record(last).exists()
    assert ("cut off", last.link.record) in findings(tmp_path)


def test_a_torn_line_is_taken_back_by_the_next(
    tmp_path: Path, filled: tuple[StoredRecord, ...]
) -> None:
    assert filled
    _torn_line(tmp_path, filled)
    stored = deliver(tmp_path, "staging", Clock())
    assert stored.link.sequence == 5
    assert checked(tmp_path).findings == ()


def _report_and_line(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    """A report that came later stands in the ledger alone; the next record vouches for that."""
    RecordStore(root).add(records[3].link.record, {"report.html": b"<p>good</p>"})
    deliver(root, "staging", Clock())
    (records[3].folder / "report.html").write_bytes(b"<p>best</p>")
    ledger = (root / LEDGER).read_text()
    (root / LEDGER).write_text(ledger.replace(sha256(b"<p>good</p>"), sha256(b"<p>best</p>")))
    return {("changed", LEDGER)}


def _report_unknown(root: Path, records: tuple[StoredRecord, ...]) -> set[tuple[str, str]]:
    path = records[1].folder / "report.html"
    path.write_bytes(b"<p>best</p>")
    return {("added", path.relative_to(root).as_posix())}


LATER = (_report_and_line, _report_unknown)


@pytest.mark.parametrize("tamper", LATER, ids=[each.__name__[1:] for each in LATER])
def test_a_file_that_came_later_is_covered_too(
    tmp_path: Path,
    filled: tuple[StoredRecord, ...],
    tamper: Callable[[Path, tuple[StoredRecord, ...]], set[tuple[str, str]]],
) -> None:
    expected = tamper(tmp_path, filled)
    assert findings(tmp_path) == expected


HOSTILE = (
    b'{"sequence": "five"}',
    b'{"files": {}, "of": 99}',
    b'{"files": {}, "record": "../../etc/record.json", "sequence": 5, "sha256": ""}',
    b'{"files": {}, "record": "/etc/record.json", "sequence": 5, "sha256": ""}',
    b'{"files": {"../../x": ""}, "record": "a/record.json", "sequence": 5, "sha256": ""}',
    b'{"files": {}, "record": "a\\u0000/record.json", "sequence": 5, "sha256": ""}',
    b'{"files": {}, "record": "a/record.json", "sequence": 1e999, "sha256": ""}',
    b'{"files": {}, "record": "a/record.json", "sequence": ' + b"9" * 5000 + b', "sha256": ""}',
    b'{"files": [], "record": 1}',
    b"\xff\xfe",
    b"[" * 9000,
    b"null",
)


@pytest.mark.parametrize("line", HOSTILE, ids=range(len(HOSTILE)))
def test_a_line_that_is_not_ours_is_told_and_the_next_record_is_written(
    tmp_path: Path, filled: tuple[StoredRecord, ...], line: bytes
) -> None:
    assert filled
    with (tmp_path / LEDGER).open("ab") as stream:
        stream.write(line + b"\n")
    before = (tmp_path / LEDGER).read_bytes()
    assert findings(tmp_path) == {("changed", LEDGER)}
    stored = deliver(tmp_path, "staging", Clock())
    assert stored.link.sequence == 5
    assert (tmp_path / LEDGER).read_bytes().startswith(before)
    assert findings(tmp_path) == {("changed", LEDGER)}


def test_after_lines_that_were_moved_the_next_record_follows_the_newest(
    tmp_path: Path, filled: tuple[StoredRecord, ...]
) -> None:
    lines = (tmp_path / LEDGER).read_bytes().splitlines(keepends=True)
    (tmp_path / LEDGER).write_bytes(b"".join(reversed(lines)))
    stored = deliver(tmp_path, "staging", Clock())
    assert stored.link.sequence == 5
    place = json.loads(stored.content)["predicate"]["chain"]
    assert place["previous"]["record"] == filled[3].link.record
    assert findings(tmp_path)


@pytest.mark.usefixtures("filled")
def test_a_folder_that_was_emptied_is_told(tmp_path: Path) -> None:
    for folder in ("staging", "production"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
    (tmp_path / LEDGER).unlink()
    assert findings(tmp_path) == {("removed", LEDGER)}
    (tmp_path / LEDGER).write_bytes(b"")
    assert findings(tmp_path) == {("removed", LEDGER)}


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_disk_that_fills_up_leaves_the_chain_as_it_was(
    tmp_path: Path, filled: tuple[StoredRecord, ...], monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """The disk is full at the first, second… flush: three files, then the ledger's line."""
    assert filled
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    before = (tmp_path / LEDGER).read_bytes()
    files = sorted(tmp_path.rglob("*"))
    flushed: list[int] = []

    def fsync(descriptor: int) -> None:
        flushed.append(descriptor)
        if len(flushed) == at:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", fsync)
        with pytest.raises(EvidenceError) as caught:
            deliver(tmp_path, "staging", Clock())
    assert caught.value.what == "the record cannot be written: No space left on device"
    assert (tmp_path / LEDGER).read_bytes() == before
    assert sorted(tmp_path.rglob("*")) == files
    assert checked(tmp_path).findings == ()


def test_ctrl_c_waits_until_the_record_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    join = threading.Thread.join
    pressed: list[int] = []

    def impatient(self: threading.Thread, timeout: float | None = None) -> None:
        if self.name == "record" and len(pressed) < 2:
            pressed.append(1)
            raise KeyboardInterrupt
        join(self, timeout)

    monkeypatch.setattr("threading.Thread.join", impatient)
    deliver(tmp_path, "staging", Clock())
    assert checked(tmp_path).findings == ()
    assert len(checked(tmp_path).links) == 1


def test_no_folder_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError) as caught:
        archive.read(tmp_path / "nothing")
    assert caught.value.what == "there is no evidence here"
