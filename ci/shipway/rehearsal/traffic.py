"""Customers: they ask the service all the while, and every answer is counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from shipway.rollout.ports import Prober
from shipway.values import HttpAnswer

_PAUSE = 0.05
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the customers saw."""

    asked: int
    lost: int
    answers: dict[str, int]


class TrafficProbe:
    """Ask one address from a thread of their own for as long as the context lasts.

    Args:
        prober: Asks once.
        url: The address.
        good: Says of a status whether it is the service's own.
    """

    def __init__(self, prober: Prober, url: str, good: Callable[[int], bool]) -> None:
        self._prober = prober
        self._url = url
        self._good = good
        self._answers: Counter[str] = Counter()
        self._lost = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="customers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(_PATIENCE + 1)

    def counted(self) -> Counted:
        """What was seen so far."""
        answers = dict(self._answers)
        return Counted(asked=sum(answers.values()), lost=self._lost, answers=answers)

    def _ask(self) -> None:
        while not self._end.wait(_PAUSE):
            answer: HttpAnswer = self._prober.get(self._url, _PATIENCE)
            if answer.status is None or not self._good(answer.status):
                self._lost += 1
            self._answers[str(answer)] += 1
