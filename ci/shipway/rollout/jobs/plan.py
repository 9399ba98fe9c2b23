"""Which jobs a release runs, with what and where, decided before anything is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shipway.config.environment import Environment
from shipway.config.job import Job, When, in_order
from shipway.errors import ConfigurationError
from shipway.rollout.declared import declared
from shipway.rollout.images import ReleaseImages
from shipway.rollout.jobs.judge import Due, due
from shipway.rollout.jobs.ports import Tasks
from shipway.rollout.jobs.terms import Placement, release_of
from shipway.rollout.plan import Step
from shipway.rollout.ports import Ecs
from shipway.rollout.snapshot import Task
from shipway.rollout.task_definition import TaskDefinition
from shipway.values import ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStep:
    """What will be done about one job.

    Attributes:
        job: Its entry in delivery.toml.
        live: The task definition that it is made of.
        definition: The revision that it runs; without an ARN where it is still to be registered.
        container: The container that takes the image and whose exit code decides.
        placement: Where it runs.
        started_by: By which its tasks are found; empty while the image is not built.
        due: What is to be done, as it stood when the plan was made.
        earlier: The tasks that were started for it, as far as ECS knows.
    """

    job: Job
    live: TaskDefinition
    definition: TaskDefinition
    container: str
    placement: Placement
    started_by: str
    due: Due
    earlier: tuple[Task, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether a task is started, or one that runs is followed."""
        return self.due.what in {"start", "follow"}

    @property
    def secret_values(self) -> frozenset[str]:
        """Values of its variables that must never be shown."""
        return self.live.secret_values | self.definition.secret_values


def plan_jobs(
    ecs: Ecs,
    tasks: Tasks,
    environment: Environment,
    *,
    images: ReleaseImages,
    steps: Sequence[Step],
    now: datetime,
) -> tuple[JobStep, ...]:
    """Look and decide about every job of a delivery, in the order in which they run.

    Args:
        ecs: Looks at task definitions.
        tasks: Looks for tasks that were started before.
        environment: Where it goes.
        images: What the jobs run.
        steps: What is done to the services.
        now: The time.

    Raises:
        ConfigurationError: A task definition lacks the container, or that is not essential.
        ShipwayError: AWS does not answer.
    """
    moves = any(step.changes for step in steps)
    age = _age(steps, now)
    whens: tuple[When, ...] = ("before", "after")
    return tuple(
        _step(ecs, tasks, environment, job, images=images, steps=steps, moves=moves, age=age)
        for when in whens
        for job in in_order(environment.jobs, when)
    )


def plan_by_hand(
    ecs: Ecs,
    tasks: Tasks,
    environment: Environment,
    job: Job,
    *,
    images: ReleaseImages,
    steps: Sequence[Step],
) -> JobStep:
    """The same for one job that a person asked for, whenever a delivery would run it."""
    step = _step(ecs, tasks, environment, job, images=images, steps=steps, moves=True, age=None)
    again = due("by-hand", step.earlier, step.container, moves=True, age=None)
    return replace(step, due=again)


def _step(
    ecs: Ecs,
    tasks: Tasks,
    environment: Environment,
    job: Job,
    *,
    images: ReleaseImages,
    steps: Sequence[Step],
    moves: bool,
    age: float | None,
) -> JobStep:
    by_key = {step.service.key: step for step in steps}
    where = f"ci/delivery.toml  environments.{environment.name}.jobs.{job.key}"
    if job.service:
        service = by_key[job.service]
        live = service.coming or service.live
    else:
        live = declared(ecs, job.task_definition, where)
    preset = by_key[job.service].service.container if job.service else ""
    container = job.container or preset or _only_container(live, where)
    _require_essential(live, container, where)
    image = images.of(job.image).reference
    definition = live if live.pins(container, image) else live.with_image(container, image)
    started_by, earlier = "", tuple[Task, ...]()
    if isinstance(image, ImageReference):
        started_by = release_of(job, environment.name, environment.cluster, image.digest)
        earlier = tasks.started_by(environment.cluster, live.family, started_by)
    return JobStep(
        job=job,
        live=live,
        definition=definition,
        container=container,
        placement=_placement(tasks, environment, job),
        started_by=started_by,
        due=due(job.when, earlier, container, moves=moves, age=age),
        earlier=earlier,
    )


def _placement(tasks: Tasks, environment: Environment, job: Job) -> Placement:
    service = next(each for each in environment.services if each.key == job.network)
    placement = tasks.placement(environment.cluster, service.service)
    if not job.subnets:
        return placement
    return replace(
        placement,
        subnets=job.subnets,
        security_groups=job.security_groups,
        public_ip=job.public_ip,
    )


def _only_container(live: TaskDefinition, where: str) -> str:
    names = [each.name for each in live.containers]
    if len(names) == 1:
        return names[0]
    raise ConfigurationError(
        f"task definition {live.family} has {len(names)} containers, and none is named",
        where=f"{where}.container",
        remedy=f"name one of {', '.join(map(repr, names))}" if names else "correct the name",
    )


def _require_essential(live: TaskDefinition, container: str, where: str) -> None:
    """Its end must end the task, or a job that is done would run on to its time-out."""
    try:
        live.require(container)
    except ConfigurationError as error:
        raise ConfigurationError(
            error.what, where=f"{where}.container", remedy=error.remedy
        ) from error
    if not live.container(container).essential:
        raise ConfigurationError(
            f'container "{container}" of {live.family} is not essential: its end does not end '
            "the task",
            where=f"{where}.container",
            remedy="name an essential container, or make this one essential",
        )


def _age(steps: Sequence[Step], now: datetime) -> float | None:
    """Seconds since the newest of what runs was deployed; ``None`` where ECS does not say."""
    primaries = [step.before.primary for step in steps]
    moments = [each.created_at for each in primaries if each is not None and each.created_at]
    return (now - max(moments)).total_seconds() if moments else None
