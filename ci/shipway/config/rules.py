"""What one value may be, said once: for the check, for the message, and for the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from shipway.config.positions import KeyPath
from shipway.config.problems import Problem, closest, nearest
from shipway.config.references import SCHEMES, Reference, Scheme

ANYWHERE: tuple[Scheme, ...] = ("ssm", "cfn", "env")
EARLY: tuple[Scheme, ...] = ("env",)
"""For what must be known before AWS can be asked."""

_LONGEST_SHOWN = 80
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?")


class Resolved(str):
    """A text that came from a reference; no reference itself, whatever it looks like.

    Attributes:
        origin: Where it came from.
        secret: Whether it must not be shown.
    """

    __slots__ = ("origin", "secret")
    origin: Reference
    secret: bool

    @classmethod
    def of(cls, origin: Reference, text: str, *, secret: bool) -> Resolved:
        """The text, with the reference that it was looked up by and whether it is secret."""
        resolved = cls(text)
        resolved.origin, resolved.secret = origin, secret
        return resolved


class Table(BaseModel):
    """A table of a configuration file: no unknown keys, no silent conversions, never changed."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", populate_by_name=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a value may be; stands in an annotation: ``Annotated[str, Rule(expected="…")]``.

    Attributes:
        expected: Follows "should be" in messages and stands in the documentation.
        shape: A regular expression that the whole text must match; ours, never a user's.
        low: The least number.
        high: The greatest number.
        references: The kinds of references that may stand in its place.
    """

    expected: str
    shape: str = ""
    low: float | None = None
    high: float | None = None
    references: tuple[Scheme, ...] = ANYWHERE

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let pydantic ask this rule (pydantic documentation, Custom types)."""
        return core_schema.no_info_wrap_validator_function(
            partial(self._check, source), handler(source)
        )

    def _check(self, kind: Any, value: Any, inner: Callable[[Any], Any]) -> Any:
        if type(value) is str and self._refers(value):
            return value
        unwrapped = _read(kind, value) if isinstance(value, Resolved) else value
        try:
            checked = inner(unwrapped)
        except ValidationError:
            raise self._wrong(value) from None
        if isinstance(checked, str) and self.shape and not re.fullmatch(self.shape, checked):
            raise self._wrong(value)
        if self.low is not None and self.high is not None and not self.low <= checked <= self.high:
            raise self._wrong(value)
        return checked

    def _refers(self, text: str) -> bool:
        """Whether a value of the file is a reference that may stand here."""
        try:
            reference = Reference.parse(text)
        except ValueError as error:
            raise _problem(f"{shown(text)} is malformed; it should be {error}") from None
        if reference is None:
            return False
        if reference.scheme in self.references:
            return True
        if not self.references:
            raise _problem(f"should be written out, not referred to as {shown(text)}")
        allowed = " or ".join(SCHEMES[scheme] for scheme in self.references)
        raise _problem(
            f"should be written out or be {allowed}, not {shown(text)}: "
            "it is needed before AWS can be asked"
        )

    def _wrong(self, value: Any) -> PydanticCustomError:
        if not isinstance(value, Resolved):
            return _problem(f"should be {self.expected}, not {shown(value)}")
        if value.secret:
            return _problem(f"should be {self.expected}, which the secret in {value.origin} is not")
        return _problem(f"should be {self.expected}, not {shown(str(value))} (from {value.origin})")


def number(unit: str, low: float, high: float, **options: Any) -> Rule:
    """A number in a range, both ends included; ``unit`` stands in messages, such as ``seconds``."""
    suffix = f" of {unit}" if unit else ""
    return Rule(
        expected=f"a number{suffix} from {low:g} to {high:g}", low=low, high=high, **options
    )


def one_of(*choices: str) -> Rule:
    """One of these texts, in the case they are given in."""
    *first, last = (f'"{choice}"' for choice in choices)
    return Rule(expected=f"{', '.join(first)} or {last}", shape="|".join(map(re.escape, choices)))


def shown(value: object) -> str:
    """A value as TOML would write it, short and in ASCII; a list or table only by its kind."""
    if isinstance(value, str):
        shortened = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}..."
        return json.dumps(shortened)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)[:_LONGEST_SHOWN]


def problems_of(error: ValidationError, model: type[Table], prefix: KeyPath = ()) -> list[Problem]:
    """Every complaint of pydantic as a problem in our words.

    A key that is missing because it is misspelt beside is told once, as the misspelling.
    """
    details = error.errors(include_url=False)
    misspelt = {
        (*detail["loc"][:-1], _misspelt_key(model, detail["loc"]))
        for detail in details
        if detail["type"] == "extra_forbidden"
    }
    return [
        _problem_of(detail, model, prefix)
        for detail in details
        if detail["type"] != "missing" or detail["loc"] not in misspelt
    ]


def field_at(model: type[BaseModel], path: KeyPath) -> tuple[type[BaseModel], FieldInfo | None]:
    """The table that a path of the file leads into, and the field it names, if there is one."""
    field: FieldInfo | None = None
    table: Any = model
    for part in path:
        if isinstance(table, type) and issubclass(table, BaseModel):
            model, field = table, fields(table).get(str(part))
            table = field.annotation if field else None
        elif get_origin(table) in (dict, list):
            table = get_args(table)[-1]
    return model, field


def fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a table by the names that stand in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def rule_of(field: FieldInfo) -> Rule | None:
    """The rule in a field's annotation."""
    return next((item for item in field.metadata if isinstance(item, Rule)), None)


def _misspelt_key(model: type[Table], path: KeyPath) -> str:
    """The key that an unknown one was probably meant to be, or an empty text."""
    owner, _ = field_at(model, path)
    return closest(str(path[-1]), fields(owner))


def _problem_of(detail: ErrorDetails, model: type[Table], prefix: KeyPath) -> Problem:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    owner, field = field_at(model, path)
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        text = f"unknown key{nearest(str(path[-1]), fields(owner))}"
    elif kind == "missing":
        text = f"is missing; it should be {_expected(field)}"
    elif kind in {"model_type", "dict_type"}:
        text = f"should be a table, not {shown(value)}"
    elif kind == "list_type":
        text = f"should be a list, not {shown(value)}"
    elif kind == "too_short":
        text = "should not be empty"
    else:
        text = detail["msg"]
    return Problem(path=(*prefix, *path), text=text)


def _expected(field: FieldInfo | None) -> str:
    rule = rule_of(field) if field else None
    if rule:
        return rule.expected
    return "a list" if field and get_origin(field.annotation) is list else "a table"


def _problem(text: str) -> PydanticCustomError:
    return PydanticCustomError("rule", "{text}", {"text": text})


def _read(kind: Any, text: Resolved) -> Any:
    """A resolved text as the kind of value its field wants; unreadable ones stay texts."""
    if kind is bool:
        return {"true": True, "false": False}.get(text, str(text))
    if kind is int and _INTEGER.fullmatch(text):
        return int(text)
    if kind is float and _DECIMAL.fullmatch(text):
        return float(text)
    return str(text)
