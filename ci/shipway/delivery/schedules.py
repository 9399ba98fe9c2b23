"""Scheduled tasks follow the release: planned before it, moved once it held, never before.

What the clock starts meanwhile runs the release before: a release that fails leaves no trace there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shipway.config.environment import Environment
from shipway.config.schedule import Schedule
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.stage import stage
from shipway.errors import AwsError, ScheduleError, ShipwayError
from shipway.evidence.facts.rollout import ScheduleFact
from shipway.evidence.journal import Journal
from shipway.rollout.images import ReleaseImages
from shipway.rollout.judge.state import label
from shipway.rollout.plan import Step
from shipway.rollout.registering import registered
from shipway.rollout.schedules.plan import (
    ScheduleStep,
    own_definition,
    place,
    plan_schedules,
    targets_of,
)

STAGE: Final = "schedule"


class Scheduled:
    """The scheduled tasks of one delivery.

    Args:
        environment: Where it goes.
        aws: Its AWS.
        context: The outside.
        journal: Is told of everything.
    """

    def __init__(
        self, environment: Environment, aws: Aws, context: DeliveryContext, journal: Journal
    ) -> None:
        self._environment = environment
        self._aws = aws
        self._context = context
        self._journal = journal

    def plan(self, images: ReleaseImages, steps: Sequence[Step]) -> tuple[ScheduleStep, ...]:
        """Decide what each is to run, so that what cannot be is told before anything moves.

        Raises:
            ConfigurationError: A rule or schedule is not what delivery.toml says.
            ShipwayError: AWS does not answer.
        """
        if not self._environment.schedules:
            return ()
        planned = plan_schedules(
            self._aws.ecs, self._aws.schedules, self._environment, images=images, steps=steps
        )
        for step in planned:
            self._journal.hide(step.definition.secret_values)
        return planned

    def follow(self, images: ReleaseImages) -> None:
        """Let each start the revision that is in service now; all of them, whichever fails.

        Raises:
            ScheduleError: One could not be moved; the release itself stays in service.
        """
        notes: list[ScheduleFact] = []
        failed: list[ScheduleError] = []
        for schedule in self._environment.schedules:
            try:
                with stage(STAGE, self._journal, self._context.clock, schedule.key) as running:
                    fact = self._move(schedule, images)
                    notes.append(fact)
                    running.text = fact.text
            except ScheduleError as error:
                failed.append(error)
        if notes:
            self._journal.note_all(ScheduleFact, notes)
        if failed:
            raise failed[0]

    def _move(self, schedule: Schedule, images: ReleaseImages) -> ScheduleFact:
        try:
            return self._moved(schedule, images)
        except ShipwayError as error:
            raise ScheduleError(
                "the release is in service, but what the clock starts does not follow it: "
                f"{schedule.described} could not be moved",
                where=schedule.key,
                details=(error.what, *error.details),
                remedy=f"{error.remedy}; then deliver this commit again",
            ) from error

    def _moved(self, schedule: Schedule, images: ReleaseImages) -> ScheduleFact:
        where = place(self._environment, schedule)
        if schedule.service:
            arn = self._in_service(schedule.service)
        else:
            image = images.of(schedule.image).reference
            definition = own_definition(self._aws.ecs, schedule, image, where)
            self._journal.hide(definition.secret_values)
            arn = definition.arn or registered(self._aws.ecs, definition)
        family = label(arn).partition(":")[0]
        targets = targets_of(self._aws.schedules, schedule, family, where)
        before = [each.task_definition for each in targets if each.task_definition != arn]
        for target in targets:
            if target.task_definition != arn:
                self._aws.schedules.point(schedule, target, arn)
        text = (
            f"{schedule.described} starts {label(arn)}, not {label(before[0])} any more"
            if before
            else f"{schedule.described} starts {label(arn)} already"
        )
        return ScheduleFact(
            key=schedule.key,
            kind=schedule.kind,
            name=schedule.path,
            task_definition=arn,
            previous_task_definition=before[0] if before else arn,
            text=text,
        )

    def _in_service(self, key: str) -> str:
        """What a service runs now: that held."""
        environment = self._environment
        service = next(each for each in environment.services if each.key == key)
        seen = self._aws.ecs.services(environment.cluster, [service.service])[service.service]
        if not seen.answered or not seen.task_definition:
            reasons = "; ".join(trouble.text for trouble in seen.troubles)
            raise AwsError(
                f"ECS does not say what {service.service} runs: {reasons}",
                where=service.service,
                remedy="see the reason above",
            )
        return seen.task_definition
