"""Write a CloudFormation template as the YAML that people write by hand: the same bytes each time.

"Intrinsic function reference" (CloudFormation): ``Ref`` and ``Fn::…`` have short forms as tags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

# A text of these is read back as itself by every YAML reader: no sign, no number, no keyword.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_/.-]*(?::[A-Za-z][A-Za-z0-9_./:-]*)*")
_KEYWORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def dump(document: Mapping[str, Any]) -> str:
    """A document as YAML; mappings and lists nest by two columns.

    Raises:
        TypeError: A value is no text, number, truth value, list or mapping.
    """
    return "\n".join(_lines(document)) + "\n"


def _lines(value: Mapping[str, Any], indent: str = "") -> list[str]:
    lines: list[str] = []
    for key, inner in value.items():
        if indent == "" and lines:
            lines.append("")
        lines += _under(f"{indent}{scalar(key)}:", inner, indent)
    return lines


def _under(head: str, value: Any, indent: str) -> list[str]:
    short = _short(value)
    if short is not None:
        return [f"{head} {short}"]
    if isinstance(value, Mapping):
        return [head, *_lines(value, indent + "  ")]
    lines = [head]
    for item in value:
        short = _short(item)
        if short is not None:
            lines.append(f"{indent}  - {short}")
            continue
        first, *others = _lines(item, indent + "    ")
        lines += [f"{indent}  - {first.strip()}", *others]
    return lines


def _short(value: Any) -> str | None:
    """A value in one line: a scalar, or an intrinsic function of scalars; ``None`` for others."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, argument),) = value.items()
        if name == "Ref" or name.startswith("Fn::"):
            inner = argument if isinstance(argument, list) else [argument]
            arguments = [_short(item) or "" for item in inner]
            text = f"[{', '.join(arguments)}]" if isinstance(argument, list) else arguments[0]
            return f"!{name.removeprefix('Fn::')} {text}"
        return None
    return None if isinstance(value, Mapping | list) else scalar(value)


def scalar(value: object) -> str:
    """A text, number or truth value; texts are quoted where YAML could read something else."""
    if isinstance(value, bool | int):
        return json.dumps(value)
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} has no place in a template")
    unquoted = _PLAIN.fullmatch(value) and value.lower() not in _KEYWORDS
    return value if unquoted else json.dumps(value, ensure_ascii=False)
