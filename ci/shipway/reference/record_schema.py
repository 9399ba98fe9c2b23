"""The JSON Schema of a record, ``docs/record.schema.json``, made from the types themselves.

``python -m shipway.reference.record_schema docs/record.schema.json`` writes it; a test fails while
the file that is committed differs. It describes what is written now: records of an earlier schema
lack fields, and have some keys in snake_case.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from shipway.evidence.canonical_json import EXTRA, key_of, may_be_left_out
from shipway.evidence.predicate import PREDICATE, SCHEMA_VERSION, Statement
from shipway.evidence.timeline import KINDS, TimelineEntry
from shipway.reference.write import write_page

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Final[Mapping[object, dict[str, Any]]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
    Any: {},
}


def schema() -> dict[str, Any]:
    """The whole schema."""
    definitions: dict[str, Any] = {}
    _define(Statement, definitions)
    return {
        "$schema": _DIALECT,
        "$id": PREDICATE,
        "title": "The record of one delivery",
        "$comment": f"Version {SCHEMA_VERSION}, made from the types in shipway.evidence.predicate.",
        "$ref": f"#/$defs/{Statement.__name__}",
        "$defs": dict(sorted(definitions.items())),
    }


def text() -> str:
    """The file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _define(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    """A reference to a type's definition, which is made where it is not there yet."""
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # its place, for a type that holds itself
        made = _timeline(definitions) if kind is TimelineEntry else _object(kind, definitions)
        definitions[kind.__name__] = made
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Members by their keys; more of them may be there, from a newer version."""
    hints = get_type_hints(kind)
    members = [field for field in fields(kind) if field.name != EXTRA]
    about = (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ").replace("``", "`")
    return {
        "type": "object",
        "description": about,
        "properties": {key_of(each): _value(hints[each.name], definitions) for each in members},
        "required": [key_of(each) for each in members if not may_be_left_out(each)],
    }


def _timeline(definitions: dict[str, Any]) -> dict[str, Any]:
    """An event's members beside its name and its time."""
    events = [
        {
            "properties": {"event": {"const": name}},
            **_define(kind, definitions),
        }
        for name, kind in KINDS.items()
    ]
    unknown = {"properties": {"event": {"not": {"enum": list(KINDS)}}}}
    return {
        "type": "object",
        "description": "One event of the time line; `event` says which.",
        "properties": {"at": {"type": "string"}, "event": {"type": "string"}},
        "required": ["at", "event"],
        "oneOf": [*events, unknown],
    }


def _value(annotation: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    kind, parts = get_origin(annotation) or annotation, get_args(annotation)
    if annotation in _PLAIN:
        return dict(_PLAIN[annotation])
    if kind is UnionType:
        return {"anyOf": [_value(part, definitions) for part in parts]}
    if kind is Mapping:
        return {"type": "object", "additionalProperties": _value(parts[1], definitions)}
    if kind is not tuple:
        return _define(kind, definitions)
    if parts[1:] == (...,):
        return {"type": "array", "items": _value(parts[0], definitions)}
    items = [_value(part, definitions) for part in parts]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "items": False}


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file where the arguments say."""
    write_page(
        "shipway.reference.record_schema",
        text(),
        description="Write the JSON Schema of a record.",
        argv=argv,
    )


if __name__ == "__main__":
    main()
