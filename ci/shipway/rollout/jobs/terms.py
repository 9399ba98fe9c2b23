"""What a job is started with, and how it can end: values only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from shipway.config.job import Job
from shipway.rollout.diagnosis.diagnosis import Block
from shipway.rollout.snapshot import Task
from shipway.values import Digest

JobEnd = Literal["succeeded", "failed", "timed-out", "not-placed", "lost"]
"""Its container exited with 0; with anything else, or never ran; it was stopped when its time was
over; ECS found no place for it; ECS knows nothing of it any more."""

_RELEASE_DIGITS: Final = 32
_TOKEN_DIGITS: Final = 64
"""Of ``clientToken``'s up to 64 characters (ECS API Reference, RunTask)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """One entry of ``capacityProviderStrategy`` (ECS API Reference)."""

    provider: str
    weight: int = 0
    base: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a task runs, as a service says it or as delivery.toml does.

    ``launch_type`` is empty where ``capacity`` says it, or where the cluster's default holds.
    """

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    public_ip: bool = False
    launch_type: str = ""
    capacity: tuple[Capacity, ...] = ()
    platform_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """One RunTask.

    Attributes:
        cluster: The cluster.
        task_definition: ARN of the revision.
        container: Whose command is replaced.
        command: With what; empty for the task definition's own.
        started_by: By which the task is found again.
        client_token: By which ECS knows that it was asked for this very task before.
        placement: Where it runs.
        has_own_address: Whether its network mode is ``awsvpc``, the only one that takes subnets.
    """

    cluster: str
    task_definition: str
    container: str
    command: tuple[str, ...]
    started_by: str
    client_token: str
    placement: Placement
    has_own_address: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPlaced:
    """What RunTask answers under ``failures``: no task was started."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """How a job ended.

    Attributes:
        end: The kind of its end.
        text: One line without the job's name: ``exited with 3 after 4 s``.
        task: The task as it was seen last; ``None`` where none was started.
        task_definition: ARN of its revision.
        exit_code: The container's; ``None`` where it has none.
        seconds: For how long it was followed.
        began_before: Whether it was started before, and only followed here.
        diagnosis: Why it failed.
        remedy: What to do next.
    """

    end: JobEnd
    text: str
    task: Task | None = None
    task_definition: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    began_before: bool = False
    diagnosis: tuple[Block, ...] = ()
    remedy: str = ""

    @property
    def good(self) -> bool:
        """Whether the release may go on."""
        return self.end == "succeeded"


def release_of(job: Job, environment: str, cluster: str, digest: Digest) -> str:
    """``startedBy`` of a job's task: the same for one job of one release, and for nothing else.

    A release is an image in an environment. A job that is told to run something else is another
    one. "Up to 128 letters, numbers, hyphens, forward slash and underscores" (ECS API Reference,
    RunTask); what a service starts has ``ecs-svc/`` before it.
    """
    told = [
        environment,
        cluster,
        job.key,
        job.service,
        job.task_definition,
        job.container,
        list(job.command),
        digest.value,
    ]
    hashed = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    return f"{of_any_release(job.key)}{hashed[:_RELEASE_DIGITS]}"


def of_any_release(key: str) -> str:
    """How ``startedBy`` begins, whatever the release: :func:`release_of` up to it. Pure."""
    return f"shipway/{key}/"


def client_token(started_by: str, earlier: Iterable[Task], now: datetime, again: str = "") -> str:
    """``clientToken`` of the next attempt: a request that is sent twice starts one task.

    ECS answers a token that it knows with the task of the first request, in one cluster, for at
    most 24 hours ("Ensuring idempotency",
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html). So that a
    failed job can be tried again, each attempt that ended makes it another one; so does each hour,
    for which alone ECS lists what has ended.

    Args:
        started_by: Which job of which release.
        earlier: The tasks that were started for it and ended.
        now: The time.
        again: Sets an attempt apart that a person asked for.
    """
    parts = [started_by, again, f"{now:%Y-%m-%dT%H}", *sorted(task.arn for task in earlier)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_TOKEN_DIGITS]
