from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError

from shipway.adapters.keyfile import KeyFile
from shipway.aws.kms import KmsSigner
from shipway.errors import ConfigurationError, EvidenceError
from shipway.image import layout, provenance, referrers, sbom, signing
from shipway.image.layout import Manifest
from shipway.image.referrers import AttachedDocument
from shipway.values import Digest

if TYPE_CHECKING:
    from tests.conftest import MakeLayout

TIME = datetime(2026, 11, 22, 12, tzinfo=UTC)
DIGEST = Digest("sha256:" + "1" * 64)
BOM = {"bomFormat": "CycloneDX", "serialNumber": "urn:uuid:random", "components": [{}, {}]}


@dataclass
class Cataloguer:
    """Says what it is told to, and remembers what it was shown."""

    says: bytes | None = json.dumps(BOM).encode()
    shown: list[dict[str, Any]] = field(default_factory=list)

    def catalogue(self, folder: Path, name: str, version: str) -> bytes | None:
        (entry,) = json.loads((folder / "index.json").read_text())["manifests"]
        blob = folder / "blobs" / "sha256" / entry["digest"].removeprefix("sha256:")
        assert len(blob.read_bytes()) == entry["size"]
        self.shown.append({"name": name, "version": version, "digest": entry["digest"]})
        return self.says

    def end(self) -> None:
        raise AssertionError


def bills(built: Any, cataloguer: Cataloguer, cache: Path) -> tuple[sbom.Sbom, ...]:
    return sbom.bills(
        cataloguer,
        layout.read(built.folder),
        built.folder,
        name="shop",
        time=TIME,
        cache=cache,
    )


def test_each_platform_has_a_bill_once(tmp_path: Path, make_layout: MakeLayout) -> None:
    built = make_layout(tmp_path / "built", platforms=("linux/amd64", "linux/arm64"))
    cataloguer = Cataloguer()
    sboms = bills(built, cataloguer, tmp_path / "cache")
    assert [bill.platform for bill in sboms] == ["linux/amd64", "linux/arm64"]
    assert [bill.components for bill in sboms] == [2, 2]
    assert [shown["digest"] for shown in cataloguer.shown] == [
        digest.value for _, digest in built.platforms
    ]
    assert bills(built, cataloguer, tmp_path / "cache") == sboms
    assert len(cataloguer.shown) == 2


def test_a_bill_depends_on_what_it_is_about_alone() -> None:
    first = sbom.settled(json.dumps(BOM).encode(), DIGEST, TIME)
    other = json.dumps({**BOM, "serialNumber": "urn:uuid:other", "metadata": {"timestamp": "now"}})
    assert sbom.settled(other.encode(), DIGEST, TIME) == first
    assert json.loads(first)["metadata"]["timestamp"] == "2026-11-22T12:00:00Z"


def test_without_a_tool_there_is_no_bill(tmp_path: Path, make_layout: MakeLayout) -> None:
    built = make_layout(tmp_path / "built")
    (bill,) = bills(built, Cataloguer(says=None), tmp_path / "cache")
    assert bill.document is None
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("says", [b"{", b"[]"])
def test_what_is_no_bill_is_refused(says: bytes, tmp_path: Path, make_layout: MakeLayout) -> None:
    built = make_layout(tmp_path / "built")
    with pytest.raises(EvidenceError):
        bills(built, Cataloguer(says=says), tmp_path / "cache")
    assert not list(tmp_path.glob("cache/*"))


V02 = {
    "builder": {"id": "here"},
    "buildType": "https://mobyproject.org/buildkit@v1",
    "materials": [{"uri": "pkg:docker/python@3.13", "digest": {"sha256": "ab"}}],
    "invocation": {
        "configSource": {"entryPoint": "Dockerfile"},
        "parameters": {"frontend": "dockerfile.v0"},
        "environment": {"platform": "linux/amd64"},
    },
    "metadata": {
        "buildInvocationID": "x1",
        "buildStartedOn": "2026-11-22T12:00:00Z",
        "buildFinishedOn": "2026-11-22T12:00:01Z",
        "https://mobyproject.org/buildkit@v1#metadata": {"vcs": {}},
    },
}


def test_provenance_in_the_words_of_v1() -> None:
    new = provenance.as_v1(V02)
    assert new["buildDefinition"]["resolvedDependencies"] == V02["materials"]
    assert new["buildDefinition"]["externalParameters"]["configSource"] == {"path": "Dockerfile"}
    assert new["runDetails"]["builder"] == {"id": "here"}
    assert new["runDetails"]["metadata"]["invocationId"] == "x1"
    assert "https://mobyproject.org/buildkit@v1#metadata" in new["runDetails"]["metadata"]
    assert provenance.as_v1({})["runDetails"]["builder"] == {"id": ""}


def test_a_referrer_names_its_subject_and_is_the_same_each_time() -> None:
    subject = Manifest(digest=DIGEST, media_type="application/x", content=b"12345")
    document = AttachedDocument(artifact_type="a/b", content=b"text", annotations={"k": "v"})
    manifest, blobs = referrers.manifest(document, subject)
    body = json.loads(manifest.content)
    assert body["subject"] == {
        "mediaType": "application/x",
        "digest": DIGEST.value,
        "size": 5,
    }
    assert body["artifactType"] == "a/b"
    assert {descriptor["digest"] for descriptor in (body["config"], *body["layers"])} == {
        digest.value for digest in blobs
    }
    assert all(hashlib.sha256(blob).hexdigest() == key.value[7:] for key, blob in blobs.items())
    assert manifest.digest.value[7:] == hashlib.sha256(manifest.content).hexdigest()
    assert referrers.manifest(document, subject)[0] == manifest


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def key_file(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    file = tmp_path / "key.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem)
    return file


def test_a_statement_signed_with_a_key_file_verifies(key_file: Path) -> None:
    signer = KeyFile(key_file)
    statement = referrers.statement("https://example.org/p", {"a": 1}, DIGEST, "shop")
    document = signing.envelope(signer, statement, {})
    envelope = Envelope.from_dict(json.loads(document.content))
    assert json.loads(envelope.payload) == statement
    assert envelope.payload_type == "application/vnd.in-toto+json"
    public = signer._signer.public_key
    assert list(envelope.verify([public], 1)) == [signer.keyid]
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify([public], 1)
    assert b"PRIVATE" not in document.content


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PRIVATE KEY-----\ncanary\n"])
def test_a_key_file_that_is_none_is_named_and_never_quoted(
    content: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        KeyFile(file)
    assert caught.value.where == str(file)
    assert "canary" not in f"{caught.value} {caught.value.details}"


@dataclass
class Kms:
    """A key in KMS."""

    key: ec.EllipticCurvePrivateKey
    algorithms: tuple[str, ...] = ("ECDSA_SHA_256",)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: str) -> Kms:
        assert service == "kms"
        return self

    def get_public_key(self, **request: Any) -> dict[str, Any]:
        assert request == {"KeyId": "arn:key"}
        return {"SigningAlgorithms": list(self.algorithms)}

    def sign(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        algorithm = ec.ECDSA(Prehashed(hashes.SHA256()))
        return {"Signature": self.key.sign(request["Message"], algorithm)}


def test_kms_signs_the_payload_together_with_its_type(key: ec.EllipticCurvePrivateKey) -> None:
    kms = Kms(key)
    signer = KmsSigner(kms, "arn:key")  # type: ignore[arg-type]  # as much of a session as it asks
    envelope = json.loads(signer.sign("a/b", b"payload" * 2000))
    (signature,) = envelope["signatures"]
    assert signature["keyid"] == "arn:key"
    payload = base64.b64decode(envelope["payload"])
    encoded = b"DSSEv1 3 a/b %d %s" % (len(payload), payload)
    public = key.public_key()
    public.verify(base64.b64decode(signature["sig"]), encoded, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(signature["sig"]), payload, ec.ECDSA(hashes.SHA256()))
    assert kms.requests[0]["MessageType"] == "DIGEST"


def test_a_kms_key_that_cannot_sign(key: ec.EllipticCurvePrivateKey) -> None:
    signer = KmsSigner(Kms(key, algorithms=()), "arn:key")  # type: ignore[arg-type]  # the same
    with pytest.raises(ConfigurationError):
        signer.sign("a/b", b"payload")
