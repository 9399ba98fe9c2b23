"""How often something is sent, and when it is given up. Pure."""

from __future__ import annotations

from typing import Final

from shipway.notify.ports import PostAnswer

TRIES: Final = 3
SECONDS: Final = 10.0
"""For everything that one receiver is told at one moment, waits included."""
LONGEST_TRY: Final = 5.0
_FIRST_WAIT: Final = 0.5
_OK: Final = range(200, 300)
_SERVER: Final = range(500, 600)
# RFC 9110, 408 Request Timeout; RFC 6585, 429 Too Many Requests; 425 Too Early.
_PASSING: Final = frozenset({408, 425, 429})


def taken(answer: PostAnswer) -> bool:
    """Whether the receiver has it."""
    return answer.status in _OK


def wait(answer: PostAnswer, tried: int, left: float) -> float | None:
    """Seconds to wait before another try; ``None`` where there is none.

    Args:
        answer: What came of the last one.
        tried: How many there were.
        left: Seconds that are left for this receiver.
    """
    passing = answer.status is None or answer.status in _SERVER or answer.status in _PASSING
    if taken(answer) or answer.final or not passing or tried >= TRIES:
        return None
    seconds = _FIRST_WAIT * 4.0 ** (tried - 1)
    seconds = max(seconds, answer.retry_after or 0.0)
    return seconds if seconds < left else None
