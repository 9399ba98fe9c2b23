"""The last lines of a container, from CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from shipway.aws.client_errors import code_of
from shipway.aws.session import Session, translated
from shipway.rollout.ports import LogLines, LogPage


class CloudWatchLogs:
    """Reads log streams as the ``awslogs`` driver writes them.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def tail(self, group: str, stream: str, lines: int) -> LogLines:
        """The newest ``lines`` of a stream, oldest first; empty where the stream does not exist.

        Raises:
            AccessDeniedError: The role may not logs:GetLogEvents.
        """
        with translated("logs:GetLogEvents", f"{group}:{stream}"):
            try:
                response = self._session.client("logs").get_log_events(
                    logGroupName=group, logStreamName=stream, limit=lines, startFromHead=False
                )
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                return ()
            return _lines(response["events"])

    def page(self, group: str, stream: str, since: datetime | None, token: str) -> LogPage:
        """The lines behind a token; see the port.

        The end of a stream answers the token that was asked with (CloudWatch Logs API Reference,
        GetLogEvents: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html).
        A stream that a container has not begun yet has no lines.
        """
        where: dict[str, Any] = {"nextToken": token} if token else {}
        if since is not None:
            where["startTime"] = int(since.timestamp() * 1000)
        with translated("logs:GetLogEvents", f"{group}:{stream}"):
            try:
                response = self._session.client("logs").get_log_events(
                    logGroupName=group,
                    logStreamName=stream,
                    startFromHead=True,
                    **where,
                )
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                return LogPage(lines=(), token=token)
            return LogPage(
                lines=_lines(response["events"]), token=response.get("nextForwardToken", token)
            )


def _lines(events: Sequence[Mapping[str, Any]]) -> LogLines:
    return tuple(
        (datetime.fromtimestamp(event["timestamp"] / 1000, UTC), event["message"])
        for event in events
    )
