"""What differs between two revisions of a task definition, field by field. Pure.

Compared as ECS means it, not as it is written: variables and secrets by their name whatever their
order, a number and the same number as a text alike, an empty list like none at all, and a default
like nothing (:mod:`.meaning`). A secret is shown by the reference that it comes from, a variable
whose name looks secret by neither value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.redact import HIDDEN, looks_secret, redact
from shipway.rollout.meaning import meaning
from shipway.rollout.task_definition import READ_ONLY, TaskDefinition
from shipway.values import Json

# What tells the entries of a list apart, in the order of trust (ECS API Reference,
# ContainerDefinition, PortMapping, MountPoint, Ulimit, ContainerDependency, Tag).
_NAMES: Final = ("name", "key", "containerName", "containerPath", "containerPort", "sourceVolume")
_VALUES: Final = {"environment": "value", "secrets": "valueFrom", "tags": "value"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs.

    Attributes:
        field: Its path, such as ``web.image`` or ``web.environment.LOG_LEVEL``.
        before: What it is now; empty where it is not there.
        after: What it would be; empty where it would be gone.
    """

    field: str
    before: str
    after: str


def differences(live: TaskDefinition, revision: TaskDefinition) -> tuple[FieldChange, ...]:
    """Every field in which the next revision differs from the live one, in the document's order.

    Args:
        live: The task definition that runs.
        revision: The one that would be registered.
    """
    now, then = _flat(meaning(live.document), live), _flat(meaning(revision.document), revision)
    written, to_write = _flat(live.document, live), _flat(revision.document, revision)
    secrets = live.secret_values | revision.secret_values
    return tuple(
        FieldChange(
            field=path,
            before=_shown(path, written.get(path, now.get(path, "")), secrets),
            after=_shown(path, to_write.get(path, then.get(path, "")), secrets),
        )
        for path in dict.fromkeys((*now, *then))
        if now.get(path, "") != then.get(path, "")
    )


def _flat(whole: Json, definition: TaskDefinition) -> dict[str, str]:
    """Every leaf of what would be registered by its path; what is empty is left out."""
    document = {
        name: value
        for name, value in whole.items()
        if name not in READ_ONLY and name != "containerDefinitions"
    }
    flat = dict(_leaves((), document))
    described = whole.get("containerDefinitions")
    entries: Iterable[object] = described if isinstance(described, Sequence) else ()
    by_name = {str(each.get("name")): each for each in entries if isinstance(each, Mapping)}
    for container in definition.containers:
        entry = {**by_name.get(container.name, {}), "image": container.image}
        entry.pop("name", None)
        flat.update(_leaves((container.name,), entry))
    return flat


def _leaves(path: tuple[str, ...], value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves((*path, str(name)), inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield from _entries(path, value)
    elif value not in (None, ""):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield ".".join(path), text


def _entries(path: tuple[str, ...], entries: Sequence[object]) -> Iterator[tuple[str, str]]:
    """A list: named entries by their names, words such as a command as one text."""
    objects = [entry for entry in entries if isinstance(entry, Mapping)]
    if len(objects) < len(entries):
        if entries:
            yield ".".join(path), " ".join(map(str, entries))
        return
    for number, entry in enumerate(objects):
        key = next((name for name in _NAMES if entry.get(name) not in (None, "")), "")
        inner = (*path, str(entry[key]) if key else str(number))
        value = _VALUES.get(path[-1], "")
        if value and set(entry) <= {key, value}:
            yield from _leaves(inner, entry.get(value))
        else:
            rest = {name: each for name, each in entry.items() if name != key}
            # One of which only its name is said, or beside that nothing but what is empty.
            yield from list(_leaves(inner, rest)) or _leaves(inner, str(entry.get(key, "")))


def _shown(path: str, text: str, secrets: frozenset[str]) -> str:
    """A value as it may be seen; where a secret comes from is no secret."""
    parts = path.split(".")
    if not text or "secrets" in parts[:-1]:
        return text
    if "environment" in parts[:-1] and looks_secret(parts[-1]):
        return HIDDEN
    return redact(text, secrets)
