"""Whom a delivery tells how it goes: frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

NotifyFormat = Literal["cloudevents", "slack"]
NotifyEvent = Literal["started", "delivered", "failed", "rolled-back"]
EVENTS: Final[tuple[NotifyEvent, ...]] = get_args(NotifyEvent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """One ``[notify.NAME]``.

    Attributes:
        name: Its name in delivery.toml.
        format: What is posted.
        events: What is told.
        url: Where it is posted to; a secret, empty where ``trouble`` says why.
        secret: What signs it; empty where nothing does.
        trouble: Why it cannot be told anything.
    """

    name: str
    format: NotifyFormat = "cloudevents"
    events: tuple[NotifyEvent, ...] = EVENTS
    url: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    trouble: str = ""
