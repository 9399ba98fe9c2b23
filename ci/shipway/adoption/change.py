"""Files as they are and as they will be: shown first, then written all or not at all."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shipway.errors import ConfigurationError
from shipway.util import regular

_LONGEST: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file.

    Attributes:
        path: From the repository's root.
        before: Its text, or ``None`` where there is none.
        after: What it will be.
    """

    path: str
    before: str | None
    after: str

    def diff(self) -> Iterator[str]:
        """The change as ``diff -u`` would print it; of a long new file only the beginning."""
        old = "/dev/null" if self.before is None else self.path
        lines = list(
            difflib.unified_diff(
                (self.before or "").splitlines(),
                self.after.splitlines(),
                fromfile=old,
                tofile=self.path,
                lineterm="",
                n=2,
            )
        )
        yield from lines[:_LONGEST]
        if len(lines) > _LONGEST:
            yield f"… and {len(lines) - _LONGEST} lines more"


def read(root: Path, path: str) -> str | None:
    """A file's text, or ``None`` where there is none.

    Raises:
        ConfigurationError: It is there and cannot be read, or is no text.
    """
    try:
        return (root / path).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read: {getattr(error, 'strerror', None) or 'it is no text in UTF-8'}",
            where=path,
            remedy="see that it is a text file in UTF-8, which you may read",
        ) from error


def changed(root: Path, path: str, after: str) -> tuple[FileChange, ...]:
    """The change of one file, or nothing where it is so already."""
    before = read(root, path)
    return () if before == after else (FileChange(path=path, before=before, after=after),)


def write(root: Path, changes: Sequence[FileChange]) -> None:
    """Write every file; if one cannot be written, put back what was written before it.

    Raises:
        ConfigurationError: One could not be written, or leads out of the repository; all is as it
            was.
    """
    for change in changes:
        if regular.leads_out(root / change.path, root):
            raise ConfigurationError(
                "it leads out of the repository; nothing was changed",
                where=change.path,
                remedy="put a file there, and no link to one elsewhere",
            )
    done: list[FileChange] = []
    made: list[Path] = []
    try:
        for change in changes:
            file = root / change.path
            made += _make_folder(file.parent)
            done.append(change)
            file.write_text(change.after, encoding="utf-8")
    except OSError as error:
        for change in reversed(done):
            with suppress(OSError):
                _put_back(root / change.path, change.before)
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        raise ConfigurationError(
            f"it cannot be written: {error.strerror or error}; nothing was changed",
            where=error.filename or "",
            remedy="see who owns the folder and whether there is space, then run it again",
        ) from error


def _make_folder(folder: Path) -> list[Path]:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir()
    return missing[::-1]


def _put_back(file: Path, before: str | None) -> None:
    if before is None:
        file.unlink(missing_ok=True)
    else:
        file.write_text(before, encoding="utf-8")
