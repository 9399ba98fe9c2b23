"""Whom a delivery tells how it goes: frozen values."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

NotifyFormat = Literal["cloudevents", "slack"]
NotifyEvent = Literal["started", "delivered", "failed", "rolled-back"]
EVENTS: Final[tuple[NotifyEvent, ...]] = get_args(NotifyEvent)
SHORTEST_KEY: Final = 24
"""Bytes of a key that signs ("Signature scheme", Standard Webhooks)."""
_KEY: Final = "whsec_"
_LONG_PART: Final = 16
"""Characters from which on a part of an address counts as a secret of its own."""


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

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody is shown: the address and, by itself, what in it lets one write."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            parts = urlsplit("")
        path = parts.path.rstrip("/")
        last = path.rpartition("/")[2]
        texts = (
            self.url,
            f"{path}?{parts.query}" if parts.query else "",
            path if any(len(part) >= _LONG_PART for part in path.split("/")) else "",
            last if len(last) >= _LONG_PART else "",
            self.secret,
            self.secret.removeprefix(_KEY),
        )
        return tuple(dict.fromkeys(filter(None, texts)))


def signing_key(secret: str) -> bytes:
    """The key: base64 behind ``whsec_``, as Standard Webhooks writes it, else the text itself.

    Raises:
        ValueError: It is none that keeps anybody from signing, too; the words hold nothing of it.
    """
    key = secret.encode()
    if secret.startswith(_KEY):
        text = secret.removeprefix(_KEY)
        try:
            key = base64.b64decode(f"{text}{'=' * (-len(text) % 4)}", validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"the secret is no base64 behind {_KEY}") from error
    if len(key) < SHORTEST_KEY:
        raise ValueError(
            f"the secret is a key of {len(key)} bytes, and {SHORTEST_KEY} are the fewest: "
            "openssl rand -base64 32"
        )
    return key
