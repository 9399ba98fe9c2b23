"""Where shipway keeps what may be made again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def cache_folder(variables: Mapping[str, str]) -> Path:
    """The cache folder (XDG Base Directory Specification: an absolute ``XDG_CACHE_HOME``)."""
    named = variables.get("XDG_CACHE_HOME", "")
    base = Path(named) if named.startswith("/") else Path.home() / ".cache"
    return base / "shipway"
