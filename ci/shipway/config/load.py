"""Read ``ci/delivery.toml``: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shipway.config.document import TomlDocument, read
from shipway.config.image_checks import image_problems
from shipway.config.images import ONE, image_name, used_images
from shipway.config.job_checks import job_problems
from shipway.config.models import DeliveryTable, EnvironmentTable
from shipway.config.notify_table import notify_problems
from shipway.config.own_names import own_names
from shipway.config.positions import KeyPath
from shipway.config.problems import NOT_WRITTEN, Problem, configuration_error, dotted, nearest
from shipway.config.rules import fields, problems_of, shown
from shipway.config.schedule_table import schedule_problems
from shipway.config.service_table import ServiceTable
from shipway.errors import ConfigurationError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One environment as the file declares it, references unresolved."""

    name: str
    document: TomlDocument

    @property
    def path(self) -> KeyPath:
        """``environments.NAME``: the keys that lead to its table."""
        return ("environments", self.name)

    @property
    def table(self) -> Mapping[str, Any]:
        """The environment's own table."""
        own: Mapping[str, Any] = self.document.table["environments"][self.name]
        return own

    def leaves(self) -> Iterator[tuple[KeyPath, str]]:
        """Every text that this environment uses, its own and the file's, with its path."""
        table = self.document.table
        used = used_images(table["environments"][self.name], table.get("images", {}))
        images = [("image",) if key == ONE else ("images", key) for key in used]
        for path in (*images, ("evidence",), self.path):
            value: Any = table
            for part in path:
                value = value.get(part, {})
            yield from _texts(value, path)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFile:
    """What delivery.toml says, checked as far as it can be before references are resolved."""

    document: TomlDocument

    @property
    def name(self) -> str:
        """The name of what is delivered."""
        return str(self.document.table["name"])

    @property
    def image_names(self) -> tuple[str, ...]:
        """What each of its images is called."""
        return tuple(
            image_name(self.name, key) for key in self.document.table.get("images") or (ONE,)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The environments, in the file's order."""
        return tuple(self.document.table["environments"])

    def environment(self, name: str) -> Declared:
        """The environment of that name.

        Raises:
            ConfigurationError: There is none; the message names the nearest, the remedy all.
            UsageError: No name was given.
        """
        if not name:
            raise UsageError(
                "no environment was named", remedy=f"name it with --env: {', '.join(self.names)}"
            )
        if name not in self.names:
            raise ConfigurationError(
                f"there is no environment {shown(name)}{nearest(name, self.names)}",
                where=self.document.path,
                remedy=f"name one of {', '.join(self.names)}",
            )
        return Declared(name=name, document=self.document)


def load(file: Path) -> DeliveryFile:
    """Read and check the file.

    Raises:
        ConfigurationError: It is not there, not TOML, or says something wrong; ``details`` holds
            one line for each problem.
    """
    document = read(file, remedy=NOT_WRITTEN)
    problems: list[Problem] = []
    try:
        DeliveryTable.model_validate(document.table)
    except ValidationError as error:
        problems += problems_of(error, DeliveryTable)
    problems += _contradictions(document.table)
    if problems:
        raise configuration_error(problems, path=document.path, lines=document.lines)
    return DeliveryFile(document=document)


def _contradictions(table: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong only when two values are seen together."""
    environments = dict(_tables(table.get("environments")))
    yield from image_problems(table, tuple(fields(EnvironmentTable)))
    yield from own_names(table, environments)
    yield from notify_problems(table.get("notify"), environments)
    for name, environment in environments.items():
        yield from _promotion(name, environment, environments)
        yield from _templates(name, environment)
        services, prefix = environment.get("services"), ("environments", name, "services")
        yield from same_services(services, prefix)
        yield from job_problems(environment.get("jobs"), services, ("environments", name, "jobs"))
        at = ("environments", name, "schedules")
        yield from schedule_problems(environment.get("schedules"), services, at)
        for key, service in _tables(services):
            if "path" in service and "url" not in service:
                yield Problem(path=(*prefix, key, "path"), text="is added to url, which is missing")
            yield from _never_verified(service, (*prefix, key))


def _never_verified(service: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    """More answers in a row than there is time to ask for: no release could ever be verified."""
    keys = ("verify_timeout", "consecutive", "interval")
    said = {key: service[key] for key in keys if key in service}
    try:
        values = ServiceTable.model_validate({"service": "web", "container": "web", **said})
    except ValidationError:
        return  # each is told as what it is
    if any(isinstance(value, str) for value in said.values()):
        return  # a reference: AWS alone knows it
    least = (values.consecutive - 1) * values.interval
    if said and least > values.verify_timeout:
        yield Problem(
            path=(*path, next(iter(said))),
            text=f"can never be met: {values.consecutive} answers, one every "
            f"{values.interval:g} s, take {least:g} s, and verify_timeout is "
            f"{values.verify_timeout} s",
        )


def _promotion(
    name: str, environment: Mapping[str, Any], environments: Mapping[str, Any]
) -> Iterator[Problem]:
    """A promotion that leads nowhere, or in a circle."""
    path = ("environments", name, "promote_from")
    source = environment.get("promote_from")
    if not isinstance(source, str) or not source:
        if "promote_repository" in environment:
            repository_path = ("environments", name, "promote_repository")
            yield Problem(
                path=repository_path, text="says where promote_from, which is missing, lies"
            )
    elif source == name:
        yield Problem(path=path, text="is this environment itself")
    elif source not in environments:
        yield Problem(
            path=path, text=f"names no environment of this file{nearest(source, environments)}"
        )
    elif environments[source].get("promote_from"):
        yield Problem(
            path=path,
            text=f'leads on from "{source}" to "{environments[source]["promote_from"]}": '
            "name the environment that builds",
        )


def _templates(name: str, environment: Mapping[str, Any]) -> Iterator[Problem]:
    """What only the sandbox runs, in an environment that is none; values without a template."""
    for key in ("template", "template_parameters"):
        if key in environment and not environment.get("sandbox"):
            text = (
                "is what the sandbox runs, and this environment is none: sandbox = true is missing"
            )
            yield Problem(path=("environments", name, key), text=text)
    if "template_parameters" in environment and "template" not in environment:
        path = ("environments", name, "template_parameters")
        yield Problem(path=path, text="are those of `template`, which is missing")


def same_services(services: object, prefix: KeyPath) -> Iterator[Problem]:
    """Services that say they are the same one: two rollouts of it would replace each other."""
    paths: dict[str, KeyPath] = {}
    for key, service in _tables(services):
        name, path = service.get("service"), (*prefix, key, "service")
        if isinstance(name, str) and paths.setdefault(name, path) != path:
            first = dotted(paths[name])
            yield Problem(path=path, text=f"is the same service as {first}")


def _tables(value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        for key, table in value.items():
            if isinstance(table, Mapping):
                yield key, table


def _texts(value: object, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))
