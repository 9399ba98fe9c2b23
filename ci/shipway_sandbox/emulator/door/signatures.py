"""Signature Version 4, verified for every identity, the root of an account included.

"Elements of an AWS API request signature" and "Authenticating Requests: Using Query Parameters"
(IAM and S3 User Guides) say what is signed. How it is computed is MiniStack's, which keeps the
signing keys that it derived.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ministack.core import sigv4

from shipway_sandbox.emulator.door.visitors import Request

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_ENDING: Final = "aws4_request"
_UNHASHED: Final = ("UNSIGNED-PAYLOAD", "STREAMING-")
_LONGEST_SECONDS: Final = 7 * 24 * 3600


class UnknownSenderError(Exception):
    """A request whose sender is not known; ``code`` and ``message`` are AWS's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Secret:
    """What belongs to a key id: its secret, and the token that a temporary one goes with."""

    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Signed:
    """Whose signature was verified, and for which service."""

    key: str
    service: str


SecretOf = Callable[[str], Secret]
"""The secret of a key id; raises :class:`UnknownSenderError` where there is none."""


def is_anonymous(request: Request) -> bool:
    """Whether a request carries no credentials in any form that MiniStack would read."""
    named = {name.lower() for name in request.query}
    return "authorization" not in request.headers and not named & {
        "x-amz-credential",
        "x-amz-algorithm",
        "awsaccesskeyid",
    }


def verify(request: Request, secret_of: SecretOf) -> Signed:
    """Who signed a request.

    Raises:
        UnknownSenderError: Nobody whose secret is known here, or not this very request, or not now.
    """
    if is_anonymous(request):
        raise UnknownSenderError("MissingAuthenticationToken", "Missing Authentication Token")
    presigned = "authorization" not in request.headers
    given = request.query if presigned else request.headers
    algorithm = _first(request, "X-Amz-Algorithm") if presigned else given["authorization"]
    mixed = not presigned and any(name.lower() == "x-amz-credential" for name in request.query)
    if mixed or str(algorithm).split(" ")[0] != _ALGORITHM:
        raise UnknownSenderError("UnsupportedSignature", f"only {_ALGORITHM} is taken, once")
    signature = (
        sigv4.parse_query_signature(dict(request.query))
        if presigned
        else sigv4.parse_header_signature(dict(request.headers))
    )
    if isinstance(signature, tuple):
        raise UnknownSenderError(*signature)
    _require_signed_headers(request, signature)
    _require_time(request, signature, presigned=presigned)
    secret = secret_of(signature.access_key_id)
    token = (
        _first(request, "X-Amz-Security-Token")
        if presigned
        else request.headers.get("x-amz-security-token", "")
    )
    if not hmac.compare_digest(token.encode(), secret.token.encode()):
        raise UnknownSenderError(
            "InvalidToken", "The security token included in the request is invalid"
        )
    if not presigned:
        _require_body(request)
    failure = sigv4.header_signature_failure(
        signature,
        secret.secret,
        request.method,
        request.raw_path,
        dict(request.query),
        dict(request.headers),
        request.body,
        presigned=presigned,
    )
    if failure:
        raise UnknownSenderError(*failure)
    return Signed(signature.access_key_id, signature.service)


def _first(request: Request, name: str) -> str:
    """A parameter of the query that is given at most once, in AWS's own spelling."""
    values = request.query.get(name, [])
    return values[0] if len(values) == 1 else ""


def _require_signed_headers(request: Request, signature: sigv4.HeaderSignature) -> None:
    """The host, and what says which operation it is, stand under the signature."""
    scope = request.headers.get("authorization", "") or _first(request, "X-Amz-Credential")
    if f"/{_ENDING}" not in scope:
        raise UnknownSenderError(
            "SignatureDoesNotMatch", f"Credential should be scoped with '{_ENDING}'"
        )
    names = set(signature.signed_headers.split(";"))
    for name in ("host", "x-amz-target"):
        if name in request.headers and name not in names:
            raise UnknownSenderError(
                "SignatureDoesNotMatch", f"'{name}' must be a 'SignedHeader' in the request"
            )


def _require_time(request: Request, signature: sigv4.HeaderSignature, *, presigned: bool) -> None:
    if not presigned:
        if skewed := sigv4.request_time_failure(signature):
            raise UnknownSenderError(*skewed)
        return
    seconds = _first(request, "X-Amz-Expires") or "900"
    try:
        over = not 0 < int(seconds) <= _LONGEST_SECONDS or sigv4.presigned_request_is_expired(
            signature.amz_date, seconds
        )
    except ValueError:
        over = True
    if over:
        raise UnknownSenderError("RequestExpired", "Request has expired")


def _require_body(request: Request) -> None:
    """The hash that was signed is that of the body that came."""
    stated = request.headers.get("x-amz-content-sha256", "")
    if not stated or stated.startswith(_UNHASHED):
        return
    if not hmac.compare_digest(stated, hashlib.sha256(request.body).hexdigest()):
        raise UnknownSenderError("SignatureDoesNotMatch", sigv4.SIGNATURE_MISMATCH)
