"""The private engine's own piece of network: one bridge, one address pool, three firewall rules.

dockerd's own firewall code is switched off (``--iptables=false``): at its start it would empty the
DOCKER chains of another engine and turn the FORWARD policy to DROP, and a killed one could never
take that back. With ``--bridge=none`` dockerd deletes the other engine's ``docker0``, and RUN steps
have no network. So the device and the rules are made here, by names and addresses of our own, and
can be found and removed at any later time, also by another process.

Published ports are served by docker-proxy on 127.0.0.1, which needs no firewall rule.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import socket
import struct
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# linux/sockios.h and linux/if.h
_SIOCGIFADDR: Final = 0x8915
_SIOCSIFADDR: Final = 0x8916
_SIOCSIFNETMASK: Final = 0x891C
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_SIOCBRADDBR: Final = 0x89A0
_SIOCBRDELBR: Final = 0x89A1
_IFF_UP: Final = 0x1

_FORWARD: Final = Path("/proc/sys/net/ipv4/ip_forward")

SLOTS: Final = 16
"""How many private engines may run at once on one machine."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One private engine's share of the machine; ``number`` is from 0 to 15.

    Networks come from 10.213.0.0/16, which Docker's own defaults (172.17.0.0/16 and on,
    192.168.0.0/16) leave alone.
    """

    number: int

    @property
    def pool(self) -> ipaddress.IPv4Network:
        """Everything this slot may use: a /20."""
        return ipaddress.IPv4Network((f"10.213.{self.number * 16}.0", 20))

    @property
    def bridge(self) -> str:
        """The device name of the engine's default bridge."""
        return f"shipway{self.number}"

    @property
    def gateway(self) -> str:
        """The bridge's own address; its network is a /24."""
        return f"10.213.{self.number * 16}.1"

    @property
    def networks(self) -> str:
        """The upper half of the pool, for user-defined networks."""
        return f"10.213.{self.number * 16 + 8}.0/21"

    @property
    def cgroup(self) -> str:
        """The control group that all containers of this engine are in."""
        return f"shipway{self.number}"


def overlaps(routes: str, pool: ipaddress.IPv4Network) -> str:
    """The device that already routes a part of ``pool``, or an empty text.

    Args:
        routes: The text of ``/proc/net/route``: addresses are little-endian hexadecimal.
        pool: What we want to use.
    """
    for line in routes.splitlines()[1:]:
        fields = line.split()
        device, destination, mask = fields[0], int(fields[1], 16), int(fields[7], 16)
        if not mask:
            continue  # the default route leads everywhere, and gives way to any other
        net = ipaddress.IPv4Network(
            (struct.pack("<I", destination), _prefix(struct.pack("<I", mask))), strict=False
        )
        if net.overlaps(pool):
            return device
    return ""


def _prefix(mask: bytes) -> int:
    return int.from_bytes(mask, "big").bit_count()


def _ioctl(request: int, payload: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        return fcntl.ioctl(control.fileno(), request, payload)


def _ifreq_address(name: str, address: str) -> bytes:
    sockaddr = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
    return struct.pack("16s16s8x", name.encode(), sockaddr)


def _set_up(name: str, *, up: bool) -> None:
    answer = _ioctl(_SIOCGIFFLAGS, struct.pack("16sH22x", name.encode(), 0))
    flags = struct.unpack("16sH22x", answer)[1]
    flags = flags | _IFF_UP if up else flags & ~_IFF_UP
    _ioctl(_SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), flags))


def address_of(name: str) -> str:
    """The first IPv4 address of a device, or an empty text."""
    try:
        answer = _ioctl(_SIOCGIFADDR, _ifreq_address(name, "0.0.0.0"))  # noqa: S104 - an empty field, no listener
    except OSError:
        return ""
    return socket.inet_ntoa(answer[20:24])


def add_bridge(slot: Slot) -> None:
    """Make the slot's bridge and give it its address; like ``ip link add``, without iproute2.

    Raises:
        OSError: Not root, or without CAP_NET_ADMIN in a container.
    """
    _ioctl(_SIOCBRADDBR, slot.bridge.encode() + b"\0")
    _ioctl(_SIOCSIFADDR, _ifreq_address(slot.bridge, slot.gateway))
    _ioctl(_SIOCSIFNETMASK, _ifreq_address(slot.bridge, "255.255.255.0"))
    _set_up(slot.bridge, up=True)


def own_bridges(slot: Slot) -> list[str]:
    """The slot's bridge and those of user-defined networks, known by their addresses."""
    bridges = []
    for device in sorted(Path("/sys/class/net").iterdir()):
        if not (device / "bridge").is_dir():
            continue
        address = address_of(device.name)
        if device.name == slot.bridge or (address and ipaddress.IPv4Address(address) in slot.pool):
            bridges.append(device.name)
    return bridges


def remove_bridges(slot: Slot) -> None:
    """Remove every bridge of the slot; a bridge that another process removes meanwhile is fine."""
    for name in own_bridges(slot):
        with contextlib.suppress(OSError):
            _set_up(name, up=False)
            _ioctl(_SIOCBRDELBR, name.encode() + b"\0")


def rules(slot: Slot) -> tuple[tuple[str, ...], ...]:
    """The firewall rules that give containers a way out, as ``table, chain, match…``.

    FORWARD rules are needed where another engine, or a person, has set its policy to DROP.
    """
    pool, comment = str(slot.pool), ("-m", "comment", "--comment", f"shipway{slot.number}")
    return (
        ("nat", "POSTROUTING", "-s", pool, "!", "-d", pool, *comment, "-j", "MASQUERADE"),
        ("filter", "FORWARD", "-s", pool, *comment, "-j", "ACCEPT"),
        ("filter", "FORWARD", "-d", pool, *comment, "-j", "ACCEPT"),
    )


def _iptables(env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["iptables", "-w", "3", *arguments],
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )


def add_rules(slot: Slot, env: Mapping[str, str]) -> str:
    """Add the rules and let the kernel forward.

    Returns:
        An empty text, or why containers will have no way out; nothing else depends on it.
    """
    for table, chain, *match in rules(slot):
        result = _iptables(env, "-t", table, "-I", chain, *match)
        if result.returncode:
            return result.stderr.strip() or f"iptables exited with {result.returncode}"
    try:
        _FORWARD.write_text("1\n")
    except OSError as error:
        return f"{_FORWARD}: {error}"
    return ""


def remove_rules(slot: Slot, env: Mapping[str, str]) -> None:
    """Remove the rules, as often as they are there, so that a killed run leaves none either."""
    deadline = time.monotonic() + 5.0
    for table, chain, *match in rules(slot):
        while time.monotonic() < deadline:
            if _iptables(env, "-t", table, "-D", chain, *match).returncode:
                break


def forwards() -> bool:
    """Whether the kernel forwards IPv4 between devices."""
    return _FORWARD.read_text().strip() != "0"


def stop_forwarding() -> None:
    """Put the kernel back to not forwarding."""
    with contextlib.suppress(OSError):
        _FORWARD.write_text("0\n")
