"""JSON read back as frozen values; :func:`shipway.evidence.canonical_json.to_json` is the way out.

A record outlives the program that wrote it, so reading forgives. What a newer version added is kept
in ``extra`` and written back; what an older one did not know is blank: its default, or nothing of
its type. A value of another type than it should have is blank too, and kept in ``extra``. Keys are
camelCase; records of the first schema have some in snake_case, which are read as the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from shipway.evidence.canonical_json import EXTRA, key_of

_T = TypeVar("_T")
_Decoder = Callable[[Any], Any]


class _MisfitError(Exception):
    """A value is not of the type that it should have; ``rest`` is as much of it as is."""

    def __init__(self, rest: object) -> None:
        super().__init__()
        self.rest = rest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """One field of a value: where it stands in JSON, how it is read, what it is when blank."""

    name: str
    keys: tuple[str, ...]
    decode: _Decoder
    blank: Callable[[], object]


def read(kind: type[_T], document: object) -> _T:
    """A value from a JSON object; whatever the document is, there is one."""
    values, _ = _parts(kind, document)
    return kind(**values)


def read_with_rest(kind: type[_T], document: object) -> tuple[_T, Mapping[str, Any]]:
    """The same for a value that has no ``extra`` of its own, and what does not fit into it."""
    values, rest = _parts(kind, document)
    return kind(**values), rest


def _parts(kind: Any, document: object) -> tuple[dict[str, Any], dict[str, Any]]:
    given: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
    rest = dict(given)
    values: dict[str, Any] = {}
    for slot in _slots(kind):
        for key in slot.keys:
            if key in given:
                break
        else:
            values[slot.name] = slot.blank()
            continue
        del rest[key]
        try:
            values[slot.name] = slot.decode(given[key])
        except _MisfitError as misfit:
            values[slot.name] = slot.blank() if misfit.rest is None else misfit.rest
            rest[slot.keys[0]] = given[key]
    if _keeps_rest(kind):
        values[EXTRA] = rest
    return values, rest


@cache
def _slots(kind: Any) -> tuple[_Slot, ...]:
    hints = get_type_hints(kind)
    return tuple(_slot(field, hints[field.name]) for field in _fields(kind) if field.name != EXTRA)


@cache
def _keeps_rest(kind: Any) -> bool:
    return any(field.name == EXTRA for field in _fields(kind))


def _fields(kind: Any) -> tuple[Field[Any], ...]:
    return fields(kind)


def _slot(field: Field[Any], annotation: Any) -> _Slot:
    if field.default is not MISSING:
        default = field.default

        def blank() -> object:
            return default

    elif field.default_factory is not MISSING:
        blank = field.default_factory
    else:
        blank = _blank(annotation)
    return _Slot(
        name=field.name,
        keys=tuple(dict.fromkeys((key_of(field), field.name))),
        decode=_decoder(annotation),
        blank=blank,
    )


def _blank(annotation: Any) -> Callable[[], object]:
    """Nothing of a type: an empty text, no entries, zero, or ``None`` where that may be."""
    if NoneType in get_args(annotation) or annotation is Any:
        return lambda: None
    if is_dataclass(annotation):
        return lambda: read(_class(annotation), {})
    kind = get_origin(annotation) or annotation
    blanks: Mapping[object, type] = {Mapping: dict, Literal: str}
    return blanks.get(kind) or _class(kind)


def _class(annotation: Any) -> type:
    if not isinstance(annotation, type):
        raise TypeError(f"the schema of the record cannot hold {annotation}")
    return annotation


@cache
def _decoder(annotation: Any) -> _Decoder:
    """What reads a value of this type, or raises :class:`_MisfitError`."""
    kind = get_origin(annotation) or annotation
    if kind in _GENERIC:
        return _GENERIC[kind](get_args(annotation))
    if hasattr(kind, "from_json"):
        return _typed(kind.from_json, Mapping)
    if is_dataclass(kind):
        return _typed(_whole(_class(kind)), Mapping)
    if kind in _PLAIN:
        return _PLAIN[kind]
    raise TypeError(f"the schema of the record cannot hold {annotation}")


def _whole(kind: type) -> _Decoder:
    """Reads a value; of one without ``extra``, what does not fit is kept by what holds it."""
    if _keeps_rest(kind):
        return lambda value: read(kind, value)

    def decode(value: Any) -> object:
        fact: object
        fact, rest = read_with_rest(kind, value)
        if rest:
            raise _MisfitError(fact)
        return fact

    return decode


def _typed(decode: _Decoder, *kinds: type) -> _Decoder:
    def decoder(value: Any) -> Any:
        # bool is a subclass of int, and no number in JSON
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise _MisfitError(None)
        return decode(value)

    return decoder


_PLAIN: Final[Mapping[object, _Decoder]] = {
    str: _typed(str, str),
    bool: _typed(bool, bool),
    int: _typed(int, int),
    # RFC 8785 writes 2.0 as 2.
    float: _typed(float, int, float),
}


def _optional(parts: tuple[Any, ...]) -> _Decoder:
    (inner,) = (part for part in parts if part is not NoneType)
    decode = _decoder(inner)
    return lambda value: None if value is None else decode(value)


def _tuple(parts: tuple[Any, ...]) -> _Decoder:
    """``tuple[X, ...]``: what is no X is left out; ``tuple[X, Y]``: both or nothing."""
    many = parts[1:] == (...,)
    decoders = tuple(_decoder(part) for part in parts if part is not ...)

    def decode(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)) or (not many and len(value) != len(parts)):
            raise _MisfitError(None)
        if many:
            return tuple(_fitting(value, decoders[0], tuple))
        try:
            return tuple(decode(part) for decode, part in zip(decoders, value, strict=True))
        except _MisfitError as misfit:
            raise _MisfitError(None) from misfit

    return decode


def _mapping(parts: tuple[Any, ...]) -> _Decoder:
    decode_part = _decoder(parts[1])

    def decode_pair(pair: tuple[str, Any]) -> tuple[str, Any]:
        name, part = pair
        try:
            return name, decode_part(part)
        except _MisfitError as misfit:
            raise _MisfitError(None if misfit.rest is None else (name, misfit.rest)) from misfit

    def decode(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _MisfitError(None)
        return dict(_fitting(value.items(), decode_pair, dict))

    return decode


def _fitting(
    values: Iterable[Any], decode: _Decoder, collect: Callable[[Any], object]
) -> list[Any]:
    """Every value that can be read.

    Raises:
        _MisfitError: One cannot; its ``rest`` is as much as can.
    """
    fitting, all_fit = [], True
    for value in values:
        try:
            fitting.append(decode(value))
        except _MisfitError as misfit:
            all_fit = False
            if misfit.rest is not None:
                fitting.append(misfit.rest)
    if not all_fit:
        raise _MisfitError(collect(fitting))
    return fitting


_GENERIC: Final[Mapping[object, Callable[[tuple[Any, ...]], _Decoder]]] = {
    Any: lambda _: lambda value: value,
    UnionType: _optional,
    Literal: lambda _: _PLAIN[str],
    tuple: _tuple,
    Mapping: _mapping,
}
