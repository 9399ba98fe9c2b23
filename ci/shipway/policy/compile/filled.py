"""A part of a template with its parameters filled in, as CloudFormation would make it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_NAME: Final = re.compile(r"\$\{([A-Za-z0-9:]+)\}")
_LIST: Final = ","


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """The same with every ``Ref`` and ``Fn::Sub`` looked up.

    Args:
        value: What a template holds.
        values: Its parameters and pseudo parameters; those of several values are parted by commas,
            as CommaDelimitedList takes them.

    Raises:
        KeyError: It names a parameter that has no value here.
    """
    if isinstance(value, list | tuple):
        return [filled(item, values) for item in value]
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"Ref"}:
        text = values[value["Ref"]]
        return text.split(_LIST) if _LIST in text else text
    if set(value) == {"Fn::Sub"}:
        return _NAME.sub(lambda name: values[name[1]], value["Fn::Sub"])
    return {key: filled(inner, values) for key, inner in value.items()}
