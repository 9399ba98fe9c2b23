"""Tasks that no service runs: RunTask, StopTask, and what they say meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from shipway.aws import ecs_read as read
from shipway.aws.logs import CloudWatchLogs
from shipway.aws.session import Session, translated
from shipway.errors import ConfigurationError, CredentialsError
from shipway.rollout.jobs.terms import (
    Capacity,
    JobRequest,
    NotPlaced,
    Placement,
    of_any_release,
)
from shipway.rollout.ports import LogPage
from shipway.rollout.snapshot import Task

_T = TypeVar("_T")
_TASKS_A_CALL: Final = 100
"""ECS API Reference, DescribeTasks."""


class AwsTasks:
    """Implements :class:`shipway.rollout.jobs.ports.Tasks`.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def _ecs(self) -> Any:
        return self._session.client("ecs")

    def placement(self, cluster: str, service: str) -> Placement:
        """DescribeServices; see the port."""
        with translated("ecs:DescribeServices", f"{cluster}/{service}"):
            answer = self._ecs.describe_services(cluster=cluster, services=[service])
        if not answer["services"]:
            raise ConfigurationError(
                f"service {service} does not exist in cluster {cluster}",
                where="ci/delivery.toml",
                remedy="nothing was changed; see `cluster` and `service` in ci/delivery.toml",
            )
        return placement_of(answer["services"][0])

    def started_by(self, cluster: str, family: str, started_by: str) -> tuple[Task, ...]:
        """ListTasks of what runs and of what stopped, and DescribeTasks; see the port.

        ``startedBy`` must be the only filter (ECS API Reference, ListTasks), and without another
        one shows what runs: what has stopped is listed by its family.
        """
        running = self._listed(cluster, startedBy=started_by)
        stopped = self._listed(cluster, family=family, desiredStatus="STOPPED")
        tasks = self._described(cluster, (*running, *stopped))
        return tuple(task for task in tasks if task.started_by == started_by)

    def of_job(self, cluster: str, family: str, key: str) -> tuple[Task, ...]:
        """ListTasks of the family, running and stopped, and DescribeTasks; see the port."""
        arns = [
            arn
            for status in ("RUNNING", "STOPPED")
            for arn in self._listed(cluster, family=family, desiredStatus=status)
        ]
        tasks = self._described(cluster, arns)
        return tuple(task for task in tasks if task.started_by.startswith(of_any_release(key)))

    def _described(self, cluster: str, arns: Sequence[str]) -> list[Task]:
        wanted = list(dict.fromkeys(arns))
        tasks: list[Task] = []
        for start in range(0, len(wanted), _TASKS_A_CALL):
            with translated("ecs:DescribeTasks", cluster):
                some = wanted[start : start + _TASKS_A_CALL]
                answer = self._ecs.describe_tasks(cluster=cluster, tasks=some)
                tasks += map(read.task, answer["tasks"])
        return tasks

    def _listed(self, cluster: str, **filters: str) -> list[str]:
        with translated("ecs:ListTasks", cluster):
            pages = self._ecs.get_paginator("list_tasks").paginate(cluster=cluster, **filters)
            return [arn for page in pages for arn in page["taskArns"]]

    def run(self, request: JobRequest) -> Task | NotPlaced:
        """RunTask; see the port."""
        with translated("ecs:RunTask", request.task_definition):
            answer = self._ecs.run_task(**run_parameters(request))
            if answer["tasks"]:
                return read.task(answer["tasks"][0])
        failures = answer.get("failures") or [{}]
        words = (failures[0].get("reason", ""), failures[0].get("detail", ""))
        return NotPlaced(reason=": ".join(filter(None, words)) or "ECS does not say why")

    def task(self, cluster: str, arn: str) -> Task | None:
        """DescribeTasks of one; see the port."""

        def look() -> Any:
            with translated("ecs:DescribeTasks", arn):
                return self._ecs.describe_tasks(cluster=cluster, tasks=[arn])

        answer = self._renewed(look)
        return read.task(answer["tasks"][0]) if answer["tasks"] else None

    def stop(self, cluster: str, arn: str, reason: str) -> None:
        """StopTask; see the port."""

        def ask() -> Any:
            with translated("ecs:StopTask", arn):
                return self._ecs.stop_task(cluster=cluster, task=arn, reason=reason)

        self._renewed(ask)

    def read_log(self, group: str, stream: str, token: str) -> LogPage:
        """GetLogEvents from the oldest on; see the port."""
        logs = CloudWatchLogs(self._session)
        return self._renewed(partial(logs.page, group, stream, None, token))

    def _renewed(self, call: Callable[[], _T]) -> _T:
        """Call; a job may outlast a session's credentials, which are then renewed once."""
        try:
            return call()
        except CredentialsError:
            if not self._session.renew():
                raise
            return call()


def placement_of(service: Any) -> Placement:
    """Where a service's tasks run, from an entry of DescribeServices. Pure."""
    network = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    capacity = tuple(
        Capacity(
            provider=each["capacityProvider"],
            weight=each.get("weight", 0),
            base=each.get("base", 0),
        )
        for each in service.get("capacityProviderStrategy") or ()
    )
    return Placement(
        subnets=tuple(network.get("subnets", ())),
        security_groups=tuple(network.get("securityGroups", ())),
        public_ip=network.get("assignPublicIp") == "ENABLED",
        launch_type="" if capacity else service.get("launchType", ""),
        capacity=capacity,
        platform_version=service.get("platformVersion", ""),
    )


def run_parameters(request: JobRequest) -> dict[str, Any]:
    """The RunTask request. Pure.

    A network configuration is taken with the network mode ``awsvpc`` alone, a platform version on
    Fargate alone, and a launch type or a capacity provider strategy, never both (ECS API Reference,
    RunTask).
    """
    placement = request.placement
    parameters: dict[str, Any] = {
        "cluster": request.cluster,
        "taskDefinition": request.task_definition,
        "count": 1,
        "startedBy": request.started_by,
        "clientToken": request.client_token,
    }
    if request.command:
        override = {"name": request.container, "command": list(request.command)}
        parameters["overrides"] = {"containerOverrides": [override]}
    if request.has_own_address:
        parameters["networkConfiguration"] = {
            "awsvpcConfiguration": {
                "subnets": list(placement.subnets),
                "securityGroups": list(placement.security_groups),
                "assignPublicIp": "ENABLED" if placement.public_ip else "DISABLED",
            }
        }
    if placement.capacity:
        parameters["capacityProviderStrategy"] = [
            {"capacityProvider": each.provider, "weight": each.weight, "base": each.base}
            for each in placement.capacity
        ]
    elif placement.launch_type:
        parameters["launchType"] = placement.launch_type
    on_fargate = placement.launch_type == "FARGATE" or any(
        each.provider.startswith("FARGATE") for each in placement.capacity
    )
    if placement.platform_version and on_fargate:
        parameters["platformVersion"] = placement.platform_version
    return parameters
