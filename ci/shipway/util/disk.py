"""A disk that takes nothing more: told with its place, by whoever writes there."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shipway.errors import ShipwayError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_CLOSED: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


@contextmanager
def writing(what: str, place: Path, kind: type[ShipwayError], *, needs: str) -> Iterator[None]:
    """Translate what the disk refuses while something is written; any other error goes through.

    Args:
        what: What is written, as a person would call it.
        place: Where, as far as the refusal does not say it.
        kind: The error of whoever writes.
        needs: How much room is needed, such as ``about 1 GB``.

    Raises:
        ShipwayError: Of that kind: there is no room, or nothing may be written.
    """
    try:
        yield
    except OSError as error:
        # A right that is lacking is the disk's word only where it names a file.
        closed = error.errno in _CLOSED and error.filename is not None
        if error.errno not in _FULL and not closed:
            raise
        remedy = "see who owns it" if closed else f"make room there ({needs})"
        raise kind(
            f"{what} cannot be written: {error.strerror}",
            where=str(error.filename or place),
            remedy=f"{remedy}, then start it again",
        ) from error
