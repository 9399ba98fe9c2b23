"""A Dockerfile's text, read for what it says of the service. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from shipway.adoption.facts import Dockerfile
from shipway.errors import ConfigurationError
from shipway.image.dockerfile_parser import instructions
from shipway.image.dockerfile_words import UnsureError

_ASKED: Final = re.compile(r"https?://[^\s/\"'$]+(?:\$\{?\w+\}?)?(?P<path>/[^\s\"',|;)\]]*)")
_PORT: Final = re.compile(r"(?P<port>[0-9]{1,5})(?:/tcp)?")
_WILD: Final = re.compile(r"[*?\[$]")


def is_dockerfile(name: str) -> bool:
    """Whether a file is called like a Dockerfile ("docker build", Docker's reference)."""
    if name.endswith(".dockerignore"):
        return False
    return name in {"Dockerfile", "Containerfile"} or name.endswith(".Dockerfile")


def choose(paths: Sequence[str], named: str) -> str:
    """The one Dockerfile.

    Args:
        paths: Those that there are, from the repository's root.
        named: What ``--dockerfile`` says; it may be called otherwise.

    Raises:
        ConfigurationError: There is none, or there are several and none is named.
    """
    if named:
        return str(PurePosixPath(named))
    if not paths:
        raise ConfigurationError(
            "there is no Dockerfile in this repository",
            where=".",
            remedy="write one: shipway delivers images; or name it: --dockerfile PATH",
        )
    if len(paths) > 1:
        raise ConfigurationError(
            f"there are {len(paths)} Dockerfiles, and one image is delivered",
            where=", ".join(paths),
            remedy=f"name the one: shipway init --dockerfile {paths[0]}",
        )
    return paths[0]


@dataclass(slots=True)
class _Stage:
    """What the stage that is read says; the last one is what runs."""

    exposed: list[str] = field(default_factory=list)
    health: str = ""
    user: str = ""


def read(path: str, text: str, exists: Callable[[str], bool]) -> Dockerfile:
    """What a Dockerfile says.

    Args:
        path: From the repository's root.
        text: Its content.
        exists: Whether there is a file or folder of that path in the repository.

    Raises:
        ConfigurationError: It is none that BuildKit would build.
    """
    stages: dict[str, _Stage] = {}
    stage, copied = _Stage(), list[str]()
    try:
        for instruction in instructions(text):
            rest = instruction.rest
            match instruction.name:
                case "FROM":
                    stage = _begun(instruction.fields(), stages)
                case "EXPOSE":
                    stage.exposed += instruction.fields()
                case "HEALTHCHECK":
                    stage.health = "" if rest.strip().upper() == "NONE" else rest
                case "USER":
                    stage.user = rest.strip()
                case "COPY" | "ADD" if not any(f.startswith("--from=") for f in instruction.flags):
                    copied += _sources(instruction.fields())
    except UnsureError as error:
        raise ConfigurationError(
            f"the Dockerfile is not understood: {error}",
            where=path,
            remedy="docker build would refuse it too: correct it, then run it again",
        ) from error
    ports = [int(match["port"]) for port in stage.exposed if (match := _PORT.fullmatch(port))]
    asked = _ASKED.search(stage.health)
    return Dockerfile(
        path=path,
        context=_context(path, copied, exists),
        port=next((port for port in ports if port), 0),
        health_path=asked["path"] if asked else "",
        user="" if stage.user.partition(":")[0] in {"root", "0"} else stage.user,
    )


def _begun(words: Sequence[str], stages: dict[str, _Stage]) -> _Stage:
    """A new stage; it has what the stage that it starts from says."""
    base = stages.get(words[0].lower()) if words else None
    stage = _Stage([*base.exposed], base.health, base.user) if base else _Stage()
    match words:
        case [_, as_, name] if as_.lower() == "as":
            stages[name.lower()] = stage
    return stage


def _sources(words: Sequence[str]) -> list[str]:
    """What is copied from the context; names with wild cards or variables tell nothing."""
    names = [word.strip("[]\",'") for word in words]
    return [
        name.removeprefix("./").rstrip("/")
        for name in names[:-1]
        if "://" not in name and not _WILD.search(name) and not name.startswith("<<")
    ]


def _context(path: str, copied: Sequence[str], exists: Callable[[str], bool]) -> str:
    """The Dockerfile's own folder, or the root where only there all is that it copies."""
    own = str(PurePosixPath(path).parent)
    if own == "." or all(exists(f"{own}/{name}") for name in copied if name not in {"", "."}):
        return own
    return "." if all(exists(name) for name in copied if name) else own
