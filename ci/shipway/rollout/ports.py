"""What the rollout asks of the outside: ECS, its load balancers' targets, and container logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from shipway.rollout.hold.terms import Alarm
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.snapshot import Snapshot, Trouble
from shipway.rollout.task_definition import TaskDefinition
from shipway.values import HttpAnswer

LogLines = tuple[tuple[datetime, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What UpdateService answered: enough to know our deployment ever after.

    ``earlier`` holds the ids of all other deployments of that answer: each is older than ours.
    """

    deployment_id: str
    service_deployment: str = ""
    earlier: frozenset[str] = frozenset()


class Prober(Protocol):
    """Asks an address once."""

    def get(self, url: str, seconds: float) -> HttpAnswer:
        """One GET without following redirects; never raises for what the network does."""
        ...


class Alarms(Protocol):
    """CloudWatch's alarms."""

    def states(self, names: Sequence[str]) -> Mapping[str, Alarm]:
        """DescribeAlarms, metric and composite ones; one that does not exist is left out.

        Raises:
            AccessDeniedError: The role may not cloudwatch:DescribeAlarms.
            AwsError: CloudWatch does not answer.
        """
        ...


class Ecs(Protocol):
    """One region's ECS. What only reads, during a watch, never raises: it tells its troubles."""

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        """One look at up to ten services with one DescribeServices.

        A service that is not there comes back with ``exists`` False; where the call itself failed
        each comes back with ``answered`` False and the trouble.
        """
        ...

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        """The same look with what the judge wants besides; troubles are added, never raised."""
        ...

    def service_names(self, cluster: str) -> tuple[str, ...]:
        """Names of the services of a cluster, for "did you mean"; empty where not allowed."""
        ...

    def task_definition(self, arn: str) -> TaskDefinition:
        """DescribeTaskDefinition, by ARN, by family or by ``family:revision``.

        Raises:
            ConfigurationError: There is none.
            ShipwayError: ECS refused, or does not answer.
        """
        ...

    def register(self, definition: TaskDefinition) -> str:
        """RegisterTaskDefinition with all that was read of it, known here or not.

        Returns:
            The new revision's ARN.
        """
        ...

    def update(self, cluster: str, service: str, task_definition: str) -> Updated:
        """UpdateService with the task definition and nothing else: the desired count stays."""
        ...

    def resume(self, arn: str, hook: str, action: Literal["CONTINUE", "ROLLBACK"]) -> None:
        """ContinueServiceDeployment: answer a PAUSE hook.

        Raises:
            AwsError: The hook does not wait any more.
        """
        ...

    def stop(self, arn: str, stop_type: Literal["ROLLBACK", "ABORT"]) -> Trouble | None:
        """StopServiceDeployment; the trouble where it did not work."""
        ...


class Logs(Protocol):
    """Container logs."""

    def tail(self, group: str, stream: str, lines: int) -> LogLines:
        """The newest lines of a stream, oldest first; empty where there is no such stream."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """Lines of a stream in order, and the token behind which the next ones begin.

    The token is that of the question again where nothing more was written yet.
    """

    lines: LogLines
    token: str


class LogStreams(Logs, Protocol):
    """Container logs, read on from a moment."""

    def page(self, group: str, stream: str, since: datetime | None, token: str) -> LogPage:
        """The lines behind a token, or from a moment or the first one on where it is empty.

        Raises:
            AccessDeniedError: The role may not read the stream.
            AwsError: CloudWatch does not answer.
        """
        ...
