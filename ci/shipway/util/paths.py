"""Where shipway keeps what may be made again, and its records."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

NOWHERE: Final = "refused"
"""The folder of records of triggers that came to no environment; no environment is called so."""


def cache_folder(variables: Mapping[str, str]) -> Path:
    """The cache folder (XDG Base Directory Specification: an absolute ``XDG_CACHE_HOME``).

    Who has no home, or none that may be written (a container's user without an entry), gets a
    folder of their own among the temporary files.
    """
    folder = variables.get("XDG_CACHE_HOME", "")
    if folder.startswith("/"):
        return Path(folder) / "shipway"
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and no entry in the user database
        return _temporary()
    base = home / ".cache"
    return base / "shipway" if _may_be_written(base) else _temporary()


def evidence_folder(root: Path, variables: Mapping[str, str]) -> Path:
    """Where records are kept: ``evidence/``, or the folder that ``SHIPWAY_EVIDENCE`` names."""
    folder = variables.get("SHIPWAY_EVIDENCE", "")
    return Path(folder) if folder else root / "evidence"


def _may_be_written(folder: Path) -> bool:
    """Whether files may be made in a folder, which may be missing still."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return os.access(there, os.W_OK | os.X_OK)


@cache
def _temporary() -> Path:
    """A folder that nobody else can have prepared: ours, and closed to others; asked once.

    The same one in each run, unless somebody else has taken its name.
    """
    folder = Path(tempfile.gettempdir()) / f"shipway-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        if ours and not found.st_mode & 0o077:
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix=f"shipway-{os.getuid()}-"))
