"""Whether a task definition has the containers that delivery.toml speaks of. Pure."""

from __future__ import annotations

from shipway.config.environment import Environment, Service
from shipway.config.overlay import Overlay
from shipway.config.task_file import TaskFile
from shipway.errors import ConfigurationError
from shipway.rollout.overlay import base_of
from shipway.rollout.task_definition import TaskDefinition


def require_containers(environment: Environment, service: Service, live: TaskDefinition) -> None:
    """See that a service's containers are there, and each that something is set in.

    Raises:
        ConfigurationError: The live task definition, or the file in its place, lacks one; the file
            is of another family, or names no image of a container that gets none.
    """
    path = f"ci/delivery.toml  environments.{environment.name}.services.{service.key}"
    overlay = environment.overlay(service.key)
    base = base_of(live, overlay)
    wanted = {each.name: f"containers.{each.name}" for each in overlay.containers}
    wanted |= dict.fromkeys(service.same_image, "same_image") | {service.container: "container"}
    for name, key in wanted.items():
        try:
            base.require(name)
        except ConfigurationError as error:
            where = f"{path}.{key}"
            if overlay.base is not None:
                where = f"{overlay.base.place('containerDefinitions')}, named in {where}"
            raise ConfigurationError(error.what, where=where, remedy=error.remedy) from error
    if overlay.base is not None:
        _has_images(service, overlay, base, overlay.base)


def _has_images(
    service: Service, overlay: Overlay, definition: TaskDefinition, task_file: TaskFile
) -> None:
    """See that a file names the image of each container that gets none from the release."""
    given = {*service.containers, *(e.name for e in overlay.containers if e.image or e.built)}
    for index, container in enumerate(definition.containers):
        if container.name not in given and not container.image:
            raise ConfigurationError(
                f'container "{container.name}" has no image that is written out, and gets none '
                "from the release",
                where=task_file.place("containerDefinitions", index, "image"),
                remedy=f"write it there, or say it in `containers.{container.name}.image` or "
                "`same_image` of ci/delivery.toml",
            )
