"""The revisions of task definitions, and everything in an account and region that uses one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from shipway.aws import registrable
from shipway.aws.session import Session, translated
from shipway.rollout.prune import Objection
from shipway.util.side_by_side import look_up

_SERVICES_A_CALL: Final = 10
_TASKS_A_CALL: Final = 100


class AwsRevisions:
    """Implements :class:`shipway.rollout.prune.Revisions`.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def active(self, family: str) -> tuple[str, ...]:
        """A family's active revisions; see the port."""
        with translated("ecs:ListTaskDefinitions", family):
            pages = self._pages(
                "list_task_definitions", familyPrefix=family, status="ACTIVE", sort="DESC"
            )
            arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
        # Though documented as the whole name, it is called a prefix: neighbours are left alone.
        ours = [arn for arn in arns if arn.rpartition("/")[2].rpartition(":")[0] == family]
        return tuple(sorted(ours, key=lambda arn: -int(arn.rpartition(":")[2])))

    def objections(self, request: Mapping[str, object]) -> tuple[Objection, ...]:
        """What the installed SDK cannot send; see the port."""
        model = self._ecs.meta.service_model.operation_model("RegisterTaskDefinition")
        return tuple(registrable.objections(model.input_shape, request))

    def uses(self) -> Mapping[str, str]:
        """Everything that uses a revision; see the port."""
        with translated("ecs:ListClusters"):
            clusters = [arn for page in self._pages("list_clusters") for arn in page["clusterArns"]]
        looks: dict[str, Callable[[], list[tuple[str, str]]]] = {
            **{f"services {cluster}": partial(self._services, cluster) for cluster in clusters},
            **{f"tasks {cluster}": partial(self._tasks, cluster) for cluster in clusters},
            **{f"rules {cluster}": partial(self._rules, cluster) for cluster in clusters},
            "schedules": self._schedules,
        }
        found = look_up(lambda name: looks[name](), looks)
        uses: dict[str, str] = {}
        for pairs in found.values():
            for arn, use in pairs:
                uses.setdefault(arn.rpartition("task-definition/")[2], use)
        return uses

    def deregister(self, arn: str) -> None:
        """DeregisterTaskDefinition; see the port."""
        with translated("ecs:DeregisterTaskDefinition", arn):
            self._ecs.deregister_task_definition(taskDefinition=arn)

    def _services(self, cluster: str) -> list[tuple[str, str]]:
        with translated("ecs:ListServices", cluster):
            pages = self._pages("list_services", cluster=cluster)
            arns = [arn for page in pages for arn in page["serviceArns"]]
        used: list[tuple[str, str]] = []
        for some in _parts(arns, _SERVICES_A_CALL):
            with translated("ecs:DescribeServices", cluster):
                answer = self._ecs.describe_services(cluster=cluster, services=some)
                for service in answer["services"]:
                    beside = (*service.get("deployments", ()), *service.get("taskSets", ()))
                    use = f"service {service['serviceName']} of {_last(cluster)}"
                    used += [
                        (each["taskDefinition"], use)
                        for each in (service, *beside)
                        if each.get("taskDefinition")
                    ]
        return used

    def _tasks(self, cluster: str) -> list[tuple[str, str]]:
        with translated("ecs:ListTasks", cluster):
            pages = self._pages("list_tasks", cluster=cluster, desiredStatus="RUNNING")
            arns = [arn for page in pages for arn in page["taskArns"]]
        used: list[tuple[str, str]] = []
        for some in _parts(arns, _TASKS_A_CALL):
            with translated("ecs:DescribeTasks", cluster):
                answer = self._ecs.describe_tasks(cluster=cluster, tasks=some)
                used += [
                    (task["taskDefinitionArn"], f"a task that runs in {_last(cluster)}")
                    for task in answer["tasks"]
                ]
        return used

    def _rules(self, cluster: str) -> list[tuple[str, str]]:
        """Targets of EventBridge's rules that run a task in this cluster, of every event bus."""
        events = self._session.client("events")
        with translated("events:ListEventBuses"):
            buses = [bus["Name"] for bus in _all(events.list_event_buses, "EventBuses")]
        used: list[tuple[str, str]] = []
        for bus in buses:
            with translated("events:ListRuleNamesByTarget", cluster):
                asked = {"TargetArn": cluster, "EventBusName": bus}
                rules = list(_all(events.list_rule_names_by_target, "RuleNames", **asked))
            for rule in rules:
                with translated("events:ListTargetsByRule", rule):
                    targets = list(
                        _all(events.list_targets_by_rule, "Targets", Rule=rule, EventBusName=bus)
                    )
                used += [(arn, f"the rule {rule}") for arn in _definitions(targets)]
        return used

    def _schedules(self) -> list[tuple[str, str]]:
        scheduler = self._session.client("scheduler")
        with translated("scheduler:ListSchedules"):
            schedules = list(_all(scheduler.list_schedules, "Schedules"))
        used: list[tuple[str, str]] = []
        for schedule in schedules:
            # Only those whose target is a cluster can name a task definition.
            if ":cluster/" not in str((schedule.get("Target") or {}).get("Arn", "")):
                continue
            name, group = schedule["Name"], schedule.get("GroupName", "default")
            with translated("scheduler:GetSchedule", f"{group}/{name}"):
                answer = scheduler.get_schedule(Name=name, GroupName=group)
            used += [(arn, f"the schedule {name}") for arn in _definitions([answer["Target"]])]
        return used

    @property
    def _ecs(self) -> Any:
        return self._session.client("ecs")

    def _pages(self, operation: str, **asked: str) -> Iterator[Any]:
        yield from self._ecs.get_paginator(operation).paginate(**asked)


def _definitions(targets: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for target in targets:
        arn = (target.get("EcsParameters") or {}).get("TaskDefinitionArn", "")
        if arn:
            yield str(arn)


def _all(operation: Any, key: str, **asked: str) -> Iterator[Any]:
    """All of a list whose pages are joined by ``NextToken``."""
    token: dict[str, str] = {}
    while True:
        answer = operation(**asked, **token)
        yield from answer.get(key, ())
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}


def _parts(arns: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(arns), size):
        yield list(arns[start : start + size])


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]
