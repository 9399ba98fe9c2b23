"""One POST to an address outside: looked up, judged, and then asked at the very address judged.

A name that is looked up twice may lead elsewhere the second time, so the connection is made to an
address that was judged, and TLS still asks for the name. Through a proxy the proxy looks it up.
No redirect is followed, and the whole of it ends in time, whoever drips.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final
from urllib.parse import SplitResult, urlsplit

from shipway import __version__
from shipway.notify.ports import Post, PostAnswer
from shipway.util import addresses
from shipway.util.authorities import sdk_context
from shipway.util.loopback import aws_is_here
from shipway.util.proxies import proxy_for
from shipway.util.within import within

_READ: Final = 4096
_REDIRECTS: Final = range(300, 400)
_HTTPS: Final = 443
_MOST_ADDRESSES: Final = 4

Lookup = Callable[[str, int], list[str]]
Connect = Callable[[tuple[str, int], float], socket.socket]


class HttpPoster:
    """Implements :class:`shipway.notify.ports.Poster`.

    Args:
        variables: The process's environment variables, as they are when something is sent.
        lookup: The IP addresses of a name.
        connect: Connects to an address and port within seconds.
    """

    def __init__(
        self,
        variables: Mapping[str, str] = os.environ,
        lookup: Lookup | None = None,
        connect: Connect = socket.create_connection,
    ) -> None:
        self._variables = variables
        self._lookup = lookup or _addresses
        self._connect = connect

    def post(self, post: Post, seconds: float) -> PostAnswer:
        """One POST; the status, or the reason there was none."""
        confined = aws_is_here(self._variables)
        if why := addresses.objection(post.url, confined=confined):
            return PostAnswer(status=None, trouble=f"the address {why}", final=True)
        try:
            return within(seconds, partial(self._post, post, seconds, confined=confined))
        except TimeoutError as error:
            return PostAnswer(status=None, trouble=_reason(error))

    def _post(self, post: Post, seconds: float, *, confined: bool) -> PostAnswer:
        at = urlsplit(post.url)
        end = time.monotonic() + seconds
        try:
            connection = self._connection(at, confined=confined, end=end)
        except _NotPublicError as error:
            return PostAnswer(status=None, trouble=f"the address {error}", final=True)
        except (OSError, ValueError) as error:
            return PostAnswer(status=None, trouble=_reason(error))
        target = f"{at.path or '/'}{'?' + at.query if at.query else ''}"
        headers = {"User-Agent": f"shipway/{__version__}", "Connection": "close", **post.headers}
        try:
            connection.timeout = max(0.1, end - time.monotonic())
            connection.request("POST", target, body=post.body, headers=headers)
            if connection.sock is not None:
                connection.sock.settimeout(max(0.1, end - time.monotonic()))
            response = connection.getresponse()
            response.read1(_READ)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return PostAnswer(status=None, trouble=_reason(error))
        finally:
            connection.close()
        moved = "a redirect, which is not followed" if response.status in _REDIRECTS else ""
        return PostAnswer(
            status=response.status,
            trouble=moved,
            retry_after=_seconds(response.getheader("Retry-After", "")),
        )

    def _connection(
        self, at: SplitResult, *, confined: bool, end: float
    ) -> http.client.HTTPConnection:
        host, port = at.hostname or "", at.port
        left = max(0.1, end - time.monotonic())
        if confined:
            return http.client.HTTPConnection(host, port, timeout=left)
        context = sdk_context(self._variables)
        proxy = proxy_for(f"https://{at.netloc}")
        if proxy is not None:
            to = urlsplit(proxy.url)
            if to.scheme != "http":
                # What asks for the tunnel would go there in the clear, a password included.
                raise _NotPublicError("is behind a proxy that is reached over TLS: say http://")
            tunnel = http.client.HTTPSConnection(
                to.hostname or "", to.port or http.client.HTTP_PORT, timeout=left, context=context
            )
            tunnel.set_tunnel(host, port, headers=dict(proxy.headers))
            return tunnel
        judged = self._judged(host, port or _HTTPS)
        left = max(0.1, end - time.monotonic())
        pinned = _Pinned(host, port, timeout=left, context=context)
        pinned.open = partial(self._open, judged, port or _HTTPS, end)
        return pinned

    def _open(self, judged: Sequence[str], port: int, end: float) -> socket.socket:
        """A connection to the first address that takes one: a machine may have no IPv6.

        Raises:
            OSError: None does.
        """
        for number, address in enumerate(judged, start=1):
            left = (end - time.monotonic()) / (len(judged) - number + 1)
            try:
                return self._connect((address, port), max(0.1, left))
            except OSError:
                if number == len(judged):
                    raise
        raise OSError("the name has no address")

    def _judged(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of the name, all of which are public.

        Raises:
            _NotPublicError: One is not.
            OSError: The name has none.
        """
        found = self._lookup(host, port)
        for each in found:
            if why := addresses.not_public(each):
                raise _NotPublicError(why)
        if not found:
            raise OSError("the name has no address")
        return tuple(found[:_MOST_ADDRESSES])


class _NotPublicError(Exception):
    """A name leads into a private network, or there is no way to it that keeps secrets."""


class _Pinned(http.client.HTTPSConnection):
    """A connection to one IP address, with the certificate of the name that was looked up."""

    open: Callable[[], socket.socket]

    def __init__(
        self, host: str, port: int | None, *, timeout: float, context: ssl.SSLContext
    ) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._tls = context

    def connect(self) -> None:
        """Connect to the address that was judged."""
        self.sock = self._tls.wrap_socket(self.open(), server_hostname=self.host)


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def _reason(error: Exception) -> str:
    """Why nothing answered; an error's own words may hold the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    words = error.strerror if isinstance(error, OSError) else ""
    return words or type(error).__name__


def _seconds(text: str | None) -> float | None:
    """``Retry-After`` in seconds; a date is left to our own patience (RFC 9110, 10.2.3)."""
    return float(text) if text and text.isascii() and text.isdigit() else None
