"""Frozen values as JSON knows them, in the one form that can be hashed (RFC 8785).

Keys are camelCase, as those of in-toto and SLSA are.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, Final

import rfc8785

from shipway.values import Digest, ImageReference

# RFC 8785 takes numbers as IEEE 754 doubles: beyond this an integer would silently change.
_WHOLE: Final = 2**53 - 1
EXTRA: Final = "extra"
"""The field of a value that holds what a newer version wrote, by its key in JSON."""
KEY: Final = "json"
"""In a field's metadata: its key in JSON, where that is not its name in camelCase."""


def to_json(value: object) -> Any:
    """Fields by name, times in UTC, digests as text, and nothing that canonical JSON refuses."""
    form: Any = _text(str(value))
    if value is None or isinstance(value, bool):
        form = value
    elif isinstance(value, int):
        form = value if abs(value) <= _WHOLE else str(value)
    elif isinstance(value, float):
        form = value if math.isfinite(value) else str(value)
    elif isinstance(value, datetime):
        form = moment(value)
    elif isinstance(value, Mapping):
        form = {_text(str(key)): to_json(part) for key, part in value.items()}
    elif isinstance(value, (list, tuple)):
        form = [to_json(part) for part in value]
    elif isinstance(value, (set, frozenset)):
        form = sorted(_text(str(part)) for part in value)
    elif hasattr(value, "to_json"):
        form = value.to_json()
    elif is_dataclass(value) and not isinstance(value, (Digest, ImageReference, type)):
        form = _members(value)
    return form


def _members(value: Any) -> dict[str, Any]:
    """Fields by their keys; one that is ``None`` or empty by default is left out where it is."""
    members: dict[str, Any] = {}
    # What a value does not show of itself, because a secret may lie there, is not kept either.
    for field in (field for field in fields(value) if field.repr):
        part = getattr(value, field.name)
        absent = may_be_left_out(field) and part == field.default
        if field.name != EXTRA and not absent:
            members[key_of(field)] = to_json(part)
    extra: dict[str, Any] = to_json(getattr(value, EXTRA, {}))
    return members | extra


def may_be_left_out(field: Field[Any]) -> bool:
    """Whether a field is not written where it is its default: nothing is known, or nothing is."""
    return field.default is None or field.default == ()


def key_of(field: Field[Any]) -> str:
    """A field's key in JSON: ``user_id`` is ``userId``."""
    first, *others = field.name.split("_")
    return str(field.metadata.get(KEY) or first + "".join(other.capitalize() for other in others))


def moment(at: datetime) -> str:
    """A time in UTC, to the millisecond, as RFC 3339 writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def canonical(value: object) -> bytes:
    """The one form of a JSON value (RFC 8785): no spaces, sorted keys, shortest numbers."""
    return rfc8785.dumps(value)  # type: ignore[arg-type]  # plain() made it of JSON's own types


def is_canonical(content: bytes) -> bool:
    """Whether these bytes are what :func:`canonical` would write."""
    try:
        return canonical(json.loads(content)) == content
    except (ValueError, RecursionError):
        return False


def sha256(content: bytes) -> str:
    """The SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _text(text: str) -> str:
    """Half a surrogate pair is no UTF-8 and cannot be hashed: it is shown as an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
