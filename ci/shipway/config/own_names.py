"""Names of delivery.toml that are taken: by a folder or a parameter that shipway has itself. Pure.

What else is named there lies in a place of its own: an image's builds below ``images/`` of the
cache, an environment's records below its name, an image's documents behind ``NAME-``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shipway.config.environment import lock_parameter
from shipway.config.positions import KeyPath
from shipway.config.problems import Problem
from shipway.util.paths import NOWHERE


def own_names(table: Mapping[str, Any], environments: Mapping[str, Any]) -> Iterator[Problem]:
    """What would be written where shipway writes something else.

    Args:
        table: The whole file.
        environments: Its ``[environments.NAME]``.
    """
    if NOWHERE in environments:
        yield Problem(
            path=("environments", NOWHERE),
            text=f"is where records lie of triggers that came to none: evidence/{NOWHERE}",
        )
    locks = {lock_parameter(str(table.get("name")), name).strip("/") for name in environments}
    for path, named in _image_parameters(environments):
        if isinstance(named, str) and named.strip("/") in locks:
            yield Problem(path=path, text="is the parameter that holds an environment's lock")


def _image_parameters(environments: Mapping[str, Any]) -> Iterator[tuple[KeyPath, object]]:
    for name, environment in environments.items():
        services = environment.get("services")
        tables = {("environments", name): environment} | {
            ("environments", name, "services", key): service
            for key, service in (services.items() if isinstance(services, Mapping) else ())
            if isinstance(service, Mapping)
        }
        for path, each in tables.items():
            yield (*path, "image_parameter"), each.get("image_parameter")
