"""Rules and schedules, read whole and written back whole, as botocore's models have them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from shipway.aws.schedules import AwsSchedules
from shipway.aws.session import Session
from shipway.config.schedule import Schedule
from shipway.errors import AccessDeniedError, AwsError, ConfigurationError
from shipway.rollout.schedules.ports import ScheduleTarget

TD = "arn:aws:ecs:eu-west-1:111122223333:task-definition"
CLUSTER = "arn:aws:ecs:eu-west-1:111122223333:cluster/shop"
ROLE = "arn:aws:iam::111122223333:role/clock"
RULE = Schedule(key="a", kind="rule", name="nightly", service="web")
TIMER = Schedule(key="b", kind="schedule", name="hourly", group="reports", service="web")
NETWORK = {"awsvpcConfiguration": {"Subnets": ["subnet-1"], "AssignPublicIp": "DISABLED"}}
TARGET = {
    "Id": "task",
    "Arn": CLUSTER,
    "RoleArn": ROLE,
    "Input": '{"containerOverrides":[]}',
    "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-west-1:111122223333:dead"},
    "EcsParameters": {
        "TaskDefinitionArn": f"{TD}/shop:41",
        "TaskCount": 2,
        "LaunchType": "FARGATE",
        "NetworkConfiguration": NETWORK,
    },
}
QUEUE = {"Id": "queue", "Arn": "arn:aws:sqs:eu-west-1:111122223333:news"}
SCHEDULE = {
    "Arn": "arn:aws:scheduler:eu-west-1:111122223333:schedule/reports/hourly",
    "Name": "hourly",
    "GroupName": "reports",
    "ScheduleExpression": "rate(1 hour)",
    "ScheduleExpressionTimezone": "Europe/Paris",
    "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5},
    "State": "DISABLED",
    "Description": "each hour",
    "ActionAfterCompletion": "NONE",
    "StartDate": 1_800_000_000,
    "EndDate": 1_900_000_000,
    "KmsKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/k",
    "CreationDate": 1_700_000_000,
    "LastModificationDate": 1_700_000_000,
    "Target": {
        **{key: value for key, value in TARGET.items() if key != "Id"},
        "RetryPolicy": {"MaximumRetryAttempts": 1},
    },
}


def told(code: str, operation: str) -> ClientError:
    message = f"User: x is not authorized to perform: {operation} on resource: *"
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@dataclass
class Pages:
    """ListTargetsByRule, one target on a page."""

    clock: Clock

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.clock.asks(request)
        return [{"Targets": [each]} for each in deepcopy(self.clock.rule_targets)]


@dataclass
class Clock:
    """EventBridge and its Scheduler, which keep what is put."""

    rule_targets: list[dict[str, Any]] = field(default_factory=lambda: [QUEUE, deepcopy(TARGET)])
    schedule: dict[str, Any] = field(default_factory=lambda: deepcopy(SCHEDULE))
    code: str = ""
    failed: list[dict[str, Any]] = field(default_factory=list)
    written: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: str) -> Clock:
        assert service in {"events", "scheduler"}
        return self

    def asks(self, request: dict[str, Any]) -> None:
        if self.code:
            raise told(self.code, "events:ListTargetsByRule")
        assert request in (
            {"Rule": "nightly", "EventBusName": "default"},
            {"Name": "hourly", "GroupName": "reports"},
        )

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "list_targets_by_rule"
        return Pages(self)

    def get_schedule(self, **request: Any) -> dict[str, Any]:
        self.asks(request)
        return {**deepcopy(self.schedule), "ResponseMetadata": {}}

    def put_targets(self, **request: Any) -> dict[str, Any]:
        fits("events", "PutTargets", request)
        self.written.append(request)
        return {"FailedEntryCount": len(self.failed), "FailedEntries": self.failed}

    def update_schedule(self, **request: Any) -> dict[str, Any]:
        fits("scheduler", "UpdateSchedule", request)
        self.written.append(request)
        return {}


def fits(service: str, operation: str, request: dict[str, Any]) -> None:
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation)
    assert shape.input_shape is not None
    report = ParamValidator().validate(request, shape.input_shape)
    assert not report.has_errors(), report.generate_report()


def schedules(clock: Clock) -> AwsSchedules:
    return AwsSchedules(cast("Session", clock))


def seen(clock: Clock, schedule: Schedule) -> ScheduleTarget:
    [target] = schedules(clock).targets(schedule)
    return target


def test_only_what_starts_a_task_is_a_target() -> None:
    clock = Clock()
    assert seen(clock, RULE) == ScheduleTarget(
        id="task", task_definition=f"{TD}/shop:41", role=ROLE, cluster=CLUSTER
    )
    assert seen(clock, TIMER) == ScheduleTarget(
        id="", task_definition=f"{TD}/shop:41", role=ROLE, cluster=CLUSTER
    )
    clock.schedule["Target"] = {"Arn": QUEUE["Arn"], "RoleArn": ROLE}
    assert schedules(clock).targets(TIMER) == ()


def test_a_rule_keeps_all_of_its_target_but_one_arn() -> None:
    clock = Clock()
    schedules(clock).point(RULE, seen(clock, RULE), f"{TD}/shop:42")
    [request] = clock.written
    changed = deepcopy(TARGET)
    changed["EcsParameters"]["TaskDefinitionArn"] = f"{TD}/shop:42"  # type: ignore[index]
    assert request == {"Rule": "nightly", "EventBusName": "default", "Targets": [changed]}


def test_a_schedule_keeps_all_that_can_be_written_but_one_arn() -> None:
    clock = Clock()
    schedules(clock).point(TIMER, seen(clock, TIMER), f"{TD}/shop:42")
    [request] = clock.written
    model = botocore.session.get_session().get_service_model("scheduler")
    input_shape = model.operation_model("UpdateSchedule").input_shape
    output_shape = model.operation_model("GetSchedule").output_shape
    assert input_shape is not None
    assert output_shape is not None
    # The fixture has every member, so that a new one of the SDK's is seen here.
    assert set(SCHEDULE) == set(output_shape.members)
    assert set(request) == set(output_shape.members) & set(input_shape.members)
    target = deepcopy(SCHEDULE["Target"])
    target["EcsParameters"]["TaskDefinitionArn"] = f"{TD}/shop:42"  # type: ignore[index]
    assert request["Target"] == target
    same = {key: value for key, value in request.items() if key != "Target"}
    assert same == {key: SCHEDULE[key] for key in same}


@pytest.mark.parametrize("schedule", [RULE, TIMER])
def test_what_was_changed_meanwhile_is_not_written_over(schedule: Schedule) -> None:
    clock = Clock()
    target = seen(clock, schedule)
    for each in (clock.rule_targets[1], clock.schedule["Target"]):
        each["EcsParameters"]["TaskDefinitionArn"] = f"{TD}/shop:99"
    with pytest.raises(ConfigurationError, match="was changed while the release went on"):
        schedules(clock).point(schedule, target, f"{TD}/shop:42")
    assert clock.written == []


@pytest.mark.parametrize("schedule", [RULE, TIMER])
def test_one_that_is_not_there_is_told_as_a_wrong_name(schedule: Schedule) -> None:
    with pytest.raises(ConfigurationError) as caught:
        schedules(Clock(code="ResourceNotFoundException")).targets(schedule)
    assert caught.value.what == f"there is no {schedule.described}"
    assert schedule.key in caught.value.where


def test_a_refusal_says_what_to_allow() -> None:
    with pytest.raises(AccessDeniedError) as caught:
        schedules(Clock(code="AccessDeniedException")).targets(RULE)
    assert "events:ListTargetsByRule" in caught.value.remedy


def test_an_entry_that_failed_is_no_success() -> None:
    clock = Clock(failed=[{"TargetId": "task", "ErrorCode": "Busy", "ErrorMessage": "later"}])
    with pytest.raises(AwsError, match="events:PutTargets: Busy: later"):
        schedules(clock).point(RULE, seen(clock, RULE), f"{TD}/shop:42")
