"""The tasks of services: asked for service by service, or those of the whole cluster at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final, Literal

from shipway.aws import ecs_read as read
from shipway.aws.session import Session, translated
from shipway.rollout.snapshot import Task

Desired = Literal["RUNNING", "STOPPED"]

_TASKS_A_CALL: Final = 100
"""ListTasks gives so many in a page, DescribeTasks takes so many (ECS API Reference)."""
_TOGETHER: Final = 4
"""From so many services on, and for each so many of them a page of the cluster's tasks is worth it:
each by itself would take at least a list and a description."""


class ServiceTasks:
    """Lists tasks, and knows what was listed in this look; safe to ask from several threads.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._looked_at = 0
        self._of_cluster: dict[tuple[str, Desired], tuple[Task, ...]] = {}
        # Clusters that run so much else that a service's own tasks are cheaper.
        self._crowded: set[tuple[str, Desired]] = set()
        self._lock = threading.Lock()

    def look(self, services: int) -> None:
        """A new look, at so many services: what was listed is of the past."""
        with self._lock:
            self._looked_at = services
            self._of_cluster.clear()

    def of(
        self, cluster: str, service: str, *desired: Desired
    ) -> tuple[tuple[tuple[Task, ...], ...], int]:
        """A service's tasks of each ``desired`` status, and the calls that it took.

        What several lists name is described in one go, and what another service's look has brought
        takes no call.

        Raises:
            AccessDeniedError: The role may not see them.
            AwsError: ECS does not answer.
        """
        if self._looked_at < _TOGETHER:
            return self._alone(cluster, service, desired)
        each = [self._shared(cluster, service, status) for status in desired]
        return tuple(tasks for tasks, _ in each), sum(calls for _, calls in each)

    def _alone(
        self, cluster: str, service: str, desired: Sequence[Desired]
    ) -> tuple[tuple[tuple[Task, ...], ...], int]:
        lists = [list(self._listed(cluster, status, serviceName=service)) for status in desired]
        # A task that stopped between two lists is in both: it is what the later one says.
        place = {
            arn: number for number, pages in enumerate(lists) for page in pages for arn in page
        }
        tasks, calls = self._described(cluster, list(place))
        told = tuple(
            tuple(task for task in tasks if place.get(task.arn) == number)
            for number in range(len(lists))
        )
        return told, calls + sum(len(pages) for pages in lists)

    def _shared(self, cluster: str, service: str, desired: Desired) -> tuple[tuple[Task, ...], int]:
        """Of one status, with what the looks at other services bring."""
        calls = 0
        with self._lock:
            if (cluster, desired) not in self._of_cluster | dict.fromkeys(self._crowded):
                calls = self._list_all(cluster, desired)
            together = self._of_cluster.get((cluster, desired))
        if together is None:
            (tasks,), further = self._alone(cluster, service, (desired,))
            return tasks, calls + further
        # ECS API Reference, Task: group; that of a service's tasks is service:NAME.
        return tuple(task for task in together if task.group == f"service:{service}"), calls

    def _list_all(self, cluster: str, desired: Desired) -> int:
        """List the tasks of all services; the calls that it took."""
        most = self._looked_at // _TOGETHER
        pages = list(islice(self._listed(cluster, desired), most + 1))
        if len(pages) > most:
            self._crowded.add((cluster, desired))
            return len(pages)
        tasks, calls = self._described(cluster, [arn for page in pages for arn in page])
        self._of_cluster[cluster, desired] = tasks
        return calls + len(pages)

    def _listed(self, cluster: str, desired: Desired, **of: str) -> Iterator[list[str]]:
        pages = self._ecs.get_paginator("list_tasks").paginate(
            cluster=cluster, desiredStatus=desired, **of
        )
        with translated("ecs:ListTasks"):
            for page in pages:
                yield page["taskArns"]

    def _described(self, cluster: str, arns: Sequence[str]) -> tuple[tuple[Task, ...], int]:
        calls = 0
        tasks: list[Task] = []
        for start in range(0, len(arns), _TASKS_A_CALL):
            with translated("ecs:DescribeTasks"):
                answer = self._ecs.describe_tasks(
                    cluster=cluster, tasks=list(arns[start : start + _TASKS_A_CALL])
                )
            tasks += [read.task(task) for task in answer["tasks"]]
            calls += 1
        return tuple(tasks), calls

    @property
    def _ecs(self) -> Any:
        # It does not try again by itself: the next look of the watch is the retry.
        return self._session.client("ecs", attempts=1)
