"""Where shipway keeps what may be made again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def cache_folder(variables: Mapping[str, str]) -> Path:
    """The cache folder (XDG Base Directory Specification: an absolute ``XDG_CACHE_HOME``)."""
    named = variables.get("XDG_CACHE_HOME", "")
    base = Path(named) if named.startswith("/") else Path.home() / ".cache"
    return base / "shipway"


def evidence_folder(root: Path, variables: Mapping[str, str]) -> Path:
    """Where records are kept: ``evidence/``, or the folder that ``SHIPWAY_EVIDENCE`` names."""
    named = variables.get("SHIPWAY_EVIDENCE", "")
    return Path(named) if named else root / "evidence"
