"""Waiting for other threads."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from shipway.util.waiting import results


def test_results_come_in_the_order_of_the_jobs() -> None:
    last = threading.Event()

    def first() -> str:
        assert last.wait(10)
        return "first"

    def second() -> str:
        last.set()
        return "second"

    with ThreadPoolExecutor(2) as pool:
        assert results([pool.submit(first), pool.submit(second)]) == ["first", "second"]


def test_the_first_failure_does_not_wait_for_the_others() -> None:
    never: Future[int] = Future()
    failed: Future[int] = Future()
    failed.set_exception(ValueError("it broke"))
    with pytest.raises(ValueError, match="it broke"):
        results([never, failed])


def test_nothing_to_wait_for() -> None:
    assert results([]) == []
