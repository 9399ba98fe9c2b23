"""One service of ``ci/delivery.toml`` as a type."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shipway.config.compute_table import ComputeTable
from shipway.config.environment import OnFailure, OnPause
from shipway.config.names import ARN, ECS_NAME, Switch
from shipway.config.overlay_table import (
    CommandWord,
    ContainerTable,
    CpuUnits,
    Mebibytes,
    SecretSource,
    TaskFilePath,
    Value,
    Variable,
)
from shipway.config.references import PARAMETER_NAME
from shipway.config.rules import Rule, Table, number, one_of

ImageName = Annotated[
    str,
    Rule(expected="the name of one of [images]", shape=r"[a-z][a-z0-9-]{0,31}", references=()),
]
ImageParameter = Annotated[
    str,
    Rule(
        expected='the name of a parameter such as "/acme/staging/image"',
        shape=PARAMETER_NAME,
        references=(),
    ),
]


class ServiceTable(Table):
    """One ECS service that runs the image."""

    image: ImageName = Field(
        default="",
        description="Which of `[images]` it runs. Needed where there are several; without "
        "`[images]` it is the one image.",
    )
    service: Annotated[
        str,
        Rule(
            expected="the name or ARN of an ECS service",
            shape=rf"(?:{ARN}ecs:[a-z0-9-]+:[0-9]{{12}}:service/(?:{ECS_NAME}/)?)?{ECS_NAME}",
        ),
    ] = Field(description="The ECS service (`serviceName`), or its ARN.")
    container: Annotated[
        str, Rule(expected="the name of a container in the task definition", shape=ECS_NAME)
    ] = Field(
        description="The container of its task definition that takes the image; "
        "the others stay as they are."
    )
    same_image: list[
        Annotated[
            str, Rule(expected="the name of a container in the task definition", shape=ECS_NAME)
        ]
    ] = Field(
        default=[],
        description="Further containers of its task definition that take the image, such as one "
        "that migrates the database first.",
    )
    url: Annotated[
        str,
        Rule(
            expected="an http:// or https:// address",
            shape=r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[!-~]*)?",
        ),
    ] = Field(default="", description="The address that must answer. Without it none is asked.")
    path: Annotated[
        str, Rule(expected='a path that begins with "/"', shape=r"/[!-~]*", references=())
    ] = Field(default="", description="Added to `url`: what the service answers when it is well.")
    expected_status: Annotated[int, number("", 100, 599)] = Field(
        default=200, description="The HTTP status that counts as an answer."
    )
    consecutive: Annotated[int, number("answers", 1, 100)] = Field(
        default=5, description="How many such answers in a row prove the release."
    )
    interval: Annotated[float, number("seconds", 0.1, 60)] = Field(
        default=1.0, description="Seconds between two requests."
    )
    verify_timeout: Annotated[int, number("seconds", 1, 3600)] = Field(
        default=60, description="Seconds within which those answers must have come."
    )
    timeout: Annotated[int, number("seconds", 1, 86400)] = Field(
        default=900,
        description="Seconds that the rollout may take; bake time, the wait for capacity and the "
        "wait at a PAUSE hook included. "
        "Without it the environment's `timeout` holds.",
    )
    on_failure: Annotated[OnFailure, one_of("rollback", "leave")] = Field(
        default="rollback",
        description="Roll back what fails at the rollout, the verification or the hold, or leave "
        "it as it is for a person to look at.",
    )
    fail_fast_tasks: Annotated[int, number("waves", 2, 3)] = Field(
        default=2,
        description="Waves of tasks, each started after the failure of the one before, that must "
        "fail in the same way, none healthy, before the rollout is called failing. Where others "
        "are healthy it takes one wave more. What a second try cannot change, such as an image "
        "that does not exist, is certain at once.",
    )
    require_circuit_breaker: Switch = Field(
        default=True,
        description="Refuse a service whose deployment circuit breaker is off.",
    )
    require_alarms: Switch = Field(
        default=True,
        description="Refuse a service that names deployment alarms which are switched off.",
    )
    on_pause: Annotated[OnPause, one_of("wait", "leave")] = Field(
        default="wait",
        description="At a PAUSE hook: wait for the answer, or leave with an exit code of its own.",
    )
    image_parameter: ImageParameter = Field(
        default="",
        description="As the environment's, for a service whose stack reads a parameter of its own.",
    )
    hold: Annotated[int, number("seconds", 0, 86400)] = Field(
        default=60,
        description="Seconds for which the release must stay good once it is in service and "
        "verified; 0 for none. Without it the environment's `hold` holds.",
    )
    alarms: list[
        Annotated[
            str,
            # CloudWatch API Reference, PutMetricAlarm: AlarmName.
            Rule(expected="the name of a CloudWatch alarm", shape=r"[^\x00-\x1f]{1,255}"),
        ]
    ] = Field(
        default=[],
        description="CloudWatch alarms that must not go off during `hold`. Without any, those of "
        "the service's deployment configuration are watched.",
    )
    task_definition: TaskFilePath = Field(
        default="",
        description="A file of the commit that stands in the place of the live task definition: "
        "what `aws ecs describe-task-definition` prints, ecspresso's, or CloudFormation's, as "
        "JSON. Image and the keys below are put into it. See "
        "[the task definition](task-definition.md#from-a-file).",
    )
    environment: dict[Variable, Value] = Field(
        default={},
        description="Variables that a release sets in `container`; the others stay. Never secrets: "
        "see [the task definition](task-definition.md).",
    )
    secrets: dict[Variable, SecretSource] = Field(
        default={},
        description="Variables of `container` and the secret that each comes from (`valueFrom`); "
        "the others stay.",
    )
    unset: list[Variable] = Field(
        default=[], description="Variables and secrets of `container` that are taken away."
    )
    command: list[CommandWord] = Field(
        default=[], description="What `container` runs in the place of the image's CMD."
    )
    cpu: CpuUnits = Field(default=0, description="CPU units of the whole task; 0 leaves them.")
    memory: Mebibytes = Field(default=0, description="MiB of the whole task; 0 leaves it.")
    containers: dict[
        Annotated[str, Rule(expected="a container's name", shape=ECS_NAME, references=())],
        ContainerTable,
    ] = Field(
        default={}, description="The same of any container of the task definition, by its name."
    )
    compute: ComputeTable = Field(
        default_factory=ComputeTable,
        description="What the embedded sandbox runs for it, where the environment is one.",
    )
