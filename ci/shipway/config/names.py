"""How AWS's names look, and keys of our own: what more than one table of delivery.toml asks."""

from __future__ import annotations

from typing import Annotated, Final

from shipway.config.rules import Rule

ARN: Final = r"arn:aws[a-z-]*:"
# ECS API Reference, CreateCluster and CreateService: up to 255 letters, digits, "_" and "-".
ECS_NAME: Final = r"[A-Za-z0-9_-]{1,255}"

# ECR API Reference, CreateRepository: repositoryName.
WORD: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
REPOSITORY: Final = rf"{WORD}(?:/{WORD})*"
# Docker's own rule: a first part with a dot or a port, or "localhost", is a registry's host.
HOST: Final = r"(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::[0-9]{1,5})?"

Key = Annotated[
    str,
    Rule(
        expected='a name of small letters, digits and "-"',
        shape=r"[a-z][a-z0-9-]{0,31}",
        references=(),
    ),
]
ArgumentName = Annotated[
    str,
    Rule(
        expected="the name of a build argument",
        shape=r"[A-Za-z_][A-Za-z0-9_]{0,127}",
        references=(),
    ),
]
Text = Annotated[str, Rule(expected="a text")]
Switch = Annotated[bool, Rule(expected="true or false")]
