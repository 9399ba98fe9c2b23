"""A Dockerfile's text, read for what it says of the service. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Final

from shipway.adoption.facts import Dockerfile
from shipway.errors import ConfigurationError
from shipway.image.dockerfile_parser import instructions
from shipway.image.dockerfile_words import UnsureError
from shipway.image.final_stage import final_stage

# It ends where the shell's word or a program's text does.
_ASKED: Final = re.compile(
    r"https?://[^\s/\"'$]+(?:\$\{?\w+\}?)?(?P<path>/(?:(?!&&)[^\s\"'`,|;)\]\\])*)"
)
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
            f"there are {len(paths)} Dockerfiles, and init writes one image",
            where=", ".join(paths),
            remedy=f"name the first: shipway init --dockerfile {paths[0]}; a second service of its "
            "image: --worker NAME=COMMAND; further images: [images.NAME], by hand afterwards",
        )
    return paths[0]


def read(path: str, text: str, exists: Callable[[str], bool]) -> Dockerfile:
    """What a Dockerfile says.

    Args:
        path: From the repository's root.
        text: Its content.
        exists: Whether there is a file or folder of that path in the repository.

    Raises:
        ConfigurationError: It is none that BuildKit would build.
    """
    try:
        stage = final_stage(text)
        copied = [
            source
            for instruction in instructions(text)
            if instruction.name in {"COPY", "ADD"}
            and not any(flag.startswith("--from=") for flag in instruction.flags)
            for source in _sources(instruction.fields())
        ]
    except UnsureError as error:
        raise ConfigurationError(
            f"the Dockerfile is not understood: {error}",
            where=path,
            remedy="docker build would refuse it too: correct it, then run it again",
        ) from error
    asked = _ASKED.search(stage.health)
    return Dockerfile(
        path=path,
        context=_context(path, copied, exists),
        port=stage.port,
        health_path=asked["path"] if asked else "",
        user="" if stage.user.partition(":")[0] in {"root", "0"} else stage.user,
    )


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
