"""What stands in for the secrets that tasks of the embedded world ask for. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shipway.config.compute_table import ComputeTable
from shipway_sandbox.plan import ServicePlan

STAND_IN: Final = "stand-in"
_SECRETS_MANAGER: Final = ":secretsmanager:"
_ARN_FIELDS: Final = 7
"""Of a secret's ARN; what follows names a key of its JSON (ECS Developer Guide, "Pass Secrets
Manager secrets through Amazon ECS environment variables")."""


def stand_ins(
    services: tuple[ServicePlan, ...],
    tables: Mapping[str, Mapping[str, Any]],
    compute: Mapping[str, ComputeTable],
) -> dict[str, str]:
    """Name of a parameter, or ARN of a secret → the stand-in that it holds.

    Args:
        services: The services as they stand there.
        tables: What delivery.toml says of each.
        compute: What the sandbox runs for each.
    """
    held: dict[str, str] = {}
    keys: dict[str, list[str]] = {}
    for service in services:
        given = compute[service.key].secrets if service.key in compute else {}
        held |= {parameter: given.get(name, "") for name, parameter in service.secrets.items()}
        for name, source in _set(tables[service.key]):
            if _SECRETS_MANAGER in source:
                arn, key = _secret(source)
                keys.setdefault(arn, []).extend([key] if key else [])
            else:
                held[_parameter(source)] = given.get(name, STAND_IN)
    for arn, wanted in keys.items():
        held[arn] = json.dumps(dict.fromkeys(wanted, STAND_IN)) if wanted else STAND_IN
    return held


def _set(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every secret that a service sets in its task definition: the variable, and its source."""
    for each in (table, *table.get("containers", {}).values()):
        yield from each.get("secrets", {}).items()


def _secret(source: str) -> tuple[str, str]:
    """The ARN of a secret, and the key of its JSON where one is named."""
    fields = source.split(":")
    key = fields[_ARN_FIELDS] if len(fields) > _ARN_FIELDS else ""
    return ":".join(fields[:_ARN_FIELDS]), key


def _parameter(source: str) -> str:
    """A parameter's name with a slash before it, as its ARN has it."""
    name = source.rpartition(":parameter")[2]
    return name if name.startswith("/") else f"/{name}"
