"""The scheduled tasks of an environment that is examined: whether a release could move them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shipway.config.environment import Environment
from shipway.config.schedule import Schedule
from shipway.delivery.examined_values import is_unresolved
from shipway.delivery.ports import Aws
from shipway.doctor.finding import NOT_RESOLVED, Finding, Looked, Unseen, looked, needed, ok
from shipway.doctor.services import ServiceFacts
from shipway.rollout.judge.state import label
from shipway.rollout.schedules.plan import live_definition, place, targets_of
from shipway.rollout.schedules.ports import ScheduleTarget
from shipway.rollout.task_definition import TaskDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFacts:
    """What there is of one scheduled task.

    Attributes:
        definition: What it is to run: its own family's newest revision, or its service's.
        targets: What starts that family.
    """

    definition: Looked[TaskDefinition]
    targets: Looked[tuple[ScheduleTarget, ...]]


def look(
    aws: Aws,
    pool: ThreadPoolExecutor,
    environment: Environment,
    seen: Mapping[str, ServiceFacts],
) -> dict[str, ScheduleFacts]:
    """Every scheduled task by its key, side by side."""

    def one(schedule: Schedule) -> ScheduleFacts:
        where = place(environment, schedule)
        named = (schedule.name, schedule.group, schedule.task_definition, schedule.container)
        if any(map(is_unresolved, named)):
            return ScheduleFacts(definition=NOT_RESOLVED, targets=NOT_RESOLVED)
        definition = (
            seen[schedule.service].definition
            if schedule.service
            else looked(lambda: live_definition(aws.ecs, schedule, where)[0])
        )
        if isinstance(definition, Unseen):
            return ScheduleFacts(definition=definition, targets=definition)
        targets = looked(lambda: targets_of(aws.schedules, schedule, definition.family, where))
        return ScheduleFacts(definition=definition, targets=targets)

    futures = {schedule.key: pool.submit(one, schedule) for schedule in environment.schedules}
    return {key: future.result() for key, future in futures.items()}


def judge(environment: Environment, seen: Mapping[str, ScheduleFacts]) -> Iterator[Finding]:
    """Each scheduled task, and what starts it. Pure."""
    for schedule in environment.schedules:
        targets = seen[schedule.key].targets
        if isinstance(targets, Unseen):
            yield needed(schedule.key, targets)
        else:
            started = " and ".join(label(each.task_definition) for each in targets)
            yield ok(schedule.key, f"{schedule.described} starts {started}")
