"""Alarms, against a CloudWatch that answers as the API Reference says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from shipway.aws.cloudwatch import CloudWatchAlarms
from shipway.aws.session import Session
from shipway.errors import AccessDeniedError, AwsError, ShipwayError
from shipway.rollout.hold.terms import Alarm


@dataclass
class CloudWatch:
    """Knows a metric alarm and a composite one."""

    code: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: str) -> CloudWatch:
        assert service == "cloudwatch"
        return self

    def describe_alarms(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.code:
            message = (
                "User: x is not authorized to perform: cloudwatch:DescribeAlarms on resource: *"
            )
            error = {"Error": {"Code": self.code, "Message": message}}
            raise ClientError(error, "DescribeAlarms")  # type: ignore[arg-type]  # as it answers
        names = request["AlarmNames"]
        metric = {
            "AlarmName": "shop-5xx",
            "StateValue": "ALARM",
            "StateReason": "Threshold Crossed",
        }
        composite = {"AlarmName": "shop", "StateValue": "OK"}
        return {
            "MetricAlarms": [metric] if "shop-5xx" in names else [],
            "CompositeAlarms": [composite] if "shop" in names else [],
        }


def alarms(cloud_watch: CloudWatch) -> CloudWatchAlarms:
    return CloudWatchAlarms(cast("Session", cloud_watch))


def test_both_kinds_are_read_and_what_is_not_there_is_left_out() -> None:
    cloud_watch = CloudWatch()
    assert alarms(cloud_watch).states(["shop", "shop-5xx", "nowhere"]) == {
        "shop-5xx": Alarm(name="shop-5xx", state="ALARM", reason="Threshold Crossed"),
        "shop": Alarm(name="shop", state="OK"),
    }
    [request] = cloud_watch.requests
    assert request["AlarmTypes"] == ["MetricAlarm", "CompositeAlarm"]


def test_a_hundred_names_are_asked_at_a_time() -> None:
    cloud_watch = CloudWatch()
    alarms(cloud_watch).states([f"alarm-{number}" for number in range(150)])
    assert [len(request["AlarmNames"]) for request in cloud_watch.requests] == [100, 50]


@pytest.mark.parametrize(
    ("code", "kind"), [("AccessDenied", AccessDeniedError), ("Throttling", AwsError)]
)
def test_a_refusal_names_the_action(code: str, kind: type[ShipwayError]) -> None:
    with pytest.raises(kind, match="cloudwatch:DescribeAlarms"):
        alarms(CloudWatch(code=code)).states(["shop"])
