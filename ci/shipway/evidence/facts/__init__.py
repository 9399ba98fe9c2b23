"""What a record holds, fact by fact; :mod:`shipway.evidence.predicate` puts them together.

Digests are written ``sha256:…``, moments in UTC as RFC 3339 does, durations in seconds. ``None``
says that something is not known, which is not the same as a false one: nothing may be concluded
from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A part of the record; ``extra`` holds what a newer version wrote into it."""

    extra: Mapping[str, Any] = field(default_factory=dict)
