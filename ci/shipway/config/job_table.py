"""``[environments.NAME.jobs.KEY]`` as types."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shipway.config.job import Job, When
from shipway.config.names import ARN, ECS_NAME, ArgumentName, Key
from shipway.config.rules import Rule, Table, number

_WORD = Annotated[str, Rule(expected="a word of a command", references=())]
_TEXT = Annotated[str, Rule(expected="a text", references=())]
_SERVICE = Annotated[
    str,
    Rule(
        expected="the name of a service of this environment",
        shape=r"[a-z][a-z0-9-]{0,31}",
        references=(),
    ),
]


class JobComputeTable(Table):
    """What the embedded sandbox makes a job's own task definition of. At AWS it is there."""

    cpu: Annotated[int, Rule(expected="CPU units", low=2, high=16384, references=())] = Field(
        default=256, description="CPU units; 1024 are a core."
    )
    memory: Annotated[int, Rule(expected="MiB", low=6, high=122880, references=())] = Field(
        default=512, description="MiB that the task may take; one that takes more is killed."
    )
    environment: dict[ArgumentName, _TEXT] = Field(
        default={}, description="The container's environment variables."
    )


class JobTable(Table):
    """A task that runs to its end: before or after a rollout, or by hand (`shipway run KEY`)."""

    when: Annotated[
        When,
        Rule(
            expected='"before", "after" or "by-hand"', shape="before|after|by-hand", references=()
        ),
    ] = Field(
        description="`before` anything of the release moves, `after` it is verified, or only when "
        "a person asks for it."
    )
    service: _SERVICE = Field(
        default="",
        description="The service whose task definition it takes. Either this or `task_definition`.",
    )
    task_definition: Annotated[
        str,
        Rule(
            expected="the family or ARN of a task definition",
            shape=rf"(?:{ARN}ecs:[a-z0-9-]+:[0-9]{{12}}:task-definition/)?{ECS_NAME}(?::[0-9]+)?",
        ),
    ] = Field(
        default="",
        description="A task definition of its own: its family, whose newest revision is taken, or "
        "one revision by `family:revision` or ARN.",
    )
    container: Annotated[
        str, Rule(expected="the name of a container in the task definition", shape=ECS_NAME)
    ] = Field(
        default="",
        description="The essential container that takes the image and whose exit code decides. "
        "Without it the service's, or the only one there is.",
    )
    image: Annotated[
        str,
        Rule(expected="the name of one of [images]", shape=r"[a-z][a-z0-9-]{0,31}", references=()),
    ] = Field(
        default="",
        description="Which of `[images]` it runs. Without it the one of `service`, or the only one "
        "there is.",
    )
    command: list[_WORD] = Field(
        default=[], description="What it runs in the place of the image's CMD, word by word."
    )
    timeout: Annotated[int, number("seconds", 1, 86400)] = Field(
        default=900,
        description="Seconds that it may take, the wait for a place to run included. Then it is "
        "stopped, and has failed.",
    )
    after: list[Key] = Field(
        default=[], description="Jobs that must have ended well before it begins."
    )
    network: _SERVICE = Field(
        default="",
        description="The service whose network and launch type it takes. Without it `service`, "
        "else the environment's first.",
    )
    subnets: list[
        Annotated[str, Rule(expected="the id of a subnet", shape=r"subnet-[0-9a-z-]{1,64}")]
    ] = Field(default=[], description="Subnets instead of those of `network`.")
    security_groups: list[
        Annotated[str, Rule(expected="the id of a security group", shape=r"sg-[0-9a-z-]{1,64}")]
    ] = Field(default=[], description="Security groups, beside `subnets`.")
    public_ip: Annotated[bool, Rule(expected="true or false")] = Field(
        default=False, description="Whether it gets a public address, beside `subnets`."
    )
    compute: JobComputeTable = Field(
        default_factory=JobComputeTable,
        description="What the embedded sandbox makes its own task definition of.",
    )


def job_of(key: str, table: JobTable, first_service: str, image: str) -> Job:
    """A job's table as a value.

    Args:
        key: Its name in delivery.toml.
        table: What is said of it.
        first_service: The environment's first service, where it runs by default.
        image: The key of the image that it runs.
    """
    return Job(
        key=key,
        when=table.when,
        service=table.service,
        task_definition=table.task_definition,
        container=table.container,
        image=image,
        command=tuple(table.command),
        timeout=table.timeout,
        after=tuple(table.after),
        network=table.network or table.service or first_service,
        subnets=tuple(table.subnets),
        security_groups=tuple(table.security_groups),
        public_ip=table.public_ip,
    )
