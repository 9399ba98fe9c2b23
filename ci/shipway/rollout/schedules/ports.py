"""What scheduled tasks ask of EventBridge and of EventBridge Scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shipway.config.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTarget:
    """What a rule or a schedule starts in ECS.

    Attributes:
        id: By which a rule knows its target; empty for a schedule, which has one.
        task_definition: The ARN that it starts, with or without a revision.
        role: ARN of the role that starts it; empty where there is none.
        cluster: ARN of the cluster that it is started in.
    """

    id: str
    task_definition: str
    role: str = ""
    cluster: str = ""

    @property
    def family(self) -> str:
        """The family of its task definition."""
        return self.task_definition.rpartition("/")[2].partition(":")[0]


class Schedules(Protocol):
    """Rules and schedules of one region."""

    def targets(self, schedule: Schedule) -> tuple[ScheduleTarget, ...]:
        """Everything that it starts in ECS, in the order of AWS.

        Raises:
            ConfigurationError: There is no such rule or schedule.
            AccessDeniedError: The role may not read it.
            AwsError: EventBridge refused, or does not answer.
        """
        ...

    def point(self, schedule: Schedule, target: ScheduleTarget, task_definition: str) -> None:
        """Let a target start another revision; all else stays as it is at that moment.

        Args:
            schedule: The rule or the schedule.
            target: Its target, as it was seen.
            task_definition: ARN of the revision.

        Raises:
            ConfigurationError: It is gone, or starts something else by now.
            AccessDeniedError: The role may not write it, or not pass its role on.
            AwsError: EventBridge refused, or does not answer.
        """
        ...
