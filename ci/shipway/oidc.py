"""GitHub's signed token: the only place that asks for it and verifies it.

Which issuer is believed comes from ``[github]`` in release.toml, GitHub's own by default: a file
that is reviewed, never the job's environment. There is one exception, for rehearsals:
``SHIPWAY_TOKEN_ISSUER`` names the sandbox's issuer. A job's environment can be forged by any step
before this one, so the variable is believed only where it can do no harm: issuer and AWS endpoint
are one and the same server on this machine's own loopback address, and no other variable leads the
SDK elsewhere ("Service-specific endpoints", AWS SDKs and Tools Reference Guide: the environment's
``AWS_ENDPOINT_URL`` wins over all but ``AWS_ENDPOINT_URL_<SERVICE>`` and
``AWS_IGNORE_CONFIGURED_ENDPOINT_URLS``). Whoever forges it is believed by the gate and then
delivers to a server of their own; nothing of it reaches AWS. Anywhere else the variable is refused,
not ignored: nobody sets it by accident.

The gate is one lock of three. Whoever runs code of their own in the job can change this program
too; the role's trust policy at AWS, which reads the same claims, is out of their reach.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Any, Final
from urllib.parse import SplitResult, quote, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shipway import __version__
from shipway.errors import RefusedError
from shipway.release.proof import AUDIENCE

REQUEST_URL: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
REQUEST_TOKEN: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105  # a variable's name
SANDBOX_ISSUER: Final = "SHIPWAY_TOKEN_ISSUER"
_ENDPOINT: Final = "AWS_ENDPOINT_URL"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# RFC 8725, JSON Web Token Best Current Practices, 3.1: the algorithm is our choice, no token's.
_ALGORITHMS: Final = ("RS256",)
_NEEDED: Final = ("aud", "exp", "iat", "iss", "jti", "nbf", "sub")
_LONGEST_TOKEN: Final = 16 * 1024
_LARGEST_ANSWER: Final = 256 * 1024
_SKEW_SECONDS: Final = 30.0
_SMALLEST_KEY: Final = 2048
_SECONDS: Final = 10.0
_ATTEMPTS: Final = 3
_HTTP_SERVER_ERROR: Final = 500
_AGAIN: Final = "nothing was built or changed; run the workflow again"


@dataclass(frozen=True, slots=True)
class GithubTokens:
    """Asks GitHub who this job is; implements :class:`shipway.ports.Proof`.

    Args:
        variables: The process's environment variables.
    """

    variables: Mapping[str, str]

    def claims(self, issuer: str) -> Mapping[str, object] | None:
        """The verified claims of this job, or ``None`` where it may ask for no token.

        Args:
            issuer: Who must have signed it.

        Raises:
            RefusedError: There is a token, but it is not good; or none could be had.
        """
        url, secret = self.variables.get(REQUEST_URL, ""), self.variables.get(REQUEST_TOKEN, "")
        expected = expected_issuer(issuer, self.variables)
        if not url and not secret:
            return None
        if not url or not secret:
            absent = REQUEST_TOKEN if url else REQUEST_URL
            raise _refused(f"{absent} is not set, although its companion is", remedy=_AGAIN)
        token = self._token(url, secret, sandbox=expected != issuer)
        return verified(token, _keys(expected), expected)

    def _token(self, url: str, secret: str, *, sandbox: bool) -> str:
        if not (_parts(url).scheme == "https" or (sandbox and _loopback(_parts(url)))):
            raise _refused(f"{REQUEST_URL} is no https:// address", remedy=_AGAIN)
        # The URL holds a query already (GitHub Docs, OpenID Connect reference, custom actions).
        asked = f"{url}{'&' if '?' in url else '?'}audience={quote(AUDIENCE)}"
        answer = _get(asked, "GitHub's token service", {"Authorization": f"bearer {secret}"})
        token = answer.get("value")
        if not isinstance(token, str):
            raise _refused("GitHub's token service gave no token", remedy=_AGAIN)
        return token


def expected_issuer(issuer: str, variables: Mapping[str, str]) -> str:
    """Whose tokens are believed here: the contract's issuer, or the sandbox's in the sandbox.

    Raises:
        RefusedError: ``SHIPWAY_TOKEN_ISSUER`` is set where it could lead a delivery to AWS.
    """
    asked = variables.get(SANDBOX_ISSUER, "")
    if not asked:
        return issuer
    wrong = [
        name
        for name in sorted(variables)
        if name == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
        or (name.startswith(f"{_ENDPOINT}_") and variables[name])
    ]
    here, there = _parts(asked), _parts(variables.get(_ENDPOINT, ""))
    same = _loopback(here) and _loopback(there) and here.port == there.port
    if wrong or not same or here.port is None:
        why = f"{wrong[0]} is set" if wrong else f"{_ENDPOINT} is not that very server"
        raise _refused(
            f"{SANDBOX_ISSUER} names the sandbox's issuer, but {why}",
            remedy="only the sandbox sets it; take it away. Nothing was built or changed.",
        )
    return asked


def verified(token: str, keys: Mapping[str, object], issuer: str) -> Mapping[str, object]:
    """The claims of a token, if the issuer signed it, for us, and it is good now.

    Args:
        token: The token.
        keys: The issuer's JSON Web Key Set. Keys that a token brings or points to (``jwk``,
            ``jku``, ``x5u``, ``x5c``) are never looked at.
        issuer: Who must have signed it.

    Raises:
        RefusedError: It is not such a token; the message says why, never what it holds.
    """
    if len(token) > _LONGEST_TOKEN:
        raise _bad(f"it is {len(token)} characters long")
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in _ALGORITHMS:
            raise _bad("it is not signed with RS256")
        claims = jwt.decode(
            token,
            _key(keys, header.get("kid")),
            algorithms=list(_ALGORITHMS),
            audience=AUDIENCE,
            issuer=issuer,
            leeway=_SKEW_SECONDS,
            options={"require": list(_NEEDED), "strict_aud": True},
        )
    except jwt.PyJWTError as error:
        raise _bad(_why(error)) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise _bad("it is malformed") from error
    return claims


def _why(error: jwt.PyJWTError) -> str:
    known: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
        (jwt.ExpiredSignatureError, "it has expired"),
        (jwt.ImmatureSignatureError, "it is not valid yet"),
        (jwt.InvalidIssuedAtError, "its claim iat is no time"),
        (jwt.InvalidAudienceError, f'it is not for the audience "{AUDIENCE}"'),
        (jwt.InvalidIssuerError, "another issuer made it"),
        (jwt.MissingRequiredClaimError, f"{error}".replace("Token is missing the", "it has no")),
        (jwt.InvalidSignatureError, "its signature is not the issuer's"),
        (jwt.DecodeError, "it is malformed"),
    )
    return next((words for kind, words in known if isinstance(error, kind)), "it does not verify")


def _key(keys: Mapping[str, object], kid: object) -> RSAPublicKey:
    """The issuer's key of that name: compared, never used as a path, a query or an address."""
    listed = keys.get("keys")
    for one in listed if isinstance(listed, list) else ():
        usable = (
            isinstance(one, Mapping)
            and isinstance(kid, str)
            and one.get("kid") == kid
            and one.get("kty") == "RSA"
            and one.get("use", "sig") == "sig"
            and one.get("alg", "RS256") in _ALGORITHMS
        )
        if usable:
            key = jwt.algorithms.RSAAlgorithm.from_jwk(dict(one))
            if isinstance(key, RSAPublicKey) and key.key_size >= _SMALLEST_KEY:
                return key
    raise _bad("it names a key that the issuer does not publish")


def _keys(issuer: str) -> Mapping[str, object]:
    """The issuer's public keys, by its discovery document (OpenID Connect Discovery 1.0, 4)."""
    document = _get(f"{issuer}/.well-known/openid-configuration", issuer, {})
    where = document.get("jwks_uri")
    own, parts = _parts(issuer), _parts(where if isinstance(where, str) else "")
    if document.get("issuer") != issuer or (own.scheme, own.netloc) != (parts.scheme, parts.netloc):
        raise _refused(f"{issuer} does not describe itself", remedy=_AGAIN)
    return _get(str(where), issuer, {})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the request's secret elsewhere, or fetch keys from elsewhere."""

    def redirect_request(  # noqa: PLR0917  # urllib's own signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """None: the answer is then the redirect itself, which is an error."""


def _get(url: str, who: str, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """One GET of a JSON object, tried again where the other side fails."""
    through: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if _loopback(_parts(url)):
        through.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*through)
    agent = {"User-Agent": f"shipway/{__version__}", "Accept": "application/json"}
    request = urllib.request.Request(url, headers={**agent, **headers})  # noqa: S310  # checked by the callers
    said = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(2.0 ** (attempt - 1))
        try:
            with opener.open(request, timeout=_SECONDS) as answer:
                return _object(answer.read(_LARGEST_ANSWER + 1), who)
        except urllib.error.HTTPError as error:
            error.close()
            said = f"{error.code} {error.reason}"
            if error.code < _HTTP_SERVER_ERROR:
                break
        except (OSError, HTTPException) as error:
            said = str(getattr(error, "reason", error))
    raise _refused(f"{who} cannot be asked: {said}", remedy=_AGAIN)


def _object(content: bytes, who: str) -> Mapping[str, Any]:
    try:
        found = json.loads(content) if len(content) <= _LARGEST_ANSWER else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _refused(f"{who} answered no JSON object", remedy=_AGAIN)
    return found


def _parts(url: str) -> SplitResult:
    """The parts of an address; none for what is no address."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def _loopback(parts: SplitResult) -> bool:
    plain = parts.username is None and parts.password is None
    return plain and parts.scheme == "http" and parts.hostname in _LOOPBACK


def _bad(why: str) -> RefusedError:
    return _refused(
        f"the token of this job is refused: {why}",
        remedy="nothing was built or changed; see who set ACTIONS_ID_TOKEN_REQUEST_URL",
    )


def _refused(what: str, *, remedy: str) -> RefusedError:
    return RefusedError(what, where="GitHub OIDC", remedy=remedy)
