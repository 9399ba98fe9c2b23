"""A lock file tells who is still at work: the kernel lets go of it however its holder ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

_POLL_SECONDS: Final = 0.02


def take(path: Path, seconds: float) -> int:
    """Lock ``path`` for as long as the descriptor that is given, or a copy of it, stays open.

    Args:
        path: The lock file; it is made where it is missing and never removed.
        seconds: How long to wait for whoever holds it.

    Raises:
        TimeoutError: It is held for longer than that.
        OSError: It cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + seconds
    taken = False
    try:
        while not (taken := _taken(descriptor)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    finally:
        if not taken:
            os.close(descriptor)
    if not taken:
        raise TimeoutError(f"{path} is held for more than {seconds:.0f} s")
    return descriptor


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
