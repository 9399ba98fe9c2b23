"""How GitHub's REST API is reached: where, with which token, and following nothing."""

from __future__ import annotations

import io
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from shipway import __version__
from shipway.github.redirects import NoRedirect
from shipway.util.authorities import sdk_context
from shipway.util.loopback import aws_is_here, is_loopback, parts
from shipway.util.within import within

LARGEST_ANSWER: Final = 1024 * 1024
_API_VERSION: Final = "2022-11-28"
_API: Final = "https://api.github.com"
_TOKENS: Final = ("GITHUB_TOKEN", "GH_TOKEN")
_LARGEST_REASON: Final = 4096
_LINK: Final = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT: Final = re.compile(r';\s*rel="?next"?\s*(?:[;,]|$)')
_TOO_MANY: Final = 429
_LIMITED: Final = frozenset({403, _TOO_MANY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A good answer.

    Attributes:
        content: Its body.
        further: The address of the next page; empty where this is the last.
    """

    content: bytes
    further: str = ""


Ask = Callable[[str, str, Mapping[str, str], bytes | None], Answer]
"""One request: method, address, headers, body; raises OSError where no good answer comes."""


def token_of(variables: Mapping[str, str]) -> str:
    """The token of ``GITHUB_TOKEN`` or ``GH_TOKEN``; empty where there is none."""
    found = (variables.get(name, "").strip() for name in _TOKENS)
    return next(filter(None, found), "")


def headers(token: str) -> dict[str, str]:
    """What every request carries; the token is a secret."""
    return {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "X-GitHub-Api-Version": _API_VERSION,
    }


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


def asker(seconds: float) -> Ask:
    """What asks an address that :func:`address` gave.

    Args:
        seconds: Within which each request must be answered, to the last byte.
    """

    def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310  # address() judged it
        return within(seconds, partial(_answer, request, seconds))

    return ask


def _answer(request: urllib.request.Request, seconds: float) -> Answer:
    try:
        with opener(request.full_url).open(request, timeout=seconds) as answer:
            content: bytes = answer.read(LARGEST_ANSWER + 1)
            further = next_page(answer.headers.get("link", ""))
    except urllib.error.HTTPError as error:
        with error:
            reason = io.BytesIO(error.read(_LARGEST_REASON))
        raise urllib.error.HTTPError(error.url, error.code, "", error.headers, reason) from None
    if len(content) > LARGEST_ANSWER:
        raise ValueError(f"the answer has more than {LARGEST_ANSWER} bytes")
    return Answer(content=content, further=further)


def next_page(link: str) -> str:
    """The address of ``rel="next"`` in a ``Link`` header; empty where there is none. Pure.

    "Using pagination in the REST API" (GitHub Docs): a client goes to the addresses that stand
    there, and makes none of its own.
    """
    found = (target for target, parameters in _LINK.findall(link) if _NEXT.search(parameters))
    return next(found, "")


def limited(error: urllib.error.HTTPError) -> str:
    """When to ask again, where an answer says that the token asked too often; empty where not.

    "Rate limits for the REST API" (GitHub Docs): both kinds answer 403 or 429. The first one has
    ``x-ratelimit-remaining: 0``, the second one ``retry-after`` or words alone.
    """
    if error.code not in _LIMITED:
        return ""
    remaining = error.headers.get("x-ratelimit-remaining", "")
    after = error.headers.get("retry-after", "")
    if after.isascii() and after.isdigit():
        return f"in {after[:9]} s"
    if remaining == "0":
        return _from(error.headers.get("x-ratelimit-reset", ""))
    reason = error.fp.read(_LARGEST_REASON) if error.fp else b""
    secondary = b"secondary rate limit" in reason.lower()
    return "in a minute" if secondary or error.code == _TOO_MANY else ""


def _from(seconds: str) -> str:
    """``x-ratelimit-reset``: UTC seconds since 1970."""
    try:
        at = datetime.fromtimestamp(int(seconds[:12]), UTC)
    except (ValueError, OverflowError, OSError):
        return "in an hour"
    return f"from {at:%Y-%m-%d %H:%M} UTC on"
