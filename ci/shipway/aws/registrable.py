"""What of a task definition the installed SDK cannot send, told before anything is built. Pure.

botocore refuses a request with a field that its model of ECS does not know, and shows the value
beside it. Here it is the model that is asked, and no value is ever shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from shipway.rollout.prune import Objection

Path = tuple[str | int, ...]
_KINDS: Final = {
    "string": (str, "a text"),
    "integer": (int, "a number"),
    "long": (int, "a number"),
    "boolean": (bool, "true or false"),
    "list": (list, "a list"),
    "map": (Mapping, "an object"),
    "structure": (Mapping, "an object"),
}


def objections(shape: Any, value: object, path: Path = ()) -> Iterator[Objection]:
    """Every place that a request of this shape cannot have.

    Args:
        shape: A shape of botocore's model.
        value: What would be sent.
        path: Where it stands.
    """
    kind, words = _KINDS.get(shape.type_name, (object, ""))
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield Objection(path=path, text=f"should be {words}")
    elif shape.type_name == "structure" and isinstance(value, Mapping):
        yield from _of_structure(shape, value, path)
    elif shape.type_name == "list" and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from objections(shape.member, inner, (*path, index))
    elif shape.type_name == "map" and isinstance(value, Mapping):
        for name, inner in value.items():
            yield from objections(shape.value, inner, (*path, str(name)))


def _of_structure(shape: Any, value: Mapping[Any, object], path: Path) -> Iterator[Objection]:
    for name, inner in value.items():
        if name in shape.members:
            yield from objections(shape.members[name], inner, (*path, str(name)))
        else:
            yield Objection(path=(*path, str(name)), unknown=True, text="is not known to the SDK")
    for name in shape.required_members:
        if name not in value:
            yield Objection(path=(*path, name), text="is missing")
