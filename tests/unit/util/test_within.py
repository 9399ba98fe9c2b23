"""A call as a whole has an end."""

from __future__ import annotations

import threading

import pytest

from shipway.util.within import within


def test_what_a_call_gives_or_raises_is_passed_on() -> None:
    assert within(5, lambda: 7) == 7

    def broken() -> int:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        within(5, broken)


def test_a_call_that_is_late_is_left() -> None:
    over = threading.Event()
    with pytest.raises(TimeoutError, match="in time"):
        within(0.01, lambda: over.wait(5))
    over.set()
    assert all(each.daemon for each in threading.enumerate() if each.name == "outside")
