"""Calls to the outside, side by side: what comes back is as if one had come after another.

Only the calls run in other threads. Whoever asks decides, waits and tells in the thread it is in;
one call alone is made there too, where a signal ends it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Final, TypeVar

from shipway.errors import ShipwayError

_T = TypeVar("_T")
_K = TypeVar("_K")
_R = TypeVar("_R")

WIDTH: Final = 16
"""Calls at once, as many as a client of the SDK keeps connections."""
_LOOK_SECONDS: Final = 0.25  # see :mod:`shipway.util.waiting`
_GRACE: Final = 5.0
"""Seconds for which an interrupted wave is waited for: what it began has an effect."""


def look_up(call: Callable[[_K], _R], keys: Iterable[_K], width: int = WIDTH) -> dict[_K, _R]:
    """What a call gives for each key, each asked once, in the order of the keys.

    Raises:
        BaseException: What the first of the keys that failed raised, once no call is under way; a
            signal's at once.
    """
    distinct = list(dict.fromkeys(keys))
    if len(distinct) < 2:  # noqa: PLR2004  # one alone needs no thread
        return {key: call(key) for key in distinct}
    pool = ThreadPoolExecutor(min(width, len(distinct)), "look")
    try:
        futures = {key: pool.submit(call, key) for key in distinct}
        if not _settle(futures.values()):
            # Those that are under way may have failed before it: which is told is not left to luck.
            _settle_all([future for future in futures.values() if not future.cancel()])
        _raise_first(futures.values())
        return {key: future.result() for key, future in futures.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def in_waves(
    call: Callable[[_T], _R], items: Sequence[_T], done: Callable[[_T, _R], None]
) -> Mapping[int, ShipwayError]:
    """Change one thing after another, ever more at once: 1, 1, 2, 4, up to :data:`WIDTH`.

    A change that is refused ends the wave it is in, and none begins after it: what is wrong with
    all of them is found at the first, and what is wrong with one of a hundred leaves most alone.

    Args:
        call: Changes.
        items: What is to be changed.
        done: Is told of each change that came about, in this thread; of those under way when a
            signal came, too.

    Returns:
        Index of each item that was refused → why.
    """
    begin = 0
    while begin < len(items):
        wave = items[begin : begin + max(1, min(WIDTH, begin))]
        refused = _wave(call, wave, done)
        if refused:
            return {begin + index: error for index, error in refused.items()}
        begin += len(wave)
    return {}


def _wave(
    call: Callable[[_T], _R], wave: Sequence[_T], done: Callable[[_T, _R], None]
) -> Mapping[int, ShipwayError]:
    if len(wave) == 1:
        try:
            done(wave[0], call(wave[0]))
        except ShipwayError as error:
            return {0: error}
        return {}
    pool = ThreadPoolExecutor(len(wave), "change")
    futures = [pool.submit(call, item) for item in wave]
    try:
        _settle_all(futures)  # what is under way has an effect, whatever failed beside it
    except BaseException:
        wait(futures, timeout=_GRACE)
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for item, future in zip(wave, futures, strict=True):
            if future.done() and not future.cancelled() and future.exception() is None:
                done(item, future.result())
    failures = {index: future.exception() for index, future in enumerate(futures)}
    refused = {index: error for index, error in failures.items() if isinstance(error, ShipwayError)}
    _raise_first(future for index, future in enumerate(futures) if index not in refused)
    return refused


def _settle(futures: Iterable[Future[_R]]) -> bool:
    """Wait until one failed, and give False, or all are done; a signal is heard meanwhile."""
    running = set(futures)
    while running:
        finished, running = wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_EXCEPTION)
        if any(future.exception() is not None for future in finished):
            return False
    return True


def _settle_all(futures: Sequence[Future[_R]]) -> None:
    while not _settle([future for future in futures if not future.done()]):
        pass


def _raise_first(futures: Iterable[Future[_R]]) -> None:
    for future in futures:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            raise error
