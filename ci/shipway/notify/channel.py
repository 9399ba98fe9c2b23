"""Several receivers, told side by side, so that none waits for another and nobody for long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from shipway.errors import TerminatedError
from shipway.notify.news import News, Told

SECONDS: Final = 12.0
"""Real seconds after which nobody waits any longer for whoever is told."""
IN_A_HURRY: Final = 3.0
"""The same where somebody waits for our end: a cancelled run is killed 10 s after it is told
("Canceling a workflow", GitHub Docs)."""


class Channel(Protocol):
    """Somebody who is told."""

    @property
    def name(self) -> str:
        """What people call them."""
        ...

    def tell(self, news: News) -> Told | None:
        """Tell; what came of it, or ``None`` where it is nothing to them. Nothing is raised."""
        ...


class Telling:
    """One piece of news on its way to everybody, in threads that end nothing and hold nothing up.

    Args:
        news: What is told.
        channels: Whom.
        before: What must have been told before.
    """

    def __init__(
        self, news: News, channels: Sequence[Channel], before: Telling | None = None
    ) -> None:
        self._news = news
        self._told: dict[str, Told | None] = {}
        self._threads = {
            channel.name: threading.Thread(
                target=self._tell,
                args=(channel, before),
                name=f"notify {channel.name}",
                daemon=True,
            )
            for channel in channels
        }
        for thread in self._threads.values():
            thread.start()

    def _tell(self, channel: Channel, before: Telling | None) -> None:
        if before is not None:
            before.wait_for(channel.name)
        try:
            self._told[channel.name] = channel.tell(self._news)
        except Exception as error:  # noqa: BLE001 - whoever is told never ends a delivery
            self._told[channel.name] = self._failed(channel.name, f"{type(error).__name__}")

    def wait_for(self, name: str) -> None:
        """Wait until one was told, or will not be."""
        if name in self._threads:
            self._threads[name].join(SECONDS)

    def result(self, seconds: float, now: Callable[[], float]) -> tuple[Told, ...]:
        """What came of it, in the order of the file, once all have ended or the time is over.

        Args:
            seconds: How long is waited at most; a signal ends the wait.
            now: A clock that only goes on, in seconds.
        """
        end = now() + seconds
        with suppress(KeyboardInterrupt, TerminatedError):
            for thread in self._threads.values():
                thread.join(max(0.0, end - now()))
        results = []
        for name, thread in self._threads.items():
            late = self._failed(name, "did not answer in time") if thread.is_alive() else None
            results.append(self._told.get(name) or late)
        return tuple(result for result in results if result is not None)

    def _failed(self, name: str, text: str) -> Told:
        return Told(receiver=name, event=self._news.event, good=False, text=text)
