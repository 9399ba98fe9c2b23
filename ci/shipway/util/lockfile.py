"""A lock file tells who is still at work: the kernel lets go of it however its holder ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

_POLL_SECONDS: Final = 0.02


def take(path: Path, seconds: float, *, mode: int = 0o600) -> int:
    """Lock ``path`` for as long as the descriptor that is given, or a copy of it, stays open.

    Args:
        path: The lock file; it is made where it is missing and never removed.
        seconds: How long to wait for whoever holds it.
        mode: Its permissions where it is made, before the umask.

    Raises:
        TimeoutError: It is held for longer than that.
        OSError: It cannot be opened; a link in its place is not followed.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, mode)
    try:
        _wait(descriptor, path, seconds)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _wait(descriptor: int, path: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} is held for more than {seconds:.0f} s") from error
            time.sleep(_POLL_SECONDS)
        else:
            return
