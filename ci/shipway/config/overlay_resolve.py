"""From what a service sets in its task definition to values, and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from shipway.config.overlay import ContainerOverlay, Overlay
from shipway.config.overlay_table import SET_ONCE, ContainerTable, contradictions, overlay_of
from shipway.config.positions import KeyPath
from shipway.config.problems import Problem
from shipway.config.references import Found, Reference, Resolution
from shipway.config.service_table import ServiceTable


def overlay(service: ServiceTable) -> Overlay:
    """What a service sets, its own container's keys and those of ``containers`` put together."""
    others = {name: overlay_of(name, table) for name, table in service.containers.items()}
    name = str(service.container)
    own = overlay_of(name, _own(service))
    given = others.pop(name, None)
    if given is not None:
        set_here = {key: getattr(own, key) for key in SET_ONCE if getattr(own, key)}
        own = replace(given, **set_here)
    empty = ContainerOverlay(name=name)
    containers = (*((own,) if own != empty else ()), *others.values())
    return Overlay(
        cpu=service.cpu,
        memory=service.memory,
        containers=containers,
        file=service.task_definition,
    )


def overlay_problems(service: ServiceTable, path: KeyPath) -> Iterator[Problem]:
    """What cannot be, once every value is known."""
    tables = {path: _own(service)}
    tables |= {(*path, "containers", name): each for name, each in service.containers.items()}
    for at, table in tables.items():
        for key, name, text in contradictions(table):
            index: str | int = table.unset.index(name) if key == "unset" else name
            yield Problem(path=(*at, key, index), text=f"{name} {text}")
    for name in (str(service.container), *map(str, service.same_image)):
        if name in service.containers and service.containers[name].image:
            at = (*path, "containers", name, "image")
            yield Problem(path=at, text="is that of a container that takes the delivered image")
    own = service.containers.get(str(service.container))
    for key in SET_ONCE:
        if own is not None and getattr(own, key) and getattr(service, key):
            at = (*path, "containers", str(service.container), key)
            yield Problem(path=at, text=f"is set in the service itself, too: say it once, in {key}")


def _own(service: ServiceTable) -> ContainerTable:
    """What the service's own keys say of its container."""
    return ContainerTable.model_construct(
        environment=service.environment,
        secrets=service.secrets,
        unset=service.unset,
        command=service.command,
    )


def shown_secrets(
    referring: Mapping[KeyPath, Reference], resolutions: Mapping[Reference, Resolution]
) -> Iterator[Problem]:
    """Variables that would write an encrypted parameter's value into a task definition."""
    for path, reference in referring.items():
        resolution = resolutions.get(reference)
        variable = "services" in path and path[-2:-1] == ("environment",)
        if variable and isinstance(resolution, Found) and resolution.secret:
            text = (
                f"{reference} is a SecureString, which a variable would show to everybody who sees "
                "the task definition: name the parameter in `secrets`"
            )
            yield Problem(path=path, text=text)
