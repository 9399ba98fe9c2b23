"""What delivery.toml sets in a task definition, the live one or a file's, put in. Pure.

Only the fields that are set change. All else of the document goes through as it came, fields that
no SDK knows yet included: see :mod:`.task_definition`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shipway.config.overlay import ContainerOverlay, Overlay, Pairs
from shipway.errors import ConfigurationError
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition
from shipway.rollout.task_document import read_document


def base_of(live: TaskDefinition, overlay: Overlay) -> TaskDefinition:
    """What the next revision is made of: the live one, or what a file of the repository says.

    Raises:
        ConfigurationError: The file is of another family than the service's.
    """
    base = overlay.base
    if base is None:
        return live
    definition = read_document(base.document)
    if definition.family != live.family:
        raise ConfigurationError(
            f"the file is of task definition {definition.family}, and the service runs "
            f"{live.family}",
            where=base.place("family"),
            remedy=f"write {live.family} there, or name the file of this service",
        )
    return replace(definition, arn="", active=True, region=live.region, registered_by="")


def with_overlay(definition: TaskDefinition, overlay: Overlay) -> TaskDefinition:
    """The next revision: what it is made of with what is set.

    Args:
        definition: What it is made of, the delivered image put in already.
        overlay: What is set.

    Raises:
        ConfigurationError: It has no container of a name; the remedy names the nearest.
    """
    if not (overlay.cpu or overlay.memory or overlay.containers):
        return definition
    for container in overlay.containers:
        definition.require(container.name)
    by_name = {each.name: each for each in overlay.containers}
    # Of a task they are texts (ECS API Reference, RegisterTaskDefinition).
    limits = {"cpu": overlay.cpu, "memory": overlay.memory}
    sizes = {key: str(amount) for key, amount in limits.items() if amount}
    document: dict[str, object] = {**definition.document, **sizes}
    described = document.get("containerDefinitions")
    if isinstance(described, Sequence) and not isinstance(described, str):
        document["containerDefinitions"] = [
            _entry(each, by_name[str(each["name"])])
            if isinstance(each, Mapping) and each.get("name") in by_name
            else each
            for each in described
        ]
    return replace(
        definition,
        arn="",
        memory=str(overlay.memory) if overlay.memory else definition.memory,
        containers=tuple(
            _container(each, by_name[each.name]) if each.name in by_name else each
            for each in definition.containers
        ),
        document=document,
    )


def _entry(entry: Mapping[str, Any], overlay: ContainerOverlay) -> dict[str, Any]:
    """One of ``containerDefinitions[]`` with what is set; its image is the value's to name."""
    changed = dict(entry)
    # ECS takes a name once: as a variable or as a secret.
    variables = [name for name, _ in overlay.environment]
    secrets = [name for name, _ in overlay.secrets]
    for key, source, pairs, gone in (
        ("environment", "value", overlay.environment, (*overlay.unset, *secrets)),
        ("secrets", "valueFrom", overlay.secrets, (*overlay.unset, *variables)),
    ):
        if pairs or gone:
            before = [dict(each) for each in entry.get(key) or ()]
            merged = _merged(before, source, pairs, frozenset(gone))
            if merged != before:
                changed[key] = merged
    if overlay.command:
        changed["command"] = list(overlay.command)
    limits = {"cpu": overlay.cpu, "memory": overlay.memory}
    return {**changed, **{key: amount for key, amount in limits.items() if amount}}


def _merged(
    before: list[dict[str, Any]], source: str, pairs: Pairs, gone: frozenset[str]
) -> list[dict[str, Any]]:
    """Named entries with others set in their place, new ones behind them, and some taken away."""
    values = dict(pairs)
    kept = [
        {**each, source: values.pop(each["name"])} if each.get("name") in values else each
        for each in before
        if each.get("name") not in gone
    ]
    return [*kept, *({"name": name, source: value} for name, value in values.items())]


def _container(container: ContainerDefinition, overlay: ContainerOverlay) -> ContainerDefinition:
    """The same in the value that everything else reads."""
    variables, secrets = dict(container.environment), dict(container.secrets)
    for name in overlay.unset:
        variables.pop(name, None)
        secrets.pop(name, None)
    for name, value in overlay.environment:
        variables[name] = value
        secrets.pop(name, None)
    for name, value in overlay.secrets:
        secrets[name] = value
        variables.pop(name, None)
    return replace(
        container,
        image=overlay.image or container.image,
        memory=str(overlay.memory) if overlay.memory else container.memory,
        environment=tuple(variables.items()),
        secrets=tuple(secrets.items()),
    )
