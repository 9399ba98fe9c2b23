"""Which Docker engine the sandbox will use: facts in, plan out. Nothing here touches a machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from shipway.errors import EngineError
from shipway_sandbox.engine.apt import Suite, Wanted

OLDEST_API: Final = (1, 42)
"""Docker 23.0: the first whose BuildKit knows named contexts and attestations."""

_DEBIAN_KEYS: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
_UBUNTU_KEYS: Final = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"
_DEBIAN_MIRROR: Final = "http://deb.debian.org/debian"
_LAST_OLD_DEBIAN: Final = 12  # its docker.io is 20.10: no named contexts, no provenance
_DEBIANS: Final = {10: "buster", 11: "bullseye", 12: "bookworm", 13: "trixie"}
_ARCHITECTURES: Final = ("amd64", "arm64")

_ENGINE: Final = ("docker.io", "containerd", "tini")
_CLIENT: Final = ("docker-buildx",)
_OWN: Final = (
    "runc",  # a newer suite's runc wants a newer glibc than the machine has
    "iptables",
    "libxtables12",
    "libip4tc2",
    "libip6tc2",
    "libnftnl11",
    "libmnl0",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
    "libseccomp2",
)

_UNSET: Final = "unset DOCKER_HOST to let shipway find or start an engine on this machine"
_START_OR_UNSET: Final = f"start that engine, or {_UNSET}"
_OF_ONES_OWN: Final = "start a Docker engine (23.0 or newer) and set DOCKER_HOST to its socket"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAnswer:
    """What an engine that answers says of itself.

    Attributes:
        host: Its DOCKER_HOST value.
        version: Such as ``26.1.5``.
        api: The highest API version it speaks, such as ``1.45``.
        buildx: Whether the docker CLI on PATH has a working buildx.
    """

    host: str
    version: str
    api: str
    buildx: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was found on this machine.

    Attributes:
        wish: The value of DOCKER_HOST, or an empty text.
        answer: The first engine that answers, where one does.
        system: ``Linux``, ``Darwin`` …
        root: Whether we are root.
        distribution: ``ID`` of os-release(5).
        release: ``VERSION_ID`` of os-release(5).
        codename: ``VERSION_CODENAME`` of os-release(5).
        architecture: What ``dpkg --print-architecture`` says, or an empty text without dpkg.
        apt: Whether apt-get is there.
        sources: apt's own sources, as :func:`.sources.read_sources` gives them.
        authorities: Certificates that it trusts beyond its distribution's (:mod:`.authorities`).
    """

    wish: str = ""
    answer: EngineAnswer | None = None
    system: str = "Linux"
    root: bool = True
    distribution: str = ""
    release: str = ""
    codename: str = ""
    architecture: str = ""
    apt: bool = False
    sources: tuple[Suite, ...] = ()
    authorities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UseExisting:
    """An engine answers and will do; ``client`` is what must be fetched to speak to it."""

    answer: EngineAnswer
    architecture: str = ""
    client: tuple[Wanted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPrivate:
    """None answers; one of our own can be started from these packages."""

    architecture: str
    packages: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cannot:
    """There is no engine and none can be started: why, and what a person can do."""

    what: str
    remedy: str
    where: str = ""

    def error(self) -> EngineError:
        """The error (exit code 12) that says the same, for who wanted an engine."""
        return EngineError(self.what, where=self.where, remedy=self.remedy)


Plan = UseExisting | StartPrivate | Cannot


def decide(facts: Facts) -> Plan:
    """Choose the engine. An engine that answers is used, or refused with the reason; never both."""
    if facts.answer is not None:
        return _existing(facts.answer, facts)
    if facts.wish:
        return Cannot(
            what=_silent(facts.wish),
            where=f"DOCKER_HOST={facts.wish}",
            remedy=_START_OR_UNSET if facts.wish.startswith("unix://") else _UNSET,
        )
    if why := _unable(facts):
        return why
    return StartPrivate(architecture=facts.architecture, packages=engine_packages(facts))


def _silent(host: str) -> str:
    if host.startswith(("ssh://", "tcp://", "http://", "https://")):
        return (
            "the sandbox needs an engine on this machine, reached over a unix socket: "
            "its registry and load balancer listen on 127.0.0.1 only"
        )
    return "no Docker engine answers where DOCKER_HOST points"


def _existing(answer: EngineAnswer, facts: Facts) -> Plan:
    parts = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,4})", answer.api)
    if parts is None or (int(parts[1]), int(parts[2])) < OLDEST_API:
        oldest = ".".join(map(str, OLDEST_API))
        return Cannot(
            what=f"the Docker engine {answer.version} is too old: it speaks API {answer.api}, "
            f"the sandbox needs {oldest} (Docker 23.0)",
            where=answer.host,
            remedy="update that engine, or stop it and run as root on Debian or Ubuntu to have a "
            "private one",
        )
    if answer.buildx:
        return UseExisting(answer=answer)
    if not facts.apt or _unknown(facts):
        return Cannot(
            what="a Docker engine answers, but the docker CLI has no buildx",
            where=answer.host,
            remedy="install the docker-buildx-plugin (or docker-buildx) package",
        )
    return UseExisting(
        answer=answer, architecture=facts.architecture, client=client_packages(facts)
    )


def _unknown(facts: Facts) -> bool:
    known = facts.distribution in {"debian", "ubuntu"} and bool(facts.codename)
    return not known or facts.architecture not in _ARCHITECTURES


def _unable(facts: Facts) -> Cannot | None:
    """Why no private engine can be started here, from the plainest reason to the finest."""
    if facts.system != "Linux":
        product = "Docker Desktop, OrbStack or colima" if facts.system == "Darwin" else "Docker"
        return Cannot(
            what=f"no Docker engine answers, and none can be started on {facts.system}",
            remedy=f"start {product}, then run this again",
        )
    if facts.distribution not in {"debian", "ubuntu"} or not facts.apt or not facts.codename:
        name = facts.distribution or "this distribution"
        return Cannot(
            what=f"no Docker engine answers, and on {name} none can be started: "
            "packages come from Debian or Ubuntu through apt-get",
            remedy=_OF_ONES_OWN,
        )
    if facts.architecture not in _ARCHITECTURES:
        return Cannot(
            what=f"no Docker engine answers, and none can be started on {facts.architecture}: "
            f"the sandbox knows {' and '.join(_ARCHITECTURES)}",
            remedy=_OF_ONES_OWN,
        )
    if not facts.root:
        return Cannot(
            what="no Docker engine answers, and only root can start one",
            remedy=f"{_OF_ONES_OWN}, or run this as root; "
            "if an engine runs, your user may not be in the docker group",
        )
    return None


def own_suite(facts: Facts) -> Suite:
    """The suite the machine itself runs, from the mirror that its own sources name."""
    ubuntu = facts.distribution == "ubuntu"
    configured = next((s for s in facts.sources if facts.codename in s.pockets), None)
    keys = _UBUNTU_KEYS if ubuntu else _DEBIAN_KEYS
    if configured is not None:
        uri, keys = configured.uri, configured.keyring or keys
    elif not ubuntu:
        uri = _DEBIAN_MIRROR
    elif facts.architecture == "amd64":
        uri = "http://archive.ubuntu.com/ubuntu"
    else:
        uri = "http://ports.ubuntu.com/ubuntu-ports"
    return Suite(
        facts.codename,
        uri,
        keys,
        # Ubuntu brings newer Docker packages, and docker-buildx to 22.04, through -updates only.
        (facts.codename, f"{facts.codename}-updates") if ubuntu else (facts.codename,),
        ("main", "universe") if ubuntu else ("main",),
    )


def engine_suite(facts: Facts) -> Suite:
    """Where docker.io comes from: Debian 13 for older Debian, else the machine's own suite."""
    own = own_suite(facts)
    if facts.distribution != "debian" or not _is_old(facts):
        return own
    return Suite("trixie", own.uri, _DEBIAN_KEYS, ("trixie",))


def _is_old(facts: Facts) -> bool:
    if re.fullmatch(r"[0-9]{1,3}", facts.release):
        return int(facts.release) <= _LAST_OLD_DEBIAN
    return facts.codename in {_DEBIANS[n] for n in _DEBIANS if n <= _LAST_OLD_DEBIAN}


def client_packages(facts: Facts) -> tuple[Wanted, ...]:
    """The docker CLI and buildx; on Ubuntu the CLI is a part of docker.io."""
    cli = "docker.io" if facts.distribution == "ubuntu" else "docker-cli"
    return (Wanted(engine_suite(facts), (cli, *_CLIENT)),)


def engine_packages(facts: Facts) -> tuple[Wanted, ...]:
    """Everything a private engine needs beyond what each Debian and Ubuntu machine has."""
    cli = () if facts.distribution == "ubuntu" else ("docker-cli",)
    names = (*_ENGINE, *cli, *_CLIENT)
    own, newer = own_suite(facts), engine_suite(facts)
    if own == newer:
        return (Wanted(own, (*names, *_OWN)),)
    return (Wanted(newer, names), Wanted(own, _OWN))
