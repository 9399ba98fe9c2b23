"""A record without what only its own report shows: thousands are read in the time of hundreds.

What is left out reads as if a record had never had it. Never for a check, which reads every byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shipway.evidence import codec
from shipway.evidence.predicate import Statement

# Keys of both spellings that records have: shipway.evidence.codec.
_WHOLE: Final = frozenset(
    {
        *("schemaVersion", "startedOn", "started_on", "finishedOn", "finished_on"),
        *("verdict", "commit", "resumed", "put_back", "putBack", "chain"),
    }
)
_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "trigger": frozenset({"event", "ref", "actor", "url"}),
    "decision": frozenset({"allowed", "environment"}),
    "identity": frozenset({"arn"}),
    "environment": frozenset({"name"}),
    "build": frozenset({"digest", "platforms"}),
    "image": frozenset({"reference", "platforms"}),
}
_LONG: Final = frozenset({"diagnosis", "last_seen", "lastSeen"})


def outlined(content: bytes) -> Statement | None:
    """A record's outline, where the bytes are one.

    Of the time line it keeps when the rollout began.
    """
    try:
        document = json.loads(content)
        predicate: Any = document["predicate"]
        if not isinstance(predicate, dict):
            return None
        kept = {key: part for key, part in predicate.items() if key in _WHOLE}
        kept |= {
            key: _only(predicate[key], names) for key, names in _PARTS.items() if key in predicate
        }
        kept["images"] = [
            {
                part: _only(each.get(part), _PARTS.get(part, frozenset()))
                for part in ("build", "image")
            }
            | {"name": each.get("name", "")}
            for each in _list(predicate.get("images"))
            if isinstance(each, Mapping)
        ]
        kept["services"] = [_without(each, _LONG) for each in _list(predicate.get("services"))]
        kept["timeline"] = list(_rollout(_list(predicate.get("timeline"))))
        return codec.read(
            Statement,
            {**_without(document, frozenset({"predicate"})), "predicate": kept},
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _only(value: Any, names: frozenset[str]) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: part for key, part in value.items() if key in names}


def _without(value: Any, names: frozenset[str]) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: part for key, part in value.items() if key not in names}


def _rollout(timeline: list[Any]) -> Iterator[Any]:
    for entry in timeline:
        if not isinstance(entry, Mapping) or entry.get("event") != "started":
            continue
        if entry.get("stage") == "deploy":
            yield entry
            return
