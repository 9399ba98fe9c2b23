"""A commit's own files, laid out as a fresh clone has them; nothing of the work tree's.

A work tree that git calls clean may still hold other bytes than its commit: what git ignores, what
a filter of this clone's configuration turns back, what the index is told not to look at. So the
files come out of the object database, through a repository of its own that borrows the objects
(gitrepository-layout(5), ``objects/info/alternates``) and has git's defaults for a configuration:
the commit's ``.gitattributes`` count, as in every clone, and this machine's settings do not.
``git archive`` is not used, for it leaves out what ``export-ignore`` names, which a clone has.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shipway.errors import BuildError, GitError
from shipway.git.checkout import output
from shipway.image.source import TreeFile, make_folder
from shipway.util.disk import writing

_SECONDS: Final = 600.0
_LINK: Final = "120000"
_SUBMODULE: Final = "160000"


@contextmanager
def laid_out(root: Path, commit: str) -> Iterator[CommitTree]:
    """A commit whose files can be laid out; the folder is there meanwhile, and no longer.

    Args:
        root: The top of the work tree.
        commit: Its full SHA.

    Raises:
        GitError: Git cannot read the commit.
        BuildError: Nothing can be written.
    """
    with writing("the commit's files", Path(tempfile.gettempdir()), BuildError, needs="a clone"):
        made = tempfile.TemporaryDirectory(prefix="shipway-tree-", ignore_cleanup_errors=True)
    with made as path:
        scratch = Path(path)
        folder = scratch / "tree"
        folder.mkdir()
        folder.chmod(0o755)
        yield CommitTree(root=root, folder=folder, top=_Repository.borrow(root, commit, scratch))


@dataclass(frozen=True, slots=True)
class CommitTree:
    """One commit; implements :class:`shipway.image.source.Tree`.

    Attributes:
        root: The top of the work tree.
        folder: Where its files are laid out.
        top: The repository itself.
        inner: Its submodules that are checked out here, by their paths; theirs included.
    """

    root: Path
    folder: Path
    top: _Repository
    inner: dict[str, _Repository] = field(default_factory=dict)

    def files(self) -> tuple[TreeFile, ...]:
        """Every file, in order of path; a submodule's own where it is checked out here."""
        return tuple(sorted(self._listed(self.top, ""), key=lambda file: file.path))

    def read(self, path: str) -> bytes:
        """A file as it is in the commit."""
        repository, inside = self._holder(path)
        return repository.git("cat-file", "blob", f"{repository.commit}:{inside}")

    def lay_out(self, paths: Sequence[str]) -> None:
        """Write these files, with the modes and line ends that a fresh clone gives them."""
        self._each_holder(paths, self._check_out)

    def filters(self, paths: Sequence[str]) -> dict[str, str]:
        """The files that the commit's attributes put through a filter, and its name.

        gitattributes(5), ``filter``: a filter is a program of whoever cloned, so the files are
        laid out as they were before it.
        """
        filters: dict[str, str] = {}

        def look(repository: _Repository, place: str, inside: Sequence[str]) -> None:
            words = ("check-attr", "--cached", "-z", "--stdin", "filter")
            fields = _parts(repository.git(*words, stdin=_joined(inside)))
            for name, value in zip(fields[::3], fields[2::3], strict=True):
                if value not in {"unspecified", "unset", "set"}:
                    filters[f"{place}{name}"] = value

        self._each_holder(paths, look)
        return filters

    def others(self) -> tuple[str, ...]:
        """What the work tree has and git ignores; a folder of nothing else ends in ``/``."""
        words = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
        return tuple(_parts(output(self.root, *words)))

    def other_files(self) -> tuple[str, ...]:
        """What the work tree has and the commit has not, file by file."""
        listed = _parts(output(self.root, "ls-files", "--others", "-z", seconds=_SECONDS))
        return tuple(path for path in listed if not path.endswith("/"))

    def large_file(self, oid: str) -> Path:
        """Where Git LFS keeps a file (its ``docs/spec.md``); it need not be there."""
        kept = output(self.root, "rev-parse", "--git-common-dir").rstrip(b"\n")
        place = self.root / os.fsdecode(kept) / "lfs" / "objects"
        return place / oid[:2] / oid[2:4] / oid

    def _listed(self, repository: _Repository, place: str) -> Iterator[TreeFile]:
        for line in _parts(repository.git("ls-tree", "-r", "-z", repository.commit)):
            about, _, name = line.partition("\t")
            mode, _, commit = about.split(" ")
            path = f"{place}{name}"
            if mode != _SUBMODULE:
                yield TreeFile(path, "link" if mode == _LINK else "file")
                continue
            inner = self._submodule(path, commit)
            if inner is None:
                yield TreeFile(path, "submodule")
            else:
                self.inner[path] = inner
                yield from self._listed(inner, f"{path}/")

    def _submodule(self, path: str, commit: str) -> _Repository | None:
        checked_out = self.root / path
        if not (checked_out / ".git").exists():
            return None
        scratch = Path(tempfile.mkdtemp(dir=self.top.folder))
        try:
            return _Repository.borrow(checked_out, commit, scratch)
        except GitError:
            return None

    def _check_out(self, repository: _Repository, place: str, inside: Sequence[str]) -> None:
        into = self.folder / place
        with writing("the commit's files", into, BuildError, needs="a clone of it"):
            make_folder(into, self.folder)
        words = ("-c", "checkout.workers=0", "checkout-index", "-z", "--stdin")
        repository.git(*words, stdin=_joined(inside), into=into)

    def _holder(self, path: str) -> tuple[_Repository, str]:
        """The repository that has a file, and its path there."""
        for place in sorted(self.inner, reverse=True):
            if path.startswith(f"{place}/"):
                return self.inner[place], path[len(place) + 1 :]
        return self.top, path

    def _each_holder(
        self, paths: Sequence[str], do: Callable[[_Repository, str, Sequence[str]], None]
    ) -> None:
        """Repository by repository, outer ones first: itself, its place with ``/``, its files."""
        rest = list(paths)
        holders = [(self.top, "", rest)]
        for place in sorted(self.inner, reverse=True):  # the innermost takes its files first
            here = f"{place}/"
            own = [path[len(here) :] for path in rest if path.startswith(here)]
            rest[:] = [path for path in rest if not path.startswith(here)]
            holders.insert(1, (self.inner[place], here, own))
        for repository, place, inside in holders:
            if inside:
                do(repository, place, inside)


@dataclass(frozen=True, slots=True)
class _Repository:
    """A repository that borrows another's objects, with one commit in its index.

    Attributes:
        place: The work tree that it borrows from.
        folder: Its own folder.
        commit: The commit.
    """

    place: Path
    folder: Path
    commit: str

    @classmethod
    def borrow(cls, place: Path, commit: str, scratch: Path) -> _Repository:
        """Make one below ``scratch``.

        Raises:
            GitError: There is no git, or the commit is not there whole.
        """
        words = ("rev-parse", "--show-object-format", "--git-path", "objects")
        said = os.fsdecode(output(place, *words)).splitlines()
        repository = cls(place, scratch / "git", commit)
        repository.git("init", "--quiet", "--template=", f"--object-format={said[0]}")
        alternates = repository.folder / "objects" / "info" / "alternates"
        alternates.parent.mkdir(parents=True, exist_ok=True)
        alternates.write_text(f"{(place / said[1]).resolve()}\n", "utf-8", "surrogateescape")
        repository.git("read-tree", commit)
        return repository

    def git(self, *arguments: str, stdin: bytes = b"", into: Path | None = None) -> bytes:
        """Run git here, with no configuration but its own.

        Raises:
            GitError: It failed; a file that is not here, for the clone is partial, included.
        """
        nowhere = str(self.folder.parent)
        variables = {
            "GIT_DIR": str(self.folder),
            "GIT_WORK_TREE": str(into.resolve() if into else nowhere),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "0",
            "GIT_CONFIG_PARAMETERS": "",
            "GIT_ATTR_NOSYSTEM": "1",
            # Where git before 2.32 looks for a configuration, and any for attributes.
            "HOME": nowhere,
            "XDG_CONFIG_HOME": nowhere,
        }
        try:
            return output(
                into or self.folder.parent,
                *arguments,
                variables=variables,
                stdin=stdin,
                seconds=_SECONDS,
            )
        except GitError as error:
            raise GitError(
                error.what,
                where=str(self.place),
                remedy="see `git fsck`; where the clone is partial or sparse, get all of it "
                "(git sparse-checkout disable), for an image is built from it",
            ) from error


def _parts(listed: bytes) -> list[str]:
    return os.fsdecode(listed).split("\0")[:-1]


def _joined(paths: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
