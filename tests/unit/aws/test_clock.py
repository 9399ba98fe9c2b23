"""A clock that is wrong, told by the words with which AWS refuses what it signed."""

from __future__ import annotations

import pytest

from shipway.aws.clock import wrong_clock

# As ECS, STS and S3 say it.
BEHIND = (
    "Signature expired: 20240522T111019Z is now earlier than 20240522T120519Z "
    "(20240522T121019Z - 5 min.)"
)
AHEAD = (
    "Signature not yet current: 20260627T154445Z is still later than 20260627T145945Z "
    "(20260627T144445Z + 15 min.)"
)
S3 = "The difference between the request time and the current time is too large."


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("InvalidSignatureException", BEHIND, "this machine's clock is 60 min behind AWS's"),
        ("SignatureDoesNotMatch", AHEAD, "this machine's clock is 60 min ahead of AWS's"),
        ("RequestTimeTooSkewed", S3, "this machine's clock is wrong"),
        ("InvalidSignatureException", BEHIND[:40], "this machine's clock is wrong"),
        (
            "InvalidSignatureException",
            BEHIND.replace("0522T", "9999T"),
            "this machine's clock is wrong",
        ),
        ("InvalidSignatureException", "The request signature we calculated does not match", ""),
        ("ExpiredTokenException", "The security token included in the request is expired", ""),
    ],
)
def test_how_wrong_it_is(code: str, message: str, told: str) -> None:
    assert wrong_clock(code, message) == told
