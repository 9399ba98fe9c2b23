"""AWS's weather: calls that were throttled, broke off or failed on AWS's side are made again.

botocore makes a call again a few times within some seconds, and tells nobody. Here it is waited
out for as long as a stage without a time of its own may take, and told as it happens.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)

# Error codes as the services' API references list them under "Common Errors", and as S3, KMS and
# CloudFormation name the same.
THROTTLED: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
    }
)
PATIENCE: Final = 120.0
"""Seconds for which one call is made again and again."""
_UNKNOWN_FOR: Final = 30.0
"""Seconds in which ECS has to know a revision that it registered itself."""
_LONGEST: Final = 15.0
_SHORTEST: Final = 0.5
# What botocore takes for passing too: 501 is an answer for good.
_SERVER_ERRORS: Final = frozenset({500, 502, 503, 504})
# ECS API Reference, RegisterTaskDefinition: a ClientException tells of several registrations of
# one family at a time only by its text.
_CONCURRENT: Final = re.compile(r"too many concurrent attempts", re.IGNORECASE)
_UNKNOWN_REVISION: Final = re.compile(
    r"task ?definition (was |is )?not found|unable to describe task definition", re.IGNORECASE
)
_BROKEN: Final = (ConnectTimeoutError, ReadTimeoutError, ConnectionClosedError)


class Weather:
    """Waits for what passes, and tells of it.

    Args:
        seconds: Gives seconds that only ever grow.

    Attributes:
        tell: Is told each time that a call is waited for; nobody at first.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self.tell: Callable[[str], None] = lambda _: None

    def wait(
        self,
        response: tuple[Any, Mapping[str, Any]] | None = None,
        caught_exception: Exception | None = None,
        operation: Any = None,
        request_dict: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> float | None:
        """Seconds until the call is made again; ``None`` where botocore decides that.

        A handler of botocore's event ``needs-retry`` (botocore/endpoint.py), which comes after
        each attempt; ``request_dict["context"]`` is one and the same for all attempts of a call.
        """
        name = operation.name if operation is not None else "AWS"
        what, patience = _passing(name, response, caught_exception)
        if not what:
            return None
        now = self._seconds()
        context: dict[str, Any] = (request_dict or {}).get("context", {})
        waited = now - float(context.setdefault("shipway-since", now))
        pause = min(_LONGEST, max(_SHORTEST, waited))
        if waited + pause > patience:
            return None
        self.tell(f"{name}: {what}; asked again in {pause:.1f} s")
        return pause


def _passing(
    operation: str, response: tuple[Any, Mapping[str, Any]] | None, error: Exception | None
) -> tuple[str, float]:
    """What happened, empty where it does not pass by itself, and seconds to wait for its end."""
    if isinstance(error, _BROKEN):
        return str(error).partition("\n")[0], PATIENCE
    if isinstance(error, HTTPClientError) or response is None:
        return "", 0.0
    answer, parsed = response
    problem = parsed.get("Error") or {}
    code = str(problem.get("Code", "")).rpartition("#")[2]
    message = str(problem.get("Message", ""))
    unknown = operation == "UpdateService" and _UNKNOWN_REVISION.search(message)
    kinds = {
        f"throttled ({code})": code in THROTTLED,
        f"failed on AWS's side ({answer.status_code} {code})": answer.status_code in _SERVER_ERRORS,
        message: operation == "RegisterTaskDefinition" and _CONCURRENT.search(message),
        f"it does not know the revision yet ({message})": unknown,
    }
    what = next((text for text, holds in kinds.items() if holds), "")
    return what, _UNKNOWN_FOR if unknown else PATIENCE
