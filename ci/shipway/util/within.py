"""A limit for a call to the outside as a whole.

A socket's own timeout begins anew with each byte, and looking up a name has none: whoever sends one
byte every few seconds would be listened to for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def within(seconds: float, call: Callable[[], _T]) -> _T:
    """What a call gives, if it does in time; one that is late is left to end by itself.

    Args:
        seconds: How long it is waited for; a signal ends the wait.
        call: Asks the outside and changes nothing here: it may go on after this came back.

    Raises:
        TimeoutError: It was not.
        Exception: What the call raised.
    """
    results: list[_T] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001 - raised again where somebody waits for it
            errors.append(error)

    thread = threading.Thread(target=work, name="outside", daemon=True)
    thread.start()
    thread.join(seconds)
    if results:
        return results[0]
    if errors:
        raise errors[0]
    raise TimeoutError("did not answer in time")
