"""How GitHub's REST API is reached: where, with which token, and following nothing."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Mapping
from typing import Final

from shipway import __version__
from shipway.github.redirects import NoRedirect
from shipway.util.authorities import sdk_context
from shipway.util.loopback import aws_is_here, is_loopback, parts

API_VERSION: Final = "2022-11-28"
LARGEST_ANSWER: Final = 1024 * 1024
_API: Final = "https://api.github.com"
_TOKENS: Final = ("GITHUB_TOKEN", "GH_TOKEN")


def token_of(variables: Mapping[str, str]) -> str:
    """The token of ``GITHUB_TOKEN`` or ``GH_TOKEN``; empty where there is none."""
    return next((variables[name] for name in _TOKENS if variables.get(name)), "")


def address(variables: Mapping[str, str]) -> str:
    """Where the API is: GitHub's, or a company's own.

    ``GITHUB_API_URL`` says it in every job ("Variables reference", GitHub Docs). A server of this
    machine counts where AWS is one, too: that is a sandbox. Empty where the variable holds what no
    token may go to.
    """
    base = (variables.get("GITHUB_API_URL") or _API).rstrip("/")
    split = parts(base)
    if is_loopback(split) and aws_is_here(variables):
        return base
    good = split.scheme == "https" and bool(split.hostname) and "@" not in split.netloc
    return base if good else ""


def opener(url: str) -> urllib.request.OpenerDirector:
    """What opens an address that :func:`address` gave; it follows no redirect.

    Raises:
        OSError: The certificate authorities that the environment names cannot be read.
    """
    handlers: list[urllib.request.BaseHandler] = [NoRedirect()]
    if is_loopback(parts(url)):
        handlers.append(urllib.request.ProxyHandler({}))
    else:
        handlers.append(urllib.request.HTTPSHandler(context=sdk_context(os.environ)))
    made = urllib.request.build_opener(*handlers)
    made.addheaders = [("User-Agent", f"shipway/{__version__}")]
    return made
