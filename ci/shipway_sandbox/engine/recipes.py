"""What the stand-ins for base images are made of, a value for each kind. Pure.

Each has what a service needs that was written for the official image: its programs where that
image has them, its users, its environment. What a stand-in lacks of it, its label says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELL: Final = ("busybox-static", "dash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One kind of base image.

    Attributes:
        kind: What it is called in the engine.
        title: What a person calls it.
        packages: What is fetched.
        closure: Whether all that the packages depend on comes with them.
        series: Pattern of the beginning of a tag that says the version.
        releases: Such a version → the Debian release that has it (packages.debian.org).
        otherwise: The version in the stand-in's name where no Debian release says one.
        version_of: Pattern of the package whose version is the base's.
        lacks: What the official image has and this one has not.
        shell: Whether busybox's applets are there as commands.
        trusts: Whether the authorities of the machine's own network are among its own.
        links: Further symbolic links, path → target.
        users: Further users, name → number; each has a group of its name.
        folders: Further folders, path → mode.
        environment: What the image's configuration says.
        command: What runs where nobody says otherwise.
        left_out: Pattern of further paths that no service needs.
        raised: Raised when the same packages give another image.
    """

    kind: str
    title: str
    packages: tuple[str, ...]
    version_of: str
    closure: bool = False
    series: str = r"(?!)"
    releases: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = "1"
    lacks: str = ""
    shell: bool = True
    trusts: bool = True
    links: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, int] = field(default_factory=dict)
    folders: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("sh",)
    left_out: str = r"(?!)"
    raised: int = 1


PYTHON: Final = Recipe(
    kind="python",
    title="Python",
    packages=("python3", "python3-pip", "passwd", *_SHELL),
    closure=True,
    series=r"3\.[0-9]{1,2}",
    releases={"3.11": "bookworm", "3.13": "trixie"},
    otherwise="3",
    version_of=r"python3\.[0-9]+",
    links={
        "usr/local/bin/python": "/usr/bin/python3",
        "usr/local/bin/python3": "/usr/bin/python3",
        "usr/local/bin/pip": "/usr/bin/pip3",
        "usr/bin/sh": "dash",
    },
    environment={"PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"},
    command=("python3",),
    raised=2,
)
BUSYBOX: Final = Recipe(
    kind="busybox",
    title="BusyBox",
    packages=("busybox-static",),
    version_of="busybox-static",
    trusts=False,
    environment={"PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"},
    raised=2,
)
# The official image has a user node, 1000, whom Dockerfiles name (nodejs/docker-node, README,
# "Best Practices").
NODE: Final = Recipe(
    kind="node",
    title="Node.js",
    packages=("nodejs", "ca-certificates", *_SHELL),
    closure=True,
    series="[0-9]{1,2}",
    releases={"18": "bookworm", "20": "trixie"},
    otherwise="lts",
    version_of="nodejs",
    lacks="without npm",
    links={"usr/local/bin/node": "/usr/bin/node", "usr/bin/sh": "dash"},
    users={"node": 1000},
    folders={"home/node": 0o755},
    environment={"PATH": _PATH},
    command=("node",),
)
# GOTOOLCHAIN and the path are the official image's (docker-library/golang).
GOLANG: Final = Recipe(
    kind="golang",
    title="Go",
    packages=("golang-go", "ca-certificates", *_SHELL),
    closure=True,
    series=r"1\.[0-9]{1,2}",
    releases={"1.19": "bookworm", "1.24": "trixie"},
    version_of=r"golang-1\.[0-9]+-go",
    lacks="without a C compiler and git",
    links={"usr/local/go": "../lib/go", "usr/bin/sh": "dash"},
    folders={"go": 0o1777},
    environment={
        "PATH": f"/go/bin:/usr/local/go/bin:{_PATH}",
        "GOPATH": "/go",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    },
    left_out=r"usr/share/go-[^/]+/(test|api)/|usr/share/go-[^/]+/src/.*(_test\.go$|/testdata/)",
)
# Its content and its user nonroot, 65532: GoogleContainerTools/distroless, base/README.md.
STATIC: Final = Recipe(
    kind="static",
    title="certificates and time zones",
    packages=("ca-certificates", "tzdata"),
    version_of="ca-certificates",
    otherwise="any",
    shell=False,
    users={"nonroot": 65532},
    folders={"home/nonroot": 0o755},
    environment={"PATH": _PATH, "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"},
    command=(),
)
RECIPES: Final = {recipe.kind: recipe for recipe in (PYTHON, BUSYBOX, NODE, GOLANG, STATIC)}

HAD: Final = (
    "python:*, node:*, golang:* (none of them alpine), busybox:* and gcr.io/distroless/static* "
    "can be assembled from packages"
)
_OFFICIAL: Final = frozenset({"", "library", "docker.io", "docker.io/library"})
_STATIC: Final = re.compile(r"gcr\.io/distroless/static(?:-debian[0-9]+)?")


def recipe_for(repository: str, tag: str) -> Recipe | None:
    """What can honestly stand in for an image; ``None`` where nothing can.

    Args:
        repository: The reference without its tag and digest.
        tag: Its tag; may be empty.
    """
    if _STATIC.fullmatch(repository):
        return STATIC if "debug" not in tag else None
    place, _, kind = repository.rpartition("/")
    official = place in _OFFICIAL or place.endswith("docker/library")
    foreign = "alpine" in tag or "windows" in tag or "nanoserver" in tag
    if not official or foreign or kind == STATIC.kind:
        return None
    return RECIPES.get(kind)
