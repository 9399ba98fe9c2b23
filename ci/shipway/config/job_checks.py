"""What is wrong with jobs only when they are seen with what is around them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shipway.config.positions import KeyPath
from shipway.config.problems import Problem, nearest
from shipway.config.references import Reference
from shipway.config.rules import shown

LONGEST_OVERRIDES: Final = 8192
"""Characters that RunTask takes as overrides, their JSON included (ECS API Reference, RunTask)."""
_ROOM: Final = 400
"""Of them for the names around a command."""
_BESIDE_SUBNETS: Final = ("security_groups", "public_ip")


def job_problems(jobs: object, services: object, prefix: KeyPath) -> Iterator[Problem]:
    """Every problem of an environment's jobs.

    Args:
        jobs: The table of jobs, as the file has it; what is of the wrong kind is told elsewhere.
        services: The environment's table of services.
        prefix: The path of the table of jobs.
    """
    tables = _tables(jobs)
    names = tuple(_tables(services))
    for key, job in tables.items():
        path = (*prefix, key)
        yield from _definition_problems(job, names, path)
        yield from _network_problems(job, names, path)
        yield from _command_problems(job, path)
        yield from _order_problems(key, tables, path)


def _definition_problems(
    job: Mapping[str, Any], services: tuple[str, ...], path: KeyPath
) -> Iterator[Problem]:
    if not job.get("service") and not job.get("task_definition"):
        text = "says nothing to run: name a `service` of this environment, or a `task_definition`"
        yield Problem(path=path, text=text)
    elif job.get("service") and job.get("task_definition"):
        text = (
            "stands beside service: only one of the two can hold; for the service's network alone "
            "say `network`"
        )
        yield Problem(path=(*path, "task_definition"), text=text)
    yield from _unknown_service(job, "service", services, path)


def _network_problems(
    job: Mapping[str, Any], services: tuple[str, ...], path: KeyPath
) -> Iterator[Problem]:
    yield from _unknown_service(job, "network", services, path)
    for key in _BESIDE_SUBNETS:
        if key in job and not job.get("subnets"):
            text = "stands beside `subnets`, which are missing"
            yield Problem(path=(*path, key), text=text)


def _unknown_service(
    job: Mapping[str, Any], key: str, services: tuple[str, ...], path: KeyPath
) -> Iterator[Problem]:
    name = job.get(key)
    # A reference cannot stand here, which is told where values are checked.
    if isinstance(name, str) and name and name not in services and Reference.parse(name) is None:
        text = f"names no service of this environment{nearest(name, services)}"
        yield Problem(path=(*path, key), text=text)


def _command_problems(job: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    command = job.get("command")
    if isinstance(command, list) and len(json.dumps(command)) > LONGEST_OVERRIDES - _ROOM:
        text = (
            f"is longer than ECS takes: {LONGEST_OVERRIDES} characters of JSON with what is "
            "around it; put it into a file of the image"
        )
        yield Problem(path=(*path, "command"), text=text)


def _order_problems(
    key: str, jobs: Mapping[str, Mapping[str, Any]], path: KeyPath
) -> Iterator[Problem]:
    for index, name in enumerate(_after(jobs[key])):
        at = (*path, "after", index)
        if name not in jobs:
            text = f"there is no job {shown(name)} in this environment{nearest(name, jobs)}"
            yield Problem(path=at, text=text)
        elif name == key:
            yield Problem(path=at, text="is this job itself")
        elif jobs[name].get("when") != jobs[key].get("when"):
            text = (
                f"{shown(name)} runs {shown(jobs[name].get('when', ''))} and this one "
                f"{shown(jobs[key].get('when', ''))}: only jobs of one `when` wait for each other"
            )
            yield Problem(path=at, text=text)
        elif jobs[key].get("when") == "by-hand":
            text = "has no meaning by hand, where one job alone is run: take it away"
            yield Problem(path=at, text=text)
        elif circle := _circle(key, name, jobs):
            yield Problem(path=at, text=f"leads round in a circle: {' → '.join(circle)}")


def _circle(
    key: str, following: str, jobs: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...] | None:
    """The way from a job through one that it waits for, back to it; ``None`` where none leads."""
    ways: list[tuple[str, ...]] = [(key, following)]
    seen = {following}
    while ways:
        way = ways.pop()
        for name in _after(jobs.get(way[-1], {})):
            if name == key:
                return (*way, key)
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return None


def _after(job: Mapping[str, Any]) -> list[str]:
    names = job.get("after")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _tables(value: object) -> dict[str, Mapping[str, Any]]:
    if not isinstance(value, Mapping):
        return {}
    return {str(key): table for key, table in value.items() if isinstance(table, Mapping)}
