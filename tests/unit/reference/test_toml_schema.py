"""The schemas of the TOML files; that editors' tools agree: tests/entry/test_editor_schema.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from shipway.config.models import DeliveryTable
from shipway.config.rules import Table, fields
from shipway.config.service_table import ServiceTable
from shipway.policy.tables import AllowTable, ContractTable
from shipway.reference import delivery_schema, release_schema, toml_schema

FOLDER = Path(__file__).parents[3] / "ci" / "shipway" / "adoption"


@pytest.mark.parametrize(
    ("name", "text"), [("delivery", delivery_schema.text), ("release", release_schema.text)]
)
def test_the_committed_schema_is_what_the_types_say(name: str, text: Any) -> None:
    committed = (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")
    assert committed == text(), "run: nox -s generate"


@pytest.mark.parametrize("table", [DeliveryTable, ContractTable])
def test_every_key_of_every_table_is_there_with_a_meaning(table: type[Table]) -> None:
    whole = toml_schema.schema(table, "title")
    objects = {table.__name__: whole, **whole["definitions"]}
    for name, made in objects.items():
        [model] = [kind for kind in below(table) if kind.__name__ == name]
        assert set(made["properties"]) == set(fields(model))
        assert all(member["description"] for member in made["properties"].values())
        assert made["additionalProperties"] is False
    assert set(objects) == {kind.__name__ for kind in below(table)}


def below(table: type[BaseModel]) -> set[type[BaseModel]]:
    """The tables that a file of this one can hold."""
    kinds = {kind for kind in Table.__subclasses__() if kind.__name__ in str(fields(table))}
    return {table}.union(*(below(kind) for kind in kinds))


def member(table: type[Table], key: str) -> dict[str, Any]:
    top = toml_schema.schema(table, "title")
    made: dict[str, Any] = top["properties"][key]
    return made


def test_a_text_has_one_pattern_for_what_is_written_and_what_is_referred_to() -> None:
    pattern = member(ServiceTable, "container")["pattern"]
    assert pattern.startswith("^(?:(?!(?:ssm|cfn|env):)")
    assert "|ssm:" in pattern
    assert "ssm:(" not in member(AllowTable, "name")["pattern"]


def test_choices_are_listed_for_the_editor_to_offer() -> None:
    choices, reference = member(ServiceTable, "on_failure")["anyOf"]
    assert choices == {"enum": ["rollback", "leave"]}
    assert reference["type"] == "string"
    # The type's empty text means "not given"; nobody writes it.
    assert member(AllowTable, "tag_kind")["enum"] == ["annotated"]


def test_the_schema_is_of_the_draft_that_editors_know() -> None:
    whole = json.loads(delivery_schema.text())
    assert whole["$schema"] == "http://json-schema.org/draft-07/schema#"
