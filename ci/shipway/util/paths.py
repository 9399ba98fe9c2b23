"""Where shipway keeps what may be made again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def cache_folder(variables: Mapping[str, str]) -> Path:
    """The cache folder (XDG Base Directory Specification: an absolute ``XDG_CACHE_HOME``)."""
    folder = variables.get("XDG_CACHE_HOME", "")
    base = Path(folder) if folder.startswith("/") else Path.home() / ".cache"
    return base / "shipway"


def evidence_folder(root: Path, variables: Mapping[str, str]) -> Path:
    """Where records are kept: ``evidence/``, or the folder that ``SHIPWAY_EVIDENCE`` names."""
    folder = variables.get("SHIPWAY_EVIDENCE", "")
    return Path(folder) if folder else root / "evidence"
