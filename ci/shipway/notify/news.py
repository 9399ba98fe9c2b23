"""What is told of a delivery at one moment: frozen values, from which every format is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from unicodedata import category

from shipway.config.notify import NotifyEvent

_LONGEST: Final = 2000
_UNSHOWABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNews:
    """One service, as it is at that moment.

    Attributes:
        key: Its name in delivery.toml.
        service: Its name in ECS.
        image: The reference of what it runs, or of what is rolled out; empty where nobody knows.
        task_definition: ARN of its revision; empty where nobody knows.
    """

    key: str
    service: str = ""
    image: str = ""
    task_definition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is told at one moment.

    Attributes:
        event: What happened. A failed delivery whose services went back is ``failed`` with
            services in ``back``.
        application: ``name`` at the top of delivery.toml.
        environment: Its name there.
        started: When the delivery began; with the commit it is what tells deliveries apart.
        at: When it happened.
        commit: The full id of what is delivered.
        actor: Who asked for it.
        repository: ``OWNER/NAME`` or an address; empty where nobody knows.
        run: The run's address; empty by hand.
        images: What is delivered; empty where it came to none.
        services: What runs the delivered image now, or is to.
        back: What went back to what it ran before.
        url: The address of the first service that has one.
        kind: The verdict as machines read it; empty while it is not known.
        exit_code: The verdict's.
        text: The verdict for a person.
    """

    event: NotifyEvent
    application: str
    environment: str
    started: datetime
    at: datetime
    commit: str
    actor: str = ""
    repository: str = ""
    run: str = ""
    images: tuple[str, ...] = ()
    services: tuple[ServiceNews, ...] = ()
    back: tuple[ServiceNews, ...] = ()
    url: str = ""
    kind: str = ""
    exit_code: int = 0
    text: str = ""

    @property
    def id(self) -> str:
        """What every message about this one delivery has in common."""
        begun = self.started.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        return f"{self.application}/{self.environment}/{begun}-{self.commit[:12]}"

    @property
    def events(self) -> tuple[NotifyEvent, ...]:
        """Everything that it is: services that went back with a failure are news, too."""
        went_back: tuple[NotifyEvent, ...] = ("rolled-back",) if self.back else ()
        return tuple(dict.fromkeys((self.event, *went_back)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request's content.

    Attributes:
        id: The same for the same thing, however often it is sent.
        media_type: What it is.
        document: What will be JSON.
    """

    id: str
    media_type: str
    document: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of telling somebody.

    Attributes:
        receiver: Whom: ``[notify.NAME]``, or ``github``.
        event: What.
        good: Whether they took it.
        text: How it went, without the address.
    """

    receiver: str
    event: str
    good: bool
    text: str


def one_line(text: str) -> str:
    """A text without line breaks and without what moves a cursor or turns the order of letters.

    Whoever reads a message shows it in a terminal, a page or a chat, and no log of a container and
    no name is trusted there.
    """
    shown = (" " if category(letter) in _UNSHOWABLE else letter for letter in text)
    return " ".join("".join(shown).split())


def shortened(text: str, longest: int = _LONGEST) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def in_utc(at: datetime) -> str:
    """A time in UTC as RFC 3339 writes it, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
