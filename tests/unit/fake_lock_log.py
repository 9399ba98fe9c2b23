"""A parameter whose every version counts, in memory; reading it may lag behind writing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.unit.fake_clock import Clock

from shipway.lock.log import Entry, parsed
from shipway.lock.ports import Reading


@dataclass
class LockLog:
    """The locks of environments.

    Attributes:
        clock: AWS's.
        behind: Versions that cannot be read yet.
        timeless: Whether answers say no time.
        before_write: Called before the next write, once: somebody else is quicker.
        fails: What reading and writing raise.
    """

    clock: Clock
    versions: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    behind: int = 0
    timeless: bool = False
    before_write: list[Callable[[], None]] = field(default_factory=list)
    fails: BaseException | None = None
    calls: list[str] = field(default_factory=list)

    def newest(self, name: str) -> Reading:
        self.calls.append("read")
        there = len(self.versions.get(name, ())) - self.behind
        return self._reading(name, there, there)

    def between(self, name: str, first: int, last: int) -> Reading:
        self.calls.append("read")
        there = len(self.versions.get(name, ())) - self.behind
        self.behind = 0  # a moment later everything can be read
        return self._reading(name, first, min(last, there))

    def write(self, name: str, text: str, *, hurry: bool = False) -> int:
        del hurry
        if self.fails is not None:
            raise self.fails
        if self.before_write:
            self.before_write.pop(0)()
        self.calls.append("write")
        versions = self.versions.setdefault(name, [])
        versions.append((self.clock.now(), text))
        return len(versions)

    def _reading(self, name: str, first: int, last: int) -> Reading:
        if self.fails is not None:
            raise self.fails
        versions = self.versions.get(name, ())
        entries = tuple(
            Entry(version=number, modified=modified, written=parsed(text))
            for number, (modified, text) in enumerate(versions, start=1)
            if first <= number <= last
        )
        return Reading(entries=entries, now=None if self.timeless else self.clock.now())

    def wait(self, seconds: float) -> None:
        """Let AWS's clock go on."""
        self.clock.at += timedelta(seconds=seconds)
