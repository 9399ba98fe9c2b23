"""Rules of EventBridge and schedules of EventBridge Scheduler: read whole, written back whole.

Both services replace what they are given: what is left out of a target, or of a schedule, is set to
its default (EventBridge API Reference, PutTargets; EventBridge Scheduler API Reference,
UpdateSchedule). So everything that was read goes back, with one ARN changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import ClientError

from shipway.aws.client_errors import code_of
from shipway.aws.session import Session, translated
from shipway.config.schedule import Schedule
from shipway.errors import AwsError, ConfigurationError
from shipway.rollout.schedules.ports import ScheduleTarget

_NOT_FOUND: Final = "ResourceNotFoundException"
_READ_ONLY: Final = frozenset({"Arn", "CreationDate", "LastModificationDate", "ResponseMetadata"})
"""What GetSchedule answers and UpdateSchedule does not take; a test asks botocore."""
_ECS: Final = "EcsParameters"
_TASK_DEFINITION: Final = "TaskDefinitionArn"


class AwsSchedules:
    """Implements :class:`shipway.rollout.schedules.ports.Schedules`.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def targets(self, schedule: Schedule) -> tuple[ScheduleTarget, ...]:
        """ListTargetsByRule, or GetSchedule; see the port."""
        if schedule.kind == "rule":
            return tuple(map(_target, filter(_starts_task, self._of_rule(schedule))))
        target = self._schedule(schedule)["Target"]
        return (_target(target),) if _starts_task(target) else ()

    def point(self, schedule: Schedule, target: ScheduleTarget, task_definition: str) -> None:
        """PutTargets of one, or UpdateSchedule; see the port."""
        if schedule.kind == "rule":
            self._point_rule(schedule, target, task_definition)
        else:
            self._point_schedule(schedule, target, task_definition)

    def _of_rule(self, schedule: Schedule) -> list[Mapping[str, Any]]:
        with _looking("events:ListTargetsByRule", schedule):
            client = self._session.client("events")
            pages = client.get_paginator("list_targets_by_rule").paginate(
                Rule=schedule.name, EventBusName=schedule.group
            )
            return [target for page in pages for target in page["Targets"]]

    def _point_rule(self, schedule: Schedule, target: ScheduleTarget, task_definition: str) -> None:
        now = next((each for each in self._of_rule(schedule) if each["Id"] == target.id), None)
        changed = _changed(now or {}, schedule, target, task_definition)
        with translated("events:PutTargets", schedule.described):
            answer = self._session.client("events").put_targets(
                Rule=schedule.name, EventBusName=schedule.group, Targets=[changed]
            )
            failed = answer.get("FailedEntries") or ()
        if failed:
            words = f"{failed[0].get('ErrorCode', '')}: {failed[0].get('ErrorMessage', '')}"
            raise AwsError(
                f"events:PutTargets: {words}",
                where=schedule.described,
                remedy="see AWS's own words above",
            )

    def _schedule(self, schedule: Schedule) -> dict[str, Any]:
        with _looking("scheduler:GetSchedule", schedule):
            answer: dict[str, Any] = self._session.client("scheduler").get_schedule(
                Name=schedule.name, GroupName=schedule.group
            )
            return answer

    def _point_schedule(
        self, schedule: Schedule, target: ScheduleTarget, task_definition: str
    ) -> None:
        whole = self._schedule(schedule)
        request = {key: value for key, value in whole.items() if key not in _READ_ONLY}
        request["Target"] = _changed(whole["Target"], schedule, target, task_definition)
        with translated("scheduler:UpdateSchedule", schedule.described):
            self._session.client("scheduler").update_schedule(**request)


@contextmanager
def _looking(operation: str, schedule: Schedule) -> Iterator[None]:
    """Translate what a look raises; a rule or a schedule that is not there is a wrong name."""
    with translated(operation, schedule.described):
        try:
            yield
        except ClientError as error:
            if code_of(error) == _NOT_FOUND:
                raise _gone(schedule) from error
            raise


def _gone(schedule: Schedule) -> ConfigurationError:
    return ConfigurationError(
        f"there is no {schedule.described}",
        where=f"ci/delivery.toml  schedules.{schedule.key}",
        remedy="correct its name, its group or the region; nothing was changed",
    )


def _starts_task(target: Mapping[str, Any]) -> bool:
    return bool((target.get(_ECS) or {}).get(_TASK_DEFINITION))


def _target(target: Mapping[str, Any]) -> ScheduleTarget:
    return ScheduleTarget(
        id=target.get("Id", ""),
        task_definition=target[_ECS][_TASK_DEFINITION],
        role=target.get("RoleArn", ""),
        cluster=target.get("Arn", ""),
    )


def _changed(
    now: Mapping[str, Any], schedule: Schedule, target: ScheduleTarget, task_definition: str
) -> dict[str, Any]:
    """The target with another revision and nothing else touched.

    Raises:
        ConfigurationError: Meanwhile it starts something else, or is gone.
    """
    if not _starts_task(now) or _target(now) != target:
        raise ConfigurationError(
            f"{schedule.described} was changed while the release went on",
            where=f"ci/delivery.toml  schedules.{schedule.key}",
            remedy="see who changed it, then deliver this commit again",
        )
    return {**now, _ECS: {**now[_ECS], _TASK_DEFINITION: task_definition}}
