"""Every other file that a repository needs: what it will be, beside what it has. Pure."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Final

from shipway.adoption.facts import Dockerfile
from shipway.errors import ConfigurationError
from shipway.policy.compile import drift
from shipway.policy.compile.workflow import Region

NOXFILE: Final = "noxfile.py"
TASKS: Final = "tasks.py"
GITIGNORE: Final = ".gitignore"
WORKFLOWS: Final = (".github/workflows/deploy.yml", ".github/workflows/shipway.yml")

_NOXFILE: Final = '''\
"""The sessions of this repository: nox -l lists them."""

from shipway.sessions import *  # noqa: F403
'''
_IMPORT: Final = """\

# shipway's sessions, beside those above: nox -l lists them, bare nox runs none of them.
import shipway.sessions  # noqa: E402

shipway.sessions.import_sessions(nox)
"""
_TASKS: Final = '''\
"""The tasks of this repository: inv -l lists them."""

from shipway.tasks import namespace

__all__ = ["namespace"]
'''
_GIT_IGNORED: Final = ("/evidence/", ".nox/", "__pycache__/")
_DOCKER_IGNORED: Final = ("evidence", ".nox")


def workflow(regions: Sequence[Region], path: str) -> str:
    """The whole workflow: the template of this package, its regions as the contract says."""
    template = (resources.files("shipway.adoption") / "deploy.yml").read_text(encoding="utf-8")
    return drift.fill_regions(path, template, regions)


def workflow_place(existing: Mapping[str, str | None]) -> str:
    """Where the workflow goes: to a name that no workflow of the repository has.

    Raises:
        ConfigurationError: All are taken.
    """
    free = [path for path in WORKFLOWS if existing.get(path) is None]
    if not free:
        raise ConfigurationError(
            "both names that the workflow may get are taken by workflows of your own",
            where=", ".join(WORKFLOWS),
            remedy="rename one of them, then run it again",
        )
    return free[0]


def noxfile(before: str | None) -> str:
    """The noxfile: a new one, or the repository's own with our sessions after its own.

    Raises:
        ConfigurationError: It is no Python.
    """
    if before is None:
        return _NOXFILE
    if "shipway.sessions" in before:
        return before
    try:
        body = ast.parse(before).body
    except (SyntaxError, ValueError) as error:
        raise ConfigurationError(
            f"it cannot be read as Python: {error}",
            where=NOXFILE,
            remedy="correct it, then run it again: its own sessions stay",
        ) from error
    known = any(
        name.name == "nox" and name.asname is None
        for part in body
        if isinstance(part, ast.Import)
        for name in part.names
    )
    text = before if before.endswith("\n") or not before else f"{before}\n"
    needed = _IMPORT if known else _IMPORT.replace("import shipway", "import nox\nimport shipway")
    return text + needed


def tasks(before: str | None) -> str:
    """``tasks.py``: a new one; a repository's own stays, for no session of ours needs it."""
    return _TASKS if before is None else before


def gitignore(before: str | None) -> str:
    """``.gitignore`` with what shipway leaves in a work tree."""
    return _with_lines(before, _GIT_IGNORED)


def dockerignore(before: str | None, dockerfile_text: str) -> str:
    """``.dockerignore``: a record beside the source must not make another image."""
    wanted = list(_DOCKER_IGNORED)
    if before is None and ".git" not in dockerfile_text:
        wanted.insert(0, ".git")
    return _with_lines(before, wanted)


def dockerignore_place(dockerfile: Dockerfile, existing: Mapping[str, str | None]) -> str | None:
    """The file that holds; ``None`` where the context is a folder that nothing of ours is in.

    A file of the Dockerfile's own wins ("Build context", Docker's documentation).
    """
    if dockerfile.context != ".":
        return None
    own = f"{dockerfile.path}.dockerignore"
    return own if existing.get(own) is not None else ".dockerignore"


def _with_lines(before: str | None, wanted: Sequence[str]) -> str:
    lines = (before or "").splitlines()
    known = {line.strip().strip("/") for line in lines}
    missing = [line for line in wanted if line.strip("/") not in known]
    if not missing:
        return before or ""
    return "\n".join([*lines, *missing]) + "\n"
