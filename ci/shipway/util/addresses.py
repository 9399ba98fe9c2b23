"""Which addresses may be told anything. Pure.

A request goes to what a parameter or a variable holds, from a machine that is trusted in its
network: so to no address of that network, and to no machine's metadata
("Server-Side Request Forgery Prevention", OWASP Cheat Sheet Series; 169.254.169.254 is EC2's
instance metadata, 169.254.170.2 ECS's).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from shipway.util.loopback import is_loopback

# RFC 6052 and RFC 3056: addresses of IPv6 that stand for one of IPv4.
_NAT64: Final = IPv6Network("64:ff9b::/96")
_6TO4: Final = IPv6Network("2002::/16")
_NO_NAMES: Final = (".internal", ".local", ".localhost", ".localdomain")


def objection(url: str, *, confined: bool) -> str:
    """Why an address may not be told anything, as far as it tells that itself; empty where it may.

    Args:
        url: The address.
        confined: Whether AWS is a server of this machine: then whoever is told is, too, so that no
            rehearsal tells anybody of a release that never was.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is no address"
    if confined:
        return "" if is_loopback(parts) else "AWS is a server of this machine, and this address not"
    if parts.scheme != "https":
        return "does not begin with https://"
    return _host_objection(parts)


def _host_objection(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    if not host:
        return "names no host"
    if parts.username is not None or parts.password is not None:
        return "holds a user or a password: let it stand in the path or the query"
    try:
        return not_public(host)
    except ValueError:
        pass  # a name
    if host == "localhost" or host.endswith(_NO_NAMES):
        return "is a name of a private network"
    return ""


def not_public(address: str) -> str:
    """Why an IP address is none that everybody reaches; empty where it is.

    Raises:
        ValueError: It is no IP address.
    """
    public = all(each.is_global and not each.is_multicast for each in _meant(ip_address(address)))
    return "" if public else "leads into a private network"


def _meant(address: IPv4Address | IPv6Address) -> tuple[IPv4Address | IPv6Address, ...]:
    """The address, and the one of IPv4 that it stands for."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (address, IPv4Address(int(address) & 0xFFFFFFFF))
    if address in _6TO4:
        return (address, IPv4Address((int(address) >> 80) & 0xFFFFFFFF))
    return (address,)
