"""Records of today and of yesterday, read as values and written back."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.unit.evidence.conftest import Clock, deliver

from shipway.evidence import archive, codec, history
from shipway.evidence.canonical_json import canonical, to_json
from shipway.evidence.predicate import SCHEMA_VERSION, Statement
from shipway.evidence.verify import check
from shipway.observer import Detail, Failed, Rolling

HERE = Path(__file__).parent
# Written by the code as it was before the schema had a number, with keys of both cases.
CHAIN_V1 = HERE / "chain_v1"
FAILED_V1 = HERE / "failed.json"
DELIVERED_V1 = HERE / "delivered_v1.json"
V1 = (FAILED_V1, DELIVERED_V1, *sorted(CHAIN_V1.rglob("record.json")))


def read(path: Path) -> Statement:
    return codec.read(Statement, json.loads(path.read_bytes()))


def extras(record: Statement) -> dict[str, Any]:
    """Everything that no field holds, by its place; GitHub's claims have none of ours."""
    extra_fields = dict(_extras(record))
    extra_fields.pop(".predicate.claims.extra", None)
    return extra_fields


def _extras(value: Any, where: str = "") -> dict[str, Any]:
    if isinstance(value, tuple):
        parts = [(f"{where}[]", part) for part in value]
    elif is_dataclass(value):
        parts = [(f"{where}.{each.name}", getattr(value, each.name)) for each in fields(value)]
    else:
        return {where: value} if where.endswith(".extra") and value else {}
    return {place: extra for name, part in parts for place, extra in _extras(part, name).items()}


def lower(document: Any) -> Any:
    """A document with every key as the first schema might have written it."""
    if isinstance(document, dict):
        return {key.replace("_", "").lower(): lower(part) for key, part in document.items()}
    if isinstance(document, list):
        return [lower(part) for part in document]
    return document


def test_a_chain_of_the_first_schema_still_holds() -> None:
    checked = check(archive.read(CHAIN_V1))
    assert checked.findings == ()
    assert len(checked.links) == 5
    assert checked.head == "8eecbb0a92f068accf083a4d29698eb6d9887daaef95764ef75ea79f0de0ec17"


def test_a_chain_of_the_first_schema_is_continued(tmp_path: Path) -> None:
    for path in CHAIN_V1.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(CHAIN_V1)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    stored = deliver(tmp_path, "staging", Clock())
    checked = check(archive.read(tmp_path))
    assert (stored.link.sequence, checked.findings) == (6, ())


def test_the_history_of_the_first_schema_is_told() -> None:
    rows = history.deliveries(archive.read(CHAIN_V1))
    assert [(row.sequence, row.environment, row.kind) for row in rows] == [
        (1, "staging", "succeeded"),
        (2, "staging", "digest-mismatch"),
        (3, "staging", "rolled-back"),
        (4, "", "refused"),
        (5, "staging", "scan-blocked"),
    ]


@pytest.mark.parametrize("path", V1, ids=lambda path: path.parent.name)
def test_a_record_of_the_first_schema_is_read_whole(path: Path) -> None:
    record = read(path)
    assert record.predicate.schema_version == 0, "it had no number"
    assert extras(record) == {}
    written = to_json(record)
    assert codec.read(Statement, written) == record
    # All that it said is there, under a key of the one case; what it did not say is blank.
    assert_holds(lower(written), lower(json.loads(path.read_bytes())))


def assert_holds(written: Any, part: Any, where: str = "") -> None:
    """What is nothing (``null``, an empty list) may be left out."""
    if isinstance(part, dict):
        for key, value in part.items():
            if value not in (None, [], {}) or key in written:
                assert_holds(written[key], value, f"{where}/{key}")
    elif isinstance(part, list):
        assert len(written) == len(part), where
        for number, value in enumerate(part):
            assert_holds(written[number], value, f"{where}/{number}")
    else:
        assert written == part, where


def test_keys_of_both_cases_are_the_same() -> None:
    predicate = read(FAILED_V1).predicate
    assert predicate.identity is not None
    assert predicate.identity.user_id == "AROA7426EA00FDF744C7A:github-9000000006"
    (service,) = predicate.services
    assert service.verdict is not None
    assert service.verdict.exit_code == 31
    assert service.conclusion is not None
    assert service.conclusion.last_seen == "0 of 2 running; ROLLBACK_SUCCESSFUL; 2 healthy"
    looks = [each.event for each in predicate.timeline if isinstance(each.event, Rolling)]
    assert looks[-1].rolling_back
    assert looks[-1].new_tasks.desired == 2
    failed = [each.event for each in predicate.timeline if isinstance(each.event, Failed)]
    assert failed[0].details[0].label == "cause"


def test_what_is_written_now_is_read_and_written_to_the_letter(tmp_path: Path) -> None:
    content = deliver(tmp_path, "staging", Clock()).content
    record = codec.read(Statement, json.loads(content))
    assert record.predicate.schema_version == SCHEMA_VERSION
    assert extras(record) == {}
    assert canonical(to_json(record)) == content


def test_what_a_newer_version_says_is_kept_and_written_back(tmp_path: Path) -> None:
    document = json.loads(deliver(tmp_path, "staging", Clock()).content)
    predicate = document["predicate"]
    predicate["schemaVersion"] = 3
    predicate["moon"] = {"phase": "full"}
    predicate["trigger"]["moon_phase"] = ["full", None]
    predicate["timeline"][0]["moon"] = True
    predicate["timeline"].append(
        {
            "at": "2030-01-01T00:00:00.000Z",
            "event": "failed",
            "stage": "build",
            "text": "no",
            "subject": "",
            "details": [{"label": "cause", "lines": ["x"], "moon": 1}],
        }
    )
    predicate["timeline"].append({"at": "2030-01-01T00:00:00.000Z", "event": "eclipse", "of": 1})
    document["signed"] = 1
    record = codec.read(Statement, document)
    assert record.extra == {"signed": 1}
    assert record.predicate.extra == {"moon": {"phase": "full"}}
    failed, eclipse = (entry.event for entry in record.predicate.timeline[-2:])
    assert eclipse is None
    assert isinstance(failed, Failed)
    assert failed.details == (Detail(label="cause", lines=("x",)),)
    assert canonical(to_json(record)) == canonical(document)


@pytest.mark.parametrize("wrong", [None, 1, "x", True, [], {}, [None], {"x": 1}, [[]], [{}]])
@pytest.mark.parametrize("name", ["identity", "services", "timeline", "image", "verdict", "scan"])
def test_a_value_of_another_type_is_blank_and_kept(name: str, wrong: Any) -> None:
    document = json.loads(FAILED_V1.read_bytes())
    document["predicate"][name] = wrong
    record = codec.read(Statement, document)
    again = codec.read(Statement, to_json(record))
    assert again == record
    if not isinstance(wrong, (dict, list)) and wrong is not None:
        assert record.predicate.extra[name] == wrong


@pytest.mark.parametrize("document", [None, [], 3, "x", {}, {"predicate": []}])
def test_whatever_a_document_is_there_is_a_value(document: Any) -> None:
    record = codec.read(Statement, document)
    assert record.predicate.verdict.exit_code is None, "nothing said is no success"
    assert record.predicate.decision is None
    assert record.subject == ()
