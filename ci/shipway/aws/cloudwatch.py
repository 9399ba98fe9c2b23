"""CloudWatch alarms, as a hold asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from shipway.aws.session import Session, translated
from shipway.rollout.hold.terms import Alarm

# CloudWatch API Reference, DescribeAlarms: up to 100 names a call; composite alarms are left out
# unless their type is named.
_NAMES_A_CALL: Final = 100
_TYPES: Final = ("MetricAlarm", "CompositeAlarm")


class CloudWatchAlarms:
    """Implements :class:`shipway.rollout.ports.Alarms`.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def states(self, names: Sequence[str]) -> Mapping[str, Alarm]:
        """DescribeAlarms; see the port."""
        alarms = (
            alarm
            for start in range(0, len(names), _NAMES_A_CALL)
            for alarm in self._described(names[start : start + _NAMES_A_CALL])
        )
        return {alarm.name: alarm for alarm in alarms}

    def _described(self, names: Sequence[str]) -> Iterator[Alarm]:
        with translated("cloudwatch:DescribeAlarms"):
            answer: Mapping[str, Any] = self._session.client("cloudwatch").describe_alarms(
                AlarmNames=list(names), AlarmTypes=list(_TYPES), MaxRecords=_NAMES_A_CALL
            )
            kinds = (answer.get("MetricAlarms", ()), answer.get("CompositeAlarms", ()))
            yield from (
                Alarm(
                    name=alarm["AlarmName"],
                    state=alarm.get("StateValue", ""),
                    reason=alarm.get("StateReason", ""),
                )
                for kind in kinds
                for alarm in kind
            )
