"""Look at the work tree: its Dockerfiles, and where its remote lies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from shipway.adoption import dockerfiles
from shipway.adoption.answers import Ask
from shipway.adoption.change import read
from shipway.adoption.facts import Dockerfile, Remote
from shipway.errors import ConfigurationError, GitError, UsageError
from shipway.git import checkout

# Where packages and what tools make lie: a Dockerfile there is somebody else's.
_ELSEWHERE: Final = frozenset({"node_modules", "vendor", "venv", "target", "dist", "build"})
_DEPTH: Final = 5
_URL: Final = re.compile(
    r"(?:https?://|ssh://)?(?:[^@/]+@)?(?P<host>[A-Za-z0-9.-]+)(?::[0-9]+)?[:/]+"
    r"(?P<repository>[\w.-]+/[\w.-]+?)(?:\.git)?/?"
)
# What git and GitHub call a first branch, now and before ("git init", init.defaultBranch).
_USUAL: Final = ("main", "master")
_NAMED: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
GITHUB: Final = "github.com"


def dockerfile(root: Path, named: str, context: str, ask: Ask | None = None) -> Dockerfile:
    """The one Dockerfile and what it says.

    Args:
        root: The repository's root.
        named: What ``--dockerfile`` says; may be empty.
        context: What ``--context`` says; empty where it is to be told from the Dockerfile.
        ask: Asks a person which one, where there are several; ``None`` where nobody sits there.

    Raises:
        ConfigurationError: There is none, or there are several.
    """
    paths = sorted(_dockerfiles(root))
    if len(paths) > 1 and not named and ask is not None:
        named = ask(f"init writes one image, of {', '.join(paths)}", paths[0])
    path = dockerfiles.choose(paths, named)
    text = read(root, path)
    if text is None:
        raise ConfigurationError(
            "there is no such file", where=path, remedy="name it from the repository's root"
        )
    if context and not path.startswith("" if context == "." else f"{context.rstrip('/')}/"):
        raise UsageError(
            f"{path} is not in the context {context}",
            where="--context",
            remedy="name a folder that holds the Dockerfile, from the repository's root",
        )
    seen = dockerfiles.read(path, text, lambda name: (root / name).exists())
    others = tuple(other for other in paths if other != path)
    return replace(seen, context=context.rstrip("/") or seen.context, others=others)


def _dockerfiles(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        at = Path(folder).relative_to(root)
        deep = len(at.parts) >= _DEPTH
        folders[:] = [
            name
            for name in folders
            if not deep and name not in _ELSEWHERE and not name.startswith(".")
        ]
        yield from ((at / name).as_posix() for name in files if dockerfiles.is_dockerfile(name))


def remote(root: Path, named: str, branch: str) -> Remote:
    """Where the repository lies.

    Args:
        root: The repository's root.
        named: What ``--repository`` says, ``OWNER/NAME``; may be empty.
        branch: What ``--branch`` says; may be empty.

    Raises:
        GitError: There is no remote, and none is named.
        UsageError: What is named is no repository.
    """
    branch = branch or _default_branch(root)
    if named:
        if not _NAMED.fullmatch(named):
            raise UsageError(f"{named!r} is not OWNER/NAME", where="--repository")
        return Remote(repository=named, host=GITHUB, branch=branch)
    url = _line(root, "config", "--get", "remote.origin.url")
    if not url:
        raise GitError(
            "this repository has no remote called origin, and the contract names a repository",
            where=str(root),
            remedy="git remote add origin git@github.com:OWNER/NAME.git, "
            "or say --repository OWNER/NAME",
        )
    at = address_of(url)
    if at is None:
        raise GitError(
            "the remote called origin is no repository at GitHub",
            where="git config remote.origin.url",
            remedy="releases come from GitHub Actions: say --repository OWNER/NAME",
        )
    return Remote(repository=at[1], host=at[0], branch=branch)


def address_of(url: str) -> tuple[str, str] | None:
    """Host and ``OWNER/NAME`` of a remote at GitHub, in every way that git writes one.

    ``None`` for another place. A GitHub Enterprise Server is known by its name.
    """
    match = _URL.fullmatch(url)
    if match is None or "github" not in match["host"]:
        return None
    return match["host"], match["repository"]


def _default_branch(root: Path) -> str:
    """What releases come from, as far as the work tree knows.

    What the remote calls its HEAD; where nobody fetched that, a branch that is called as default
    branches are; else what is checked out. A person may well stand on a branch for this very work.
    """
    head = _line(root, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    if head:
        return head.removeprefix("origin/")
    listed = _line(root, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes/origin")
    branches = {
        ref.removeprefix("refs/heads/").removeprefix("refs/remotes/origin/")
        for ref in listed.splitlines()
    }
    usual = next((branch for branch in _USUAL if branch in branches), "")
    return usual or _line(root, "symbolic-ref", "--short", "HEAD") or _USUAL[0]


def _line(root: Path, *words: str) -> str:
    process = checkout.run_git(root, *words)
    return "" if process.returncode else process.stdout.strip()
