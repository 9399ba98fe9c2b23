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
    one = shop()
    steady(one)
    over, counts = threading.Event(), [0, 0]

    def ask() -> None:
        # A busy machine answers less often: then more are asked, of the new version alone.
        while not over.is_set() or counts[0] <= 20:
            counts[0] += 1
            counts[1] += one.get() != 200
            time.sleep(0.01)

    asking = threading.Thread(target=ask)
    asking.start()
    arn = one.update(one.definition(environment=[{"name": "VERSION", "value": "2"}]))
    seen = one.until_over(arn)
    during = counts[0]
    over.set()
    asking.join()
    assert seen["status"] == "SUCCESSFUL"
    assert during > 0
    assert counts[1] == 0
    found = one.described()
    assert [one["rolloutState"] for one in found["deployments"]] == ["COMPLETED"]
    assert {task["startedBy"] for task in one.tasks()} == {found["deployments"][0]["id"]}
    assert "has reached a steady state." in found["events"][0]["message"]


def test_first_deployment_starts_in_progress_and_its_digest_is_known(shop: Make) -> None:
    one = shop()
    arn = one.create(one.definition())
    found = one.described()
    assert found["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert found["currentServiceDeployment"] == arn
    ended = one.until_over(arn)
    assert ended["status"] == "SUCCESSFUL"
    assert ended["targetServiceRevision"]["runningTaskCount"] == 2
    assert ended["deploymentCircuitBreaker"] == {
        "status": "MONITORING_COMPLETE",
        "failureCount": 0,
        "threshold": 3,
    }
    revision = one.ecs.describe_service_revisions(
        serviceRevisionArns=[ended["targetServiceRevision"]["arn"]]
    )["serviceRevisions"][0]
    digest = one.world.image.partition("@")[2]
    assert [image["imageDigest"] for image in revision["containerImages"]] == [digest]
    containers = [container for task in one.tasks() for container in task["containers"]]
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
        return [one for one in self.shop.tasks("STOPPED") if one["startedBy"] == self.second]


@pytest.fixture(scope="module")
def failures(shops: Make) -> dict[str, Failed]:
    """Every kind of failing rollout, all at the same time, each on a service of its own."""
    quick = {"HealthCheckIntervalSeconds": 1, "HealthCheckTimeoutSeconds": 1}
    # What exits must not be found deaf before the engine has told its end, which takes it up to two
    # seconds on a busy machine: AWS's shortest interval is 5 s.
    begun = {name: shops(**({} if name in EXIT_CODES else quick)) for name in FAILURES}
    first = {name: one.create(one.definition()) for name, one in begun.items()}
    made: dict[str, Failed] = {}
    for name, one in begun.items():
        assert one.until_over(first[name], 60.0)["status"] == "SUCCESSFUL"
        found = one.described()
        made[name] = Failed(one, found["taskDefinition"], found["deployments"][0]["id"])
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
                    (one["State"], one.get("Reason", ""), one.get("Description", ""))
                    for one in each.shop.health()
                }
                found = each.shop.deployment(each.arn)
                each.ended = found if found["status"].startswith("ROLLBACK_S") else None
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
    found = each.shop.described()
    assert [(one["id"], one["rolloutState"]) for one in found["deployments"]] == [
        (each.first, "COMPLETED")
    ]
    assert found["taskDefinition"] == each.good
    assert len(each.stopped) >= 3
    assert each.shop.get() == 200


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_crash_says_its_exit_code(failures: dict[str, Failed], name: str, code: int) -> None:
    crashed = [
        one for one in failures[name].stopped if one["stopCode"] == "EssentialContainerExited"
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
    told = {found[1:] for found in each.health if found[0] == "unhealthy"}
    assert told <= {(reason, description)}


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
    refused = [one for one in failures[name].stopped if one["stopCode"] == "TaskFailedToStart"]
    assert len(refused) >= 3
    for task in refused:
        assert task["stoppedReason"].startswith(start)
        assert task["stoppedReason"].endswith(end)


def test_bad_first_deployment_has_nothing_to_go_back_to(shop: Make) -> None:
    one = shop()
    ended = one.until_over(one.create(one.definition("exit 1")))
    assert ended["status"] == "ROLLBACK_FAILED"
    found = one.described()
    assert [(dep["status"], dep["rolloutState"]) for dep in found["deployments"]] == [
        ("PRIMARY", "FAILED")
    ]


def test_breaker_without_rollback_stops_the_deployment(shop: Make) -> None:
    one = shop()
    good = one.definition()
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    one.until_over(one.create(good, deploymentConfiguration=breaker))
    bad = one.definition("exit 1")
    assert one.until_over(one.update(bad))["status"] == "STOPPED"
    found = one.described()
    assert found["taskDefinition"] == bad
    assert found["deployments"][0]["rolloutState"] == "FAILED"
    assert one.get() == 200


def test_superseded_deployment_is_stopped_and_the_newer_one_succeeds(shop: Make) -> None:
    one = shop()
    steady(one)
    first = one.update(one.definition(DEAF))
    second = one.update(one.definition(environment=[{"name": "A", "value": "3"}]))
    seen: list[str] = []

    def over() -> Any:
        status = one.deployment(first)["status"]
        if status not in seen:
            seen.append(status)
        return status == "STOPPED"

    one.until(over)
    assert seen[-2:] == ["STOP_REQUESTED", "STOPPED"]
    assert one.until_over(second)["status"] == "SUCCESSFUL"
    listed = one.ecs.list_service_deployments(cluster="tests", service=one.name)
    arns = [found["serviceDeploymentArn"] for found in listed["serviceDeployments"]]
    assert arns[:2] == [second, first]
    only = one.ecs.list_service_deployments(
        cluster="tests", service=one.name, status=["STOPPED"], maxResults=1
    )
    assert [found["serviceDeploymentArn"] for found in only["serviceDeployments"]] == [first]


@pytest.mark.parametrize(
    ("stop_type", "status"), [("ROLLBACK", "ROLLBACK_SUCCESSFUL"), ("ABORT", "STOPPED")]
)
def test_stopped_by_someone(shop: Make, stop_type: str, status: str) -> None:
    one = shop()
    good = steady(one)
    arn = one.update(one.definition(DEAF))
    one.until(lambda: one.deployment(arn)["status"] == "IN_PROGRESS")
    one.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType=stop_type)
    assert one.until_over(arn)["status"] == status
    if stop_type == "ROLLBACK":
        assert one.described()["taskDefinition"] == good
    assert one.get() == 200


def test_no_tasks_wanted_is_a_deployment_that_succeeds(shop: Make) -> None:
    one = shop(desired=0)
    assert one.until_over(one.create(one.definition()))["status"] == "SUCCESSFUL"
    one.ecs.update_service(cluster="tests", service=one.name, desiredCount=1)
    one.until(lambda: one.described()["runningCount"] == 1)
