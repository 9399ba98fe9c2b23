"""The only place that asks a service's address: one GET, no redirects, no proxy surprises."""

from __future__ import annotations

import contextlib
import http.client
import ssl
from urllib.parse import urlsplit

from shipway import __version__
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
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            return HttpAnswer(status=None, trouble=f"not an address: {error}")
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=seconds)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        try:
            connection.request("GET", path, headers={"User-Agent": f"shipway/{__version__}"})
            response = connection.getresponse()
            # What there is of the page is taken, so that the service does not see a reset; the
            # status stands whatever the body does, also where it never ends.
            with contextlib.suppress(OSError, http.client.HTTPException):
                response.read1(_READ)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            return HttpAnswer(status=None, trouble=f"{type(error).__name__}: {error}")
        finally:
            connection.close()
        return HttpAnswer(status=response.status)
