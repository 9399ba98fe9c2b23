"""Records that are signed once they are written, and checked with the public key alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from shipway.adapters.keyfile import KeyFile, PublicKey
from shipway.config.environment import EnvironmentRef
from shipway.delivery.ports import EnvironmentContext
from shipway.errors import AccessDeniedError
from shipway.evidence import archive
from shipway.evidence.verify import Checked, check
from shipway.observer import Noticed

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World


def pair(folder: Path, name: str) -> tuple[Path, Path]:
    """A private key's file and its public one's."""
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


class Denied:
    """A key that may not be used."""

    keyid = "kms"

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        raise AccessDeniedError(f"kms:Sign is not allowed for {payload_type} {len(payload)}")


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return pair(tmp_path, "ours")


def deliver(world: World, signer: Any) -> Path:
    """One delivery of an environment that names a key."""
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    if "sign =" not in text:
        line = "[environments.staging]\n"
        world.write("delivery.toml", text.replace(line, f'{line}sign = "file:key.pem"\n', 1))
    opened = world.open_environment

    def signing(destination: EnvironmentRef) -> EnvironmentContext:
        return replace(opened(destination), signer=lambda _: signer)

    world.open_environment = signing  # type: ignore[method-assign]
    outcome = world.deliver("publish")
    assert outcome.kind == "succeeded"
    assert outcome.evidence is not None
    return outcome.evidence


def checked(world: World, public: Path | None) -> Checked:
    evidence = archive.read(world.root / "evidence")
    return check(evidence, PublicKey(public) if public else None)


def test_a_signed_record_is_checked_with_the_public_key(
    world: World, keys: tuple[Path, Path]
) -> None:
    folder = deliver(world, KeyFile(keys[0]))
    assert (folder / "record.dsse.json").is_file()
    result = checked(world, keys[1])
    assert (result.findings, result.signed) == ((), 1)


def test_another_key_signed_it(world: World, keys: tuple[Path, Path], tmp_path: Path) -> None:
    folder = deliver(world, KeyFile(pair(tmp_path, "stranger")[0]))
    (finding,) = checked(world, keys[1]).findings
    assert finding.kind == "signature"
    assert finding.path == f"staging/{folder.name}/record.dsse.json"
    assert finding.why == "its signature is not that of the key that was given"


def test_the_signature_of_another_record(world: World, keys: tuple[Path, Path]) -> None:
    first = deliver(world, KeyFile(keys[0]))
    second = deliver(world, KeyFile(keys[0]))
    (second / "record.dsse.json").write_bytes((first / "record.dsse.json").read_bytes())
    kinds = {
        (finding.kind, finding.why.partition(":")[0])
        for finding in checked(world, keys[1]).findings
    }
    assert ("signature", "it signs something else than the record beside it") in kinds
    assert {kind for kind, _ in kinds} == {"signature", "changed"}


def test_a_key_that_may_not_be_used_takes_nothing_from_the_record(world: World) -> None:
    folder = deliver(world, Denied())
    assert not (folder / "record.dsse.json").exists()
    assert checked(world, None).findings == ()
    warnings = [
        event.text
        for event in world.events
        if isinstance(event, Noticed) and event.stage == "record"
    ]
    assert warnings
    assert warnings[0].startswith("the record is not signed: kms:Sign is not allowed")
