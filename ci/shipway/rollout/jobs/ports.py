"""What jobs ask of the outside: tasks that no service runs, and their logs while they run."""

from __future__ import annotations

from typing import Protocol

from shipway.rollout.jobs.terms import JobRequest, NotPlaced, Placement
from shipway.rollout.ports import LogPage
from shipway.rollout.snapshot import Task


class Tasks(Protocol):
    """Tasks of a cluster that no service runs."""

    def placement(self, cluster: str, service: str) -> Placement:
        """Where a service's tasks run.

        Raises:
            ConfigurationError: The service is not in the cluster.
            ShipwayError: ECS does not answer.
        """
        ...

    def started_by(self, cluster: str, family: str, started_by: str) -> tuple[Task, ...]:
        """Every task that was started with this ``startedBy``, those included that have stopped.

        ``family`` is that of their task definition. ECS shows a stopped task for at least an hour
        (ECS API Reference, DescribeTasks).

        Raises:
            ShipwayError: ECS does not answer.
        """
        ...

    def of_job(self, cluster: str, family: str, key: str) -> tuple[Task, ...]:
        """Every task of a family that was started for a job, whatever the release.

        Those that stopped are among them for as long as ECS shows them, as above.

        Raises:
            ShipwayError: ECS does not answer.
        """
        ...

    def run(self, request: JobRequest) -> Task | NotPlaced:
        """RunTask, for one task.

        Raises:
            AccessDeniedError: IAM does not allow it, or not to pass on the task's roles.
            ShipwayError: ECS refused.
        """
        ...

    def task(self, cluster: str, arn: str) -> Task | None:
        """One task as it is now; ``None`` where ECS knows none of that ARN.

        Raises:
            ShipwayError: ECS does not answer.
        """
        ...

    def stop(self, cluster: str, arn: str, reason: str) -> None:
        """StopTask: SIGTERM, and SIGKILL after ``stopTimeout``.

        Raises:
            ShipwayError: ECS refused.
        """
        ...

    def read_log(self, group: str, stream: str, token: str) -> LogPage:
        """The lines behind ``token``, oldest first; from the first line on where it is empty.

        A stream that is not there yet has no line.

        Raises:
            ShipwayError: CloudWatch does not answer.
        """
        ...
