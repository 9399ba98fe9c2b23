"""JSON Schemas of the TOML files, made from the types that read them.

Draft 7, for that is what editors' TOML language servers know (Taplo, which Even Better TOML is made
of). What only two values together show, such as a ``path`` without a ``url``, no schema says: that
is ours to tell when the file is read. A schema has no time either: there it is a text.
"""

from __future__ import annotations

import inspect
import json
import re
from datetime import date, datetime
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from shipway.config.references import SCHEMES, Scheme, shape_of
from shipway.config.rules import Rule, Table, fields, rule_of

_DIALECT: Final = "http://json-schema.org/draft-07/schema#"
_TYPES: Final[dict[Any, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    date: "string",
    datetime: "string",
}
_NO_REFERENCE: Final = f"(?!(?:{'|'.join(SCHEMES)}):)"
_ANY_TEXT: Final = r"[\s\S]*"


def schema(table: type[Table], title: str) -> dict[str, Any]:
    """The schema of a file whose top is this table."""
    definitions: dict[str, Any] = {}
    top = _object(table, definitions)
    return {
        "$schema": _DIALECT,
        "title": title,
        **top,
        "definitions": dict(sorted(definitions.items())),
    }


def text(table: type[Table], title: str) -> str:
    """The schema as a file."""
    return json.dumps(schema(table, title), indent=2, ensure_ascii=False) + "\n"


def _object(table: type[Table], definitions: dict[str, Any]) -> dict[str, Any]:
    """A table: no keys but its own."""
    members = fields(table)
    return {
        "type": "object",
        "description": _plain((inspect.getdoc(table) or "").partition("\n\n")[0]),
        "properties": {key: _member(field, definitions) for key, field in members.items()},
        "required": [key for key, field in members.items() if field.is_required()],
        "additionalProperties": False,
    }


def _member(field: FieldInfo, definitions: dict[str, Any]) -> dict[str, Any]:
    rule = rule_of(field)
    value = _value(field.annotation, rule, definitions)
    least = next((part.min_length for part in field.metadata if hasattr(part, "min_length")), None)
    if least is not None:
        value["minItems" if value["type"] == "array" else "minProperties"] = least
    about = field.description or ""
    value["description"] = f"{about}\n\nIt should be {rule.expected}." if rule else about
    if field.default not in (PydanticUndefined, None, "", [], {}):
        value["default"] = field.default
    return value


def _value(annotation: Any, rule: Rule | None, definitions: dict[str, Any]) -> dict[str, Any]:
    """What a value may be; a fresh object, for the caller adds to it."""
    if NoneType in get_args(annotation):  # TOML has no null: a key that is not there
        [annotation] = (part for part in get_args(annotation) if part is not NoneType)
    kind, parts = get_origin(annotation) or annotation, get_args(annotation)
    if kind is list:
        return {"type": "array", "items": _inner(parts[0], definitions)}
    if kind is dict:
        return {
            "type": "object",
            "propertyNames": _inner(parts[0], definitions),
            "additionalProperties": _inner(parts[1], definitions),
        }
    if kind is Literal:
        return _either({"enum": _choices(parts, rule)}, rule)
    if isinstance(kind, type) and issubclass(kind, Table):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = _object(kind, definitions)
        # What stands beside a $ref counts for nothing in draft 7, so it is wrapped.
        return {"allOf": [{"$ref": f"#/definitions/{kind.__name__}"}]}
    return _text(rule) if kind is str else _number(_TYPES[kind], rule)


def _inner(annotation: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """A list's element, a table's key or its value."""
    rule = next((part for part in get_args(annotation) if isinstance(part, Rule)), None)
    return _value(get_args(annotation)[0] if rule else annotation, rule, definitions)


def _choices(choices: tuple[Any, ...], rule: Rule | None) -> list[str]:
    """The texts that may be written; a type may have an empty one more, for "not given"."""
    return [word for word in choices if not rule or re.fullmatch(rule.shape, word)]


def _number(kind: str, rule: Rule | None) -> dict[str, Any]:
    """A number or a switch, or a reference in its place."""
    value: dict[str, Any] = {"type": kind}
    if rule and rule.low is not None:
        value |= {"minimum": rule.low, "maximum": rule.high}
    return _either(value, rule)


def _either(value: dict[str, Any], rule: Rule | None) -> dict[str, Any]:
    references = _references(rule.references) if rule else ""
    if not references:
        return value
    return {"anyOf": [value, {"type": "string", "pattern": f"^(?:{references})$"}]}


def _text(rule: Rule | None) -> dict[str, Any]:
    """One pattern, so that an editor has one thing to complain of."""
    if rule is None:
        return {"type": "string"}
    literal = f"{_NO_REFERENCE}(?:{rule.shape or _ANY_TEXT})"
    references = _references(rule.references)
    either = f"{literal}|{references}" if references else literal
    return {"type": "string", "pattern": f"^(?:{either})$"}


def _references(schemes: tuple[Scheme, ...]) -> str:
    return "|".join(f"{scheme}:{shape_of(scheme)}" for scheme in schemes)


def _plain(about: str) -> str:
    return about.replace("\n", " ").replace("``", "`")
