"""``[environments.NAME.schedules.KEY]`` as types, and what is wrong with them seen together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from shipway.config.names import ARN, ECS_NAME
from shipway.config.positions import KeyPath
from shipway.config.problems import Problem, nearest
from shipway.config.references import Reference
from shipway.config.rules import Rule, Table
from shipway.config.schedule import DEFAULT, Schedule, rule_path, schedule_path

# EventBridge API Reference, PutTargets: Rule, and the ARN of a rule of a bus of its own.
_RULE: Final = r"[.\-_A-Za-z0-9]{1,64}"
_BUS: Final = r"[.\-_A-Za-z0-9]{1,256}"
# EventBridge Scheduler API Reference, GetSchedule: Name and GroupName.
_SCHEDULE: Final = r"[0-9a-zA-Z\-_.]{1,64}"
_PLACE: Final = r"[a-z0-9-]+:[0-9]{12}:"


class ScheduleTable(Table):
    """A task that the clock starts, and that a release moves to its revision."""

    rule: Annotated[
        str,
        Rule(
            expected="the name or ARN of a rule of EventBridge",
            shape=rf"{ARN}events:{_PLACE}rule/(?:{_BUS}/)?{_RULE}|{_RULE}",
        ),
    ] = Field(
        default="",
        description="The rule of EventBridge whose target starts it, or its ARN. Either this or "
        "`schedule`.",
    )
    schedule: Annotated[
        str,
        Rule(
            expected="the name or ARN of a schedule of EventBridge Scheduler",
            shape=rf"{ARN}scheduler:{_PLACE}schedule/{_SCHEDULE}/{_SCHEDULE}|{_SCHEDULE}",
        ),
    ] = Field(
        default="", description="The schedule of EventBridge Scheduler that starts it, or its ARN."
    )
    group: Annotated[str, Rule(expected="the name of a schedule group", shape=_SCHEDULE)] = Field(
        default=DEFAULT, description="The group of `schedule`, where it is not named by its ARN."
    )
    service: Annotated[
        str,
        Rule(
            expected="the name of a service of this environment",
            shape=r"[a-z][a-z0-9-]{0,31}",
            references=(),
        ),
    ] = Field(
        default="",
        description="The service whose revision it runs. Either this or `task_definition`.",
    )
    task_definition: Annotated[
        str,
        Rule(
            expected="the family or ARN of a task definition",
            shape=rf"(?:{ARN}ecs:{_PLACE}task-definition/)?{ECS_NAME}(?::[0-9]+)?",
        ),
    ] = Field(
        default="",
        description="A family of its own, whose newest revision gets the image.",
    )
    container: Annotated[
        str, Rule(expected="the name of a container in the task definition", shape=ECS_NAME)
    ] = Field(
        default="",
        description="The container of `task_definition` that takes the image; without it the only "
        "one there is.",
    )
    image: Annotated[
        str,
        Rule(expected="the name of one of [images]", shape=r"[a-z][a-z0-9-]{0,31}", references=()),
    ] = Field(
        default="",
        description="Which of `[images]` that container takes. Without it the only one there is.",
    )


def schedule_of(key: str, table: ScheduleTable, image: str) -> Schedule:
    """A schedule's table as a value; ``image`` is the key of the image that it runs."""
    path = rule_path(table.rule) if table.rule else schedule_path(table.schedule, table.group)
    group, _, name = path.rpartition("/")
    return Schedule(
        key=key,
        kind="rule" if table.rule else "schedule",
        name=name,
        group=group or DEFAULT,
        service=table.service,
        task_definition=table.task_definition.rpartition("/")[2].partition(":")[0],
        container=table.container,
        image=image,
    )


def schedule_problems(tables: object, services: object, prefix: KeyPath) -> Iterator[Problem]:
    """Every problem of an environment's schedules. Pure.

    Args:
        tables: The table of schedules, as the file has it; a wrong kind is told elsewhere.
        services: The environment's table of services.
        prefix: The path of the table of schedules.
    """
    names = tuple(services) if isinstance(services, Mapping) else ()
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        if isinstance(table, Mapping):
            path = (*prefix, str(name))
            yield from _one_of(table, ("rule", "schedule"), "names nothing that starts it", path)
            yield from _one_of(table, ("service", "task_definition"), "says nothing to run", path)
            if "group" in table and not table.get("schedule"):
                yield Problem(path=(*path, "group"), text="is that of `schedule`, which is missing")
            for key in ("container", "image"):
                if key in table and not table.get("task_definition"):
                    text = "is one of `task_definition`, which is missing"
                    yield Problem(path=(*path, key), text=text)
            yield from _unknown_service(table, names, path)


def _one_of(
    table: Mapping[str, Any], keys: tuple[str, str], nothing: str, path: KeyPath
) -> Iterator[Problem]:
    given = [key for key in keys if table.get(key)]
    first, second = keys
    if not given:
        yield Problem(path=path, text=f"{nothing}: say `{first}` or `{second}`")
    elif len(given) > 1:
        text = f"stands beside {first}: only one of the two can hold"
        yield Problem(path=(*path, second), text=text)


def _unknown_service(
    table: Mapping[str, Any], names: tuple[str, ...], path: KeyPath
) -> Iterator[Problem]:
    name = table.get("service")
    # A reference cannot stand here, which is told where values are checked.
    if isinstance(name, str) and name and name not in names and not _refers(name):
        text = f"names no service of this environment{nearest(name, names)}"
        yield Problem(path=(*path, "service"), text=text)


def _refers(text: str) -> bool:
    try:
        return Reference.parse(text) is not None
    except ValueError:
        return True
