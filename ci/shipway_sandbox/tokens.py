"""The OIDC step of a workflow, as its action does it: ask GitHub for a token, trade it at STS."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from shipway.errors import SandboxError
from shipway_sandbox.compute import call

AUDIENCE: Final = "sts.amazonaws.com"
_SECONDS: Final = 10.0


def register(state: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, str]:
    """Have a job of these claims; the variables by which it asks for tokens."""
    answer = call(state, "/_github/jobs", claims)
    return {
        "ACTIONS_ID_TOKEN_REQUEST_URL": str(answer["request_url"]),
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": str(answer["request_token"]),
    }


def fetch(variables: Mapping[str, str], audience: str = AUDIENCE) -> str:
    """A signed token for the job (GitHub Docs, "OpenID Connect reference", custom actions).

    Raises:
        SandboxError: The token service refused, or does not answer.
    """
    request = urllib.request.Request(  # noqa: S310  # the sandbox's own loopback address
        f"{variables['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience={audience}",
        headers={"Authorization": f"bearer {variables['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310  # the same
            return str(json.load(answer)["value"])
    except (OSError, ValueError, KeyError) as error:
        raise SandboxError(
            f"the sandbox's token service gave no token: {error}", remedy="start the sandbox again"
        ) from error


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified: for the record, never for a decision."""
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return dict(claims)


def forged(token: str) -> str:
    """The same token with one claim changed and the signature left as it was."""
    header, _, signature = token.split(".")
    changed = {**claims_of(token), "actor": "mallory"}
    body = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
    return f"{header}.{body}.{signature}"
