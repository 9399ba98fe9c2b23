from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.evidence.conftest import Clock, deliver

from shipway.reference.record_schema import schema, text

FILE = Path(__file__).parents[3] / "docs" / "record.schema.json"


def test_the_committed_schema_is_what_the_types_say() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run: nox -s generate"


def test_every_reference_leads_somewhere() -> None:
    whole = schema()
    assert references(whole) <= {f"#/$defs/{name}" for name in whole["$defs"]}


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(references(part) for part in value.values()))
    if isinstance(value, list):
        return set().union(*(references(part) for part in value))
    return set()


def test_keys_are_in_one_case() -> None:
    keys = {key for part in schema()["$defs"].values() for key in part.get("properties", ())}
    assert {key for key in keys if "_" in key} == {"_type"}


def test_a_record_has_what_the_schema_asks_for(tmp_path: Path) -> None:
    record = json.loads(deliver(tmp_path, "staging", Clock()).content)
    definitions = schema()["$defs"]
    assert set(definitions["Statement"]["required"]) <= set(record)
    assert set(record["predicate"]) <= set(definitions["Delivery"]["properties"])
    assert set(definitions["Delivery"]["required"]) <= set(record["predicate"])
    started = record["predicate"]["timeline"][0]
    assert set(started) == {"at", "event", *definitions["Started"]["properties"]}
