"""Which addresses may be told anything. Pure.

A request goes to what a parameter or a variable holds, from a machine that is trusted in its
network: so to no address of that network, and to no machine's metadata
("Server-Side Request Forgery Prevention", OWASP Cheat Sheet Series; 169.254.169.254 is EC2's
instance metadata, 169.254.170.2 ECS's).

A host is a name as DNS has it, in small ASCII letters, or an address as it is usually written.
Other spellings mean other hosts to other programs: ``2130706433``, ``0x7f.1`` and digits or full
stops of other scripts all lead to 127.0.0.1 somewhere, a proxy for one.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from shipway.util.loopback import is_loopback

# RFC 6052 and RFC 3056: addresses of IPv6 that stand for one of IPv4.
_NAT64: Final = IPv6Network("64:ff9b::/96")
_6TO4: Final = IPv6Network("2002::/16")
# "IPv6 Global Unicast Address Assignments" (IANA): no other block is for everybody. What is taken
# out of it below Python's own lists have or lack, as old as they are.
_FOR_EVERYBODY: Final = IPv6Network("2000::/3")
_NOT_FOR_EVERYBODY: Final = (
    IPv6Network("3fff::/20"),  # RFC 9637: documentation
    IPv4Network("192.0.0.0/24"),  # "IANA IPv4 Special-Purpose Address Registry"
    IPv4Network("192.88.99.0/24"),  # the same: relays of 6to4
    IPv4Network("168.63.129.16/32"),  # Azure's host ("What is IP address 168.63.129.16?")
)
# RFC 6762, appendix G, and RFC 8375: names that are used inside networks.
_NO_NAMES: Final = (
    *(".internal", ".intranet", ".private", ".corp", ".home", ".lan"),
    *(".local", ".localhost", ".localdomain", ".arpa"),
)
_LONGEST_NAME: Final = 253
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
# The last one is no number ("URL", WHATWG: a host that ends in a number is an address of IPv4).
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")


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
    if not (url.isascii() and url.isprintable()) or " " in url:
        return "holds what no address holds: a space, a control character or a letter beyond ASCII"
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
    if not _NAME.fullmatch(host) or len(host) > _LONGEST_NAME or "[" in parts.netloc:
        return "names no host as DNS has them: letters, digits and -, with a domain behind it"
    return ""


def not_public(address: str) -> str:
    """Why an IP address is none that everybody reaches; empty where it is.

    Raises:
        ValueError: It is no IP address.
    """
    public = all(map(_is_public, _meant(ip_address(address))))
    return "" if public else "leads into a private network"


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    taken_out = any(address in each for each in _NOT_FOR_EVERYBODY)
    if not address.is_global or address.is_multicast or taken_out:
        return False
    if isinstance(address, IPv4Address):
        return True
    return address.scope_id is None and (address in _FOR_EVERYBODY or address in _NAT64)


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
