"""An environment's table without what an order does not need: no fault there may refuse it. Pure.

A rollback at night takes what is registered and what was built; a task definition's file that is
broken by now, a parameter that nobody publishes any more or a build argument that is not set here
says nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from shipway.config.load import Declared

_REGISTERED: Final = frozenset(
    {"task_definition", "environment", "secrets", "unset", "command", "cpu", "memory"}
)
"""Keys of a service that are said of a revision yet to be registered."""
_OF_A_JOB: Final = frozenset({"when", "service", "image"})
"""Keys of a job that say which image it has; the others say how it runs."""


def without_overlays(declared: Declared) -> Declared:
    """The same for an order that registers nothing of what delivery.toml or its files set.

    Which containers take which image stays.
    """
    images = declared.document.table.get("images", {})
    table = declared.table
    services = {key: _service(each, images) for key, each in table["services"].items()}
    return _with(declared, {**table, "services": services})


def without_builds(declared: Declared) -> Declared:
    """The same for an order that builds nothing and runs no job; which images there are stays."""
    document, table = declared.document, declared.table
    small: dict[str, Any] = {key: value for key, value in table.items() if key != "build_args"}
    if "images" in small:
        small["images"] = {
            key: {name: value for name, value in each.items() if name != "build_args"}
            for key, each in small["images"].items()
        }
    if "jobs" in small:
        small["jobs"] = {
            key: {name: value for name, value in each.items() if name in _OF_A_JOB}
            for key, each in small["jobs"].items()
        }
    built: dict[str, Any] = {}
    if "image" in document.table:
        built["image"] = {}
    if "images" in document.table:
        built["images"] = {key: {} for key in document.table["images"]}
    without = replace(document, table={**document.table, **built})
    return _with(replace(declared, document=without), small)


def _service(service: Mapping[str, Any], images: Mapping[str, Any]) -> Mapping[str, Any]:
    small = {key: value for key, value in service.items() if key not in _REGISTERED}
    if "containers" in small:
        small["containers"] = {
            name: {"image": each["image"]}
            for name, each in small["containers"].items()
            if each.get("image") in images
        }
    return small


def _with(declared: Declared, table: Mapping[str, Any]) -> Declared:
    document = declared.document
    environments = {**document.table["environments"], declared.name: table}
    return replace(
        declared, document=replace(document, table={**document.table, "environments": environments})
    )
