"""One chain for an environment across machines: fresh clones continue it in S3."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.delivery.fakes.account import Buckets
from tests.unit.delivery.test_contract_rules import OLD, SHA, before, broken

from shipway.cli import audit
from shipway.cli.audit import Question
from shipway.errors import AwsError, EvidenceError
from shipway.evidence import remote, shared
from shipway.evidence.canonical_json import canonical, sha256
from shipway.evidence.copies import BucketCopier
from shipway.evidence.ledger import LedgerEntry
from shipway.evidence.shared import SharedPlace
from shipway.evidence.store import RecordStore

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

S3 = "s3://octo-evidence/shop"
PLACE = SharedPlace(s3=S3, environment="staging")


def link(number: int) -> LedgerEntry:
    return LedgerEntry(
        sequence=1, record=f"staging/{number}/record.json", sha256=sha256(b"%d" % number)
    )


def copied(objects: Buckets, number: int, place: str = "staging") -> str:
    """What a machine does that delivered one record in a fresh clone; the entry's number."""
    content = canonical({"predicate": {"chain": {"sequence": 1}}, "n": number})
    entry = LedgerEntry(sequence=1, record=f"{place}/x/record.json", sha256=sha256(content))
    copier = BucketCopier(objects=objects, place=S3)
    return copier.copy(entry, {"record.json": content}).entry.partition(" ")[0]


def findings(objects: Buckets) -> set[tuple[str, str]]:
    checked = remote.verify(remote.read(objects, PLACE, whole=True))
    return {(finding.kind, finding.path) for finding in checked.findings}


def test_each_entry_names_the_one_before_it() -> None:
    objects = Buckets()
    first, second = (shared.append(objects, PLACE, link(number)) for number in (1, 2))
    assert (first.sequence, first.previous) == (1, "")
    assert (second.sequence, second.previous) == (2, first.head)
    assert list(objects.contents) == [
        f"{S3}/staging/chain/00000001.json",
        f"{S3}/staging/chain/00000002.json",
    ]


def test_the_same_record_again_keeps_its_number() -> None:
    objects = Buckets()
    assert shared.append(objects, PLACE, link(1)) == shared.append(objects, PLACE, link(1))
    assert len(objects.contents) == 1


@dataclass
class Racing(Buckets):
    """Everybody reads the same head before anybody writes; then the number is taken once."""

    barrier: threading.Barrier = field(default_factory=lambda: threading.Barrier(4))
    seen: set[int] = field(default_factory=set)

    def keys(self, bucket: str, prefix: str) -> tuple[str, ...]:
        keys = super().keys(bucket, prefix)
        if threading.get_ident() not in self.seen:
            self.seen.add(threading.get_ident())
            self.barrier.wait(10)
        return keys


def test_runs_that_end_at_once_are_all_in_the_chain() -> None:
    objects = Racing()
    with ThreadPoolExecutor(4) as pool:
        entries = list(
            pool.map(lambda number: shared.append(objects, PLACE, link(number)), range(4))
        )
    assert sorted(entry.sequence for entry in entries) == [1, 2, 3, 4]
    there = Buckets(contents=objects.contents)
    assert [entry.sequence for entry in shared.entries_back(there, PLACE)] == [4, 3, 2, 1]


def test_two_clones_of_one_commit_in_one_second_hinder_each_other_not() -> None:
    objects = Buckets()
    assert [copied(objects, 1), copied(objects, 2)] == ["1", "2"]
    assert findings(objects) == set()


def _entry_gone(objects: Buckets) -> set[tuple[str, str]]:
    del objects.contents[f"{S3}/staging/chain/00000002.json"]
    paths = [name for name in objects.contents if name.endswith("/record.json")]
    return {
        ("removed", "shop/staging/chain/00000002.json"),
        ("removed", _path(paths[2])),  # its ledger's line jumps
        ("added", _path(paths[1])),
    }


def _entry_changed(objects: Buckets) -> set[tuple[str, str]]:
    key = f"{S3}/staging/chain/00000001.json"
    paths = [name for name in objects.contents if name.endswith("/record.json")]
    entry = json.loads(objects.contents[key])
    turned = objects.contents[key].replace(entry["sha256"].encode(), b"0" * 64)
    objects.contents[key] = turned
    return {("changed", "shop/staging/chain/00000001.json"), ("changed", _path(paths[0]))}


def _record_changed(objects: Buckets) -> set[tuple[str, str]]:
    path = next(name for name in objects.contents if name.endswith("/record.json"))
    objects.contents[path] = objects.contents[path].replace(b'"n":0', b'"n":7')
    return {("changed", _path(path))}


def _record_gone(objects: Buckets) -> set[tuple[str, str]]:
    path = next(name for name in objects.contents if name.endswith("/record.json"))
    del objects.contents[path]
    return {("removed", _path(path))}


def _entry_is_none(objects: Buckets) -> set[tuple[str, str]]:
    objects.contents[f"{S3}/staging/chain/00000003.json"] = b"[" * 9000
    paths = [name for name in objects.contents if name.endswith("/record.json")]
    return {("changed", "shop/staging/chain/00000003.json"), ("added", _path(paths[2]))}


def _path(name: str) -> str:
    return name.removeprefix(f"{S3}/")


TAMPERINGS = (_entry_gone, _entry_changed, _record_changed, _record_gone, _entry_is_none)


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=[each.__name__[1:] for each in TAMPERINGS])
def test_whatever_was_done_in_the_bucket_is_named(tamper: Any) -> None:
    objects = Buckets()
    for number in range(3):
        copied(objects, number)
    expected = tamper(objects)
    assert findings(objects) == expected


def test_a_chain_that_was_broken_is_walked_no_further() -> None:
    objects = Buckets()
    for number in range(3):
        shared.append(objects, PLACE, link(number))
    del objects.contents[f"{S3}/staging/chain/00000002.json"]
    with pytest.raises(EvidenceError) as caught:
        list(shared.entries_back(objects, PLACE))
    assert caught.value.where == f"{S3}/staging"


def elsewhere(world: World) -> None:
    """Another machine delivered to the environment before; here is a fresh clone."""
    world.push()
    before(world)
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    table = f'[evidence]\ns3 = "{S3}"\n'
    world.write("delivery.toml", text.replace("[environments", f"{table}[environments", 1))
    root = world.root / "evidence"
    (record,) = root.glob("before/*/record.json")
    entry = RecordStore(root).link(record.relative_to(root).as_posix())
    copier = BucketCopier(objects=world.cloud.objects, place=S3)
    copier.copy(entry, {"record.json": record.read_bytes()})
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    root.rmdir()


def test_a_fresh_clone_meets_after_by_the_record_that_lies_in_s3(world: World) -> None:
    elsewhere(world)
    world.cloud.elsewhere.keep("x", OLD, OLD)
    (why,) = broken(world)
    assert "this is another image than the one verified in before" in why


def test_a_record_in_s3_that_its_chain_does_not_have_proves_nothing(world: World) -> None:
    elsewhere(world)
    world.cloud.elsewhere.keep("x", OLD, OLD)
    objects = world.cloud.objects.contents
    (name,) = (name for name in objects if name.endswith("record.json"))
    objects[name] = objects[name].replace(SHA.encode(), SHA.encode() + b" ")
    (why,) = broken(world)
    assert why.endswith("record.json is not what entry 1 of the chain has")


def test_a_bucket_that_refuses_keeps_the_rule_closed(world: World) -> None:
    elsewhere(world)
    world.cloud.objects.fails = AwsError("s3:ListBucket: no")
    (why,) = broken(world)
    assert why.startswith('after = "before": the chain of before in S3 cannot be used')


def test_an_audit_from_a_third_place_sees_and_verifies_what_others_delivered(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    table = f'[evidence]\ns3 = "{S3}"\n'
    world.write("delivery.toml", text.replace("[environments", f"{table}[environments", 1))
    for _ in range(2):
        world.variables["SHIPWAY_EVIDENCE"] = str(tmp_path_factory.mktemp("clone"))
        assert world.deliver().exit_code == 0

    def account(_: str) -> Any:
        return world.cloud

    seen = Question(evidence=S3)
    assert audit.run(seen, json=True, account=account) == 0
    (table_of_both,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert [row[1] for row in table_of_both["rows"]] == ["staging", "staging"]
    question = Question(evidence=S3, verify=True)
    assert audit.run(question, json=True, account=account) == 0
    line = json.loads(capsys.readouterr().out)["text"]
    assert line.startswith(f"✓ {S3}/staging: 2 records verified, last sha256:")
    clone = Path(world.variables["SHIPWAY_EVIDENCE"])
    assert len(list(clone.rglob("record.json"))) == 1
    name = next(name for name in world.cloud.objects.contents if name.endswith("report.html"))
    world.cloud.objects.contents[name] += b" "
    assert audit.run(question, json=True, account=account) == 50
    assert "report.html" in capsys.readouterr().out
