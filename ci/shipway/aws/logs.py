"""The last lines of a container, from CloudWatch Logs."""

from __future__ import annotations

from datetime import UTC, datetime

from botocore.exceptions import ClientError

from shipway.aws.session import Session, code_of, translated


class CloudWatchLogs:
    """Reads log streams as the ``awslogs`` driver writes them.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def tail(self, group: str, stream: str, lines: int) -> tuple[tuple[datetime, str], ...]:
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
            return tuple(
                (datetime.fromtimestamp(event["timestamp"] / 1000, UTC), event["message"])
                for event in response["events"]
            )
