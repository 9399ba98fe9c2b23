"""Built images lie side by side, one folder for each; what they have in common lies there once.

BuildKit exports every image whole, its base with it. Two images of one repository mostly differ in
the layer that holds the code: 39 builds of a small Python service are 2441 MB apart,
66 MB together.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from shipway.image.layout import BLOBS


def share(folder: Path) -> None:
    """Put a new image's blobs in the place of equal ones in the folders beside it, by hard link.

    A blob is named by its content's digest, so equal names with equal sizes are equal. The new
    image's blobs stay as BuildKit wrote them; each folder stays whole and can be removed alone.
    Where the file system knows no hard links, everything stays as it is; nothing is raised.
    """
    for blob, twin in _twins(folder):
        with contextlib.suppress(OSError):
            _link(blob, twin)


def _twins(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Each blob of an image, with each place beside it where the same content lies again."""
    # A name that begins with a dot is a build under way; a link leads to somebody else's folder.
    beside = [
        entry
        for entry in _entries(folder.parent)
        if entry != folder and not entry.name.startswith(".") and not entry.is_symlink()
    ]
    for blob in _entries(folder / BLOBS):
        for other in beside:
            yield blob, other / BLOBS / blob.name


def _entries(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _link(blob: Path, twin: Path) -> None:
    """Have ``twin`` be ``blob``, in one step, where they are two and only their place differs."""
    ours, theirs = blob.lstat(), twin.lstat()
    if _looks(ours) != _looks(theirs) or os.path.samestat(ours, theirs):
        return
    scratch = twin.with_name(f".{blob.name}.{secrets.token_hex(4)}")
    os.link(blob, scratch)
    try:
        scratch.replace(twin)
    finally:
        scratch.unlink(missing_ok=True)


def _looks(status: os.stat_result) -> tuple[int, ...]:
    """What one file cannot have in two ways: who may read it goes with it."""
    return status.st_size, status.st_mode, status.st_uid, status.st_gid
