"""How AWS's names look, and keys of our own: what more than one table of delivery.toml asks."""

from __future__ import annotations

from typing import Annotated, Final

from shipway.config.rules import Rule

ARN: Final = r"arn:aws[a-z-]*:"
# ECS API Reference, CreateCluster and CreateService: up to 255 letters, digits, "_" and "-".
ECS_NAME: Final = r"[A-Za-z0-9_-]{1,255}"

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
