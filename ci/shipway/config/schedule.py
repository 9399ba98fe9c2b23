"""What starts a task by the clock and follows a release: frozen, every value a literal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ScheduleKind = Literal["rule", "schedule"]
DEFAULT: Final = "default"
"""The event bus of scheduled rules, and the group of schedules that name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A rule of EventBridge or a schedule of EventBridge Scheduler.

    Attributes:
        key: Its name in delivery.toml, the subject of every line a person reads about it.
        kind: Which of the two.
        name: Its name in AWS.
        group: The rule's event bus, or the schedule's group.
        service: Key of the service whose revision it runs; empty where it runs its own family.
        task_definition: That family; empty where it runs a service's.
        container: The container of that family that takes the image; empty for the only one.
        image: Key of the image that it takes; empty where there is one image alone.
    """

    key: str
    kind: ScheduleKind
    name: str
    group: str = DEFAULT
    service: str = ""
    task_definition: str = ""
    container: str = ""
    image: str = ""

    @property
    def path(self) -> str:
        """What stands behind ``rule/`` or ``schedule/`` in its ARN.

        A rule of the default bus is named without it (Service Authorization Reference, Amazon
        EventBridge, "Resource types").
        """
        if self.kind == "rule" and self.group == DEFAULT:
            return self.name
        return f"{self.group}/{self.name}"

    @property
    def described(self) -> str:
        """For people: ``rule nightly``, ``schedule reports/nightly``."""
        shown = self.name if self.group == DEFAULT else f"{self.group}/{self.name}"
        return f"{self.kind} {shown}"


def rule_path(text: str) -> str:
    """What stands behind ``rule/`` in the ARN of a rule that is named by name or ARN."""
    return text.partition(":rule/")[2] if text.startswith("arn:") else text


def schedule_path(text: str, group: str = DEFAULT) -> str:
    """What stands behind ``schedule/`` in the ARN of a schedule that is named by name or ARN."""
    return text.partition(":schedule/")[2] if text.startswith("arn:") else f"{group}/{text}"
