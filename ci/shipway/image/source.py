"""The source of a build: the commit's own files, and what `artifacts` adds to them.

An image that is called clean is made of what its commit holds. A work tree that git calls clean
holds more: what git ignores, such as a ``.env`` or the ``target/`` of an earlier build, which a
``COPY . .`` would take along. So the files that BuildKit sees come out of git, and what a step
before the build made is taken from the work tree where ``artifacts`` names it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final, Literal, Protocol

from shipway.config.images import ImageSettings
from shipway.errors import BuildError
from shipway.image import dockerignore
from shipway.image.dockerignore import Pattern
from shipway.image.places import UNTOUCHED, folders_of, places_of, table_of
from shipway.util.disk import writing

_LFS: Final = "lfs"
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, "The Pointer".
_POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:[a-z0-9.-]+ [^\n]*\n)*?"
    rb"oid sha256:(?P<oid>[0-9a-f]{64})\nsize (?P<size>[0-9]+)\n"
)
_POINTER_BYTES: Final = 1024
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One entry of a commit.

    Attributes:
        path: From the repository's top, with ``/`` between its parts.
        kind: ``submodule`` for one that is not checked out here.
    """

    path: str
    kind: Literal["file", "link", "submodule"] = "file"


class Tree(Protocol):
    """A commit's files; paths count from the repository's top. Each raises GitError."""

    @property
    def folder(self) -> Path:
        """Where they are laid out."""
        ...

    def files(self) -> tuple[TreeFile, ...]:
        """Every entry, in order of path."""
        ...

    def read(self, path: str) -> bytes:
        """A file as the commit has it."""
        ...

    def lay_out(self, paths: Sequence[str]) -> None:
        """Write files below the folder, as a fresh clone has them."""
        ...

    def filters(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Files that a filter of git's is for, and the filter's name; it did not run."""
        ...

    def others(self) -> tuple[str, ...]:
        """What the work tree has and git ignores; a folder of nothing else ends in ``/``."""
        ...

    def other_files(self) -> tuple[str, ...]:
        """What the work tree has and the commit has not, file by file."""
        ...

    def large_file(self, oid: str) -> Path:
        """Where Git LFS would keep a file, by its SHA-256."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a build is made from.

    Attributes:
        context: The folder that is sent to BuildKit.
        dockerfile: The Dockerfile's path.
        ignored: What git ignores and ``.dockerignore`` does not name, from the work tree's context:
            it is not in ``context``.
        absent: Submodules in the context that are not checked out: their folders are empty.
        artifacts: Patterns of `artifacts`, each with the SHA-256 over what it took.
        contexts: Where the folders of `contexts` are, by their names there.
    """

    context: Path
    dockerfile: Path
    ignored: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, Path] = field(default_factory=dict)


def in_work_tree(wanted: ImageSettings, root: Path) -> Source:
    """The work tree as it is: the place of a work tree that no commit has, and of messages.

    Raises:
        BuildError: A folder is outside of the repository: its commit could never be built.
    """
    places_of(wanted, root)
    context = root / wanted.context
    return Source(
        context=context,
        dockerfile=context / wanted.dockerfile,
        contexts={name: root / place for name, place in folders_of(wanted).items()},
    )


def of_commit(wanted: ImageSettings, root: Path, tree: Tree) -> Source:
    """Lay out what BuildKit sees of the commit.

    Args:
        wanted: Context, Dockerfile and artifacts.
        root: The top of the work tree.
        tree: The commit.

    Raises:
        GitError: The commit cannot be read.
        BuildError: The context is not in the repository; the commit has a file only by name (Git
            LFS, another filter); an artifact is not there; nothing can be written.
    """
    return _Layout(wanted, root, tree).make()


class _Layout:
    """One commit on its way to a folder."""

    def __init__(self, wanted: ImageSettings, root: Path, tree: Tree) -> None:
        self._wanted = wanted
        self._tree = tree
        self._root = root.resolve()
        places = places_of(wanted, root)
        self._context, self._dockerfile = places.context, places.dockerfile
        self._target, self._named = places.target, places.named
        self._files = {file.path: file for file in tree.files()}
        self._patterns = self._dockerignore()
        self._left_out = cache(self._whether_left_out)

    def make(self) -> Source:
        tree, context = self._tree, self._place(self._context)
        files = [file for file in self._files.values() if self._is_in_context(file.path)]
        kept = [file for file in files if not self._left_out(self._from_context(file.path))]
        paths = [file.path for file in kept if file.kind != "submodule"]
        beside = (self._dockerfile, self._target, *self._ignore_files())
        besides = [*self._files_of_named(), *(path for path in beside if path in self._files)]
        wanted = list(dict.fromkeys([*paths, *besides]))
        tree.lay_out(wanted)
        with writing("the commit's files", tree.folder, BuildError, needs="a clone of it"):
            if files:
                make_folder(context, tree.folder)
            self._make_folders(files)
            artifacts = self._add_artifacts()
            if any(PurePosixPath(path).name == ".gitattributes" for path in self._files):
                # A link goes through no filter, and what is written to it would land elsewhere.
                plain = [path for path in wanted if self._files[path].kind == "file"]
                self._fill_in(tree.filters(plain))
        return Source(
            context=context,
            dockerfile=self._place(self._dockerfile),
            ignored=tuple(self._ignored()) if context.is_dir() else (),
            absent=tuple(file.path for file in kept if file.kind == "submodule"),
            artifacts=artifacts,
            contexts={name: self._place(path) for name, path in self._named.items()},
        )

    def _files_of_named(self) -> Iterator[str]:
        """Every file of the folders that are contexts of their own.

        What a ``.dockerignore`` of theirs leaves out is BuildKit's to say, so that lies with them.
        """
        for name, folder in self._named.items():
            begin = f"{folder}/" if folder else ""
            inside = [path for path in self._files if path.startswith(begin)]
            if not inside:
                own = self._root / folder
                why = "has nothing that git keeps" if own.is_dir() else "is no folder"
                raise BuildError(
                    f"the named context {name} {why}, so no commit has it",
                    where=str(own),
                    remedy=f"correct `contexts` of {table_of(self._wanted)} in ci/delivery.toml; "
                    f"{UNTOUCHED}",
                )
            yield from (path for path in inside if self._files[path].kind != "submodule")

    def _place(self, path: str) -> Path:
        return self._tree.folder / path

    def _is_in_context(self, path: str) -> bool:
        return not self._context or path.startswith(f"{self._context}/")

    def _from_context(self, path: str) -> str:
        return path[len(self._context) + 1 :] if self._context else path

    def _ignore_files(self) -> tuple[str, str]:
        """Both places of a ``.dockerignore``, the one that goes first in front."""
        common = f"{self._context}/.dockerignore" if self._context else ".dockerignore"
        return f"{self._dockerfile}.dockerignore", common

    def _dockerignore(self) -> tuple[Pattern, ...]:
        path = next((path for path in self._ignore_files() if path in self._files), "")
        text = self._tree.read(path).decode("utf-8", "surrogateescape") if path else ""
        return dockerignore.parse(text)

    def _whether_left_out(self, path: str) -> bool:
        """Whether BuildKit does not see a path of the context."""
        above = path.rpartition("/")[0]
        if above and self._left_out(above) and not any(one.back for one in self._patterns):
            return True
        return dockerignore.ignored(path, self._patterns)

    def _make_folders(self, files: Iterable[TreeFile]) -> None:
        """The folders that BuildKit sees of files it does not, and of submodules not here."""
        folders: dict[str, None] = {}
        for file in files:
            path = self._from_context(file.path)
            if file.kind == "submodule" and not self._left_out(path):
                folders[path] = None
            while path := path.rpartition("/")[0]:
                if path in folders:
                    break
                if not self._left_out(path):
                    folders[path] = None
        context = self._place(self._context)
        for path in sorted(folders):
            make_folder(context / path, self._tree.folder)

    def _add_artifacts(self) -> dict[str, str]:
        """Take what `artifacts` names from the work tree; the patterns, and a digest of each."""
        patterns = {text: dockerignore.parse(text) for text in self._wanted.artifacts}
        if not patterns:
            return {}
        others = [path for path in self._tree.other_files() if self._is_in_context(path)]
        digests: dict[str, str] = {}
        for text, pattern in patterns.items():
            total = hashlib.sha256()
            taken = [one for one in others if self._names(pattern, self._from_context(one))]
            if not taken:
                raise BuildError(
                    f"there is no file {text!r} of `artifacts` in the context",
                    where="ci/delivery.toml",
                    details=self._why_none(text),
                    remedy="run what makes it before the build, or mend `artifacts` of "
                    f"{table_of(self._wanted)}; {UNTOUCHED}",
                )
            for path in sorted(taken):
                mode, content = _take(self._root / path, self._place(path), self._tree.folder)
                total.update(f"{self._from_context(path)}\0{mode:o}\0{content}\0".encode())
            digests[text] = total.hexdigest()
        return digests

    def _names(self, pattern: tuple[Pattern, ...], path: str) -> bool:
        return dockerignore.ignored(path, pattern) and not self._left_out(path)

    def _why_none(self, text: str) -> tuple[str, ...]:
        path = f"{self._context}/{text}" if self._context else text
        if path in self._files or any(name.startswith(f"{path}/") for name in self._files):
            return ("the commit has it, so it is in the context already",)
        if (self._root / path).exists():
            return (".dockerignore leaves it out",)
        return ()

    def _ignored(self) -> Iterable[str]:
        for path in self._tree.others():
            inside = self._from_context(path)
            taken = self._place(path).exists()
            if self._is_in_context(path) and not taken and not self._left_out(inside.rstrip("/")):
                yield inside

    def _fill_in(self, filters: Mapping[str, str]) -> None:
        """Put in the place of what the commit names a file by what it stands for.

        Git LFS names a file by its SHA-256, so it is known for the commit's wherever it lies. What
        another filter makes of a file only its own program knows.
        """
        for path, name in filters.items():
            laid, own = self._place(path), self._root / path
            if name != _LFS:
                if own.exists() and not _same(laid, own):
                    raise self._filtered(path, name)
                continue
            with laid.open("rb") as content:
                pointer = _POINTER.match(content.read(_POINTER_BYTES))
            if pointer is None:
                continue
            oid, size = pointer["oid"].decode(), int(pointer["size"])
            places = (own, self._tree.large_file(oid))
            large = next((place for place in places if _is(place, oid, size)), None)
            if large is None:
                raise BuildError(
                    f"the commit has {path} in Git LFS, and the file is not here",
                    where=str(own),
                    remedy="git lfs pull (`lfs: true` of actions/checkout), or name it in "
                    f".dockerignore; {UNTOUCHED}",
                )
            shutil.copyfile(large, laid)

    def _filtered(self, path: str, name: str) -> BuildError:
        return BuildError(
            f"the filter {name!r} of .gitattributes makes another file of {path} than the commit "
            "has",
            where=path,
            remedy="build from what the commit has, or name the file in .dockerignore; "
            f"{UNTOUCHED}",
        )


def _take(source: Path, target: Path, top: Path) -> tuple[int, str]:
    """Copy a file or link as git would keep it; its mode, and its SHA-256 or a link's target."""
    make_folder(target.parent, top)
    shutil.copyfile(source, target, follow_symlinks=False)
    if source.is_symlink():
        return 0, os.fsencode(source.readlink()).hex()
    mode = 0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644
    target.chmod(mode)
    return mode, _digest(target)


def make_folder(folder: Path, top: Path) -> None:
    """Make a folder, and those between it and ``top``, with the mode that a clone gives them.

    Raises:
        OSError: It cannot be made.
    """
    if folder.is_dir() or folder == top:
        return
    make_folder(folder.parent, top)
    folder.mkdir()
    folder.chmod(0o755)


def _is(place: Path, oid: str, size: int) -> bool:
    try:
        return place.stat().st_size == size and _digest(place) == oid
    except OSError:
        return False


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _digest(file: Path) -> str:
    total = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()
