"""The only place that runs git: what commit is this, and is the tree exactly that commit?

What it knows of branches and tags beside that is in :mod:`shipway.git.history`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from shipway.errors import GitError
from shipway.values import Commit

# Git is asked, never trusted to prompt, page, sign, or run a hook or a file-system monitor that
# the checked-out repository configures (git-config, core.fsmonitor and core.hooksPath).
_QUIET = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "log.showSignature=false"),
    # It is about the graft file, which is empty for every command (_run).
    *("-c", "advice.graftFileDeprecated=false"),
    "--no-pager",
    "--no-optional-locks",
    # git-replace(1): a ref of this clone alone would put another tree in the place of a commit's.
    "--no-replace-objects",
)
# Set where a git hook starts us, or by whoever wants git to see something else than this folder's
# repository as it is: all of `git rev-parse --local-env-vars` but the configuration, and what
# changes the meaning of a path (git(1), "Environment Variables").
_MISLEADING = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"),
    *("GIT_COMMON_DIR", "GIT_IMPLICIT_WORK_TREE", "GIT_SHALLOW_FILE", "GIT_NAMESPACE"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_REPLACE_REF_BASE", "GIT_NO_REPLACE_OBJECTS"),
    *("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS"),
    "GIT_ICASE_PATHSPECS",
)
# Options, because the repository's configuration could have it hide what differs.
_STATUS = ("status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none")
_SECONDS = 30.0
_OWN_UMASK = -1  # subprocess.Popen: the process's own
_NAMED = 10
_DUBIOUS = re.compile(r"dubious ownership in repository at '(?P<place>[^\n]*)'")


def root(start: Path) -> Path:
    """The top of the work tree that holds ``start``.

    Raises:
        GitError: There is no git, or no repository here.
    """
    return Path(_git(start, "rev-parse", "--show-toplevel"))


def head(start: Path) -> Commit:
    """The commit that is checked out, and whether the work tree differs from it.

    Untracked files that ``.gitignore`` does not name count as a difference: BuildKit would send
    them with the context.

    Raises:
        GitError: There is no git, no repository, or no commit yet.
    """
    try:
        fields = _git(start, "log", "-1", "--format=%H%x00%ct%x00%s").split("\0")
    except GitError as error:
        if "does not have any commits" not in str(error):
            raise
        raise GitError(
            "this repository has no commit yet",
            where=str(start),
            remedy="commit first: an image is named by the commit it was built from",
        ) from error
    changes = (*_status(start), *_unwatched(start))
    sha, seconds, subject = fields[0], fields[1], "\0".join(fields[2:])
    return Commit(
        sha=sha,
        time=datetime.fromtimestamp(int(seconds), UTC),
        clean=not changes,
        subject=subject,
        remote=_remote(start),
        changes=changes[:_NAMED],
    )


def changed(start: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """Which of these files differ from the commit, or are not in it; for a message only.

    Args:
        start: The top of the repository.
        paths: From there.
    """
    try:
        names = set(_status(start, "--", *paths))
    except GitError:
        return ()
    return tuple(path for path in paths if path in names)


def _status(start: Path, *paths: str) -> tuple[str, ...]:
    """The paths that differ from the commit, from the top of the work tree."""
    listed = _git(start, *_STATUS, "-z", "--no-renames", *paths)
    return tuple(line[3:] for line in listed.split("\0") if line)


def _unwatched(start: Path) -> tuple[str, ...]:
    """Files that are here and of which the index says that git need not look whether they changed.

    git-update-index(1), --assume-unchanged and --skip-worktree: status believes it. A file that a
    sparse checkout leaves out is not here, and counts for nothing.
    """
    # ":/" is the whole repository; its names count from where git stands.
    listed = _git(start, "ls-files", "-v", "-z", ":/").split("\0")
    flagged = (line[2:] for line in listed if line[:1].islower() or line[:1] == "S")
    return tuple(name for name in flagged if os.path.lexists(start / name))


def user(start: Path) -> str:
    """The name that ``git config user.email`` gives, or an empty text; for the record only."""
    try:
        return _git(start, "config", "user.email")
    except GitError:
        return ""


def ignored_by(start: Path, path: str) -> str:
    """The rule that has git ignore a path, ``FILE:LINE:PATTERN``; empty where none does.

    git-check-ignore(1): what git tracks already is not ignored, whatever the rules say.
    """
    process = run_git(start, "check-ignore", "--verbose", "--", path)
    return process.stdout.partition("\t")[0] if process.returncode == 0 else ""


def _remote(start: Path) -> str:
    try:
        url = _git(start, "config", "--get", "remote.origin.url")
    except GitError:
        return ""
    # A token in the URL (https://user:token@host/…) must never reach a label or a record.
    # The name before an @ may itself hold one, so all up to the last goes; so does a query.
    return re.sub(r"(?<=://)[^/?#]*@", "", url).partition("?")[0]


def _git(where: Path, *arguments: str) -> str:
    process = run_git(where, *arguments)
    if process.returncode:
        raise git_error(process, where, *arguments)
    return process.stdout.rstrip("\n")


def run_git(
    where: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    seconds: float = _SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run git, whatever its exit code says.

    Args:
        where: The repository.
        arguments: The command, without ``git``.
        variables: Environment variables for it alone; the place for secrets, which no argument is.
        seconds: How long it may take.

    Raises:
        GitError: There is no git, or it gave no answer in time.
    """
    return _in_text(_run(where, arguments, variables=variables, seconds=seconds))


def blob(where: Path, name: str) -> bytes | None:
    """A file's very bytes in a commit, by ``COMMIT:PATH``; ``None`` where it has none.

    Raises:
        GitError: There is no git, or it gave no answer in time.
    """
    process = _run(where, ("cat-file", "blob", name))
    return process.stdout if process.returncode == 0 else None


def output(
    where: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    seconds: float = _SECONDS,
) -> bytes:
    """What git writes, its very bytes; files that it makes can be read by everybody.

    Args:
        where: The repository.
        arguments: The command, without ``git``.
        variables: Environment variables for it alone.
        stdin: What it reads.
        seconds: How long it may take.

    Raises:
        GitError: There is no git, it failed, or it gave no answer in time.
    """
    process = _run(where, arguments, variables=variables, stdin=stdin, seconds=seconds, umask=0o022)
    if process.returncode:
        raise git_error(_in_text(process), where, *arguments)
    return process.stdout


def _in_text(process: subprocess.CompletedProcess[bytes]) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess(
        process.args,
        process.returncode,
        stdout=_as_text(process.stdout),
        stderr=_as_text(process.stderr),
    )


def _as_text(content: bytes) -> str:
    """As Python's text mode reads it."""
    text = content.decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _run(
    where: Path,
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    seconds: float = _SECONDS,
    umask: int = _OWN_UMASK,
) -> subprocess.CompletedProcess[bytes]:
    command: Sequence[str] = ("git", "-C", str(where), *_QUIET, *arguments)
    # Git's own words are compared below, so it must speak English.
    env = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    env |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    # gitrepository-layout(5), info/grafts: another ancestry than the commits have, in this clone.
    env |= {"GIT_GRAFT_FILE": os.devnull, **(variables or {})}
    try:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            input=stdin,
            env=env,
            timeout=seconds,
            umask=umask,
        )
    except FileNotFoundError as error:
        raise GitError("git is not installed", remedy="install git") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(
            f"git {arguments[0]} gave no answer within {seconds:.0f} s",
            where=str(where),
            remedy="see whether another git process holds a lock in this repository",
        ) from error


def git_error(process: subprocess.CompletedProcess[str], where: Path, *arguments: str) -> GitError:
    """What git said when it failed, as an error of ours."""
    stderr = process.stderr.strip().splitlines() or [f"exit code {process.returncode}"]
    return GitError(
        f"git {arguments[0]}: {stderr[0].removeprefix('fatal: ')}",
        where=str(where),
        remedy=_remedy(process.stderr),
    )


def _remedy(stderr: str) -> str:
    if "not a git repository" in stderr:
        return "run this inside the repository that is to be delivered"
    if owned := _DUBIOUS.search(stderr):
        return (
            "the checkout belongs to another user; if you trust it: "
            f"git config --global --add safe.directory {shlex.quote(owned['place'])}"
        )
    return "run the same git command by hand to see more"
