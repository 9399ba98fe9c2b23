"""What a service of delivery.toml sets in its task definition, as types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field

from shipway.config.names import ARN
from shipway.config.overlay import ContainerOverlay
from shipway.config.rules import Rule, Table

Variable = Annotated[
    str,
    Rule(
        expected="the name of an environment variable",
        shape=r"[A-Za-z_][A-Za-z0-9_.-]{0,254}",
        references=(),
    ),
]
Value = Annotated[str, Rule(expected="a text")]
# ECS API Reference, Secret: the ARN of a secret or parameter, or the name of a parameter of the
# task's own region. A reference would be looked up, and its content written out.
SecretSource = Annotated[
    str,
    Rule(
        expected="the ARN of a secret of Secrets Manager or of a parameter, or a parameter's name",
        shape=rf"{ARN}(?:secretsmanager|ssm):[!-~]+|/?[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*",
        references=(),
    ),
]
# From the repository's top, and below it: no way out by "..", nor by a path of the machine.
TaskFilePath = Annotated[
    str,
    Rule(
        expected='a JSON file of the repository such as "infra/task.json", without ".."',
        shape=r"(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\x00-\x1f\\:]+",
        references=(),
    ),
]
CommandWord = Annotated[str, Rule(expected="a word of a command", references=())]
# ECS Developer Guide, "Amazon ECS task definition parameters": 192 vCPUs are the most.
CpuUnits = Annotated[int, Rule(expected="CPU units from 0 to 196608", low=0, high=196608)]
Mebibytes = Annotated[int, Rule(expected="MiB from 0 to 1000000", low=0, high=1000000)]
SET_ONCE: Final = ("environment", "secrets", "unset", "command")
"""Keys of a service about its own container, which that container's own table may say instead."""


class ContainerTable(Table):
    """One container of the live task definition: what is set in it. All else stays as it is."""

    image: Annotated[
        str,
        Rule(
            expected="the reference of an image, or the name of one of [images]",
            shape=r"[A-Za-z0-9][!-~]*[/:@][!-~]+|[a-z][a-z0-9-]{0,31}",
        ),
    ] = Field(
        default="",
        description="The image that it is to run: a reference, best pinned by its digest, or the "
        "name of one of `[images]`; not of a container that takes the service's image "
        "(`container`, `same_image`).",
    )
    environment: dict[Variable, Value] = Field(
        default={}, description="Variables that are set; the others stay."
    )
    secrets: dict[Variable, SecretSource] = Field(
        default={},
        description="Variables and the secret that each comes from (`valueFrom`); the others stay.",
    )
    unset: list[Variable] = Field(
        default=[], description="Variables and secrets that are taken away."
    )
    command: list[CommandWord] = Field(
        default=[], description="What it runs in the place of the image's CMD, word by word."
    )
    cpu: CpuUnits = Field(default=0, description="CPU units of the container; 0 leaves them.")
    memory: Mebibytes = Field(
        default=0,
        description="MiB that the container may take, and is killed beyond; 0 leaves it.",
    )


def overlay_of(name: str, table: ContainerTable) -> ContainerOverlay:
    """A container's table as a value."""
    built = bool(re.fullmatch(r"[a-z][a-z0-9-]{0,31}", table.image))
    return ContainerOverlay(
        name=name,
        image="" if built else table.image,
        built=table.image if built else "",
        environment=tuple((key, str(value)) for key, value in table.environment.items()),
        secrets=tuple(table.secrets.items()),
        unset=tuple(table.unset),
        command=tuple(table.command),
        cpu=table.cpu,
        memory=table.memory,
    )


def contradictions(table: ContainerTable) -> Iterator[tuple[str, str, str]]:
    """Key, name and what is wrong with what one container is to have."""
    for name in table.environment:
        if name in table.secrets:
            yield "secrets", name, "is a variable of `environment`, too: ECS takes it once"
    for name in table.unset:
        if name in table.environment or name in table.secrets:
            yield "unset", name, "is set beside it"
