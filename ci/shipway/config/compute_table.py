"""What the embedded sandbox runs for a service, as types."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shipway.config.names import ArgumentName, Key
from shipway.config.rules import Rule, Table


class SidecarTable(Table):
    """A container beside the one that takes the image; in the sandbox it runs busybox."""

    command: list[Annotated[str, Rule(expected="a word of a command", references=())]] = Field(
        default=[], description="What it runs, as busybox's words; empty to wait."
    )
    essential: Annotated[bool, Rule(expected="true or false", references=())] = Field(
        default=False, description="Whether its end ends the task."
    )


class ComputeTable(Table):
    """What the embedded sandbox runs for a service. At AWS the infrastructure says it."""

    port: Annotated[
        int, Rule(expected="a number from 1 to 65535", low=1, high=65535, references=())
    ] = Field(
        default=8080,
        description="What the container listens on. Without it the Dockerfile's EXPOSE holds.",
    )
    matcher: Annotated[
        str,
        Rule(
            expected='HTTP status codes such as "200" or "200-299"',
            shape=r"[0-9]{3}(?:[-,][0-9]{3})*",
            references=(),
        ),
    ] = Field(
        default="",
        description="The status codes that the target group takes for healthy; without it "
        "`expected_status`.",
    )
    cpu: Annotated[int, Rule(expected="CPU units", low=2, high=16384, references=())] = Field(
        default=256, description="CPU units; 1024 are a core."
    )
    memory: Annotated[int, Rule(expected="MiB", low=6, high=122880, references=())] = Field(
        default=512, description="MiB that a task may take; one that takes more is killed."
    )
    count: Annotated[int, Rule(expected="tasks", low=1, high=10, references=())] = Field(
        default=2, description="How many tasks run."
    )
    environment: dict[ArgumentName, Annotated[str, Rule(expected="a text", references=())]] = Field(
        default={}, description="The container's environment variables."
    )
    secrets: dict[ArgumentName, Annotated[str, Rule(expected="a text", references=())]] = Field(
        default={},
        description="Environment variables that hold secrets at AWS, each with what stands in for "
        "it here. Never a real one.",
    )
    command: list[Annotated[str, Rule(expected="a word of a command", references=())]] = Field(
        default=[],
        description="What it runs in the place of the image's CMD: so a worker and a web service "
        "run one image.",
    )
    sidecars: dict[Key, SidecarTable] = Field(
        default={}, description="Containers beside it, each under its name."
    )
