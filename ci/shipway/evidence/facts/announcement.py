"""Who was told of a delivery while it went on; the end is told once the record is written."""

from __future__ import annotations

from dataclasses import dataclass

from shipway.evidence.facts import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncementFact(Fact):
    """What became of telling somebody.

    Attributes:
        receiver: ``[notify.NAME]`` of delivery.toml, or ``github`` for its deployments.
        event: ``started``, ``delivered``, ``failed`` or ``rolled-back``.
        good: Whether they took it.
        text: How it went.
    """

    receiver: str
    event: str = ""
    good: bool = False
    text: str = ""
