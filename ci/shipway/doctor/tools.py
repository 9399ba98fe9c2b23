"""The programs that a delivery runs: git, docker with buildx, syft. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shipway.config.environment import Sbom
from shipway.doctor.finding import Finding, Looked, Unseen, needed, ok, wrong

_NO_SYFT: Final = "install the extra: pip install 'shipway[sbom]' (the sessions of nox bring it)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What there is on this machine.

    Attributes:
        buildx: The version of docker's buildx.
        engine: The version of the engine that answers.
        syft: Whether syft is installed.
    """

    buildx: Looked[str]
    engine: Looked[str]
    syft: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an environment asks of them.

    Attributes:
        builds: Whether an image is built for it; not where one is promoted.
        engine: Whether the engine of this machine builds it.
        sbom: What delivery.toml says of bills of materials.
    """

    builds: bool = True
    engine: bool = True
    sbom: Sbom = "if-available"


def judge(git: Looked[str], tools: Tools, wanted: Wanted) -> Iterator[Finding]:
    """Each program, and whether it is there.

    Args:
        git: What git says of the commit that is checked out.
        tools: The others.
        wanted: What the environment asks of them.
    """
    yield _version("git", git)
    if wanted.builds:
        yield _version("docker buildx", tools.buildx)
    else:
        yield ok("docker buildx", "not needed: images are promoted, none is built")
    if wanted.builds and wanted.engine:
        yield _version("engine", tools.engine)
    else:
        yield ok("engine", "not needed: none of this machine builds")
    if tools.syft:
        yield ok("syft", "installed")
    elif wanted.sbom == "required":
        yield wrong("syft", 'sbom = "required", and syft is not installed', _NO_SYFT)
    else:
        yield ok("syft", f'not installed; sbom = "{wanted.sbom}" asks for none')


def _version(name: str, looked: Looked[str]) -> Finding:
    return needed(name, looked) if isinstance(looked, Unseen) else ok(name, looked)
