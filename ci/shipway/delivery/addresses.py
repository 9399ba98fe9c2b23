"""Ask addresses until each answered as expected several times in a row, or its time is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from shipway.config.environment import Service
from shipway.errors import VerificationError
from shipway.observer import Noticed, Observer
from shipway.rollout.ports import Prober
from shipway.util.clock import Clock
from shipway.util.side_by_side import look_up
from shipway.values import HttpAnswer

EARLIER: Final = "where the earlier revision is not put back, deploy its image with --image"
"""How to go back by hand."""
_ANSWER_SECONDS: Final = 5.0


def ask(
    services: Sequence[Service], prober: Prober, clock: Clock, observer: Observer
) -> Mapping[str, tuple[tuple[HttpAnswer, ...], VerificationError | None]]:
    """Ask the addresses of all services, side by side; only the asking is done in other threads.

    Args:
        services: Each with a ``url``.
        prober: Asks.
        clock: The time; it is slept between two answers of an address.
        observer: Is told of each wrong answer that is not as the one before.

    Returns:
        Key of each service → every answer, and what is wrong with them.
    """
    began = clock.now()
    asked = [
        _Address(service, began + timedelta(seconds=service.verify_timeout), began)
        for service in services
    ]
    while open_ := [address for address in asked if not address.over]:
        wait = min((address.due - clock.now()).total_seconds() for address in open_)
        if wait > 0:
            clock.sleep(wait)
        due = {address.service.key: address for address in open_ if address.due <= clock.now()}

        def get(key: str, due: Mapping[str, _Address] = due) -> HttpAnswer:
            service = due[key].service
            return prober.get(service.url, min(_ANSWER_SECONDS, service.verify_timeout))

        for key, answer in look_up(get, due).items():
            due[key].take(answer, clock.now(), observer)
    return {address.service.key: (tuple(address.answers), address.silent) for address in asked}


@dataclass(slots=True)
class _Address:
    """One address, asked until ``end``; next at ``due``."""

    service: Service
    end: datetime
    due: datetime
    answers: list[HttpAnswer] = field(default_factory=list)
    in_a_row: int = 0
    over: bool = False
    silent: VerificationError | None = None

    def take(self, answer: HttpAnswer, now: datetime, observer: Observer) -> None:
        service, answers = self.service, self.answers
        answers.append(answer)
        self.in_a_row = self.in_a_row + 1 if answer.status == service.expected_status else 0
        if self.in_a_row >= service.consecutive:
            self.over = True
            return
        if not self.in_a_row and (len(answers) == 1 or answers[-2] != answer):
            text = f"GET {service.url} answered {answer}"
            observer(Noticed(stage="verify", subject=service.key, text=text, level="warning"))
        self.due = now + timedelta(seconds=service.interval)
        if now >= self.end:
            self.over = True
            self.silent = VerificationError(
                f"{service.key} did not answer {service.expected_status} "
                f"{service.consecutive} times in a row within {service.verify_timeout} s",
                where=service.url,
                subject=service.key,
                at_fault=True,
                details=_counted(answers),
                remedy=f"the new revision came up and answers wrongly: see its logs; {EARLIER}",
            )


def _counted(answers: Sequence[HttpAnswer]) -> tuple[str, ...]:
    words = [str(answer) for answer in answers]
    return tuple(f"{words.count(word)} × {word}" for word in dict.fromkeys(words))
