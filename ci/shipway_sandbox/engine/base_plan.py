"""What can stand in for a base image where no hub can be reached. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from shipway.errors import BuildError
from shipway_sandbox.engine.apt import Suite, Wanted
from shipway_sandbox.engine.engine_plan import Facts, engine_suite, own_suite

_RECIPE: Final = 2  # raise it when the same packages give another image

_PYTHONS: Final[Mapping[str, str]] = {
    "3.11": "bookworm",
    "3.13": "trixie",
}
"""Python versions that a Debian release has (packages.debian.org, python3)."""

_RELEASES: Final[Mapping[str, str]] = {"bookworm": "12", "trixie": "13"}

_PYTHON_PACKAGES: Final = ("python3", "python3-pip", "passwd", "busybox-static", "dash")
_BUSYBOX_PACKAGES: Final = ("busybox-static",)

_HAD: Final = "python:* (not alpine) and busybox:* can be assembled from packages"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """What to assemble for a reference.

    Attributes:
        reference: As it stands in the Dockerfile.
        kind: ``python`` or ``busybox``.
        name: The image's name in the engine, the same for the same content.
        distribution: Such as ``Debian 13``.
        packages: What to fetch.
    """

    reference: str
    kind: str
    name: str
    distribution: str
    packages: Wanted


def registry_of(reference: str) -> str:
    """The registry's host of a reference, ``registry-1.docker.io`` for names without one.

    The first part of a name is a host where it has a dot or a colon, or is ``localhost``
    (distribution/reference, normalize.go).
    """
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost") and first != "docker.io":
        return first
    return "registry-1.docker.io"


def plan_base(reference: str, facts: Facts) -> StandIn:
    """Choose what stands in for ``reference``.

    Raises:
        BuildError: Nothing honest can.
    """
    name, _, _digest = reference.partition("@")
    repository, _, tag = name.partition(":") if "/" not in name else _split(name)
    kind = repository.rpartition("/")[2]
    official = repository.removesuffix(kind).rstrip("/")
    known = official in {"", "library", "docker.io", "docker.io/library"} or official.endswith(
        "docker/library"
    )
    if not known or kind not in {"python", "busybox"} or "alpine" in tag or "windows" in tag:
        raise BuildError(
            f"the base image {reference} is not here, and its registry cannot be reached",
            where=registry_of(reference),
            remedy=f"load it into the engine (docker load), or connect this machine; {_HAD}",
        )
    if facts.distribution not in {"debian", "ubuntu"} or not facts.apt:
        raise BuildError(
            f"the base image {reference} is not here, and its registry cannot be reached",
            where=registry_of(reference),
            remedy="load it into the engine (docker load), or connect this machine; only on "
            "Debian and Ubuntu can one be assembled from packages",
        )
    suite = _python_suite(tag, facts) if kind == "python" else engine_suite(facts)
    release = _RELEASES.get(suite.name, facts.release)
    series = next((v for v, at in _PYTHONS.items() if at == suite.name), "3")
    version = series if kind == "python" else "1"
    distribution = "ubuntu" if facts.distribution == "ubuntu" else "debian"
    packages = _PYTHON_PACKAGES if kind == "python" else _BUSYBOX_PACKAGES
    return StandIn(
        reference=reference,
        kind=kind,
        name=f"shipway-sandbox/{kind}:{version}-{distribution}{release}-{_RECIPE}",
        distribution=f"{distribution.title()} {release}",
        packages=Wanted(suite, packages, closure=kind == "python"),
    )


def _split(name: str) -> tuple[str, str, str]:
    path, slash, last = name.rpartition("/")
    repository, colon, tag = last.partition(":")
    return f"{path}{slash}{repository}", colon, tag


def _python_suite(tag: str, facts: Facts) -> Suite:
    """The suite whose Python is the one asked for, else the one the engine came from."""
    newest = engine_suite(facts)
    if facts.distribution != "debian":
        return newest
    match = re.match(r"3\.[0-9]{1,2}", tag)
    codename = _PYTHONS.get(match[0], newest.name) if match else newest.name
    if codename == newest.name:
        return newest
    own = own_suite(facts)
    return own if codename == own.name else replace(newest, name=codename, pockets=(codename,))
