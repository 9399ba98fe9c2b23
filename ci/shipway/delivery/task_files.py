"""The files of the commit that stand in the place of live task definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from shipway.config.environment import Environment
from shipway.config.task_file import LARGEST, TaskFile, parse
from shipway.delivery.ports import DeliveryContext
from shipway.errors import ConfigurationError
from shipway.rollout.prune import Revisions
from shipway.rollout.task_definition import READ_ONLY
from shipway.util import regular


def with_task_files(
    environment: Environment, context: DeliveryContext, revisions: Revisions
) -> Environment:
    """The same with what those files say.

    They are read from the commit, or, where the tree differs from it, as they lie in the tree: that
    it is dirty is told and judged as for everything else.

    Raises:
        ConfigurationError: There is no such file in the commit, it leads out of the repository, it
            is no task definition, or it has a field that the SDK cannot send.
    """
    if not any(overlay.file for overlay in environment.overlays.values()):
        return environment
    commit = context.git.head()
    read: dict[str, TaskFile] = {}
    for key, overlay in environment.overlays.items():
        if overlay.file and overlay.file not in read:
            named = (
                f"ci/delivery.toml  environments.{environment.name}.services.{key}.task_definition"
            )
            content = (
                context.git.file(commit.sha, overlay.file)
                if commit.clean
                else _in_tree(context.root, overlay.file, named)
            )
            if content is None:
                raise _absent(context.root, overlay.file, named)
            task_file = parse(content, overlay.file)
            _require_sendable(task_file, revisions)
            read[overlay.file] = task_file
    overlays = {
        key: replace(overlay, base=read[overlay.file]) if overlay.file else overlay
        for key, overlay in environment.overlays.items()
    }
    return replace(environment, overlays=overlays)


def _in_tree(root: Path, path: str, named: str) -> bytes | None:
    file = root / path
    try:
        if regular.leads_out(file, root):
            raise ConfigurationError(
                f"{path} leads out of the repository",
                where=named,
                remedy="name a file of the repository, and no link to one elsewhere",
            )
        return regular.content(file, LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}",
            where=named,
            remedy="check what it is and its mode",
        ) from error


def _absent(root: Path, path: str, named: str) -> ConfigurationError:
    if (root / path).is_file():
        return ConfigurationError(
            f"{path} is not in the commit",
            where=named,
            remedy="commit it; git may ignore it: git check-ignore -v names the rule",
        )
    return ConfigurationError(
        f"there is no file {path}", where=named, remedy="name one from the repository's top"
    )


def _require_sendable(task_file: TaskFile, revisions: Revisions) -> None:
    """What the SDK does not know cannot be passed on, and must not be dropped."""
    objections = revisions.objections(_request(task_file.document))
    if not objections:
        return
    unknown = any(each.unknown for each in objections)
    raise ConfigurationError(
        "the task definition's file cannot be registered as it is",
        where=task_file.path,
        details=tuple(
            f"{task_file.place(*each.path)}: "
            + ("the installed AWS SDK does not know this field" if each.unknown else each.text)
            for each in objections
        ),
        remedy="correct the spelling; where the field is newer than the SDK, update boto3"
        if unknown
        else "correct it; ECS API Reference, RegisterTaskDefinition",
    )


def _request(document: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in document.items() if name not in READ_ONLY}
