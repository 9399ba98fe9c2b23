"""Look up whom a delivery tells how it goes.

What cannot be looked up is told and never fails a delivery, so it is kept apart from all that an
environment needs (:mod:`shipway.config.resolve`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from shipway.config.notify import EVENTS, Receiver, signing_key
from shipway.config.references import Found, Missing, Reference, References, Resolution
from shipway.errors import ShipwayError

if TYPE_CHECKING:  # reading files needs pydantic; rendering does not
    from shipway.config.load import Declared


def tables_of(declared: Declared) -> Mapping[str, Mapping[str, Any]]:
    """The ``[notify.NAME]`` that are about an environment, by name."""
    document = declared.document.table
    sandbox = bool(document["environments"][declared.name].get("sandbox"))
    return {
        name: table
        for name, table in document.get("notify", {}).items()
        if declared.name in table.get("environments", ())
        or (not table.get("environments") and not sandbox)
    }


def references_of(declared: Declared) -> tuple[Reference, ...]:
    """What they refer to, each once, in the file's order."""
    return tuple(
        dict.fromkeys(
            ref for table in tables_of(declared).values() for ref in _references(table).values()
        )
    )


def receivers(
    declared: Declared, variables: Mapping[str, str], published: References
) -> tuple[Receiver, ...]:
    """Whom a delivery to an environment tells; nothing is raised.

    Args:
        declared: The environment.
        variables: The process's environment variables, for ``env:`` references.
        published: Answers ``ssm:`` and ``cfn:`` references; asked once, and not at all where there
            are none.
    """
    wanted = references_of(declared)
    resolutions: dict[Reference, Resolution] = {
        ref: Found(text=variables[ref.name]) if variables.get(ref.name) else Missing()
        for ref in wanted
        if ref.scheme == "env"
    }
    at_aws = [ref for ref in wanted if ref.scheme != "env"]
    if at_aws:
        try:
            resolutions |= published.resolve(at_aws)
        except ShipwayError as error:
            resolutions |= dict.fromkeys(at_aws, Missing(reason=error.what))
    return tuple(_receiver(name, table, resolutions) for name, table in tables_of(declared).items())


def _references(table: Mapping[str, Any]) -> Mapping[str, Reference]:
    return {key: ref for key in ("url", "secret") if (ref := Reference.parse(table.get(key, "")))}


def _receiver(
    name: str, table: Mapping[str, Any], resolutions: Mapping[Reference, Resolution]
) -> Receiver:
    values: dict[str, str] = {}
    troubles: list[str] = []
    for key, ref in _references(table).items():
        resolution = resolutions.get(ref, Missing())
        if isinstance(resolution, Found):
            values[key] = resolution.text.strip()  # a line break that a file or an editor left
        else:
            troubles += _troubles(ref, resolution)
    try:
        if secret := values.get("secret"):
            signing_key(secret)
    except ValueError as error:
        troubles.append(str(error))
    return Receiver(
        name=name,
        format=table.get("format", "cloudevents"),
        events=tuple(table.get("events", EVENTS)),
        url=values.get("url", ""),
        secret=values.get("secret", ""),
        trouble="; ".join(troubles),
    )


def _troubles(ref: Reference, missing: Missing) -> Iterator[str]:
    if missing.reason:
        yield f"{ref}: {missing.reason}"
    else:
        yield f"{ref} is not {'set' if ref.scheme == 'env' else 'published'}"
