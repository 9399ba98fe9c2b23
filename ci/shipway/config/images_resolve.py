"""From what delivery.toml says of images to the values that the stages use. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from shipway.config.image_table import image_settings
from shipway.config.images import ONE, EnvironmentImage, ImageSettings, used_images
from shipway.config.job_table import JobTable
from shipway.config.models import DeliveryTable, EnvironmentTable
from shipway.config.names import HOST
from shipway.config.positions import KeyPath
from shipway.config.references import Reference
from shipway.config.schedule_table import ScheduleTable
from shipway.config.service_table import ServiceTable
from shipway.util.partitions import registry_host


def is_about_a_build(path: KeyPath, environment: KeyPath) -> bool:
    """Whether a key of the file is needed to build, where no AWS is asked."""
    below = path[len(environment) :] if path[: len(environment)] == environment else ()
    return path[0] in {"image", "images"} or "build_args" in below[:3:2]


def settings_of(table: DeliveryTable, environment: EnvironmentTable) -> tuple[ImageSettings, ...]:
    """What is built for an environment, in the file's order."""
    region = "" if Reference.parse(environment.region) else str(environment.region)
    if not table.images:
        arguments = environment.build_args
        return (image_settings(table.name, ONE, table.image, arguments, region),)
    return tuple(
        image_settings(
            table.name, key, table.images[key], environment.images[key].build_args, region
        )
        for key in used_images(environment.model_dump(by_alias=True), table.images)
    )


def images_of(table: DeliveryTable, environment: EnvironmentTable) -> tuple[EnvironmentImage, ...]:
    """Every image of an environment with where it lies; the one image has no key."""
    return tuple(_placed(settings, environment) for settings in settings_of(table, environment))


def _placed(settings: ImageSettings, environment: EnvironmentTable) -> EnvironmentImage:
    said = environment.images[settings.key] if settings.key else environment
    host = re.match(f"({HOST})/", said.repository)
    return EnvironmentImage(
        settings=settings,
        registry=host[1] if host else registry_host(environment.account, environment.region),
        repository=said.repository[host.end() :] if host else said.repository,
        promote_repository=said.promote_repository,
    )


def image_key(
    table: ServiceTable | JobTable | ScheduleTable,
    environment: EnvironmentTable,
    keys: Iterable[str],
) -> str:
    """The key of the image that something runs; empty where there is one image alone.

    Args:
        table: The service, the job or the schedule.
        environment: Where it is; a job or a schedule runs the image of the service whose
            definition it takes.
        keys: The keys of ``[images]``; none where there is one image alone.
    """
    if table.image:
        return table.image
    first = next(iter(keys), ONE)
    if not isinstance(table, ServiceTable) and table.service:
        return environment.services[table.service].image or first
    return first


def parameter_images(environment: EnvironmentTable, keys: Iterable[str]) -> Mapping[str, str]:
    """The key of the image that each parameter of a stack takes, by the parameter's name."""
    known = tuple(keys)
    tables = [(environment.image_parameter, next(iter(known), ONE))] + [
        (service.image_parameter, image_key(service, environment, known))
        for service in environment.services.values()
    ]
    return {Reference("ssm", name).parameter: key for name, key in tables if name}
