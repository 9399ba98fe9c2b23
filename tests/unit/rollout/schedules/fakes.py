"""Rules and schedules in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from shipway.config.schedule import Schedule
from shipway.errors import ConfigurationError
from shipway.rollout.schedules.ports import ScheduleTarget


@dataclass
class FakeSchedules:
    """Implements :class:`shipway.rollout.schedules.ports.Schedules`.

    Attributes:
        started: ``described`` of a rule or a schedule → its targets.
        fails: ``described`` → what moving it raises.
        moved: What was moved, in order, with what it starts since.
    """

    started: dict[str, list[ScheduleTarget]] = field(default_factory=dict)
    fails: dict[str, BaseException] = field(default_factory=dict)
    moved: list[tuple[str, str]] = field(default_factory=list)

    def targets(self, schedule: Schedule) -> tuple[ScheduleTarget, ...]:
        if schedule.described not in self.started:
            raise ConfigurationError(f"there is no {schedule.described}", remedy="correct it")
        return tuple(self.started[schedule.described])

    def point(self, schedule: Schedule, target: ScheduleTarget, task_definition: str) -> None:
        if schedule.described in self.fails:
            raise self.fails[schedule.described]
        targets = self.started[schedule.described]
        targets[targets.index(target)] = replace(target, task_definition=task_definition)
        self.moved.append((schedule.described, task_definition))
