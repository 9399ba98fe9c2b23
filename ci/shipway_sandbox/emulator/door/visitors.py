"""Where a request was sent, and by whom: a loopback name, and no web page.

A browser sends any page's requests to localhost. It names the page in ``Origin`` or, for what needs
no script, in ``Sec-Fetch-Site`` (Fetch Standard; Fetch Metadata Request Headers), and the name that
it looked up in ``Host``: a stranger's name that leads to 127.0.0.1 (DNS rebinding) is seen there.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import parse_qs, quote

BALANCERS: Final = "/_alb/"
_SAID_ONCE: Final = frozenset({"authorization", "host", "origin", "x-amz-date", "x-amz-target"})
_READING: Final = frozenset({"GET", "HEAD"})
_OTHER_SITES: Final = frozenset({"cross-site", "same-site"})
# RFC 6761, 6.3: names below .localhost lead to this machine; S3's clients put a bucket there.
_BUCKET: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])\.localhost")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the server got it.

    Attributes:
        method: In capitals.
        path: Percent-decoded, without the query.
        raw_path: The path as it was sent.
        headers: Names in small letters; values of a repeated name joined by a comma.
        query: Each parameter with all of its values.
        body: All of it.
    """

    method: str
    path: str
    raw_path: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: bytes = b""

    @classmethod
    def read(cls, scope: Mapping[str, Any], body: bytes = b"") -> Self:
        """A request of ASGI, with its body where that has been read.

        Raises:
            ValueError: A header that decides stands there twice: two readers could take two.
        """
        headers: dict[str, str] = {}
        for raw, value in scope.get("headers", []):
            name, text = raw.decode("latin-1").lower(), _text(value)
            if name in headers and name in _SAID_ONCE:
                raise ValueError(f"{name} is given twice")
            headers[name] = f"{headers[name]},{text}" if name in headers else text
        path = str(scope["path"])
        query = scope.get("query_string", b"").decode(errors="replace")
        return cls(
            method=str(scope["method"]),
            path=path,
            raw_path=(scope.get("raw_path") or quote(path).encode()).decode("latin-1"),
            headers=headers,
            query=parse_qs(query, keep_blank_values=True),
            body=body,
        )

    @property
    def host(self) -> str:
        """Name and port that were asked, in small letters; empty where none was named."""
        return self.headers.get("host", "").lower()

    @property
    def bucket(self) -> str:
        """The bucket that stands before ``localhost`` in the host, or an empty text."""
        name = self.host.rpartition(":")[0]
        return name.removesuffix(".localhost") if _BUCKET.fullmatch(name) else ""


def refusal(request: Request, port: int) -> str:
    """Why a request is turned away before anything of it is looked at; empty where it is not.

    Args:
        request: Its body is not looked at.
        port: Where the server listens.
    """
    if not _is_ours(request, port):
        return (
            f"Host {request.headers.get('host', '')!r} is not this server: it is localhost:{port}"
        )
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "")
    if request.path.startswith(BALANCERS):
        # What a person opens; a page of another origin may link to it and show it, and no more.
        own = origin in {None, f"http://{request.host}"} and site not in _OTHER_SITES
        if own or request.method in _READING:
            return ""
        return f"a page of {origin or 'another site'} may not {request.method} here"
    if origin is not None or site in _OTHER_SITES:
        return f"a page of {origin or 'another site'} may not speak to the sandbox"
    return ""


def _is_ours(request: Request, port: int) -> bool:
    name, _, asked = request.host.rpartition(":")
    if asked != str(port):
        return False
    if name == "localhost" or request.bucket:
        return True
    try:
        return ipaddress.IPv4Address(name).is_loopback
    except ValueError:
        return False


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
