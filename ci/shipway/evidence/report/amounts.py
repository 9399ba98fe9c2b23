"""Times, rates and shares as people say them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_UNITS: Final = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))
_EXACT: Final = 10
_WEEK: Final = 7
_MONTH: Final = 30


def span(seconds: float) -> str:
    """``42 s``, ``3.5 min``, ``12 h``, ``3.2 days``."""
    for size, unit in _UNITS:
        if seconds >= size:
            number = _short(seconds / size)
            return f"{number} {'day' if (number, unit) == ('1', 'days') else unit}"
    return f"{_short(seconds)} s"


def rate(count: int, days: int) -> str:
    """How often: a day, a week, a month, and never by a longer time than there was."""
    a_day = count / days
    if a_day >= 1 or not count:
        return f"{_short(a_day)} a day"
    if days < _WEEK:
        return f"{count} in {days} days"
    if a_day * _WEEK >= 1 or days < _MONTH:
        return f"{_short(a_day * _WEEK)} a week"
    return f"{_short(a_day * _MONTH)} a month"


def share(part: float) -> str:
    """``12.5 %``."""
    return f"{_short(part * 100)} %"


def counted(count: int, what: str, several: str = "") -> str:
    """``1 change``, ``2,310 changes``."""
    return f"{count:,} {what if count == 1 else several or f'{what}s'}"


def day_and_time(at: datetime) -> str:
    """To the minute; whoever reads it knows that it is UTC."""
    return f"{at:%Y-%m-%d %H:%M}"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0") if number < _EXACT else f"{number:,.0f}"
