"""The audit's answers, and the matrix that is judged from records alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.evidence.conftest import Clock, image, journal

from shipway.cli import audit
from shipway.cli.audit import Question
from shipway.config.environment import EnvironmentRef
from shipway.errors import ConfigurationError, CredentialsError
from shipway.evidence import archive
from shipway.evidence.facts.gate import DecisionFact, EnvironmentFact, TriggerFact
from shipway.evidence.facts.image import BuildFact, ImageFact, ScanFact
from shipway.evidence.facts.rollout import RolloutVerdictFact, ServiceFact
from shipway.evidence.predicate import VerdictFact
from shipway.evidence.recorder import RecordWriter
from shipway.evidence.store import RecordStore
from shipway.image.publish import StoredImage
from shipway.image.referrers import IN_TOTO, Referrer
from shipway.rehearsal import closing
from shipway.rehearsal.criteria import matrix
from shipway.rollout.snapshot import Snapshot
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition
from shipway.values import Digest, Identity

if TYPE_CHECKING:
    from shipway.evidence.store import StoredRecord

ONE, TWO = (f"sha256:{digit * 64}" for digit in "12")


@dataclass
class Cloud:
    """An account where the first image runs, and its repository."""

    number: str = "111122223333"
    stored: str = ONE
    refuses: bool = False
    opened: list[str] = field(default_factory=list)
    beside: dict[str, tuple[Referrer, ...]] = field(default_factory=dict)

    @property
    def ecs(self) -> Any:
        return self

    def identity(self) -> Identity:
        if self.refuses:
            raise CredentialsError("no AWS credentials were found")
        return Identity(account=self.number, arn="arn:aws:sts::1:assumed-role/x/y")

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        assert (cluster, list(names)) == ("shop", ["shop-web"])
        return {"shop-web": Snapshot(task_definition="shop:42", desired=2, running=2)}

    def task_definition(self, arn: str) -> TaskDefinition:
        assert arn == "shop:42"
        web = ContainerDefinition(name="web", image=f"host/shop@{self.stored}")
        return TaskDefinition(containers=(web,))

    def repository_at(self, place: EnvironmentRef, name: str) -> Cloud:
        assert (place.account, name) == ("111122223333", "shop")
        return self

    def find(self, reference: str) -> StoredImage | None:
        assert reference == "v1"
        return StoredImage(digest=Digest(self.stored), platforms=frozenset())

    def referrers(self, digest: Digest) -> tuple[Referrer, ...]:
        return self.beside.get(digest.value, ())

    def open(self, region: str) -> Any:
        self.opened.append(region)
        return self


def rolled(root: Path, clock: Clock, digit: str, *, good: bool = True) -> StoredRecord:
    """One delivery to a service that ran the image before it."""
    new_journal = journal(clock)
    new_journal.environment = "production"
    new_journal.about(image(digit))
    new_journal.note(TriggerFact(event="push", ref="refs/tags/v1-stable", actor="octocat"))
    new_journal.note(DecisionFact(allowed=True, environment="production", tasks=("deploy",)))
    new_journal.note(
        EnvironmentFact(
            name="production",
            account="111122223333",
            region="eu-west-1",
            cluster="shop",
            services={"web": "shop-web"},
        )
    )
    reference = image(digit)
    new_journal.note(ImageFact(reference=str(reference), tag="v1", platforms=(), pushed=None))
    new_journal.note(BuildFact(digest=str(reference.digest), platforms={}))
    new_journal.note(ScanFact(summary="clean"))
    before = image(chr(ord(digit) - 1))
    name, code = ("succeeded", 0) if good else ("rolled-back", 31)
    service = ServiceFact(
        key="web",
        task_definition="td/shop:42",
        previous_image=str(before),
        verdict=RolloutVerdictFact(name=name, exit_code=code),
    )
    new_journal.note_all(ServiceFact, (service,))
    verdict = VerdictFact(kind=name, exit_code=code, text=name)
    return RecordWriter(root, clock).write(new_journal, verdict)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    clock = Clock()
    rolled(tmp_path, clock, "1")
    rolled(tmp_path, clock, "2", good=False)
    return tmp_path


def ask(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str], **what: Any
) -> tuple[int, list[dict[str, Any]]]:
    question = Question(evidence=str(root), **what)
    code = audit.run(question, json=True, account=cloud.open)
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_history_says_when_who_what_from_where_and_how_it_ended(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    code, (table,) = ask(root, cloud, capsys, env="production")
    assert code == 0
    assert table["columns"] == ["when (UTC)", "to", "who", "what", "from", "verdict", "record"]
    origin = "3f9c2ab push refs/tags/v1-stable"
    assert [row[1:6] for row in table["rows"]] == [
        ["production", "octocat", "sha256:111111111111…", origin, "succeeded"],
        ["production", "octocat", "sha256:222222222222…", origin, "rolled-back"],
    ]
    assert cloud.opened == []
    assert ask(root, cloud, capsys, env="staging")[1][0]["rows"] == []


def test_an_environment_of_no_record_must_be_one_of_delivery_toml(tmp_path: Path) -> None:
    ours = Path(__file__).parents[3] / "ci" / "delivery.toml"
    audit.see_declared("production", ours)
    with pytest.raises(ConfigurationError) as caught:
        audit.see_declared("prodution", ours)
    assert caught.value.what == ('there is no environment "prodution"; did you mean "production"?')
    assert caught.value.remedy == "name one of local, sandbox, staging, production"
    file = tmp_path / "delivery.toml"
    audit.see_declared("prodution", file)  # no file: an evidence folder may be all there is
    file.write_text("not TOML", encoding="utf-8")
    audit.see_declared("prodution", file)


def test_a_digest_is_followed_from_its_build_to_where_it_runs(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    code, (table,) = ask(root, cloud, capsys, digest="1111")
    assert code == 0
    assert [row[:2] for row in table["rows"]] == [
        ["built", "from 3f9c2ab push refs/tags/v1-stable"],
        ["published", f"host/shop@{ONE}  nothing pushed"],
        ["scanned", "clean"],
        ["deployed", "production/web  shop:42  succeeded"],
        ["kept", "in production/web against sha256:222222222222…: rolled-back"],
        ["still running", "production/shop-web  2 of 2 tasks"],
    ]
    cloud.stored = TWO
    rows = ask(root, cloud, capsys, digest=ONE)[1][0]["rows"]
    assert rows[-1][0] == "no longer running"


@pytest.mark.parametrize("trouble", ["refuses", "another account", "offline"])
def test_who_cannot_ask_aws_still_has_the_records(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str], trouble: str
) -> None:
    cloud.refuses = trouble == "refuses"
    cloud.number = "999900001111" if trouble == "another account" else cloud.number
    code, (table,) = ask(root, cloud, capsys, digest="1111", offline=trouble == "offline")
    assert code == 0
    last = table["rows"][-1][0]
    assert last == ("kept" if trouble == "offline" else "not asked")
    assert (cloud.opened == []) == (trouble == "offline")


def test_a_digest_of_nothing_and_one_of_two(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output = ask(root, cloud, capsys, digest="abcd")
    assert (code, output[0]["what"]) == (24, "no record speaks of sha256:abcd")
    code, output = ask(root, cloud, capsys, digest="sha256:")
    assert (code, output[0]["kind"]) == (2, "usage")


def test_what_holds_is_verified(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output = ask(root, cloud, capsys, verify=True, offline=True)
    assert code == 0
    assert output[0]["text"].startswith("✓ 2 records verified, last sha256:")


def test_what_does_not_hold_is_named_and_ends_with_50(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    first = min(root.glob("production/*/record.json"))
    first.unlink()
    code, output = ask(root, cloud, capsys, verify=True, offline=True)
    assert code == 50
    assert output[0]["rows"][0][:2] == ["removed", first.relative_to(root).as_posix()]
    assert output[1]["what"] == "one thing in the evidence is not as it was written"


def test_a_tag_that_points_elsewhere_is_named(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.stored = TWO
    code, output = ask(root, cloud, capsys, verify=True)
    assert code == 50
    ((kind, path, why),) = output[0]["rows"]
    assert (kind, why) == ("registry", "the registry has sha256:222222222222… under v1")
    assert path.startswith("production/2026-11-22T23-40-58Z")


def test_a_record_that_only_the_registry_still_has_is_named(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder's end was cut off, cleanly: the record beside the image follows one of ours."""
    lines = (root / "chain.jsonl").read_bytes().splitlines(keepends=True)
    first = json.loads(lines[0])
    (root / "chain.jsonl").write_bytes(lines[0])
    last = json.loads(lines[-1])["record"]
    shutil.rmtree((root / last).parent)
    assert ask(root, cloud, capsys, verify=True)[0] == 0
    notes = {"dev.shipway.record": last, "dev.shipway.previous": first["sha256"]}
    attached = Referrer(digest=Digest(TWO), artifact_type=IN_TOTO, annotations=notes)
    cloud.beside = {ONE: (attached,)}
    code, output = ask(root, cloud, capsys, verify=True)
    assert code == 50
    assert output[0]["rows"][0][:2] == ["removed", last]


def test_the_head_that_a_summary_shows_must_be_there(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (root / "chain.jsonl").read_bytes().splitlines(keepends=True)
    head = json.loads(lines[-1])["sha256"]
    found = {"verify": True, "offline": True, "head": f"sha256:{head}"}
    assert ask(root, cloud, capsys, **found)[0] == 0
    (root / "chain.jsonl").write_bytes(lines[0])
    shutil.rmtree((root / json.loads(lines[-1])["record"]).parent)
    code, output = ask(root, cloud, capsys, **found)
    assert (code, output[0]["rows"][0][2]) == (50, f"no chain here has sha256:{head}")


def test_every_chain_below_is_followed_and_a_tampered_rehearsal_is_named(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearsal = root / "rehearsal-x"
    rolled(rehearsal, Clock(), "1")
    code, output = ask(root, cloud, capsys, verify=True, offline=True)
    assert code == 0
    assert [line["text"].partition(", last")[0] for line in output] == [
        "✓ 2 records verified",
        "✓ rehearsal-x: 1 record verified",
    ]
    (record,) = rehearsal.rglob("record.json")
    record.write_bytes(record.read_bytes().replace(b"succeeded", b"Succeeded", 1))
    code, output = ask(root, cloud, capsys, verify=True, offline=True)
    assert code == 50
    name = record.relative_to(rehearsal).as_posix()
    assert output[0]["rows"][0][:2] == ["changed", f"rehearsal-x: {name}"]


def test_a_rehearsal_that_was_emptied_is_remembered_by_its_matrix(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearsal = root / "rehearsal-x"
    rolled(rehearsal, Clock(), "3")
    closing.close(rehearsal, closing.judge(rehearsal), seconds=1.0)
    assert ask(root, cloud, capsys, verify=True, offline=True)[0] == 0
    shutil.rmtree(rehearsal / "production")
    (rehearsal / "chain.jsonl").write_bytes(b"")
    (rehearsal / ".chain.lock").unlink()
    code, output = ask(root, cloud, capsys, verify=True, offline=True)
    assert code == 50
    assert output[0]["rows"][0][:2] == ["removed", "rehearsal-x/chain.jsonl"]


def test_no_registry_is_no_finding(
    root: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.refuses = True
    code, output = ask(root, cloud, capsys, verify=True)
    assert code == 0
    assert output[0]["text"] == (
        "· production: the registry cannot be asked: no AWS credentials were found"
    )


def walks(root: Path) -> dict[str, StoredRecord]:
    """A chain of records, each with what was seen from outside beside it."""
    clock = Clock()
    records = {}
    for name, digit, kind, code in (
        ("02-stable", "1", "succeeded", 0),
        ("06-crash", "2", "rolled-back", 31),
    ):
        record = records[name] = rolled(root, clock, digit, good=not code)
        facts = {
            "name": name,
            "exitCode": code,
            "expectedExitCode": code,
            "expectedKind": kind,
            "traffic": {"asked": 100, "lost": 0},
        }
        RecordStore(root).add(record.link.record, {"walk.json": json.dumps(facts).encode()})
    return records


def met(root: Path) -> dict[str, bool]:
    return {row.name: row.met for row in closing.judge(root).rows}


STABLE = "*-stable tags deploy to production"


def test_a_row_names_the_file_and_the_place_that_prove_it(tmp_path: Path) -> None:
    records = walks(tmp_path)
    row = next(row for row in closing.judge(tmp_path).rows if row.name == STABLE)
    assert (row.met, row.file) == (True, records["02-stable"].link.record)
    node: Any = json.loads((tmp_path / row.file).read_bytes())
    for part in row.pointer.split("/")[1:]:
        node = node[int(part)] if isinstance(node, list) else node[part]
    assert node == {"name": "succeeded", "exitCode": 0, "sentence": ""}


@pytest.mark.parametrize("what", ["removed", "changed", "walk changed", "walk removed"])
def test_a_row_turns_unmet_when_its_record_does_not_hold(tmp_path: Path, what: str) -> None:
    stored = walks(tmp_path)["02-stable"]
    assert met(tmp_path)[STABLE]
    path = stored.folder / ("walk.json" if "walk" in what else "record.json")
    if "removed" in what:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b"succeeded", b"Succeeded", 1))
    judged = closing.judge(tmp_path)
    row = next(row for row in judged.rows if row.name == STABLE)
    assert not row.met
    assert not judged.ready
    assert "02-stable" in row.why


def test_the_machine_readable_verdict(tmp_path: Path) -> None:
    folder = tmp_path / "rehearsal-x"
    folder.mkdir()
    records = walks(folder)
    judged = closing.judge(folder)
    closing.close(folder, judged, seconds=41.0)
    assert not (tmp_path / "matrix.json").exists()  # a second one would grow stale
    for place in (folder,):
        verdict = json.loads((place / "matrix.json").read_bytes())
        assert verdict["evidence"] == "rehearsal-x"
        assert verdict["ready"] is False
        assert verdict["of"] == len(matrix({}))
        assert verdict["chain"]["holds"] is True
        assert verdict["chain"]["head"] == records["06-crash"].link.sha256
        row = next(row for row in verdict["rows"] if row["name"] == STABLE)
        assert row["sha256"] == records["02-stable"].link.sha256
        assert row["file"] == records["02-stable"].link.record
    assert (folder / "report.html").stat().st_size < 200_000


def test_the_audit_judges_the_matrix_anew(
    tmp_path: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    records = walks(tmp_path)
    code, _ = ask(tmp_path, cloud, capsys, matrix=True)
    assert code == 60
    (records["02-stable"].folder / "record.json").unlink()
    code, output = ask(tmp_path, cloud, capsys, matrix=True)
    assert code == 50
    verdict = json.loads((tmp_path / "matrix.json").read_bytes())
    assert verdict["chain"]["findings"][0]["kind"] == "removed"
    assert verdict["met"] == 0
    assert output[-1]["type"] == "table"


def test_the_matrix_names_the_folder_that_it_read(
    tmp_path: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "evidence" / "rehearsal-2026-11-28T18-00-00Z"
    folder.mkdir(parents=True)
    walks(folder)
    _, output = ask(folder, cloud, capsys, matrix=True)
    assert output[-1]["title"] == f"rehearsal in {folder}"
    (folder.parent / "rehearsal-2026-11-27T18-00-00Z").mkdir()
    code, output = ask(folder.parent, cloud, capsys, matrix=True)
    assert (code, output[0]["kind"]) == (2, "usage")
    assert output[0]["remedy"] == f"judge the newest rehearsal: --matrix --evidence {folder}"


def test_a_file_is_added_to_a_record_once(tmp_path: Path) -> None:
    stored = walks(tmp_path)["02-stable"]
    before = archive.read(tmp_path)
    with pytest.raises(Exception, match="that file is there already"):
        RecordStore(tmp_path).add(stored.link.record, {"walk.json": b"{}"})
    assert archive.read(tmp_path) == before
