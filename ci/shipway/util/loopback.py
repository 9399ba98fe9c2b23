"""The one server of this machine that a run is bound to: the sandbox, which signs and is AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from shipway.errors import RefusedError

REQUEST_URL: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
REQUEST_TOKEN: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105  # a variable's name
SANDBOX_ISSUER: Final = "SHIPWAY_TOKEN_ISSUER"
_ENDPOINT: Final = "AWS_ENDPOINT_URL"
_IGNORE: Final = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def bound_endpoint(variables: Mapping[str, str]) -> str:
    """The endpoint that every client of the SDK is given; empty where AWS itself is meant.

    Who believes the sandbox's issuer and who makes a client both ask here, so that a token of its
    own signing never goes together with a client that could reach AWS.

    Args:
        variables: The process's environment variables.

    Raises:
        RefusedError: ``SHIPWAY_TOKEN_ISSUER`` is set, but it and ``AWS_ENDPOINT_URL`` are not one
            server on this machine's loopback address, or another variable leads elsewhere.
    """
    issuer = variables.get(SANDBOX_ISSUER, "")
    if not issuer:
        return ""
    wrong = [
        name
        for name in sorted(variables)
        if name == _IGNORE or (name.startswith(f"{_ENDPOINT}_") and variables[name])
    ]
    override, endpoint = parts(issuer), parts(variables.get(_ENDPOINT, ""))
    same_server = is_loopback(override) and is_loopback(endpoint) and override.port == endpoint.port
    if wrong or not same_server or override.port is None:
        why = f"{wrong[0]} is set" if wrong else f"{_ENDPOINT} is not that very server"
        raise RefusedError(
            f"{SANDBOX_ISSUER} names the sandbox's issuer, but {why}",
            where="GitHub OIDC",
            remedy="only the sandbox sets it; take it away. Nothing was built or changed.",
        )
    return variables[_ENDPOINT]


def aws_is_here(variables: Mapping[str, str]) -> bool:
    """Whether AWS is a server of this machine: a sandbox, from which nobody outside is told."""
    return is_loopback(parts(variables.get(_ENDPOINT, "")))


def may_ask_for_token(variables: Mapping[str, str]) -> bool:
    """Whether this is a job that can have a token, and be believed by it."""
    return bool(variables.get(REQUEST_URL) or variables.get(REQUEST_TOKEN))


def parts(url: str) -> SplitResult:
    """The parts of an address; none for what is no address."""
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError:
        return urlsplit("")
    return split


def is_loopback(address: SplitResult) -> bool:
    """Whether an address is http on this machine, without a user that looks like a host."""
    anonymous = address.username is None and address.password is None
    return anonymous and address.scheme == "http" and address.hostname in _LOOPBACK
