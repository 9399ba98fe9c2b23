"""Which proxy a connection of ours goes through, and whose certificates it believes.

The variables that boto3's calls follow: HTTPS_PROXY, HTTP_PROXY and NO_PROXY in either case
(botocore/utils.py, ``get_environ_proxies``), and AWS_CA_BUNDLE. This machine itself is never
reached through a proxy. GitHub's issuer is asked with other certificates:
:mod:`shipway.util.authorities`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

_LOOPBACK: Final = re.compile(r"localhost|::1|127(?:\.[0-9]{1,3}){3}")
_BUNDLE: Final = "AWS_CA_BUNDLE"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        url: Where it is, without a password.
        headers: What it is sent besides; a secret where it asks for a password.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        """Its place alone."""
        return f"Proxy({self.url!r})"


def is_this_machine(host: str) -> bool:
    """Whether a host's name is this machine's own, where docker speaks plain HTTP too."""
    return _LOOPBACK.fullmatch(host) is not None


def proxy_for(url: str) -> Proxy | None:
    """The proxy for an address, as the environment has it; ``None`` for the direct way.

    Raises:
        ValueError: The address is none, or the proxy's is none.
    """
    parts = urlsplit(url)
    proxies = getproxies_environment()
    text = proxies.get(parts.scheme, "")
    host = parts.hostname or ""
    # A user's name before the host would hide it from NO_PROXY.
    place = parts.netloc.rpartition("@")[2]
    if not text or is_this_machine(host) or proxy_bypass(place, proxies):
        return None
    proxy = urlsplit(text if "://" in text else f"http://{text}")
    name = proxy.hostname or ""
    port = f":{proxy.port}" if proxy.port else ""
    at = f"{proxy.scheme}://{f'[{name}]' if ':' in name else name}{port}"
    if proxy.username is None:
        return Proxy(at)
    user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    basic = f"Basic {base64.b64encode(user.encode()).decode()}"
    return Proxy(at, (("proxy-authorization", basic),))


def bundle_of(variables: Mapping[str, str]) -> str:
    """The file of certificate authorities that the SDK's variable names; empty for none."""
    return variables.get(_BUNDLE, "")
