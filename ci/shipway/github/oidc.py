"""GitHub's signed token: the only place that asks for it; :mod:`shipway.github.jws` verifies it.

Which issuer is believed comes from ``[github]`` in release.toml, GitHub's own by default: a file
that is reviewed, never the job's environment. There is one exception, for rehearsals:
``SHIPWAY_TOKEN_ISSUER`` names the sandbox's issuer. A job's environment can be forged by any step
before this one, so the variable is believed only where it can do no harm: where every client of
the SDK is bound to that very server on this machine's own loopback address
(:func:`shipway.util.loopback.bound_endpoint`, which :mod:`shipway.wiring` asks as well). A client
gets the endpoint as an argument, and in a job it reads no configuration file, where a profile
could name another ("Service-specific endpoints", AWS SDKs and Tools Reference Guide). Whoever
forges it is believed by the gate and then delivers to a server of their own. Anywhere else the
variable is refused, not ignored: nobody sets it by accident.

GitHub's certificate is checked with the authorities of the machine; no variable replaces them.

The gate is one lock of three. Whoever runs code of their own in the job can change this program
too; the role's trust policy at AWS, which reads the same claims, is out of their reach.
"""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import quote

from shipway import __version__
from shipway.errors import RefusedError
from shipway.github.redirects import NoRedirect
from shipway.policy.claims import AUDIENCE
from shipway.util.authorities import machine_context
from shipway.util.loopback import (
    REQUEST_TOKEN,
    REQUEST_URL,
    SANDBOX_ISSUER,
    bound_endpoint,
    is_loopback,
    parts,
)
from shipway.util.within import within

_LARGEST_ANSWER: Final = 256 * 1024
_SECONDS: Final = 10.0
_ATTEMPTS: Final = 3
_HTTP_SERVER_ERROR: Final = 500
_AGAIN: Final = "nothing was built or changed; run the workflow again"


@dataclass(frozen=True, slots=True)
class GithubTokens:
    """Asks GitHub who this job is; implements :class:`shipway.delivery.ports.Proof`.

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
            raise _refusal(f"{absent} is not set, although its companion is", remedy=_AGAIN)
        token = self._token(url, secret, AUDIENCE, sandbox=expected != issuer)
        # Loaded where there is a token to decode: on a laptop there is none.
        from shipway.github.jws import verified  # noqa: PLC0415

        return verified(token, _keys(expected), expected)

    def token(self, issuer: str, audience: str) -> str:
        """A token of this job for an audience that verifies it itself, such as STS; a secret.

        Raises:
            RefusedError: None could be had.
        """
        url, secret = self.variables.get(REQUEST_URL, ""), self.variables.get(REQUEST_TOKEN, "")
        sandbox = expected_issuer(issuer, self.variables) != issuer
        return self._token(url, secret, audience, sandbox=sandbox)

    def _token(self, url: str, secret: str, audience: str, *, sandbox: bool) -> str:
        if not (parts(url).scheme == "https" or (sandbox and is_loopback(parts(url)))):
            raise _refusal(f"{REQUEST_URL} is no https:// address", remedy=_AGAIN)
        # The URL holds a query already (GitHub Docs, OpenID Connect reference, custom actions).
        address = f"{url}{'&' if '?' in url else '?'}audience={quote(audience)}"
        response = _get(address, "GitHub's token service", {"Authorization": f"bearer {secret}"})
        token = response.get("value")
        if not isinstance(token, str):
            raise _refusal("GitHub's token service gave no token", remedy=_AGAIN)
        return token


def expected_issuer(issuer: str, variables: Mapping[str, str]) -> str:
    """Whose tokens are believed here: the contract's issuer, or the sandbox's in the sandbox.

    Raises:
        RefusedError: ``SHIPWAY_TOKEN_ISSUER`` is set where it could lead a delivery to AWS.
    """
    return variables[SANDBOX_ISSUER] if bound_endpoint(variables) else issuer


def _keys(issuer: str) -> Mapping[str, object]:
    """The issuer's public keys, by its discovery document (OpenID Connect Discovery 1.0, 4)."""
    document = _get(f"{issuer}/.well-known/openid-configuration", issuer, {})
    where = document.get("jwks_uri")
    ours, theirs = parts(issuer), parts(where if isinstance(where, str) else "")
    if document.get("issuer") != issuer or (ours.scheme, ours.netloc) != (
        theirs.scheme,
        theirs.netloc,
    ):
        raise _refusal(f"{issuer} does not describe itself", remedy=_AGAIN)
    return _get(str(where), issuer, {})


def _get(url: str, server: str, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """One GET of a JSON object, tried again where ``server``, its name in errors, fails."""
    through: list[urllib.request.BaseHandler] = [NoRedirect()]
    if is_loopback(parts(url)):
        through.append(urllib.request.ProxyHandler({}))
    else:
        through.append(urllib.request.HTTPSHandler(context=_authorities(server)))
    opener = urllib.request.build_opener(*through)
    agent = {"User-Agent": f"shipway/{__version__}", "Accept": "application/json"}
    request = urllib.request.Request(url, headers={**agent, **headers})  # noqa: S310  # checked by the callers
    problem = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(2.0 ** (attempt - 1))
        try:
            content = within(_SECONDS, partial(_content, opener, request))
            return _object(content, server)
        except urllib.error.HTTPError as error:
            error.close()
            problem = f"{error.code} {error.reason}"
            if error.code < _HTTP_SERVER_ERROR:
                break
        except (OSError, HTTPException) as error:
            problem = str(getattr(error, "reason", error))
    raise _refusal(f"{server} cannot be asked: {problem}", remedy=_AGAIN)


def _content(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> bytes:
    with opener.open(request, timeout=_SECONDS) as response:
        content: bytes = response.read(_LARGEST_ANSWER + 1)
    return content


def _authorities(server: str) -> ssl.SSLContext:
    try:
        return machine_context()
    except OSError as error:
        raise _refusal(
            f"{server} cannot be asked: {error}",
            remedy="install the machine's certificate authorities (ca-certificates)",
        ) from error


def _object(content: bytes, server: str) -> Mapping[str, Any]:
    try:
        document = json.loads(content) if len(content) <= _LARGEST_ANSWER else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _refusal(f"{server} answered no JSON object", remedy=_AGAIN)
    return document


def _refusal(what: str, *, remedy: str) -> RefusedError:
    return RefusedError(what, where="GitHub OIDC", remedy=remedy)
