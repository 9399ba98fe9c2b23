"""What the last stage of a Dockerfile says of the program that will run. Pure.

It is one reader for whoever asks: adoption writes a configuration by it, and the embedded sandbox
is drawn by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.image.dockerfile_parser import Instruction, instructions

_PORT: Final = re.compile(r"(?P<low>[0-9]{1,5})(?:-(?P<high>[0-9]{1,5}))?(?:/(?P<protocol>\w+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalStage:
    """What runs, as far as the Dockerfile says it; what its base image says is not known.

    Attributes:
        exposed: The words of EXPOSE.
        health: HEALTHCHECK; empty without one.
        user: USER; empty without one.
    """

    exposed: tuple[str, ...] = ()
    health: str = ""
    user: str = ""

    @property
    def port(self) -> int:
        """The first TCP port of EXPOSE; 0 where none is written out as a number."""
        return next((ports[0] for ports in self._ports() if ports and ports[0]), 0)

    def serves(self, port: int) -> bool:
        """Whether EXPOSE leaves room for a port: it names it, or says nothing that is sure."""
        ranges = list(self._ports())
        return not ranges or None in ranges or any(ports and port in ports for ports in ranges)

    def _ports(self) -> Iterable[range | None]:
        """The TCP ports of each word; ``None`` for a word that a build argument decides."""
        for word in self.exposed:
            match = _PORT.fullmatch(word)
            if match is None:
                yield None
            elif (match["protocol"] or "tcp").lower() == "tcp":
                yield range(int(match["low"]), int(match["high"] or match["low"]) + 1)


def final_stage(text: str, target: str = "") -> FinalStage:
    """Read it; a stage has what the stage that it starts from says.

    Args:
        text: The Dockerfile.
        target: The stage that is built; empty for the last one.

    Raises:
        UnsureError: It is none that BuildKit would build.
    """
    stages: dict[str, FinalStage] = {}
    name, stage = "", FinalStage()
    for instruction in instructions(text):
        if instruction.name == "FROM":
            name, stage = _begun(instruction.fields(), stages)
        else:
            stage = _with(stage, instruction)
        stages[name] = stage
    return stages.get(target.lower(), stage)


def _with(stage: FinalStage, instruction: Instruction) -> FinalStage:
    exposed, health, user = stage.exposed, stage.health, stage.user
    match instruction.name:
        case "EXPOSE":
            exposed = (*exposed, *instruction.fields())
        case "HEALTHCHECK":
            health = "" if instruction.rest.strip().upper() == "NONE" else instruction.rest
        case "USER":
            user = instruction.rest.strip()
    return FinalStage(exposed=exposed, health=health, user=user)


def _begun(words: Sequence[str], stages: dict[str, FinalStage]) -> tuple[str, FinalStage]:
    """The name of a new stage, and what it has from the one that it starts from."""
    base = stages.get(words[0].lower(), FinalStage()) if words else FinalStage()
    match words:
        case [_, as_, name] if as_.lower() == "as":
            return name.lower(), base
        case _:
            return "", base
