"""Read ``ci/release.toml``: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from shipway.config.document import read
from shipway.config.models import Key
from shipway.config.positions import KeyPath
from shipway.config.problems import Problem, configuration_error, line_of, nearest
from shipway.config.rules import Rule, Table, problems_of, shown
from shipway.errors import ConfigurationError
from shipway.release.contract import TASKS, Contract, Entry
from shipway.release.events import NEVER, RELEASABLE
from shipway.release.pattern import intersect, pattern_flaw
from shipway.release.trigger import BY_HAND

_TASKS = ", ".join(TASKS)
Word = Annotated[str, Rule(words="a text", references=())]


class AllowTable(Table):
    """One thing that is allowed. An entry has either `environment` or, by hand, `environments`."""

    name: Key = Field(description="What people call it; no two entries have the same.")
    event: Word = Field(
        description=f"GitHub's event, one of {', '.join(f'`{event}`' for event in RELEASABLE)}; "
        "`by-hand` is a person at a keyboard."
    )
    ref: Word = Field(
        default="",
        description="The full ref, such as `refs/heads/main` or `refs/tags/*-stable`. `*` stands "
        "for any characters, none included, but never for a `/`. Not by hand.",
    )
    environment: Word = Field(default="", description="The environment it leads to.")
    environments: list[Word] = Field(
        default=[], description="By hand: the environments that `--env` may name."
    )
    tasks: list[Word] = Field(description=f"What is run, in order; a beginning of {_TASKS}.")


class ContractTable(Table):
    """The release contract: which trigger may do what, where. Everything else is refused."""

    schema_version: Annotated[
        int, Rule(words="1, the only version there is", low=1, high=1, references=())
    ] = Field(alias="schema", description="The version of this file's format.")
    allow: list[AllowTable] = Field(
        min_length=1, description="What is allowed; no two entries can apply to one trigger."
    )


def load(file: Path) -> Contract:
    """Read and check the file.

    Raises:
        ConfigurationError: It is not there, not TOML, or says something wrong or contradictory;
            ``details`` holds one line for each problem.
    """
    document = read(
        file, remedy="run it in the repository's root, or write the file: docs/configuration.md"
    )
    lines = document.lines
    problems: list[Problem] = []
    try:
        ContractTable.model_validate(document.table)
    except ValidationError as error:
        problems += problems_of(error, ContractTable)
    sound = dict(_sound(document.table.get("allow")))
    for index, allow in sound.items():
        at: KeyPath = ("allow", index)
        problems += [
            *_event_problems(at, allow),
            *_environment_problems(at, allow),
            *_task_problems(at, allow),
        ]
    problems += _between(sound, lines)
    if problems:
        raise configuration_error(problems, shown=document.shown, lines=lines)
    return Contract(
        path=document.shown,
        entries=tuple(
            Entry(
                name=allow.name,
                event=allow.event,
                ref=allow.ref,
                environments=_environments(allow),
                tasks=TASKS[: len(allow.tasks)],
                line=lines["allow", index],
                environment_line=line_of(("allow", index, _environment_key(allow)), lines),
            )
            for index, allow in sound.items()
        ),
    )


def check_environments(contract: Contract, names: Sequence[str]) -> None:
    """Every environment of the contract must be one of delivery.toml's.

    Raises:
        ConfigurationError: One is not; with the line in release.toml.
    """
    details = tuple(
        f"{contract.path}:{entry.environment_line}  {entry.name}: "
        f"there is no environment {shown(name)}{nearest(name, names)}"
        for entry in contract.entries
        for name in entry.environments
        if name not in names
    )
    if details:
        raise ConfigurationError(
            f"{contract.path} leads to environments that are not configured",
            details=details,
            remedy=f"name one of {', '.join(names)}, or add it to delivery.toml",
        )


def _sound(tables: object) -> Iterator[tuple[int, AllowTable]]:
    """The entries whose keys and kinds of values are right, for the checks of what they mean."""
    for index, table in enumerate(tables if isinstance(tables, list) else []):
        try:
            yield index, AllowTable.model_validate(table)
        except ValidationError:
            continue


def _environment_key(allow: AllowTable) -> str:
    return "environments" if allow.environments else "environment"


def _environments(allow: AllowTable) -> tuple[str, ...]:
    return tuple(allow.environments) or (allow.environment,)


def _event_problems(at: KeyPath, allow: AllowTable) -> Iterator[Problem]:
    event, ref, given = allow.event, allow.ref, allow.model_fields_set
    if event in NEVER:
        yield Problem(path=(*at, "event"), text=f"{event} can never release: {NEVER[event]}")
    elif event not in RELEASABLE:
        yield Problem(
            path=(*at, "event"), text=f"unknown event {shown(event)}{nearest(event, RELEASABLE)}"
        )
    if event == BY_HAND:
        if "ref" in given:
            yield Problem(path=(*at, "ref"), text="is not asked for by hand; take it away")
    elif "ref" not in given:
        text = 'is missing; it should be a full ref such as "refs/heads/main"'
        yield Problem(path=(*at, "ref"), text=text)
    elif flaw := pattern_flaw(ref):
        yield Problem(path=(*at, "ref"), text=flaw)


def _environment_problems(at: KeyPath, allow: AllowTable) -> Iterator[Problem]:
    given = allow.model_fields_set
    if "environments" in given and allow.event != BY_HAND:
        text = "is for by-hand only; an event leads to one environment"
        yield Problem(path=(*at, "environments"), text=text)
    elif "environments" in given and "environment" in given:
        text = "stands beside environments; only one of the two can hold"
        yield Problem(path=(*at, "environment"), text=text)
    elif "environments" in given and not allow.environments:
        yield Problem(path=(*at, "environments"), text="should not be empty")
    elif "environments" not in given and not allow.environment:
        text = "is missing; it should be the name of an environment"
        yield Problem(path=(*at, "environment"), text=text)
    for index, name in enumerate(allow.environments):
        if name in allow.environments[:index]:
            yield Problem(path=(*at, "environments", index), text=f"{shown(name)} stands twice")


def _task_problems(at: KeyPath, allow: AllowTable) -> Iterator[Problem]:
    tasks, path = allow.tasks, (*at, "tasks")
    strange = [(index, task) for index, task in enumerate(tasks) if task not in TASKS]
    for index, task in strange:
        yield Problem(path=(*path, index), text=f"unknown task {shown(task)}{nearest(task, TASKS)}")
    if strange or tuple(tasks) == TASKS[: len(tasks)] != ():
        return
    if not tasks:
        text = f"should not be empty; it should be a beginning of {_TASKS}"
    elif len(set(tasks)) < len(tasks):
        text = f"names a task twice; it should be a beginning of {_TASKS}"
    else:
        lacking = [
            (task, need)
            for number, task in enumerate(TASKS)
            for need in TASKS[max(number - 1, 0) : number]
            if task in tasks and need not in tasks
        ]
        text = (
            "; ".join(f"{task} needs {need} before it" for task, need in lacking)
            or f"should be in the order {_TASKS}"
        )
    yield Problem(path=path, text=text)


def _between(sound: Mapping[int, AllowTable], lines: Mapping[KeyPath, int]) -> Iterator[Problem]:
    """Two entries of one name, or two that one trigger could mean."""
    for (i, first), (j, second) in combinations(sound.items(), 2):
        at: KeyPath = ("allow", j)
        other = f'"{first.name}" (line {lines["allow", i]})'
        if first.name == second.name:
            yield Problem(path=(*at, "name"), text=f"is the name of {other} too")
        if first.event != second.event:
            continue
        if first.event == BY_HAND:
            for name in _environments(second):
                if name and name in _environments(first):
                    yield Problem(
                        path=(*at, _environment_key(second)),
                        text=f"overlaps with {other}: both lead to {shown(name)} by hand",
                    )
        elif first.ref and second.ref and intersect(first.ref, second.ref):
            yield Problem(
                path=(*at, "ref"),
                text=f"overlaps with {other}: one ref can match {shown(first.ref)} "
                f"and {shown(second.ref)}",
            )
