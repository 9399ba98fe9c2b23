"""``audit --html``: one page over what lies here, in S3 and beside images, each record once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.cli.test_audit import Cloud, ask, rolled
from tests.unit.delivery.fakes.account import Buckets
from tests.unit.evidence.conftest import Clock
from tests.unit.evidence.pages import Page

from shipway.cli import audit_page, audit_registry
from shipway.cli.audit_page import Sources, files_beside
from shipway.config.references import Reference
from shipway.errors import CredentialsError
from shipway.evidence import archive, history, remote
from shipway.evidence.copies import BucketCopier
from shipway.evidence.outline import outlined
from shipway.evidence.remote import RemoteChain
from shipway.evidence.shared import SharedPlace
from shipway.image.referrers import IN_TOTO, Referrer, digest_of
from shipway.values import Digest, Identity

if TYPE_CHECKING:
    from shipway.evidence.store import StoredRecord

S3 = "s3://octo-evidence/shop"


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def records(tmp_path: Path) -> tuple[StoredRecord, ...]:
    clock = Clock()
    root = tmp_path / "evidence"
    return rolled(root, clock, "1"), rolled(root, clock, "2", good=False)


def page_of(file: Path) -> Page:
    return Page(file.read_bytes())


def links(page: Page) -> list[str]:
    return [value for name, key, value in page.attributes if (name, key) == ("a", "href")]


def test_it_writes_one_page_and_leads_to_what_lies_beside(
    tmp_path: Path,
    records: tuple[StoredRecord, ...],
    cloud: Cloud,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "out" / "page.html"
    file.parent.mkdir()
    (records[0].folder / "report.html").write_bytes(b"<!doctype html>")
    code, output = ask(tmp_path / "evidence", cloud, capsys, html=str(file))
    assert (code, output[0]["text"]) == (0, f"✓ {file}: 2 deliveries")
    page = page_of(file)
    assert "not checked: add --verify" in page.text
    beside = [href for href in links(page) if href.startswith("./")]
    assert [href.rpartition("/")[2] for href in beside] == [
        "record.json",
        "report.html",
        "record.json",
    ]
    for href in beside:
        assert (file.parent / href).is_file(), href
    assert list(file.parent.iterdir()) == [file]


def test_with_verify_it_says_whether_the_chain_holds(
    tmp_path: Path,
    records: tuple[StoredRecord, ...],
    cloud: Cloud,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "page.html"
    asked = {"html": str(file), "verify": True, "offline": True}
    assert ask(tmp_path / "evidence", cloud, capsys, **asked)[0] == 0
    assert f"holds, last sha256:{records[1].link.sha256}" in page_of(file).text
    path = records[0].folder / "record.json"
    path.write_bytes(path.read_bytes().replace(b"octocat", b"mallory"))
    code, output = ask(tmp_path / "evidence", cloud, capsys, **asked)
    assert (code, output[-1]["kind"]) == (50, "evidence")
    text = page_of(file).text
    assert "does not hold: 1 finding" in text
    assert "Not all of it is as it was written" in text


@pytest.mark.usefixtures("records")
def test_a_page_that_cannot_be_written_and_two_answers_at_once(
    tmp_path: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "no" / "page.html"
    code, output = ask(tmp_path / "evidence", cloud, capsys, html=str(nowhere))
    assert (code, output[0]["where"]) == (2, f"--html {nowhere}")
    code, output = ask(tmp_path / "evidence", cloud, capsys, html="x.html", digest="1111")
    assert (code, output[0]["kind"]) == (2, "usage")


@pytest.mark.usefixtures("records")
def test_a_link_beside_the_page_leads_it_nowhere(
    tmp_path: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    (tmp_path / ".page.html.writing").symlink_to(theirs)
    code, _ = ask(tmp_path / "evidence", cloud, capsys, html=str(tmp_path / "page.html"))
    assert code == 0
    assert theirs.read_text() == "theirs"
    assert not (tmp_path / "page.html").is_symlink()


def chain(objects: Buckets, *stored: StoredRecord) -> RemoteChain:
    """The chain in S3 after these records were copied there."""
    for record in stored:
        BucketCopier(objects=objects, place=S3).copy(record.link, {"record.json": record.content})
    place = SharedPlace(s3=S3, environment="production")
    return remote.read(objects, place, whole=False, parse=outlined)


@dataclass
class Registry:
    """A repository with documents beside its images, and the account that opens it."""

    documents: Mapping[str, tuple[tuple[Mapping[str, str], bytes], ...]] = field(
        default_factory=dict
    )
    fails: bool = False
    opened: list[str] = field(default_factory=list)

    def newest(self, most: int) -> tuple[Digest, ...]:
        return tuple(map(Digest, self.documents))[:most]

    def referrers(self, digest: Digest) -> tuple[Referrer, ...]:
        return tuple(
            Referrer(digest=digest_of(content), artifact_type=IN_TOTO, annotations=notes)
            for notes, content in self.documents[digest.value]
        )

    def contents(self, referrers: Sequence[Digest]) -> Iterator[bytes]:
        every = [content for beside in self.documents.values() for _, content in beside]
        known = {digest_of(content): content for content in every}
        return (known[digest] for digest in referrers)

    @property
    def published(self) -> Any:
        return self

    def resolve(self, references: Sequence[Reference]) -> Any:
        raise AssertionError(references)

    def identity(self) -> Identity:
        if self.fails:
            raise CredentialsError("no AWS credentials were found")
        return Identity(account="111122223333", arn="arn:aws:iam::1:user/x")

    def repository_at(self, _place: object, name: str) -> Any:
        assert name == "shop"
        return self

    def open(self, region: str) -> Any:
        self.opened.append(region)
        return self


ONE = f"sha256:{'1' * 64}"


def attached(record: StoredRecord, path: str = "") -> tuple[Mapping[str, str], bytes]:
    return {"dev.shipway.record": path or record.link.record}, record.content


def test_what_lies_in_three_places_is_shown_once(
    tmp_path: Path, records: tuple[StoredRecord, ...]
) -> None:
    other = rolled(tmp_path / "elsewhere", Clock(), "5")
    last = rolled(tmp_path / "third", Clock(), "7", good=False)
    sbom = {"in-toto.io/predicate-type": "https://cyclonedx.org/bom"}, b"{}"
    registry = Registry({ONE: (sbom, attached(records[0]), attached(other), attached(last, "x"))})
    beside = audit_registry.read(registry.repository_at(None, "shop"), "host/shop")
    assert len(beside.records) == 3, "two of one name are two records"
    sources = Sources(
        here=archive.read(tmp_path / "evidence", whole=False, parse=outlined),
        chains=(chain(Buckets(), *records, other),),
        beside=(beside,),
        verified=None,
    )
    shown = sources.deliveries("")
    assert len(shown) == 4
    assert len({row.record for row in shown}) == 4
    assert sources.deliveries("staging") == ()
    assert [(place.name, place.records) for place in sources.places()] == [
        (str(tmp_path / "evidence"), 2),
        (f"{S3}/production", 3),
        ("host/shop", 3),
    ]
    file = tmp_path / "page.html"
    assert audit_page.write(file, sources, env="") == 4
    assert "copies beside images have none" in page_of(file).text


DELIVERY = """
schema = 1
name = "shop"
{evidence}
[environments.production]
account = "111122223333"
region = "eu-west-1"
repository = "shop"
cluster = "shop"
[environments.production.services.web]
service = "shop-web"
container = "web"
"""


@pytest.mark.parametrize(("table", "count"), [("", 0), ("[evidence]\nreferrer = true", 1)])
def test_the_registry_is_asked_where_delivery_toml_says_that_records_lie_there(
    tmp_path: Path, records: tuple[StoredRecord, ...], table: str, count: int
) -> None:
    file = tmp_path / "delivery.toml"
    file.write_text(DELIVERY.format(evidence=table), encoding="utf-8")
    registry = Registry({ONE: (attached(records[0]),)})
    said: list[str] = []
    found = list(audit_registry.archives(file, registry.open, said.append))
    assert (len(found), registry.opened, said) == (count, ["eu-west-1"] * count, [])
    for each in found:
        (row,) = history.deliveries(each)
        assert (row.kind, row.what) == ("succeeded", ONE)
    registry.fails = True
    assert list(audit_registry.archives(file, registry.open, said.append)) == []
    assert len(said) == count, "told, not judged"
    assert list(audit_registry.archives(tmp_path / "none.toml", registry.open, said.append)) == []


def test_a_folder_s_name_never_becomes_a_scheme(
    tmp_path: Path, records: tuple[StoredRecord, ...]
) -> None:
    hostile = tmp_path / "evidence" / "javascript:alert(1)" / "x"
    hostile.mkdir(parents=True)
    (hostile / "record.json").write_bytes(records[0].content)
    rows = history.deliveries(archive.read(tmp_path / "evidence", whole=False))
    files = files_beside(rows, tmp_path / "evidence", tmp_path / "evidence")
    addresses = [address for beside in files.values() for _, address in beside]
    assert "././javascript%3Aalert%281%29/x/record.json" in addresses
    assert all(address.startswith("./") for address in addresses)
