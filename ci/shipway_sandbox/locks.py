"""Who of a sandbox is still at work: each holds a lock file, see :mod:`shipway.util.lockfile`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shipway.errors import SandboxError
from shipway.util import lockfile


def take(path: Path, seconds: float, what: str) -> int:
    """Lock ``path`` for as long as the descriptor that is given, or a copy of it, stays open.

    Args:
        path: The lock file; it is made where it is missing and never removed.
        seconds: How long to wait for whoever holds it.
        what: Who that is, as a person would call it.

    Raises:
        SandboxError: It is held for longer than that.
    """
    try:
        return lockfile.take(path, seconds)
    except TimeoutError as error:
        raise SandboxError(
            f"{what} has not ended within {seconds:.0f} s",
            where=str(path),
            remedy="see with `fuser` who holds this file, end it, and start again",
        ) from error


def wait(path: Path, seconds: float, what: str) -> None:
    """Return once nobody holds ``path``; nobody has signed it then.

    Raises:
        SandboxError: It is held for longer than ``seconds``.
    """
    descriptor = take(path, seconds, what)
    os.truncate(descriptor, 0)
    os.close(descriptor)


def held(path: Path) -> bool:
    """Whether somebody holds ``path`` now."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def sign(descriptor: int) -> None:
    """Write into a lock file that was taken who holds it: this process."""
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def holder(path: Path) -> int | None:
    """The process that holds ``path`` and has signed it; ``None`` where nobody does."""
    if not held(path):
        return None
    text = path.read_text(encoding="ascii", errors="replace").strip()
    return int(text) if text.isdigit() else None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path`` while the context lasts, however long whoever holds it must be waited for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
