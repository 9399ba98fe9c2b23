"""Which revision every scheduled task is to run after a release, decided before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shipway.config.environment import Environment
from shipway.config.schedule import Schedule
from shipway.errors import ConfigurationError
from shipway.rollout.declared import declared
from shipway.rollout.images import ReleaseImages
from shipway.rollout.plan import Step
from shipway.rollout.ports import Ecs
from shipway.rollout.schedules.ports import Schedules, ScheduleTarget
from shipway.rollout.task_definition import TaskDefinition, UnbuiltImage
from shipway.values import ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleStep:
    """What will be done about one scheduled task.

    Attributes:
        schedule: Its entry in delivery.toml.
        targets: The targets that start its family.
        definition: What they are to start; without an ARN where it is still to be registered.
    """

    schedule: Schedule
    targets: tuple[ScheduleTarget, ...]
    definition: TaskDefinition

    @property
    def changes(self) -> bool:
        """Whether a target starts anything else now."""
        return any(target.task_definition != self.definition.arn for target in self.targets)


def place(environment: Environment, schedule: Schedule) -> str:
    """Where delivery.toml says it, for a message."""
    return f"ci/delivery.toml  environments.{environment.name}.schedules.{schedule.key}"


def plan_schedules(
    ecs: Ecs,
    schedules: Schedules,
    environment: Environment,
    *,
    images: ReleaseImages,
    steps: Sequence[Step],
) -> tuple[ScheduleStep, ...]:
    """Look and decide about every scheduled task of an environment; nothing is changed.

    Args:
        ecs: Looks at task definitions.
        schedules: Looks at rules and schedules.
        environment: Where it goes.
        images: What is delivered.
        steps: What is done to the services.

    Raises:
        ConfigurationError: A rule or a schedule is not there or starts no such family, or a family
            lacks the container.
        ShipwayError: AWS does not answer.
    """
    by_key = {step.service.key: step for step in steps}
    planned = []
    for schedule in environment.schedules:
        where = place(environment, schedule)
        step = by_key.get(schedule.service)
        definition = (
            (step.coming or step.live)
            if step is not None
            else own_definition(ecs, schedule, images.of(schedule.image).reference, where)
        )
        targets = targets_of(schedules, schedule, definition.family, where)
        planned.append(ScheduleStep(schedule=schedule, targets=targets, definition=definition))
    return tuple(planned)


def own_definition(
    ecs: Ecs, schedule: Schedule, image: ImageReference | UnbuiltImage, where: str
) -> TaskDefinition:
    """The newest revision of a schedule's own family with the image in it.

    Without an ARN where no such revision is registered yet.

    Raises:
        ConfigurationError: It lacks the container, or has several and none is named.
    """
    live, container = live_definition(ecs, schedule, where)
    return live if live.pins(container, image) else live.with_image(container, image)


def live_definition(ecs: Ecs, schedule: Schedule, where: str) -> tuple[TaskDefinition, str]:
    """The newest revision of a schedule's own family, and the container that takes the image.

    Raises:
        ConfigurationError: It lacks the container, or has several and none is named.
    """
    live = declared(ecs, schedule.task_definition, where)
    container = schedule.container or _only_container(live, where)
    try:
        live.require(container)
    except ConfigurationError as error:
        at = f"{where}.container"
        raise ConfigurationError(error.what, where=at, remedy=error.remedy) from error
    return live, container


def targets_of(
    schedules: Schedules, schedule: Schedule, family: str, where: str
) -> tuple[ScheduleTarget, ...]:
    """The targets that start a family: a rule may start others, too.

    Raises:
        ConfigurationError: There is none.
    """
    targets = schedules.targets(schedule)
    ours = tuple(target for target in targets if target.family == family)
    if not ours:
        raise ConfigurationError(
            f"{schedule.described} starts no task of the family {family}",
            where=where,
            details=(_started(targets),),
            remedy="name in delivery.toml what it starts, or correct its target",
        )
    return ours


def all_targets(
    schedules: Schedules, environment: Environment, families: Mapping[str, str]
) -> Mapping[str, tuple[ScheduleTarget, ...]]:
    """What starts the tasks of every schedule, by its key.

    Args:
        schedules: Looks at rules and schedules.
        environment: Where.
        families: What each starts, by the key of the schedule.

    Raises:
        ConfigurationError: One is not there, or starts no such family.
    """
    return {
        schedule.key: targets_of(
            schedules, schedule, families[schedule.key], place(environment, schedule)
        )
        for schedule in environment.schedules
    }


def _started(targets: Sequence[ScheduleTarget]) -> str:
    if not targets:
        return "it starts no task of ECS at all, or not by a target with EcsParameters"
    return f"it starts {' and '.join(dict.fromkeys(target.family for target in targets))}"


def _only_container(live: TaskDefinition, where: str) -> str:
    names = [each.name for each in live.containers]
    if len(names) == 1:
        return names[0]
    raise ConfigurationError(
        f"task definition {live.family} has {len(names)} containers, and none is named",
        where=f"{where}.container",
        remedy=f"name one of {', '.join(map(repr, names))}" if names else "correct the name",
    )
