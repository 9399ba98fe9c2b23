"""Rollouts that go well and rollouts that fail, each for real."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

Make = Callable[..., Any]
SHELL_500 = (
    "trap 'exit 0' TERM; while :; do "
    "printf 'HTTP/1.1 500 Error\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n' "
    "| /bin/busybox nc -l -p 8080; done & wait"
)
DEAF = "trap 'exit 0' TERM; /bin/busybox sleep 1000 & wait"
NOWHERE = "sha256:" + "0" * 64


def steady(shop: Any) -> str:
    """A shop that runs its first version well; its task definition is the answer."""
    good = str(shop.definition())
    assert shop.until_over(shop.create(good))["status"] == "SUCCESSFUL"
    return good


def test_good_rollout_loses_no_request(shop: Make) -> None:
    service = shop()
    steady(service)
    over, counts = threading.Event(), [0, 0]

    def ask() -> None:
        # A busy machine answers less often: then more are asked, of the new version alone.
        while not over.is_set() or counts[0] <= 20:
            counts[0] += 1
            counts[1] += service.get() != 200
            time.sleep(0.01)

    asking = threading.Thread(target=ask)
    asking.start()
    arn = service.update(service.definition(environment=[{"name": "VERSION", "value": "2"}]))
    seen = service.until_over(arn)
    during = counts[0]
    over.set()
    asking.join()
    assert seen["status"] == "SUCCESSFUL"
    assert during > 0
    assert counts[1] == 0
    described = service.described()
    assert [deployment["rolloutState"] for deployment in described["deployments"]] == ["COMPLETED"]
    assert {task["startedBy"] for task in service.tasks()} == {described["deployments"][0]["id"]}
    assert "has reached a steady state." in described["events"][0]["message"]


def test_first_deployment_starts_in_progress_and_its_digest_is_known(shop: Make) -> None:
    service = shop()
    arn = service.create(service.definition())
    described = service.described()
    assert described["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert described["currentServiceDeployment"] == arn
    ended = service.until_over(arn)
    assert ended["status"] == "SUCCESSFUL"
    assert ended["targetServiceRevision"]["runningTaskCount"] == 2
    assert ended["deploymentCircuitBreaker"] == {
        "status": "MONITORING_COMPLETE",
        "failureCount": 0,
        "threshold": 3,
    }
    revision = service.ecs.describe_service_revisions(
        serviceRevisionArns=[ended["targetServiceRevision"]["arn"]]
    )["serviceRevisions"][0]
    digest = service.world.image.partition("@")[2]
    assert [image["imageDigest"] for image in revision["containerImages"]] == [digest]
    containers = [container for task in service.tasks() for container in task["containers"]]
    assert {container["imageDigest"] for container in containers} == {digest}


FAILURES: dict[str, dict[str, Any]] = {
    "exits-at-once": {"script": "echo boom; exit 3"},
    "exits-late": {"script": "/bin/busybox sleep 3; exit 4"},
    "memory": {"script": "a=x; while :; do a=$a$a; done"},
    "answers-500": {"script": SHELL_500},
    "deaf": {"script": DEAF},
    "container-health": {
        "healthCheck": {
            "command": ["CMD", "/bin/busybox", "false"],
            "interval": 1,
            "timeout": 1,
            "retries": 2,
        }
    },
    "missing-image": {"image": f"localhost:1/none@{NOWHERE}"},
    "missing-secret": {"secrets": [{"name": "PASSWORD", "valueFrom": "/nowhere/password"}]},
}
EXIT_CODES = {"exits-at-once": 3, "exits-late": 4, "memory": 137}


@dataclass
class Failed:
    """One failed rollout, from its beginning to its end."""

    shop: Any
    good: str
    first: str
    second: str = ""
    arn: str = ""
    ended: Any = None
    health: set[tuple[str, str, str]] = field(default_factory=set)

    @property
    def stopped(self) -> list[Any]:
        """Stopped tasks of the failed deployment."""
        return [task for task in self.shop.tasks("STOPPED") if task["startedBy"] == self.second]


@pytest.fixture(scope="module")
def failures(shops: Make) -> dict[str, Failed]:
    """Every kind of failing rollout, all at the same time, each on a service of its own."""
    quick = {"HealthCheckIntervalSeconds": 1, "HealthCheckTimeoutSeconds": 1}
    # What exits must not be found deaf before the engine has told its end, which takes it up to two
    # seconds on a busy machine: AWS's shortest interval is 5 s.
    begun = {name: shops(**({} if name in EXIT_CODES else quick)) for name in FAILURES}
    first = {name: service.create(service.definition()) for name, service in begun.items()}
    made: dict[str, Failed] = {}
    for name, service in begun.items():
        assert service.until_over(first[name], 60.0)["status"] == "SUCCESSFUL"
        described = service.described()
        made[name] = Failed(service, described["taskDefinition"], described["deployments"][0]["id"])
    for name, each in made.items():
        kind = dict(FAILURES[name])
        if name == "missing-image":
            kind["image"] = f"{each.shop.world.image.partition('@')[0]}@{NOWHERE}"
        each.arn = each.shop.update(each.shop.definition(**kind))
        each.second = each.shop.described()["deployments"][0]["id"]
    deadline = time.monotonic() + 60
    while any(each.ended is None for each in made.values()):
        assert time.monotonic() < deadline
        for each in made.values():
            if each.ended is None:
                each.health |= {
                    (target["State"], target.get("Reason", ""), target.get("Description", ""))
                    for target in each.shop.health()
                }
                described = each.shop.deployment(each.arn)
                each.ended = described if described["status"].startswith("ROLLBACK_S") else None
        time.sleep(0.05)
    return made


@pytest.mark.parametrize("name", FAILURES)
def test_failure_is_rolled_back_and_the_old_version_serves(
    failures: dict[str, Failed], name: str
) -> None:
    each = failures[name]
    assert each.ended["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert each.ended["deploymentCircuitBreaker"]["failureCount"] >= 3
    assert each.ended["rollback"]["serviceRevisionArn"]
    described = each.shop.described()
    assert [
        (deployment["id"], deployment["rolloutState"]) for deployment in described["deployments"]
    ] == [(each.first, "COMPLETED")]
    assert described["taskDefinition"] == each.good
    assert len(each.stopped) >= 3
    assert each.shop.get() == 200


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_crash_says_its_exit_code(failures: dict[str, Failed], name: str, code: int) -> None:
    crashed = [
        task for task in failures[name].stopped if task["stopCode"] == "EssentialContainerExited"
    ]
    assert len(crashed) >= 2
    for task in crashed:
        assert task["stoppedReason"] == "Essential container in task exited"
        assert task["containers"][0]["exitCode"] == code
        reason = "OutOfMemoryError: Container killed due to memory usage"
        assert task["containers"][0].get("reason") == (reason if name == "memory" else None)


@pytest.mark.parametrize(
    ("name", "reason", "description"),
    [
        (
            "answers-500",
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [500]",
        ),
        ("deaf", "Target.FailedHealthChecks", "Health checks failed"),
    ],
)
def test_unhealthy_target_says_why(
    failures: dict[str, Failed], name: str, reason: str, description: str
) -> None:
    each = failures[name]
    assert (
        "initial",
        "Elb.InitialHealthChecking",
        "Initial health checks in progress",
    ) in each.health
    reasons = {task["stoppedReason"] for task in each.stopped}
    assert f"Task failed ELB health checks in (target-group {each.shop.group})" in reasons
    messages = " ".join(event["message"] for event in each.shop.described()["events"])
    assert f"due to (reason {description})" in messages
    reasons_shown = {health[1:] for health in each.health if health[0] == "unhealthy"}
    assert reasons_shown <= {(reason, description)}


def test_failing_container_health_check_is_told(failures: dict[str, Failed]) -> None:
    reason = "Task failed container health checks"
    stopped = [
        task for task in failures["container-health"].stopped if task["stoppedReason"] == reason
    ]
    assert stopped
    assert {task["healthStatus"] for task in stopped} == {"UNHEALTHY"}


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("missing-image", "CannotPullContainerError: pull image manifest has been", ": not found"),
        (
            "missing-secret",
            "ResourceInitializationError: unable to pull secrets or registry auth: ",
            "/nowhere/password",
        ),
    ],
)
def test_task_that_cannot_start_says_why(
    failures: dict[str, Failed], name: str, start: str, end: str
) -> None:
    refused = [task for task in failures[name].stopped if task["stopCode"] == "TaskFailedToStart"]
    assert len(refused) >= 3
    for task in refused:
        assert task["stoppedReason"].startswith(start)
        assert task["stoppedReason"].endswith(end)


def test_bad_first_deployment_has_nothing_to_go_back_to(shop: Make) -> None:
    service = shop()
    ended = service.until_over(service.create(service.definition("exit 1")))
    assert ended["status"] == "ROLLBACK_FAILED"
    described = service.described()
    assert [(dep["status"], dep["rolloutState"]) for dep in described["deployments"]] == [
        ("PRIMARY", "FAILED")
    ]


def test_breaker_without_rollback_stops_the_deployment(shop: Make) -> None:
    service = shop()
    good = service.definition()
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    service.until_over(service.create(good, deploymentConfiguration=breaker))
    bad = service.definition("exit 1")
    assert service.until_over(service.update(bad))["status"] == "STOPPED"
    described = service.described()
    assert described["taskDefinition"] == bad
    assert described["deployments"][0]["rolloutState"] == "FAILED"
    assert service.get() == 200


def test_superseded_deployment_is_stopped_and_the_newer_one_succeeds(shop: Make) -> None:
    service = shop()
    steady(service)
    first = service.update(service.definition(DEAF))
    second = service.update(service.definition(environment=[{"name": "A", "value": "3"}]))
    seen: list[str] = []

    def over() -> Any:
        status = service.deployment(first)["status"]
        if status not in seen:
            seen.append(status)
        return status == "STOPPED"

    service.until(over)
    assert seen[-2:] == ["STOP_REQUESTED", "STOPPED"]
    assert service.until_over(second)["status"] == "SUCCESSFUL"
    listed = service.ecs.list_service_deployments(cluster="tests", service=service.name)
    arns = [
        service_deployment["serviceDeploymentArn"]
        for service_deployment in listed["serviceDeployments"]
    ]
    assert arns[:2] == [second, first]
    only = service.ecs.list_service_deployments(
        cluster="tests", service=service.name, status=["STOPPED"], maxResults=1
    )
    assert [
        service_deployment["serviceDeploymentArn"]
        for service_deployment in only["serviceDeployments"]
    ] == [first]


@pytest.mark.parametrize(
    ("stop_type", "status"), [("ROLLBACK", "ROLLBACK_SUCCESSFUL"), ("ABORT", "STOPPED")]
)
def test_stopped_by_someone(shop: Make, stop_type: str, status: str) -> None:
    service = shop()
    good = steady(service)
    arn = service.update(service.definition(DEAF))
    service.until(lambda: service.deployment(arn)["status"] == "IN_PROGRESS")
    service.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType=stop_type)
    assert service.until_over(arn)["status"] == status
    if stop_type == "ROLLBACK":
        assert service.described()["taskDefinition"] == good
    assert service.get() == 200


def test_no_tasks_wanted_is_a_deployment_that_succeeds(shop: Make) -> None:
    service = shop(desired=0)
    assert service.until_over(service.create(service.definition()))["status"] == "SUCCESSFUL"
    service.ecs.update_service(cluster="tests", service=service.name, desiredCount=1)
    service.until(lambda: service.described()["runningCount"] == 1)
