"""What tasks and rollouts do when a correction is left out; see ``test_corrections_matter.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.sandbox.corrections import starts
from tests.sandbox.corrections.left_out import HEALTH, SETTINGS, STARTS, WHOLE, without

Serving = Callable[..., Any]
Make = Callable[..., Any]
SLOW = (
    "/bin/busybox mkdir -p /www/cgi-bin; printf '#!/bin/busybox sh\\n/bin/busybox sleep 1\\n"
    'printf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\nlate"\\n\' > /www/cgi-bin/slow; '
    "/bin/busybox chmod +x /www/cgi-bin/slow; "
    "trap 'exit 0' TERM; /bin/busybox httpd -f -p 8080 -h /www & wait"
)
DEAF = "trap 'exit 0' TERM; /bin/busybox sleep 1000 & wait"


@pytest.fixture(scope="module")
def bare_health(serve: Serving) -> Any:
    return without(serve, HEALTH + STARTS)


@pytest.fixture(scope="module")
def bare_settings(serve: Serving) -> Any:
    return without(serve, SETTINGS)


def steady(service: Any) -> None:
    assert service.until_over(service.create(service.definition()))["status"] == "SUCCESSFUL"


def test_without_target_health_a_deaf_release_succeeds(bare_health: Any, shop: Make) -> None:
    service = shop(bare_health)
    steady(service)
    assert service.until_over(service.update(service.definition(DEAF)))["status"] == "SUCCESSFUL"
    check = {"command": ["CMD", "/bin/busybox", "false"], "interval": 1, "retries": 1}
    failing = service.update(service.definition(healthCheck=check))
    assert service.until_over(failing)["status"] == "SUCCESSFUL"


def test_without_it_a_failed_deployment_stays(bare_health: Any, shop: Make) -> None:
    service = shop(bare_health, balanced=False)
    steady(service)
    assert (
        service.until_over(service.update(service.definition("exit 1")))["status"]
        == "ROLLBACK_SUCCESSFUL"
    )
    states = [deployment["rolloutState"] for deployment in service.described()["deployments"]]
    assert states == ["COMPLETED", "FAILED"]


def test_without_it_memory_gives_no_reason(bare_health: Any, shop: Make) -> None:
    service = shop(bare_health, balanced=False, desired=1)
    service.until_over(service.create(service.definition("a=x; while :; do a=$a$a; done")))
    stopped = service.until(lambda: service.tasks("STOPPED"))
    assert stopped[0]["containers"][0]["exitCode"] == 137
    assert "reason" not in stopped[0]["containers"][0]


def test_without_rules_a_role_without_rights_starts_tasks(bare_health: Any) -> None:
    bare = starts.prepare(bare_health)
    strangers = starts.role(bare, "starts-bare", trusts={"Service": "ec2.amazonaws.com"})
    nowhere = starts.logs("/starts/nowhere")
    other = {"cpuArchitecture": starts.OTHER, "operatingSystemFamily": "LINUX"}
    begun = [
        starts.begin(
            bare, starts.register(bare, "starts-bare", strangers, command=["true"], **more)
        )
        for more in ({"logConfiguration": nowhere}, {"runtimePlatform": other})
    ]
    for task in begun:
        assert starts.ended(bare, task)["containers"][0]["exitCode"] == 0


def run_once(service: Any, definition: str) -> Any:
    task = service.ecs.run_task(cluster="tests", taskDefinition=definition)["tasks"][0]["taskArn"]

    def stopped() -> Any:
        described = service.ecs.describe_tasks(cluster="tests", tasks=[task])["tasks"][0]
        return described if described["lastStatus"] == "STOPPED" else None

    return service.until(stopped)


@pytest.mark.parametrize("corrected", [True, False])
def test_secure_string_reaches_the_container(
    world: Any, bare_health: Any, shop: Make, *, corrected: bool
) -> None:
    of = world if corrected else bare_health
    service = shop(of, balanced=False)
    of.client("ssm").put_parameter(Name=f"/{service.name}/key", Value="open", Type="SecureString")
    definition = service.definition(
        '[ "$KEY" = open ]', secrets=[{"name": "KEY", "valueFrom": f"/{service.name}/key"}]
    )
    code = run_once(service, definition)["containers"][0]["exitCode"]
    assert (code == 0) is corrected


@pytest.mark.parametrize("corrected", [True, False])
def test_image_that_left_the_registry_is_not_run(
    world: Any, bare_health: Any, shop: Make, docker_host: str, *, corrected: bool
) -> None:
    of = world if corrected else bare_health
    service = shop(of, balanced=False)
    assert run_once(service, service.definition("exit 5"))["containers"][0]["exitCode"] == 5
    of.client("ecr").create_repository(repositoryName=f"gone-{service.name}")
    gone = f"{of.state['registry']}/gone-{service.name}:latest"
    from shipway_sandbox.emulator.containers import ContainerEngine  # noqa: PLC0415  # only here

    engine = ContainerEngine("test", docker_host)
    engine.api.tag(of.image, f"{of.state['registry']}/gone-{service.name}", "latest")
    try:
        task = run_once(service, service.definition("exit 5", image=gone))
    finally:
        engine.api.remove_image(gone)
        engine.api.close()
        engine.streams.close()
    assert task["stoppedReason"].startswith("CannotPullContainerError") is corrected


@pytest.mark.parametrize("corrected", [True, False])
def test_request_under_way_survives_the_stop(
    world: Any, bare_health: Any, shop: Make, *, corrected: bool
) -> None:
    import threading  # noqa: PLC0415  # only here

    service = shop(world if corrected else bare_health, desired=1)
    service.until_over(service.create(service.definition(SLOW)))
    service.until(lambda: service.get("/health") == 200)
    answers: list[int] = []

    def ask() -> None:
        try:
            answers.append(service.get("/cgi-bin/slow"))
        except OSError:
            answers.append(0)

    asking = threading.Thread(target=ask)
    asking.start()
    service.until(lambda: any(service.tasks()))
    import time  # noqa: PLC0415  # only here

    time.sleep(0.3)
    service.ecs.stop_task(cluster="tests", task=service.tasks()[0]["taskArn"])
    asking.join()
    assert (answers == [200]) is corrected


def test_without_settings_a_container_runs_as_its_image_says(
    bare_settings: Any, shop: Make
) -> None:
    service = shop(bare_settings, balanced=False, desired=1)
    definition = service.definition(entryPoint=["/bin/busybox", "false"], command=None)
    task = service.ecs.run_task(cluster="tests", taskDefinition=definition)["tasks"][0]["taskArn"]

    def running() -> Any:
        described = service.ecs.describe_tasks(cluster="tests", tasks=[task])["tasks"][0]
        return described["lastStatus"] == "RUNNING"

    service.until(running)  # the image's own entry point serves; `false` would have ended
    service.ecs.stop_task(cluster="tests", task=task)


def test_container_settings_are_honoured(world: Any, shop: Make) -> None:
    service = shop(balanced=False)
    definition = service.definition(entryPoint=["/bin/busybox", "false"], command=None)
    assert run_once(service, definition)["containers"][0]["exitCode"] == 1
    user = service.definition("[ $(/bin/busybox id -u) = 1234 ] && exit 9", user="1234")
    assert run_once(service, user)["containers"][0]["exitCode"] == 9
    assert world.process.poll() is None


def test_without_it_a_bad_first_deployment_is_not_judged(bare_settings: Any, shop: Make) -> None:
    service = shop(bare_settings, balanced=False, desired=1)
    arn = service.create(
        service.definition(entryPoint=None, command=["/nowhere"], image="nowhere/image")
    )
    service.until(lambda: service.described()["deployments"][0]["failedTasks"] >= 4)
    assert service.deployment(arn)["status"] == "IN_PROGRESS"


@pytest.mark.parametrize("corrected", [True, False])
def test_container_health_is_told(
    world: Any, bare_settings: Any, shop: Make, *, corrected: bool
) -> None:
    service = shop(world if corrected else bare_settings, balanced=False, desired=1)
    check = {"command": ["CMD", "/bin/busybox", "true"], "interval": 1, "retries": 1}
    definition = service.definition(healthCheck=check)
    arn = service.create(definition)
    assert service.until_over(arn)["status"] == "SUCCESSFUL"
    assert service.tasks()[0]["healthStatus"] == ("HEALTHY" if corrected else "UNKNOWN")


@pytest.mark.parametrize("corrected", [True, False])
def test_traffic_goes_to_healthy_targets_only(
    world: Any, bare_settings: Any, shop: Make, *, corrected: bool
) -> None:
    of = world if corrected else bare_settings
    service = shop(of, desired=1, HealthCheckIntervalSeconds=1, HealthCheckTimeoutSeconds=1)
    service.until_over(service.create(service.definition(entryPoint=None, command=None)))
    of.client("elbv2").register_targets(
        TargetGroupArn=service.group, Targets=[{"Id": "127.0.0.1", "Port": 9}]
    )
    service.until(lambda: any(health["State"] == "unhealthy" for health in service.health()))
    answers = {service.get("/health") for _ in range(12)}
    assert (answers == {200}) is corrected


def test_without_the_whole_of_it_nothing_is_evaluated(serve: Serving) -> None:
    """The three that carry the rest: without them a deployment is complete when it is made."""
    bare = without(serve, WHOLE)
    ecs, elb = bare.client("ecs"), bare.client("elbv2")
    definition = ecs.register_task_definition(
        family="bare",
        containerDefinitions=[{"name": "a", "image": bare.image + "0", "memory": 32}],
    )["taskDefinition"]["taskDefinitionArn"]
    made = ecs.create_service(
        cluster="tests", serviceName="bare", taskDefinition=definition, desiredCount=0
    )["service"]
    assert made["deployments"][0]["rolloutState"] == "COMPLETED"
    group = elb.create_target_group(Name="bare", Protocol="HTTP", Port=9, TargetType="ip")
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1", "Port": 9}])
    targets = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert targets[0]["TargetHealth"]["State"] == "healthy"
    task = ecs.run_task(cluster="tests", taskDefinition=definition)["tasks"][0]["taskArn"]
    reasons: list[str] = []
    for _ in range(200):
        described = ecs.describe_tasks(cluster="tests", tasks=[task])["tasks"][0]
        if described["lastStatus"] == "STOPPED":
            reasons.append(described["stoppedReason"])
            break
    assert reasons
    assert not reasons[0].startswith("CannotPullContainerError")


@pytest.mark.parametrize("corrected", [True, False])
def test_a_token_that_was_given_before_starts_no_other_task(
    world: Any, bare_settings: Any, shop: Make, *, corrected: bool
) -> None:
    service = shop(world if corrected else bare_settings, balanced=False)
    asked = {
        "cluster": "tests",
        "taskDefinition": service.definition(),
        "clientToken": f"once-{service.name}",
    }
    arns = {service.ecs.run_task(**asked)["tasks"][0]["taskArn"] for _ in range(2)}
    if corrected:
        with pytest.raises(service.ecs.exceptions.ConflictException):
            service.ecs.run_task(**asked, startedBy="somebody-else")
    for arn in arns:
        service.ecs.stop_task(cluster="tests", task=arn)
    assert len(arns) == (1 if corrected else 2)
