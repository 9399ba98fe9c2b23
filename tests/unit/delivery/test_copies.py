"""Copies of a record in S3 and in the registry: never waited for, never in its way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shipway.cli import audit
from shipway.cli.audit import Question
from shipway.errors import AccessDeniedError, BuildError, CredentialsError
from shipway.evidence import archive, copies
from shipway.evidence.canonical_json import sha256
from shipway.evidence.verify import check
from shipway.observer import Noticed

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

PLACE = "s3://octo-evidence/shop"


@pytest.fixture
def configured(world: World) -> World:
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    table = f'[evidence]\ns3 = "{PLACE}"\n'
    world.write("delivery.toml", text.replace("[environments", f"{table}[environments", 1))
    return world


def states(folder: Path | None) -> dict[str, str]:
    assert folder is not None
    return {destination: copy.state for destination, copy in copies.read(folder).items()}


def warnings(world: World) -> list[str]:
    return [
        event.text
        for event in world.events
        if isinstance(event, Noticed) and event.stage == "record" and event.level == "warning"
    ]


def test_everything_that_belongs_to_a_record_is_copied(configured: World) -> None:
    outcome = configured.deliver()
    assert outcome.evidence is not None
    objects = configured.cloud.objects.contents
    content = (outcome.evidence / "record.json").read_bytes()
    folder = f"staging/{outcome.evidence.name}-{sha256(content)[:12]}"
    beside = {path.name for path in outcome.evidence.iterdir()} - {"copies.json"}
    lies = {name.rpartition("/")[2] for name in objects if name.startswith(f"{PLACE}/{folder}/")}
    assert lies == beside
    assert {"record.json", "vsa.json", "report.html"} <= lies
    entry = json.loads(objects[f"{PLACE}/staging/chain/00000001.json"])
    assert (entry["sequence"], entry["previous"]) == (1, "")
    assert (entry["record"], entry["sha256"]) == (f"{folder}/record.json", sha256(content))
    assert set(entry["files"]) == beside - {"record.json"}
    assert states(outcome.evidence) == {PLACE: "done"}
    assert warnings(configured) == []


def test_nothing_is_copied_where_nothing_is_configured(world: World) -> None:
    outcome = world.deliver()
    assert states(outcome.evidence) == {}
    assert world.cloud.objects.contents == {}


@pytest.mark.parametrize(
    "trouble", [AccessDeniedError("s3:PutObject is not allowed"), CredentialsError("they ran out")]
)
def test_a_copy_that_fails_is_noted_and_changes_nothing(
    configured: World, trouble: BaseException
) -> None:
    configured.cloud.objects.fails = trouble
    outcome = configured.deliver()
    assert (outcome.kind, outcome.exit_code) == ("succeeded", 0)
    assert states(outcome.evidence) == {PLACE: "failed"}
    (warning,) = warnings(configured)
    assert warning.startswith(f"the copy to {PLACE} is failed: {trouble}")
    assert check(archive.read(configured.root / "evidence")).findings == ()


def test_a_failed_delivery_is_copied_too(configured: World) -> None:
    configured.builder.fails = BuildError("exit code 1")
    outcome = configured.deliver()
    assert outcome.kind == "build-failed"
    assert states(outcome.evidence) == {PLACE: "done"}


def test_who_interrupts_is_not_kept_waiting(configured: World) -> None:
    configured.builder.fails = KeyboardInterrupt()
    outcome = configured.deliver()
    assert outcome.exit_code == 130
    assert states(outcome.evidence) == {PLACE: "pending"}
    assert configured.cloud.objects.contents == {}


def test_the_audit_tries_again(
    configured: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configured.cloud.objects.fails = AccessDeniedError("s3:PutObject is not allowed")
    outcome = configured.deliver()
    configured.cloud.objects.fails = None
    store = configured.cloud.store
    monkeypatch.setattr(type(configured.cloud), "repository_at", lambda *_: store, raising=False)
    question = Question(verify=True, evidence=str(configured.root / "evidence"))

    def account(region: str) -> Any:
        assert region == "eu-west-1"
        return configured.cloud

    assert audit.run(question, json=True, account=account) == 0
    assert states(outcome.evidence) == {PLACE: "done"}
    assert f"{PLACE} is done" in capsys.readouterr().out
    count = len(configured.cloud.objects.contents)
    assert audit.run(question, json=True, account=account) == 0
    assert len(configured.cloud.objects.contents) == count


def test_the_record_is_attached_to_its_image(world: World) -> None:
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    table = "[evidence]\nreferrer = true\n"
    world.write("delivery.toml", text.replace("[environments", f"{table}[environments", 1))
    outcome = world.deliver()
    assert outcome.evidence is not None
    content = (outcome.evidence / "record.json").read_bytes()
    (attached,) = [
        referrer
        for referrer in world.cloud.store.beside
        if "dev.shipway.record" in referrer.annotations
    ]
    assert attached.digest.value == f"sha256:{sha256(content)}"
    assert attached.annotations["dev.shipway.sequence"] == "1"
    assert set(states(outcome.evidence).values()) == {"done"}
    world.builder.fails = BuildError("exit code 1")
    world.git.commit = replace(world.git.commit, sha="f" * 40)
    failed = world.deliver()
    assert set(states(failed.evidence).values()) == {"not applicable"}
