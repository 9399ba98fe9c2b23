"""A file of the repository that holds a task definition, read into RegisterTaskDefinition's words.

Three forms are known by their keys: what ``aws ecs describe-task-definition`` prints, which is the
request's own spelling and ecspresso's too; a resource ``AWS::ECS::TaskDefinition`` or its bare
properties; and a whole CloudFormation template that has exactly one such resource. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from shipway.config.cloudformation_spelling import FOREIGN_FUNCTIONS, as_request, as_template
from shipway.config.positions import KeyPath
from shipway.config.problems import dotted
from shipway.errors import ConfigurationError

RESOURCE: Final = "AWS::ECS::TaskDefinition"
LARGEST: Final = 1 << 20
"""Bytes of a file that are read; ECS takes 64 KiB ("Amazon ECS service quotas")."""
# kayac/ecspresso, README: its template functions, and those of its plugins with their prefixes.
_TEMPLATE: Final = re.compile(
    r"\{\{-?\s*\(?\s*(?P<name>must_env|env|json_escape|ssm|secretsmanager_arn|cfn_output|cfn_export"
    r"|\w*tfstatef?)\b"
)
_ONLY_JSON: Final = "write it as JSON; `ecspresso render taskdef` and `cdk synth` print it so"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFile:
    """What such a file says.

    Attributes:
        path: The file, from the repository's top.
        document: RegisterTaskDefinition's request, with fields that no SDK knows yet as they came,
            and maybe with fields that only DescribeTaskDefinition has.
        within: The keys of the file that lead to it.
        template: Whether the file spells its keys as CloudFormation does.
    """

    path: str
    document: Mapping[str, Any] = field(repr=False, hash=False)
    within: KeyPath = ()
    template: bool = False

    def place(self, *path: str | int) -> str:
        """Where in the file something stands: ``infra/task.json  containerDefinitions[0].name``."""
        spelled = as_template(path) if self.template else path
        return _place(self.path, (*self.within, *spelled))


def parse(content: bytes, path: str) -> TaskFile:
    """Read such a file.

    Args:
        content: What it holds.
        path: What it is called in messages.

    Raises:
        ConfigurationError: It is no JSON object, uses functions of a template that only another
            tool or a stack can answer, holds no task definition or several, or one without a
            family or with a container that has no name.
    """
    whole = _json(content, path)
    written, within = _definition(whole, path)
    template = any(name in written for name in ("Family", "ContainerDefinitions"))
    if template:
        _require_values(written, path, within)
        written = as_request(written)
    task_file = TaskFile(path=path, document=written, within=within, template=template)
    _require_family(task_file)
    _require_containers(task_file)
    return task_file


def _json(content: bytes, path: str) -> Mapping[str, Any]:
    if len(content) > LARGEST:
        raise _wrong("is larger than 1 MiB, and no task definition is", path, _ONLY_JSON)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _wrong("is not UTF-8", path, "save the file as UTF-8") from error
    _refuse_functions(text, path)
    try:
        whole = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        what = f"is not JSON: {error.msg}, column {error.colno}"
        raise _wrong(what, f"{path}:{error.lineno}", _ONLY_JSON) from error
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _wrong(f"is not JSON: {why}", path, _ONLY_JSON) from error
    if not isinstance(whole, dict):
        raise _wrong("is JSON, but no object", path, _ONLY_JSON)
    return whole


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which each key stands once: of two that are alike, one would be lost."""
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'key "{twice[:80]}" stands twice in one object')
    return table


def _refuse_functions(text: str, path: str) -> None:
    calls = list(_TEMPLATE.finditer(text))
    if not calls:
        return
    lines = dict.fromkeys(
        f"{path}:{text.count(chr(10), 0, call.start()) + 1}  {call['name']}" for call in calls
    )
    raise ConfigurationError(
        "the task definition uses functions of ecspresso's templates, which shipway does not run",
        where=path,
        details=tuple(lines),
        remedy="write the values out, or set them in ci/delivery.toml: the image is put in by the "
        "release, `environment` and `secrets` go over the file's. `ecspresso render taskdef` "
        "prints the file with its values",
    )


def _definition(whole: Mapping[str, Any], path: str) -> tuple[Mapping[str, Any], KeyPath]:
    """The task definition in the file, and the keys that lead to it."""
    if isinstance(answer := whole.get("taskDefinition"), dict):  # DescribeTaskDefinition's answer
        tags = whole.get("tags")
        return {**answer, **({"tags": tags} if tags else {})}, ("taskDefinition",)
    if isinstance(resources := whole.get("Resources"), dict):
        return _resource(resources, path)
    if whole.get("Type") == RESOURCE and isinstance(properties := whole.get("Properties"), dict):
        return properties, ("Properties",)
    if isinstance(properties := whole.get("Properties"), dict) and "Type" not in whole:
        return properties, ("Properties",)
    if "Type" in whole and "Properties" in whole:
        raise _wrong(f"is no {RESOURCE}", _place(path, ("Type",)), f"name a {RESOURCE}")
    return whole, ()


def _resource(resources: Mapping[str, Any], path: str) -> tuple[Mapping[str, Any], KeyPath]:
    ours = {
        name: resource
        for name, resource in resources.items()
        if isinstance(resource, dict) and resource.get("Type") == RESOURCE
    }
    place = _place(path, ("Resources",))
    if len(ours) != 1:
        names = ", ".join(ours)
        count = f"{len(ours)} resources {RESOURCE} ({names})" if ours else f"no {RESOURCE}"
        what = f"has {count}, and exactly one is needed"
        raise _wrong(what, place, "give each a file of its own")
    ((name, resource),) = ours.items()
    within: KeyPath = ("Resources", name, "Properties")
    if not isinstance(resource.get("Properties"), dict):
        raise _wrong("is no object", _place(path, within), "write the resource's properties there")
    return resource["Properties"], within


def _require_values(written: Mapping[str, Any], path: str, within: KeyPath) -> None:
    """Refuse what only a stack can answer, but for images: those are the release's to put in."""
    places = [_place(path, (*within, *at)) for at in _functions(written, ())]
    if places:
        raise ConfigurationError(
            "the task definition has functions that only a stack can answer",
            where=path,
            details=tuple(places),
            remedy="write the values out; `aws ecs describe-task-definition` prints the one that "
            "the stack registered with its values, and such a file will do",
        )


def _functions(value: object, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, Mapping):
        if len(value) == 1 and FOREIGN_FUNCTIONS.fullmatch(str(next(iter(value)))):
            if path[-1:] != ("Image",):
                yield path
            return
        for name, inner in value.items():
            yield from _functions(inner, (*path, str(name)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _functions(inner, (*path, index))


def _require_family(task_file: TaskFile) -> None:
    family = task_file.document.get("family")
    if not isinstance(family, str) or not family:
        raise _wrong(
            "has no family, or one that is no text",
            task_file.place("family"),
            "write the family of the service's task definition there",
        )


def _require_containers(task_file: TaskFile) -> None:
    containers = task_file.document.get("containerDefinitions")
    if not isinstance(containers, list) or not containers:
        _no_containers(task_file, "has no list of containers")
    names = [each.get("name") if isinstance(each, dict) else None for each in containers]
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name:
            _no_containers(task_file, "is no container with a name", index)
        if name in names[:index]:
            _no_containers(task_file, f'is a second container "{name}"', index, "name")


def _no_containers(task_file: TaskFile, what: str, *path: str | int) -> NoReturn:
    place = task_file.place("containerDefinitions", *path)
    raise _wrong(what, place, "correct it; ECS API Reference, RegisterTaskDefinition")


def _place(path: str, keys: KeyPath) -> str:
    return f"{path}  {dotted(keys)}" if keys else path


def _wrong(what: str, where: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"the task definition's file {what}", where=where, remedy=remedy)
