"""When the SDK is not to try a call again: handlers of its ``needs-retry`` event."""

from __future__ import annotations

import errno
from typing import Any, Final

from shipway.errors import ShipwayError

_REFUSALS: Final = 2  # the second for an endpoint that is just being started anew


def let_through(caught_exception: Exception | None = None, **_: Any) -> None:
    """Raise again what a signal's handler raised while the SDK was waiting for an answer.

    botocore takes any exception below its transport for a failure of the network, wraps it in
    HTTPClientError and tries again (botocore/httpsession.py): SIGTERM would be lost.
    """
    wrapped = getattr(caught_exception, "kwargs", {}).get("error")
    if isinstance(wrapped, ShipwayError):
        raise wrapped


def fail_fast(attempts: int = 0, caught_exception: Exception | None = None, **_: Any) -> None:
    """Raise again that a connection was refused, where it was refused before.

    It is an endpoint or a proxy that is not there, and all five attempts would be seven seconds of
    silence and more. A name that is not found, a time-out, a throttled call and an error on AWS's
    side are tried again as ever.
    """
    if attempts >= _REFUSALS and caught_exception is not None and _is_refused(caught_exception):
        raise caught_exception


def _is_refused(error: BaseException) -> bool:
    """Whether a connection was refused; botocore and urllib3 wrap what the socket said."""
    at: BaseException | None = error
    while at is not None:
        if getattr(at, "errno", None) == errno.ECONNREFUSED:
            return True
        wrapped = getattr(at, "kwargs", {}).get("error")
        at = wrapped if isinstance(wrapped, BaseException) else at.__cause__ or at.__context__
    return False
