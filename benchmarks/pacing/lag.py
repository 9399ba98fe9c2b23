"""When ECS's reads lag behind: "eventual consistency" as moments that are drawn beforehand.

"The Amazon ECS API follows an eventual consistency model": what a call shows may not be what is
true by then (RunTask, Amazon ECS API Reference,
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html). How long is not said;
here an answer is up to three seconds old.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.pacing.script import Script

_LONGEST = 3.0


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds in which every read of ECS shows what was true at ``start``."""

    start: float
    end: float


def lags(script: Script) -> Iterator[Lag]:
    """The lags of one account, in order and without end; they take ``script.stale`` of the time."""
    if not script.stale:
        return
    draw = random.Random(script.seed + 2)  # a simulation
    fresh = _LONGEST / 2 * (1 - script.stale) / script.stale
    second = 0.0
    while True:
        second += draw.expovariate(1 / fresh)
        lag = Lag(second, second + draw.uniform(0, _LONGEST))
        yield lag
        second = lag.end
