"""What a lock needs of the outside: one parameter whose every version counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shipway.lock.log import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of a log.

    Attributes:
        entries: The versions that are there, from the oldest to the newest.
        now: When AWS answered, by its own clock; ``None`` where the answer does not say it.
    """

    entries: tuple[Entry, ...]
    now: datetime | None


class LockLog(Protocol):
    """The parameters that hold the locks of environments."""

    def newest(self, name: str) -> Reading:
        """The newest version; none where the parameter is not there.

        Raises:
            AccessDeniedError: The role may not read it.
            AwsError: Systems Manager cannot be reached.
        """
        ...

    def between(self, name: str, first: int, last: int) -> Reading:
        """These versions, both included, as far as they are there.

        Raises:
            AccessDeniedError: The role may not read it.
            AwsError: Systems Manager cannot be reached.
        """
        ...

    def write(self, name: str, text: str, *, hurry: bool = False) -> int:
        """Write a new version; the answer is its number.

        Args:
            name: The parameter, which is made where it is not there.
            text: At most 4096 characters.
            hurry: Ask once more at most: whoever writes is about to end.

        Raises:
            AccessDeniedError: The role may not write it.
            AwsError: Systems Manager cannot be reached.
        """
        ...


Monotonic = Callable[[], float]
"""Seconds that only ever grow, whatever becomes of the machine's clock."""
