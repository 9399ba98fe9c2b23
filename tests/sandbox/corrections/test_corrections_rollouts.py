"""Rollouts that go well and rollouts that fail, each for real."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
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


def test_good_rollout_loses_no_request_and_ends_within_three_seconds(shop: Make) -> None:
    one = shop()
    steady(one)
    over, counts = threading.Event(), [0, 0]

    def ask() -> None:
        while not over.is_set():
            counts[0] += 1
            counts[1] += one.get() != 200
            time.sleep(0.01)

    asking = threading.Thread(target=ask)
    asking.start()
    began = time.monotonic()
    arn = one.update(one.definition(environment=[{"name": "VERSION", "value": "2"}]))
    seen = one.until_over(arn)
    elapsed = time.monotonic() - began
    over.set()
    asking.join()
    assert seen["status"] == "SUCCESSFUL"
    assert counts[0] > 20
    assert counts[1] == 0
    assert elapsed < 8.0  # 1 s on an idle machine; tests share two cores
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


FAILURES = [
    ("exits-at-once", {"script": "echo boom; exit 3"}, "EssentialContainerExited", 3),
    ("exits-late", {"script": "/bin/busybox sleep 3; exit 4"}, "EssentialContainerExited", 4),
    ("memory", {"script": "a=x; while :; do a=$a$a; done"}, "EssentialContainerExited", 137),
]


@pytest.mark.parametrize(
    ("name", "kind", "code", "exit_code"), FAILURES, ids=[one[0] for one in FAILURES]
)
def test_crash_is_rolled_back_and_explained(
    shop: Make, name: str, kind: dict[str, Any], code: str, exit_code: int
) -> None:
    one = shop()
    good = steady(one)
    first = one.described()["deployments"][0]["id"]
    arn = one.update(one.definition(**kind))
    failed = one.described()["deployments"][0]["id"]
    ended = one.until_over(arn, 25.0)
    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert ended["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert ended["rollback"]["serviceRevisionArn"]
    found = one.described()
    assert [(one["id"], one["rolloutState"]) for one in found["deployments"]] == [
        (first, "COMPLETED")
    ]
    assert found["taskDefinition"] == good
    stopped = [task for task in one.tasks("STOPPED") if task["startedBy"] == failed]
    crashed = [task for task in stopped if task["stopCode"] == code]
    assert len(crashed) >= 2
    for task in crashed:
        assert task["stoppedReason"] == "Essential container in task exited"
        assert task["containers"][0]["exitCode"] == exit_code
        if name == "memory":
            reason = "OutOfMemoryError: Container killed due to memory usage"
            assert task["containers"][0]["reason"] == reason
    assert one.get() == 200


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (
            SHELL_500,
            ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [500]"),
        ),
        (DEAF, ("Target.FailedHealthChecks", "Health checks failed")),
    ],
    ids=["answers-500", "deaf"],
)
def test_unhealthy_target_fails_the_rollout(shop: Make, script: str, code: tuple[str, str]) -> None:
    one = shop(HealthCheckIntervalSeconds=1, HealthCheckTimeoutSeconds=1)
    steady(one)
    arn = one.update(one.definition(script))
    seen: set[tuple[str, str]] = set()
    initial: set[str] = set()

    def over() -> Any:
        for health in one.health():
            if health["State"] in {"unhealthy", "draining"} and "Description" in health:
                seen.add((health["Reason"], health["Description"]))
            if health["State"] == "initial":
                initial.add(health["Reason"])
        found = one.deployment(arn)
        return found if found["status"].startswith("ROLLBACK_S") else None

    one.until(over, 40.0)
    assert "Elb.InitialHealthChecking" in initial
    reasons = {task["stoppedReason"] for task in one.tasks("STOPPED")}
    assert f"Task failed ELB health checks in (target-group {one.group})" in reasons
    messages = " ".join(event["message"] for event in one.described()["events"])
    assert f"due to (reason {code[1]})" in messages
    assert one.get() == 200


def test_failing_container_health_check_fails_the_rollout(shop: Make) -> None:
    one = shop()
    steady(one)
    check = {"command": ["CMD", "/bin/busybox", "false"], "interval": 1, "timeout": 1, "retries": 2}
    ended = one.until_over(one.update(one.definition(healthCheck=check)), 30.0)
    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    stopped = [
        task
        for task in one.tasks("STOPPED")
        if task["stoppedReason"] == "Task failed container health checks"
    ]
    assert stopped
    assert stopped[0]["healthStatus"] == "UNHEALTHY"


def test_missing_image_and_missing_secret_say_so(shop: Make) -> None:
    one = shop()
    steady(one)
    missing = one.world.image.partition("@")[0] + "@" + NOWHERE
    assert one.until_over(one.update(one.definition(image=missing)))["status"].startswith("ROLL")
    secrets = [{"name": "PASSWORD", "valueFrom": "/nowhere/password"}]
    assert one.until_over(one.update(one.definition(secrets=secrets)))["status"].startswith("ROLL")
    stopped = one.tasks("STOPPED")
    reasons = {task["stoppedReason"] for task in stopped if task["stopCode"] == "TaskFailedToStart"}
    assert any(
        reason.startswith("CannotPullContainerError: ") and reason.endswith(": not found")
        for reason in reasons
    )
    assert any(
        reason.startswith("ResourceInitializationError: unable to pull secrets or registry auth")
        for reason in reasons
    )


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
