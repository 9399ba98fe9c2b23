"""The build context: what BuildKit sees of it, with the modes that git keeps.

Git keeps of a mode whether the owner may execute a file, and nothing of a folder's. What else a
clone has is the umask of whoever made it (git-config(1), ``core.fileMode``), and BuildKit puts it
into the layers. So both the content key and the build take 0644, 0755 and 0755 for folders: two
clones of one commit give one image.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shipway.errors import BuildError
from shipway.image import dockerignore
from shipway.image.build import BuildRequest

_CHUNK: Final = 1 << 20
_FOLDER_MODE: Final = 0o755


@dataclass(frozen=True, slots=True, order=True)
class ContextFile:
    """One thing in the context that BuildKit sees.

    Attributes:
        path: Relative to the context, with ``/`` between its parts.
        kind: ``file``, ``link`` or ``folder``.
        mode: As git keeps it, 0644 or 0755; 0 for a link and a folder, of which it keeps none.
        content: A file's SHA-256, a link's target, nothing for a folder.
    """

    path: str
    kind: str
    mode: int
    content: str


def ignore_file(request: BuildRequest) -> Path:
    """``NAME.dockerignore`` beside the Dockerfile goes before the context's own."""
    own = request.dockerfile.with_name(f"{request.dockerfile.name}.dockerignore")
    return own if own.is_file() else request.context / ".dockerignore"


def ignore_place(request: BuildRequest) -> Path:
    """The same, where a person finds it."""
    ignore, place = ignore_file(request), request.place
    if ignore.parent == request.dockerfile.parent and ignore.name != ".dockerignore":
        return place.dockerfile.with_name(ignore.name)
    return place.context / ".dockerignore"


def left_out(request: BuildRequest, path: str) -> bool:
    """Whether ``.dockerignore`` leaves a path of the context out."""
    return dockerignore.ignored(path, _patterns(request))


def read(request: BuildRequest) -> tuple[ContextFile, ...]:
    """What BuildKit sees of the context, in order of path.

    Raises:
        BuildError: A file cannot be read.
    """
    try:
        return tuple(sorted(_described(path, entry) for path, entry in _seen(request)))
    except OSError as error:
        raise _unreadable(request, error) from error


def with_kept_modes(request: BuildRequest, copy: Path) -> Path:
    """The context with the modes that git keeps.

    Args:
        request: Names the context.
        copy: A folder that does not exist; it is made where a mode differs, which a clone under
            ``umask 022`` never does.

    Returns:
        The context itself, or the copy, which holds what BuildKit sees and no more.

    Raises:
        BuildError: A file cannot be read, or the copy cannot be written.
    """
    try:
        seen = list(_seen(request))
        if all(_has_kept_mode(entry) for _, entry in seen):
            return request.context
        _copy(request, seen, copy)
    except OSError as error:
        raise _unreadable(request, error) from error
    return copy


def _seen(request: BuildRequest) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Each path that BuildKit sees; a folder comes before what is in it."""
    return _walk(request.context, "", _patterns(request))


def _patterns(request: BuildRequest) -> tuple[dockerignore.Pattern, ...]:
    ignore = ignore_file(request)
    text = ignore.read_text("utf-8", "surrogateescape") if ignore.is_file() else ""
    return dockerignore.parse(text)


def _walk(
    root: Path, below: str, patterns: Sequence[dockerignore.Pattern]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(root / below) as scanned:
        entries = sorted(scanned, key=lambda entry: entry.name)
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        left_out = dockerignore.ignored(path, patterns)
        if entry.is_dir(follow_symlinks=False):
            inner = (
                list(_walk(root, path, patterns)) if not left_out or _takes_back(patterns) else ()
            )
            # A folder that was left out is there all the same where a file below it was taken back.
            if inner or not left_out:
                yield path, entry
            yield from inner
        elif not left_out:
            yield path, entry


def _takes_back(patterns: Sequence[dockerignore.Pattern]) -> bool:
    return any(pattern.back for pattern in patterns)


def _described(path: str, entry: os.DirEntry[str]) -> ContextFile:
    if entry.is_symlink():
        return ContextFile(_shown(path), "link", 0, _shown(str(Path(entry.path).readlink())))
    if entry.is_dir(follow_symlinks=False):
        return ContextFile(_shown(path), "folder", 0, "")
    if not entry.is_file(follow_symlinks=False):
        return ContextFile(_shown(path), "other", 0, "")  # a socket or a device: BuildKit's word
    total = hashlib.sha256()
    with open(entry.path, "rb") as content:  # noqa: PTH123  # a DirEntry holds the path as text
        while chunk := content.read(_CHUNK):
            total.update(chunk)
    return ContextFile(_shown(path), "file", _kept_mode(entry), total.hexdigest())


def _kept_mode(entry: os.DirEntry[str]) -> int:
    status = entry.stat(follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        return _FOLDER_MODE
    return 0o755 if status.st_mode & stat.S_IXUSR else 0o644


def _has_kept_mode(entry: os.DirEntry[str]) -> bool:
    status = entry.stat(follow_symlinks=False)
    regular = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return not regular or stat.S_IMODE(status.st_mode) == _kept_mode(entry)


def _copy(request: BuildRequest, seen: Sequence[tuple[str, os.DirEntry[str]]], copy: Path) -> None:
    copy.mkdir(parents=True)
    folders = []
    for path, entry in seen:
        target, status = copy / path, entry.stat(follow_symlinks=False)
        if entry.is_dir(follow_symlinks=False):
            target.mkdir()
            folders.append((target, status))
        elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
            shutil.copyfile(entry.path, target, follow_symlinks=False)
        else:
            continue
        if not entry.is_symlink():
            target.chmod(_kept_mode(entry))
        _keep_time(target, status)
    for target, status in folders:  # what was put into them has moved their time
        _keep_time(target, status)
    ignore = request.context / ".dockerignore"
    if ignore.is_file() and not (copy / ".dockerignore").exists():
        # BuildKit looks for it there even where it names itself.
        shutil.copyfile(ignore, copy / ".dockerignore")


def _keep_time(target: Path, status: os.stat_result) -> None:
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def _unreadable(request: BuildRequest, error: OSError) -> BuildError:
    return BuildError(
        f"the build context cannot be read: {error.strerror or error}",
        where=str(error.filename or request.context),
        remedy="see who owns that file and its mode, or name it in .dockerignore",
    )


def _shown(path: str) -> str:
    """A name that is no UTF-8 keeps its bytes, as JSON can hold them."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
