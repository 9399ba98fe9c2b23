"""Tasks of many services are listed once for all; not where the cluster is full of others."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from shipway.aws.ecs import AwsEcs
from shipway.aws.service_tasks import ServiceTasks
from shipway.aws.session import Session
from shipway.errors import AwsError
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.snapshot import Snapshot

PAGE = 100
ROOT = "arn:aws:ecs:eu-west-1:111122223333"


class Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


class Cluster:
    """Services of one task each, each with a service deployment, and what else runs beside them."""

    def __init__(self, services: int, beside: int = 0) -> None:
        self.names = [f"svc-{number}" for number in range(services)]
        groups = [f"service:{name}" for name in self.names] + ["family:batch"] * beside
        self.groups = {f"{ROOT}:task/shop/{n}": group for n, group in enumerate(groups)}
        self.calls: Counter[str] = Counter()
        self.down = False
        self.stopped: dict[str, bool] = {}
        """ARNs of tasks that stopped; true where the list of running ones names them still."""

    def session(self) -> Session:
        session = Session("eu-west-1")
        client = session.client("ecs", attempts=1)
        client.meta.events.register("before-send", self._send)
        return session

    def _send(self, request: Any, event_name: str, **_: Any) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        self.calls[operation] += 1
        if self.down:
            return answer({"__type": "ServerException"}, 500)
        return answer(getattr(self, operation)(json.loads(request.body)))

    def ListTasks(self, asked: dict[str, Any]) -> object:  # noqa: N802
        group = f"service:{asked['serviceName']}" if "serviceName" in asked else ""
        arns = [arn for arn, of in self.groups.items() if of == group or not group]
        if asked["desiredStatus"] == "STOPPED":
            arns = [arn for arn in arns if arn in self.stopped]
        else:
            arns = [arn for arn in arns if self.stopped.get(arn, True)]
        first = int(asked.get("nextToken", 0))
        more = {"nextToken": str(first + PAGE)} if len(arns) > first + PAGE else {}
        return {"taskArns": arns[first : first + PAGE], **more}

    def DescribeTasks(self, asked: dict[str, Any]) -> object:  # noqa: N802
        return {"tasks": [{"taskArn": arn, "group": self.groups[arn]} for arn in asked["tasks"]]}

    def DescribeServices(self, asked: dict[str, Any]) -> object:  # noqa: N802
        return {
            "services": [
                {"serviceName": name, "status": "ACTIVE", "currentServiceDeployment": f"sd/{name}"}
                for name in asked["services"]
            ]
        }

    def DescribeServiceDeployments(self, asked: dict[str, Any]) -> object:  # noqa: N802
        return {
            "serviceDeployments": [
                {"serviceDeploymentArn": arn, "status": "IN_PROGRESS"}
                for arn in asked["serviceDeploymentArns"]
            ]
        }


def answer(document: object, status: int = 200) -> AWSResponse:
    return AWSResponse("https://x/", status, HTTPHeaders(), Raw(json.dumps(document).encode()))


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


def listed(cluster: Cluster, tasks: ServiceTasks) -> tuple[dict[str, list[str]], int]:
    """Each service's tasks in one look, and the calls that it says it took."""
    tasks.look(len(cluster.names))
    found = {name: tasks.of("shop", name, "RUNNING") for name in cluster.names}
    names = {name: [task.id for task in each] for name, ((each,), _) in found.items()}
    return names, sum(calls for _, calls in found.values())


@pytest.mark.parametrize(
    ("services", "beside", "calls"),
    [
        (3, 0, 6),  # each by itself: a list and a description
        (4, 0, 2),  # one list of all, one description
        (100, 0, 2),
        (100, 150, 6),  # three pages of the cluster
        # More than a page for each four services: looked into once, then each by itself.
        (4, 97, 2 + 8),
        (8, 250, 3 + 16),
    ],
)
def test_a_services_tasks_are_its_own_for_the_fewest_calls(
    services: int, beside: int, calls: int
) -> None:
    cluster = Cluster(services, beside)
    names, took = listed(cluster, ServiceTasks(cluster.session()))
    assert names == {f"svc-{number}": [str(number)] for number in range(services)}
    assert took == cluster.calls.total() == calls


def test_what_runs_and_what_stopped_is_described_in_one_go() -> None:
    cluster = Cluster(1)
    ended, between = f"{ROOT}:task/shop/8", f"{ROOT}:task/shop/9"
    cluster.groups |= dict.fromkeys((ended, between), "service:svc-0")
    cluster.stopped = {ended: False, between: True}
    tasks = ServiceTasks(cluster.session())
    tasks.look(1)
    (running, stopped), took = tasks.of("shop", "svc-0", "RUNNING", "STOPPED")
    assert [task.id for task in running] == ["0"]
    assert {task.id for task in stopped} == {"8", "9"}, "what stopped in between is not running"
    assert took == cluster.calls.total() == 3


def test_a_crowded_cluster_is_not_looked_into_again_and_what_was_listed_is_of_the_past() -> None:
    crowded, free = Cluster(4, beside=97), Cluster(4)
    tasks, others = ServiceTasks(crowded.session()), ServiceTasks(free.session())
    listed(crowded, tasks)
    listed(free, others)
    assert listed(crowded, tasks)[1] == 8
    del free.groups[f"{ROOT}:task/shop/2"]
    names, took = listed(free, others)
    assert (names["svc-2"], took) == ([], 2)


def test_what_fails_is_told_to_whoever_asks_and_asked_for_again() -> None:
    cluster = Cluster(4)
    tasks = ServiceTasks(cluster.session())
    tasks.look(4)
    cluster.down = True
    for name in cluster.names[:2]:
        with pytest.raises(AwsError):
            tasks.of("shop", name, "RUNNING")
    cluster.down = False
    ((found,), _) = tasks.of("shop", "svc-3", "RUNNING")
    assert [task.id for task in found] == ["3"]


@pytest.mark.parametrize("services", [30, 100])
def test_service_deployments_that_are_followed_come_twenty_a_call(services: int) -> None:
    """Also in the looks after the first, which learnt which are ours."""
    cluster = Cluster(services)
    ecs = AwsEcs(cluster.session())
    seen: dict[str, Snapshot] = {}
    for named in (False, True, True):
        before = cluster.calls["DescribeServiceDeployments"]
        glances = ecs.services("shop", cluster.names)
        for name, glance in glances.items():
            fetch = FetchPlan(service_deployment=f"sd/{name}" if named else "current", tasks=True)
            seen[name] = ecs.complete("shop", name, glance, fetch)
        assert cluster.calls["DescribeServiceDeployments"] - before == -(-services // 20)
    assert all(
        look.service_deployment is not None and look.service_deployment.arn == f"sd/{name}"
        for name, look in seen.items()
    )
    # What each look says that it took is what went out, one DescribeServices a service apart.
    last = sum(look.calls - 1 for look in seen.values())
    assert last == -(-services // 20) + 2
