"""Every file that a repository lacks, as changes; nothing that is there is written over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shipway.adoption import files, schemas
from shipway.adoption.change import FileChange, changed, read
from shipway.adoption.contract_files import DELIVERY, RELEASE
from shipway.adoption.facts import Dockerfile
from shipway.errors import ConfigurationError
from shipway.policy.compile.workflow import Region


def contract_is_there(root: Path) -> bool:
    """Whether the repository has its contract and its environments already.

    Raises:
        ConfigurationError: It has one of the two, so it is not known which is right.
    """
    there = {name: read(root, name) is not None for name in (DELIVERY, RELEASE)}
    if all(there.values()):
        return True
    for name, other in ((DELIVERY, RELEASE), (RELEASE, DELIVERY)):
        if there[name]:
            raise ConfigurationError(
                f"{name} is there and {other} is not: somebody began and did not end",
                where="ci/",
                remedy=f"write {other} (docs/configuration.md of shipway), or move {name} away "
                "and run it again",
            )
    return False


def workflow_place(root: Path) -> str:
    """Where a workflow that is new goes; see :func:`shipway.adoption.files.workflow_place`."""
    return files.workflow_place({path: read(root, path) for path in files.WORKFLOWS})


def changes(
    root: Path,
    dockerfile: Dockerfile,
    *,
    contract: Mapping[str, str],
    workflow: str,
    regions: Sequence[Region],
    rendered: Mapping[str, str],
    locks: Mapping[str, str],
) -> tuple[FileChange, ...]:
    """What is to be written.

    Args:
        root: The repository's root.
        dockerfile: The Dockerfile that is delivered.
        contract: Both TOML files, where they are new.
        workflow: The workflow's file.
        regions: What its marked regions must hold.
        rendered: The IAM templates.
        locks: The lock files that are missing.
    """
    return tuple(
        change
        for path, text in _texts(root, dockerfile, contract, workflow, regions, rendered, locks)
        for change in changed(root, path, text)
    )


def _texts(  # noqa: PLR0917  # the arguments of changes(), in its order
    root: Path,
    dockerfile: Dockerfile,
    contract: Mapping[str, str],
    workflow: str,
    regions: Sequence[Region],
    rendered: Mapping[str, str],
    locks: Mapping[str, str],
) -> Iterator[tuple[str, str]]:
    yield files.NOXFILE, files.noxfile(read(root, files.NOXFILE))
    yield files.TASKS, files.tasks(read(root, files.TASKS))
    yield from contract.items()
    named = {file: contract.get(file) or read(root, file) for file in schemas.SCHEMAS}
    for path, text in schemas.wanted(named).items():
        if read(root, path) is None:
            yield path, text
    if read(root, workflow) is None:
        yield workflow, files.workflow(regions, workflow)
    for path, text in rendered.items():
        if read(root, path) is None:
            yield path, text
    yield files.GITIGNORE, files.gitignore(read(root, files.GITIGNORE))
    own = f"{dockerfile.path}.dockerignore"
    if place := files.dockerignore_place(dockerfile, {own: read(root, own)}):
        text = read(root, dockerfile.path) or ""
        yield place, files.dockerignore(read(root, place), text)
    yield from locks.items()
