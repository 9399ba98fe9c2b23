"""The only place that asks a service's address: one GET, no redirects.

It goes through the proxy that the environment names, as every connection of ours does: NO_PROXY
names the addresses that are reached without, and this machine's own always are.
"""

from __future__ import annotations

import contextlib
import http.client
import os
from collections.abc import Callable
from functools import partial
from urllib.parse import SplitResult, urlsplit

from shipway import __version__
from shipway.util.authorities import sdk_context
from shipway.util.proxies import Proxy, proxy_for
from shipway.util.within import within
from shipway.values import HttpAnswer

# No more than this of a page is read: only the status is asked for.
_READ = 64 * 1024


class HttpProber:
    """Implements ``delivery.verification.Prober`` with a fresh connection for each request.

    A kept-alive connection would go on talking to one old task behind the load balancer.
    """

    def get(self, url: str, seconds: float) -> HttpAnswer:
        """One GET; the status, or the reason there was none."""
        try:
            parts = urlsplit(url)
            _ = parts.port
            proxy = proxy_for(url)
        except ValueError as error:
            return HttpAnswer(status=None, trouble=f"not an address: {error}")
        statuses: list[int] = []
        try:
            return within(seconds, partial(_get, parts, proxy, seconds, statuses.append))
        except TimeoutError:
            if statuses:
                return HttpAnswer(status=statuses[0])
            return HttpAnswer(status=None, trouble="TimeoutError: timed out")


def _get(
    parts: SplitResult, proxy: Proxy | None, seconds: float, heard: Callable[[int], None]
) -> HttpAnswer:
    """One GET.

    Args:
        parts: The address.
        proxy: Its proxy.
        seconds: For each step; whoever waits for all of them has a limit of its own.
        heard: Is told the status as soon as it is there.
    """
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    headers = {"User-Agent": f"shipway/{__version__}"}
    try:
        connection = _connection(parts, proxy, seconds)
    except OSError as error:
        return HttpAnswer(status=None, trouble=f"no certificate authorities: {error}")
    if proxy is not None and parts.scheme != "https":
        path = f"http://{parts.netloc.rpartition('@')[2]}{path}"  # RFC 9112, absolute-form
        headers |= {"Host": parts.netloc.rpartition("@")[2], **dict(proxy.headers)}
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        heard(response.status)
        # What there is of the page is taken, so that the service does not see a reset; the
        # status stands whatever the body does, also where it never ends.
        with contextlib.suppress(OSError, http.client.HTTPException):
            response.read1(_READ)
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        return HttpAnswer(status=None, trouble=f"{type(error).__name__}: {error}")
    finally:
        connection.close()
    return HttpAnswer(status=response.status)


def _connection(
    parts: SplitResult, proxy: Proxy | None, seconds: float
) -> http.client.HTTPConnection:
    """A connection to an address, or to the proxy that leads there; nothing is sent yet.

    Raises:
        OSError: The certificate authorities that the environment names cannot be read.
    """
    host, port = parts.hostname or "", parts.port
    at = urlsplit(proxy.url) if proxy is not None else parts
    to, to_port = at.hostname or "", at.port
    if proxy is not None and to_port is None and at.scheme == "http":
        to_port = http.client.HTTP_PORT
    if parts.scheme != "https":
        return http.client.HTTPConnection(to, to_port, timeout=seconds)
    context = sdk_context(os.environ)
    connection = http.client.HTTPSConnection(to, to_port, timeout=seconds, context=context)
    if proxy is not None:
        connection.set_tunnel(host, port, headers=dict(proxy.headers))
    return connection
