"""A clock that is wrong, by AWS's own words: what it signs is refused, and no credentials help.

A request must reach AWS within five minutes of the time under its signature, in some services
within fifteen (IAM User Guide, "Troubleshoot Signature Version 4 signing for AWS API requests").
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

REMEDY: Final = "set the clock (on Linux: timedatectl set-ntp true), then run the same again"
_CODES: Final = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})
_WORDS: Final = ("Signature expired", "Signature not yet current")
_TIME: Final = "%Y%m%dT%H%M%SZ"
# "Signature expired: SIGNED is now earlier than EARLIEST (NOW - 5 min.)", or later and +.
_TIMES: Final = re.compile(r"(\d{8}T\d{6}Z) is \w+ \w+ than \d{8}T\d{6}Z \((\d{8}T\d{6}Z)")


def wrong_clock(code: str, message: str) -> str:
    """Say that the clock is why a request was refused, and how wrong; empty where it is not. Pure.

    Args:
        code: The service's error code.
        message: Its own words.
    """
    if code not in _CODES and not message.startswith(_WORDS):
        return ""
    times = _TIMES.search(message)
    if times is None:
        return "this machine's clock is wrong"
    try:
        signed, now = (
            datetime.strptime(text, _TIME).replace(tzinfo=UTC) for text in times.groups()
        )
    except ValueError:
        return "this machine's clock is wrong"
    minutes = round((signed - now).total_seconds() / 60)
    side = "ahead of" if minutes > 0 else "behind"
    return f"this machine's clock is {abs(minutes)} min {side} AWS's"
