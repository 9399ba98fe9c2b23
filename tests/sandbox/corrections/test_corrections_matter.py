"""What comes back when a correction is left out: MiniStack's own answer, which is not AWS's.

The tests beside this one show the corrected behaviour; these show that it is the correction that
makes it, for each correction there is.
"""

# ruff: noqa: S310  # every address here is the loopback endpoint of our own server

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError  # the tests ask as any client would

Serving = Callable[..., Any]
Make = Callable[..., Any]
STAGING = "111122223333"

API = (
    "cloudformation.oidc-provider",
    "cloudformation.service-whole",
    "cloudformation.task-definitions-whole",
    "ecr.image-calls",
    "ecr.local-host",
    "ecr.refuses-incomplete-manifests",
    "ecr.registry-account",
    "ecr.registry-checks-token",
    "ecr.scan-calls",
    "ecr.shares-across-accounts",
    "ecr.token-of-principal",
    "ecs.current-service-deployment",
    "ecs.millisecond-times",
    "ecs.service-deployments",
    "iam.denials-name-the-resource",
    "iam.ecs-resources",
    "iam.pass-role",
    "iam.wildcards-whole",
    "sts.verifies-web-identity",
)
HEALTH = (
    "ecs.drains-before-stop",
    "ecs.failed-deployments-leave",
    "ecs.no-cached-image",
    "ecs.out-of-memory-reason",
    "ecs.rollout-waits-for-container-health",
    "ecs.rollout-waits-for-targets",
    "ssm.secure-strings-reach-containers",
)
SETTINGS = (
    "alb.forwards-to-healthy",
    "ecs.breaker-judges-first-deployment",
    "ecs.container-health",
    "ecs.container-settings",
)
WHOLE = ("alb.target-health", "ecs.scheduler", "ecs.task-runtime")
IN_PROCESS = ("ecs.healthy-task-resets-breaker", "ecs.records-are-read-whole")
SLOW = (
    "/bin/busybox mkdir -p /www/cgi-bin; printf '#!/bin/busybox sh\\n/bin/busybox sleep 1\\n"
    'printf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\nlate"\\n\' > /www/cgi-bin/slow; '
    "/bin/busybox chmod +x /www/cgi-bin/slow; "
    "trap 'exit 0' TERM; /bin/busybox httpd -f -p 8080 -h /www & wait"
)
DEAF = "trap 'exit 0' TERM; /bin/busybox sleep 1000 & wait"


def without(serve: Serving, names: tuple[str, ...]) -> Any:
    return serve(*[option for name in names for option in ("--without", name)])


@pytest.fixture(scope="module")
def bare_api(serve: Serving) -> Any:
    return without(serve, API)


@pytest.fixture(scope="module")
def bare_health(serve: Serving) -> Any:
    return without(serve, HEALTH)


@pytest.fixture(scope="module")
def bare_settings(serve: Serving) -> Any:
    return without(serve, SETTINGS)


def status_of(
    world: Any, path: str, *, method: str = "GET", body: bytes | None = None, password: str = ""
) -> int:
    request = urllib.request.Request(f"{world.state['endpoint']}{path}", data=body, method=method)
    if password:
        encoded = base64.b64encode(f"AWS:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {encoded}")
    request.add_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return int(error.code)


def error_of(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """Code and message of a refusal; two empty texts for a success."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "", ""


def test_every_correction_is_left_out_somewhere_here(world: Any) -> None:
    known = {correction["name"] for correction in world.admin("/_shipway/corrections")}
    assert known == {*API, *HEALTH, *SETTINGS, *WHOLE, *IN_PROCESS}


INCOMPLETE = json.dumps(
    {
        "schemaVersion": 2,
        "config": {"digest": "sha256:" + "1" * 64, "size": 2},
        "layers": [{"digest": "sha256:" + "2" * 64, "size": 2}],
    }
).encode()


def registry_facts(world: Any) -> dict[str, Any]:
    """Whether the registry and ECR's calls do as AWS's do, one fact for each correction."""
    ecr = world.client("ecr", STAGING)
    name = world.repository(STAGING)
    tokens = [
        ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        for _ in range(2)
    ]
    password = base64.b64decode(tokens[0]).decode().partition(":")[2]
    uri = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"]
    incomplete = status_of(
        world, f"/v2/{name}/manifests/x", method="PUT", body=INCOMPLETE, password=password
    )
    unknown = error_of(ecr.describe_images, repositoryName=name, imageIds=[{"imageTag": "nope"}])
    scanned = error_of(
        ecr.describe_image_scan_findings, repositoryName=name, imageId={"imageTag": "nope"}
    )
    listed = status_of(world, f"/v2/{name}/tags/list", password=password)
    stranger = error_of(
        world.client("ecr").batch_get_image,
        registryId=STAGING,
        repositoryName=name,
        imageIds=[{"imageTag": "nope"}],
    )
    return {
        "ecr.image-calls": unknown[0] == "ImageNotFoundException",
        "ecr.local-host": uri == f"{world.state['registry']}/{name}",
        "ecr.refuses-incomplete-manifests": incomplete == 400,
        "ecr.registry-account": listed == 200,
        "ecr.registry-checks-token": status_of(world, "/v2/") == 401,
        "ecr.scan-calls": scanned[0] == "ImageNotFoundException",
        "ecr.shares-across-accounts": stranger[0] == "AccessDeniedException",
        "ecr.token-of-principal": tokens[0] != tokens[1],
    }


def template_facts(world: Any) -> dict[str, Any]:
    """Whether CloudFormation makes what a template says."""
    stacks, ecs = world.client("cloudformation"), world.client("ecs")
    provider = {
        "Provider": {
            "Type": "AWS::IAM::OIDCProvider",
            "Properties": {
                "Url": "https://token.actions.githubusercontent.com",
                "ClientIdList": ["a"],
            },
        }
    }
    refused = error_of(
        stacks.create_stack, StackName="provider", TemplateBody=json.dumps({"Resources": provider})
    )
    check = {"Command": ["CMD", "/bin/busybox", "true"], "Interval": 7}
    container = {"Name": "web", "Image": "none", "HealthCheck": check}
    service = {
        "Definition": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {"Family": "templated", "ContainerDefinitions": [container]},
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "Cluster": "tests",
                "ServiceName": "templated",
                "DesiredCount": "0",
                "TaskDefinition": {"Ref": "Definition"},
                "HealthCheckGracePeriodSeconds": "9",
            },
        },
    }
    stacks.create_stack(StackName="templated", TemplateBody=json.dumps({"Resources": service}))
    stacks.get_waiter("stack_create_complete").wait(
        StackName="templated", WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )
    made = ecs.describe_task_definition(taskDefinition="templated")["taskDefinition"]
    templated = ecs.describe_services(cluster="tests", services=["templated"])["services"][0]
    check_made = made["containerDefinitions"][0].get("healthCheck", {})
    return {
        "cloudformation.oidc-provider": not refused[0],
        "cloudformation.service-whole": templated["healthCheckGracePeriodSeconds"] == 9,
        "cloudformation.task-definitions-whole": check_made.get("interval") == 7,
    }


def service_facts(world: Any, shop: Make) -> dict[str, Any]:
    """Whether service deployments are there, and times have fractions."""
    service = shop(world, balanced=False, desired=0)
    arn = service.create(service.definition())
    listed = service.ecs.list_service_deployments(cluster="tests", service=service.name)
    definition = service.ecs.describe_task_definition(taskDefinition=service.name)["taskDefinition"]
    times = [definition["registeredAt"]]
    container = {"name": "a", "image": "b"}
    for _ in range(3):
        made = service.ecs.register_task_definition(
            family=service.name, containerDefinitions=[container]
        )
        times += [made["taskDefinition"]["registeredAt"]]
    return {
        "ecs.current-service-deployment": bool(arn),
        "ecs.millisecond-times": any(time.microsecond for time in times),
        "ecs.service-deployments": len(listed["serviceDeployments"]) == 1,
    }


def role_with(world: Any, name: str, statements: list[dict[str, Any]], trust: Any = None) -> str:
    iam = world.client("iam")
    trust = trust or {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "sts:AssumeRole",
    }
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
    )["Role"]["Arn"]
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=document)
    return str(role)


def as_role(world: Any, arn: str, service: str) -> Any:
    keys = world.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return world.client(
        service,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def identity_facts(world: Any, shop: Make) -> dict[str, Any]:
    """Whether IAM and STS ask what AWS asks."""
    service = shop(world, balanced=False, desired=0)
    definition = service.definition()
    service.create(definition)
    where = "arn:aws:ecs:eu-west-1:123456789012"
    passed = role_with(world, f"passed-{service.name}", [])
    deployer = role_with(
        world,
        f"deployer-{service.name}",
        [
            {
                "Effect": "Allow",
                "Action": "ecs:UpdateService",
                "Resource": f"{where}:service/tests/{service.name}",
                "Condition": {"ArnEquals": {"ecs:cluster": f"{where}:cluster/tests"}},
            },
            {"Effect": "Allow", "Action": "ecs:RegisterTaskDefinition", "Resource": "*"},
        ],
    )
    ecs = as_role(world, deployer, "ecs")
    updated = error_of(ecs.update_service, cluster="tests", service=service.name, desiredCount=0)
    other = error_of(ecs.delete_service, cluster="tests", service=service.name)
    registered = error_of(
        ecs.register_task_definition,
        family=service.name,
        taskRoleArn=passed,
        containerDefinitions=[{"name": "a", "image": "b"}],
    )
    token = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in (
            {"alg": "none"},
            {
                "iss": "https://token.actions.githubusercontent.com",
                "aud": "sts.amazonaws.com",
                "sub": "repo:a/b:ref:c",
            },
            {},
        )
    )
    federated = role_with(
        world,
        f"federated-{service.name}",
        [],
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {
                "Federated": "arn:aws:iam::123456789012:oidc-provider/"
                "token.actions.githubusercontent.com"
            },
        },
    )
    forged = error_of(
        world.client("sts").assume_role_with_web_identity,
        RoleArn=federated,
        RoleSessionName="forged",
        WebIdentityToken=token,
    )
    guarded = role_with(
        world,
        f"guarded-{service.name}",
        [],
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "*"},
            "Condition": {"StringLike": {"sts:ExternalId": "v*-stable"}},
        },
    )
    newline = error_of(
        world.client("sts").assume_role,
        RoleArn=guarded,
        RoleSessionName="newline",
        ExternalId="v1-stable\n",
    )
    arn = f"{where}:service/tests/{service.name}"
    return {
        "iam.denials-name-the-resource": f"on resource: {arn} because" in other[1],
        "iam.ecs-resources": not updated[0],
        "iam.pass-role": "iam:PassRole on resource: " + passed in registered[1],
        "iam.wildcards-whole": newline[0] == "AccessDenied",
        "sts.verifies-web-identity": forged[0] == "InvalidIdentityToken",
    }


def test_api_corrections_make_the_difference(world: Any, bare_api: Any, shop: Make) -> None:
    def facts(of: Any) -> dict[str, bool]:
        return {
            **registry_facts(of), **template_facts(of), **service_facts(of, shop),
            **identity_facts(of, shop),
        }  # fmt: skip

    assert facts(world) == dict.fromkeys(API, True)
    bare = facts(bare_api)
    # A denial of MiniStack's names another resource than this one for two reasons at once.
    assert bare == dict.fromkeys(API, False)


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
        family="bare", containerDefinitions=[{"name": "a", "image": bare.image + "0"}]
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
