"""Images that were built here and lie in the cache, and which of them are old."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from shipway.image.layout import BLOBS


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A folder that can be made again.

    Attributes:
        folder: It.
        size: Its bytes that no other folder holds too, by hard link.
    """

    folder: Path
    size: int


def old_images(cache: Path, name: str, keep: int) -> tuple[Leftover, ...]:
    """Images of a name beyond the newest so many, the oldest first.

    Args:
        cache: The folder of all images.
        name: The image's name, as delivery.toml has it.
        keep: How many stay.
    """
    try:
        entries = [
            entry
            for entry in (cache / name).iterdir()
            # A name that begins with a dot is a build under way; a link leads elsewhere.
            if not entry.name.startswith(".") and not entry.is_symlink() and entry.is_dir()
        ]
    except FileNotFoundError:
        return ()
    newest_first = sorted(entries, key=lambda entry: (-entry.stat().st_mtime, entry.name))
    return tuple(
        Leftover(folder=folder, size=_size(folder)) for folder in reversed(newest_first[keep:])
    )


def remove(folder: Path) -> None:
    """Take a folder away; whoever looks meanwhile sees all of it, or nothing."""
    gone = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    folder.rename(gone)
    shutil.rmtree(gone)


def _size(folder: Path) -> int:
    statuses = [entry.stat() for entry in (folder / BLOBS).glob("*")]
    return sum(status.st_size for status in statuses if status.st_nlink == 1)
