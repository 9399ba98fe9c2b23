"""How many API calls a watch may make: of all services together, in any minute.

ECS allows an account many more, 20 a second of each category that a watch reads (Request throttling
for the Amazon ECS API,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/request-throttling.html); what is left
belongs to autoscaling, to consoles and to the other deliveries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

CALLS_A_MINUTE = 60
FURTHER = 2
"""Calls a minute that each service after the first may add."""
LOOK_EVERY = 5.0
"""Seconds between two looks that are the least, however many calls were spent."""
MARGIN = 1
_RESERVE = 8
_WINDOW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The calls of the last minute.

    Attributes:
        services: How many services are watched together, all with these calls.
        spent: When calls were made and how many, oldest first.
        total: All of them.
    """

    services: int = 1
    spent: tuple[tuple[datetime, int], ...] = ()
    total: int = 0

    @property
    def most(self) -> int:
        """Calls in any minute."""
        return CALLS_A_MINUTE + FURTHER * (self.services - 1)

    @property
    def reserve(self) -> int:
        """Calls that are kept for the end: what proves it, for each service."""
        return _RESERVE + self.services - 1

    def after(self, now: datetime, calls: int) -> Budget:
        """The budget once ``calls`` were made at ``now``."""
        kept, total, begin = self.spent, self.total + calls, now - _WINDOW
        while kept and kept[0][0] <= begin:
            total -= kept[0][1]
            kept = kept[1:]
        spent = (*kept, (now, calls)) if calls else kept
        return Budget(services=self.services, spent=spent, total=total)

    def left(self, now: datetime) -> int:
        """Calls that may be made at once, the reserve included."""
        left, begin = self.most - self.total, now - _WINDOW
        for at, calls in self.spent:
            if at > begin:
                break
            left += calls
        return left

    def looks_on(self, now: datetime) -> int:
        """Calls to leave, so that a look every :data:`LOOK_EVERY` is paid until others are free."""
        need = free = 0
        for at, calls in self.spent:
            until = (at + _WINDOW - now).total_seconds()
            need = max(need, int(until / LOOK_EVERY) - free)
            free += calls if until > 0 else 0
        return need + MARGIN

    def even(self, now: datetime, kept: int, horizon: float = 60.0) -> float:
        """Seconds between looks of a call each that can go on so, with ``kept`` calls left over.

        Args:
            now: The time.
            kept: Calls that are not for these looks.
            horizon: Seconds for which they are to go on, a minute at most.
        """
        left, wait = self.left(now) - kept, 0.0
        for at, calls in self.spent:
            free = (at + _WINDOW - now).total_seconds()
            if free > horizon:
                break
            if free > 0:
                wait = max(wait, free / (max(0, left) + 1))
                left += calls
        return max(wait, horizon / (max(0, left) + 1))

    def until(self, now: datetime, calls: int) -> float:
        """Seconds until so many calls may be made."""
        left = self.left(now)
        for at, spent in self.spent:
            if left >= calls:
                break
            if at > now - _WINDOW:
                left += spent
                if left >= calls:
                    return (at + _WINDOW - now).total_seconds()
        return 0.0
