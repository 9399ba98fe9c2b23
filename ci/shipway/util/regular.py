"""Reading and adding to files whose place somebody else chose: regular ones, and so many bytes.

A repository may hold a link to a pipe or to ``/dev/zero``, and a variable may name one: whoever
opens the first waits for ever, whoever reads the second takes all memory.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

SOURCE: Final = 1 << 20
"""Bytes of a file that a person writes, and more than any has."""


def content(file: Path, largest: int = SOURCE) -> bytes:
    """The bytes of a regular file; never waits for a writer.

    Args:
        file: The file; a link is followed.
        largest: Bytes that it may have.

    Raises:
        OSError: It cannot be read, it is a pipe, a socket or a device, or it is larger.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(file))
        found = stream.read(largest + 1)
    if len(found) > largest:
        raise OSError(errno.EFBIG, f"it has more than {largest} bytes", str(file))
    return found


def text(file: Path) -> str:
    """What a person wrote there, in UTF-8; what is none is replaced.

    Raises:
        OSError: As :func:`content`.
    """
    return content(file).decode("utf-8", "replace")


def leads_out(file: Path, top: Path) -> bool:
    """Whether a path, its links followed, is not below a folder; the file need not be there.

    Git calls such a link clean, whatever stands behind it.

    Raises:
        OSError: Its links go in a circle.
    """
    try:
        return not file.resolve().is_relative_to(top.resolve())
    except RuntimeError as error:  # what Path.resolve says of a circle before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(file)) from error


def append(file: Path, added: bytes) -> None:
    """Add to a file, or to a pipe that somebody reads; it is made where it is missing.

    Raises:
        OSError: It cannot be written, or it is a pipe that nobody reads (ENXIO).
    """
    # O_NONBLOCK: opening a pipe without a reader fails instead of waiting for one (open(2)).
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags, 0o666), "ab") as stream:
        stream.write(added)
