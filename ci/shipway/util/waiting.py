"""Waiting for work in other threads, so that a signal is heard meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import Final, TypeVar

_T = TypeVar("_T")

_LOOK_SECONDS: Final = 0.25


def results(jobs: Sequence[Future[_T]]) -> list[_T]:
    """What every job gave, in their order; the first failure is raised while others still run.

    Python runs a signal's handler in the main thread, between two of its bytecodes (library
    reference, ``signal``, "Execution of Python signal handlers"). A signal that comes just before
    that thread blocks on a lock wakes nobody: so no wait here lasts longer than a quarter second.
    """
    running = set(jobs)
    while running:
        finished, running = wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_EXCEPTION)
        for job in finished:
            job.result()
    return [job.result() for job in jobs]
