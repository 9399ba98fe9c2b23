"""Connections to a registry, with the proxies, certificates and patience of the SDK's calls."""

from __future__ import annotations

import threading
from typing import Any, Final

import urllib3

from shipway.errors import PublishError
from shipway.util.proxies import Proxy, proxy_for

PARALLEL: Final = 4
"""Blobs that are sent at once."""
PAUSE: Final = 0.3
"""Seconds before the second try; each further pause is twice as long."""
LONGEST_PAUSE: Final = 15.0
# Some forty seconds of bad weather; where nobody listens it is known within a few.
_RETRY: Final = urllib3.Retry(
    total=8,
    connect=4,
    other=0,  # a certificate that nobody vouches for will not be vouched for in a minute
    backoff_factor=PAUSE,
    backoff_max=LONGEST_PAUSE,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=("HEAD", "GET", "PUT"),
    raise_on_status=False,
)
_TRY_AGAIN: Final = "check the network, then publish again: layers that arrived are kept"
_UNTRUSTED: Final = (
    "a proxy of your network may stand between: name its certificate authorities in AWS_CA_BUNDLE, "
    "then publish again"
)
# A refusal that comes while a layer is still being sent is cut off with the connection.
_RESET: Final = (
    "a registry that resets an upload may refuse it: see that the role may "
    "ecr:InitiateLayerUpload, ecr:UploadLayerPart, ecr:CompleteLayerUpload and ecr:PutImage there"
)


class Connections:
    """Pools of connections, one for each proxy that leads somewhere.

    Args:
        authorities: A file of certificate authorities to believe; empty for the machine's.
    """

    def __init__(self, authorities: str = "") -> None:
        self._authorities = authorities or None
        self._pools: dict[Proxy | None, urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def to(self, url: str) -> urllib3.PoolManager:
        """The connections of an address: an upload may be sent to another host than the registry's.

        Raises:
            PublishError: The environment names a proxy that is none.
        """
        try:
            proxy = proxy_for(url)
        except ValueError as error:
            raise PublishError(
                f"the proxy of the environment is no address: {error}",
                where="HTTPS_PROXY",
                remedy="correct it, or name this host in NO_PROXY",
            ) from None  # it may hold a password
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._pool(proxy)
            return self._pools[proxy]

    def _pool(self, proxy: Proxy | None) -> urllib3.PoolManager:
        options: dict[str, Any] = {
            "maxsize": PARALLEL,
            "timeout": urllib3.Timeout(connect=5, read=60),
            "retries": _RETRY,
            "ca_certs": self._authorities,
        }
        if proxy is None:
            return urllib3.PoolManager(**options)
        return urllib3.ProxyManager(proxy.url, proxy_headers=dict(proxy.headers), **options)


def unreachable(error: urllib3.exceptions.HTTPError, where: str) -> PublishError:
    """What a person reads of a connection that failed; no address, for it may be signed."""
    cause = getattr(error, "reason", None) or error
    reset = isinstance(cause, urllib3.exceptions.ProtocolError)
    untrusted = isinstance(cause, urllib3.exceptions.SSLError)
    words = ": ".join(str(part).rstrip(".") for part in cause.args) or type(cause).__name__
    return PublishError(
        f"the registry cannot be reached: {words}",
        where=where,
        remedy=_UNTRUSTED if untrusted else _TRY_AGAIN,
        details=(_RESET,) if reset else (),
    )
