"""Fresh clones deliver one after the other and at once: one chain in the embedded S3."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.sandbox.artifacts.conftest import REGION, STAGING, commit

from shipway.adapters.keyfile import KeyFile, PublicKey
from shipway.aws.account import AwsAccount
from shipway.cli import audit
from shipway.cli.audit import Question
from shipway.config.environment import EnvironmentRef
from shipway.delivery import live_facts
from shipway.evidence import codec, remote, shared
from shipway.evidence.copies import BucketCopier
from shipway.evidence.facts.gate import EnvironmentFact
from shipway.evidence.facts.image import ImageFact
from shipway.evidence.facts.rollout import VerificationFact
from shipway.evidence.journal import Journal
from shipway.evidence.ledger import LedgerEntry
from shipway.evidence.predicate import VerdictFact
from shipway.evidence.recorder import RecordCopies, RecordSeal, RecordTeller, RecordWriter
from shipway.evidence.shared import SharedPlace
from shipway.util.clock import SystemClock

if TYPE_CHECKING:
    from tests.sandbox.artifacts.conftest import Aws, Dock

    from shipway.evidence.store import StoredRecord

_numbers = count(1)


@dataclass
class Bucket:
    """A bucket of the embedded S3, and the account that opens it."""

    s3: str
    account: AwsAccount

    @property
    def staging(self) -> SharedPlace:
        return SharedPlace(s3=self.s3, environment="staging")


@pytest.fixture
def bucket(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in {
        "AWS_ENDPOINT_URL": aws.state["endpoint"],
        "AWS_ACCESS_KEY_ID": STAGING,
        "AWS_SECRET_ACCESS_KEY": aws.state["root_secret_access_key"],
    }.items():
        monkeypatch.setenv(name, value)
    name = f"octo-evidence-{next(_numbers)}"
    aws.client("s3", STAGING).create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return Bucket(s3=f"s3://{name}/shop", account=AwsAccount(REGION))


def deliver(clone: Path, bucket: Bucket, number: int, image: Any = None) -> StoredRecord:
    """What the end of a delivery in a fresh clone does: record, report, signature, copies."""
    clock = SystemClock()
    journal = Journal(commit(number), clock=clock, observer=lambda _: None)
    journal.environment = "staging"
    journal.note(EnvironmentFact(name="staging", account=STAGING, region=REGION))
    if image is not None:
        journal.about(image.reference)
        reference, platforms = str(image.reference), tuple(map(str, image.platforms))
        journal.note(ImageFact(reference=reference, tag="", platforms=platforms, pushed=None))
        journal.note_all(VerificationFact, (codec.read(VerificationFact, {"tasks": 1}),))
    verdict = VerdictFact(kind="succeeded", exit_code=0, text="Delivered.")
    signer = KeyFile(keys(clone.parent))
    stored = RecordWriter(clone, clock).write(journal, verdict)
    RecordTeller(clone, journal).show(stored, "evidence")
    RecordSeal(clone, signer, journal).sign(stored, later=False)
    copier = BucketCopier(objects=bucket.account.objects, place=bucket.s3, signer=signer)
    RecordCopies(clone, (copier,), journal).copy(stored, later=False)
    return stored


def test_two_fresh_clones_make_one_chain_that_after_and_audit_believe(
    dock: Dock, bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = dock.aws.repository(STAGING)
    environment = dock.environment(STAGING, name, sbom="off")
    told = dock.deliver(environment, commit=commit(2), tasks=("build", "publish"))
    deliver(tmp_path / "first", bucket, 1)
    deliver(tmp_path / "second", bucket, 2, told.image)
    entries = list(shared.entries_back(bucket.account.objects, bucket.staging))
    assert [entry.sequence for entry in entries] == [2, 1]
    destination = EnvironmentRef(name="staging", account=STAGING, region=REGION)

    def verified(number: int) -> list[str]:
        third, sha = tmp_path / "third", commit(number).sha
        releases = live_facts.verified(third, destination, bucket.account, sha, s3=bucket.s3)
        return [release.why for release in releases]

    assert verified(2) == [""]
    assert verified(1) == []  # it was not verified when it was delivered
    question = Question(
        evidence=bucket.s3, verify=True, key=str(tmp_path / "public.pem"), head=entries[0].head
    )
    assert audit.run(question, json=True, account=AwsAccount) == 0
    line = json.loads(capsys.readouterr().out)["text"]
    assert line.startswith(f"✓ {bucket.s3}/staging: 2 records verified, 2 of them signed")
    page = tmp_path / "deliveries.html"
    question = replace(question, html=str(page))
    assert audit.run(question, json=True, account=AwsAccount) == 0
    assert f"{page}: 2 deliveries" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert f"{bucket.s3}/staging" in text
    assert "holds, last sha256:" in text
    question = replace(question, html="")
    s3 = dock.aws.client("s3", STAGING)
    place = bucket.staging
    s3.put_object(Bucket=place.bucket, Key=f"{place.above}{entries[0].record}", Body=b"{}")
    assert audit.run(question, json=True, account=AwsAccount) == 50
    (why,) = verified(2)
    assert why.endswith("is not what entry 2 of the chain has")


def keys(folder: Path) -> Path:
    """A private key of the tests, made once, with ``public.pem`` beside it."""
    path = folder / "key.pem"
    if not path.exists():
        private = ed25519.Ed25519PrivateKey.generate()
        path.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        write_public(folder / "public.pem", private.public_key())
    return path


def write_public(path: Path, key: ed25519.Ed25519PublicKey) -> None:
    path.write_bytes(
        key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def test_runs_that_end_at_once_are_all_in_the_chain(bucket: Bucket) -> None:
    def append(number: int) -> int:
        link = LedgerEntry(sequence=1, record=f"staging/{number}/record.json", sha256=f"{number}")
        return shared.append(bucket.account.objects, bucket.staging, link).sequence

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(append, range(12))) == list(range(1, 13))
    chain = remote.read(bucket.account.objects, bucket.staging, whole=True)
    kinds = {finding.kind for finding in remote.verify(chain).findings}
    assert kinds == {"removed"}  # entries without records here; their order is whole
    assert {entry.record for entry in chain.entries.values() if entry} == {
        f"staging/{number}/record.json" for number in range(12)
    }


def test_a_key_that_is_another_one_believes_nothing(bucket: Bucket, tmp_path: Path) -> None:
    deliver(tmp_path / "first", bucket, 1)
    write_public(tmp_path / "other.pem", ed25519.Ed25519PrivateKey.generate().public_key())
    chain = remote.read(bucket.account.objects, bucket.staging, whole=True)
    checked = remote.verify(chain, PublicKey(tmp_path / "other.pem"))
    assert {finding.kind for finding in checked.findings} == {"signature"}
    assert len(checked.findings) == 2  # the head, and the record
