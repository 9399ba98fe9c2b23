"""Images of tasks: from our own registry by digest, pulled by the engine, never from a cache."""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

from typing import Any

from ministack.services import ecr, ecs

from shipway_sandbox.emulator import processors, registry, state
from shipway_sandbox.emulator.corrections import rule
from shipway_sandbox.emulator.launching import StartError
from shipway_sandbox.emulator.processors import Misfit

Record = dict[str, Any]

pulls_afresh = rule("ecs.no-cached-image")


def split(image: str) -> tuple[str, str]:
    """Repository and reference of an image; the reference is a digest, a tag, or ``latest``."""
    if "@" in image:
        repository, _, digest = image.partition("@")
        return repository, digest
    head, slash, tail = image.rpartition("/")
    name, _, tag = tail.partition(":")
    return f"{head}{slash}{name}", tag or "latest"


def resolve(image: str) -> str | None:
    """The digest that an image reference of our registry stands for, or ``None``."""
    named, reference = split(image)
    repository = registry.locate(named)
    if repository is None:
        return None
    with repository.scope():
        digest, manifest, _ = ecr._resolve_manifest(repository.name, reference)
    return digest if manifest else None


def _pinned(task: Record, container: str) -> str | None:
    """The digest that the task's deployment settled on for this container (version consistency)."""
    pins = state.emulator().pins.get(task.get("_deployment_id") or "", {})
    return pins.get(container)


def fetch(task: Record, container: Record, definition: Record) -> tuple[str, str, Misfit | None]:
    """Have the engine hold the container's image.

    Returns:
        The reference to create from, the manifest digest that ECS reports, and what is wrong with
        an image of another processor, which is not fetched.

    Raises:
        StartError: ``CannotPullContainerError``, with the registry's reason.
    """
    image, name = container["image"], container["name"]
    named, _ = split(image)
    engine = state.engine()
    repository = registry.locate(named)
    if repository is None:
        if engine.has_image(image):
            return image, "", None
        raise _cannot_pull(image, "failed to do request: no route to this registry", name)
    digest = _pinned(task, name) or resolve(image)
    if digest is None:
        if not pulls_afresh() and engine.has_image(image):
            return image, "", None
        raise _cannot_pull(image, "not found", name)
    if wrong := processors.misfit(definition, container, repository, digest):
        return image, digest, wrong
    local = repository.reachable
    exact = f"{local}@{digest}"
    if not engine.has_image(exact):
        error = engine.pull(local, digest, registry.task_credentials())
        if error:
            raise _cannot_pull(f"{named}@{digest}" if "@" in image else image, error, name)
    return exact, digest, None


def _cannot_pull(image: str, why: str, container: str) -> StartError:
    return StartError(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
        f"resolve ref {image}: {image}: {why}",
        container,
    )


def known_digests(definition: Record) -> dict[str, str]:
    """What each container's image stands for right now, as far as our registry knows."""
    digests = {
        container["name"]: resolve(container["image"])
        for container in definition["containerDefinitions"]
    }
    return {name: digest for name, digest in digests.items() if digest}


def definition_of(arn: str) -> Record | None:
    """A registered task definition by its ARN."""
    definition: Record | None = ecs._task_defs.get(ecs._resolve_td_key(arn))
    return definition
