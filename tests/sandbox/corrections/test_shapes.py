"""Every answer that a deploy tool reads has the shape that AWS gives it, and comes in pages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest
from botocore.exceptions import ClientError  # the tests ask as any client would
from tests.sandbox.corrections import deploy_calls
from tests.sandbox.corrections.conftest import EXECUTION_ROLE
from tests.sandbox.corrections.deploy_calls import Ground
from tests.sandbox.corrections.left_out import SHAPES, without
from tests.sandbox.corrections.shapes import Answers

Serving = Callable[..., Any]
Make = Callable[..., Any]
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
FARGATE = {"launchType": "FARGATE", "networkConfiguration": NETWORK}


@dataclass(frozen=True)
class Watched:
    """A server whose answers are looked at, and what stands in it."""

    world: Any
    answers: Answers
    ground: Ground


def watched(world: Any, service: Any) -> Watched:
    """Make a service that runs on Fargate, one whose task stopped, and look at all that follows."""
    answers = Answers()
    clients: dict[str, Any] = {}

    def client(name: str) -> Any:
        if name not in clients:
            clients[name] = answers.watch(world.client(name))
        return clients[name]

    container = {
        "name": "web",
        "image": world.image,
        "entryPoint": ["/bin/busybox", "sh", "-c"],
        "command": ["trap 'exit 0' TERM; /bin/busybox httpd -f -p 8080 -h /www & wait"],
        "environment": [{"name": "EMPTY", "value": ""}],
        "portMappings": [{"containerPort": 8080}],
    }
    ecs = client("ecs")
    made = ecs.register_task_definition(
        family=service.name,
        containerDefinitions=[container],
        cpu="256",
        memory="512",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        executionRoleArn=EXECUTION_ROLE,
    )["taskDefinition"]["taskDefinitionArn"]
    deployment = service.create(made, **FARGATE)
    service.until_over(deployment)
    ran = ecs.run_task(cluster="tests", taskDefinition=made, **FARGATE)["tasks"][0]["taskArn"]
    ecs.stop_task(cluster="tests", task=ran)
    tasks = [task["taskArn"] for task in service.tasks()]
    ground = Ground(client, service.name, service.group, [deployment], [*tasks, ran])
    return Watched(world, answers, ground)


@pytest.fixture(scope="module")
def corrected(world: Any, shops: Make) -> Watched:
    return watched(world, shops(desired=2))


@pytest.fixture(scope="module")
def bare(serve: Serving) -> Any:
    return without(serve, SHAPES)


@pytest.mark.parametrize("service", deploy_calls.SERVICES)
def test_every_answer_fits_the_model(corrected: Watched, service: str) -> None:
    made = 0
    corrected.answers.faults.clear()
    for operation, arguments in deploy_calls.SERVICES[service](corrected.ground):
        getattr(corrected.ground.client(service), operation)(**arguments)
        made += 1
    assert [*corrected.answers.faults] == []
    assert len(corrected.answers.seen) >= made // 2


def told(ground: Ground) -> dict[str, bool]:
    """Whether ECS tells what it always tells."""
    ecs = ground.client("ecs")
    services = ecs.describe_services(cluster="tests", services=[ground.service])["services"]
    service, first = services[0], services[0]["deployments"][0]
    task = ecs.describe_tasks(cluster="tests", tasks=ground.tasks[:1])["tasks"][0]
    definition = ecs.describe_task_definition(taskDefinition=ground.service)["taskDefinition"]
    attachment: dict[str, Any] = next(iter(task["attachments"]), {})
    details = {each["name"] for each in attachment.get("details", [])}
    interfaces = task["containers"][0]["networkInterfaces"]
    ports = definition["containerDefinitions"][0]["portMappings"][0]
    return {
        "placement": service.get("placementConstraints") == service.get("placementStrategy") == [],
        "platform": (service.get("platformVersion"), first.get("platformVersion"))
        == ("LATEST", "1.4.0"),
        "bake time": service["deploymentConfiguration"].get("bakeTimeInMinutes") == 0,
        "role": "AWSServiceRoleForECS" in service.get("roleArn", ""),
        "interface": details
        == {"subnetId", "networkInterfaceId", "macAddress", "privateDnsName", "privateIPv4Address"},
        "at the container": bool(interfaces) and interfaces[0]["attachmentId"] == attachment["id"],
        "attributes": [each["name"] for each in task.get("attributes", [])]
        == ["ecs.cpu-architecture"],
        "no instance": "containerInstanceArn" not in task,
        "ports": (ports.get("hostPort"), ports.get("protocol")) == (8080, "tcp"),
        "required": bool(definition.get("requiresAttributes")),
    }


def test_what_ecs_always_tells_is_told(corrected: Watched) -> None:
    facts = told(corrected.ground)
    assert facts == dict.fromkeys(facts, True)


OURS: dict[tuple[str, str], dict[str, Any]] = {
    ("ecs", "list_clusters"): {},
    ("ecs", "list_services"): {"cluster": "tests"},
    ("ecs", "list_task_definition_families"): {},
    ("ecr", "describe_repositories"): {},
    ("ecr", "describe_images"): {"repositoryName": "seeded"},
    ("ecr", "list_images"): {"repositoryName": "seeded"},
    ("elbv2", "describe_load_balancers"): {},
    ("elbv2", "describe_target_groups"): {},
    ("iam", "list_roles"): {},
    ("iam", "list_role_policies"): {"RoleName": "paged"},
    ("logs", "filter_log_events"): {"logGroupName": "/paged"},
}
"""What comes in pages by a correction; there are at least two elements of each."""
THEIRS: dict[tuple[str, str], dict[str, Any]] = {
    ("ecs", "list_tasks"): {"cluster": "tests"},
    ("ecs", "list_task_definitions"): {},
    ("logs", "describe_log_groups"): {},
    ("ssm", "get_parameters_by_path"): {"Path": "/paged"},
    ("ssm", "describe_parameters"): {},
    ("secretsmanager", "list_secrets"): {},
}
"""What MiniStack gives in pages itself."""


def fill(world: Any) -> None:
    """Two and more of everything that is listed."""
    ecs, ecr, logs = world.client("ecs"), world.client("ecr"), world.client("logs")
    elb, iam = world.client("elbv2"), world.client("iam")
    tag = [{"imageTag": "bootstrap"}]
    seeded = ecr.batch_get_image(repositoryName="seeded", imageIds=tag)["images"][0]
    iam.create_role(RoleName="paged", AssumeRolePolicyDocument=deploy_calls.TRUST)
    logs.create_log_group(logGroupName="/paged")
    logs.create_log_stream(logGroupName="/paged", logStreamName="one")
    now = int(time.time() * 1000)
    lines = [{"timestamp": now + number // 3, "message": str(number)} for number in range(8)]
    logs.put_log_events(logGroupName="/paged", logStreamName="one", logEvents=lines)
    for number in range(2):
        name = f"paged-{number}"
        manifest = json.dumps(json.loads(seeded["imageManifest"]) | {"annotations": {"n": name}})
        ecr.put_image(
            repositoryName="seeded",
            imageManifest=manifest,
            imageManifestMediaType=seeded["imageManifestMediaType"],
            imageTag=name,
        )
        ecr.create_repository(repositoryName=name)
        ecs.create_cluster(clusterName=name)
        container = {"name": "a", "image": world.image, "command": ["/nowhere"]}
        ecs.register_task_definition(
            family=name, memory="64", cpu="64", containerDefinitions=[container]
        )
        ecs.create_service(cluster="tests", serviceName=name, taskDefinition=name, desiredCount=0)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=deploy_calls.TRUST)
        elb.create_load_balancer(Name=name)
        elb.create_target_group(Name=name, Protocol="HTTP", Port=80, TargetType="ip")
        logs.create_log_group(logGroupName=f"/{name}")
        world.client("ssm").put_parameter(Name=f"/paged/{name}", Value="v", Type="String")
        world.client("secretsmanager").create_secret(Name=name, SecretString="v")
        iam.put_role_policy(RoleName="paged", PolicyName=name, PolicyDocument=deploy_calls.ALLOW)


def comes_in_pages(world: Any, call: tuple[str, str], arguments: dict[str, Any]) -> bool:
    """Whether pages of one element are given, and hold together what the whole list holds."""
    client = world.client(call[0])
    paginator = client.get_paginator(call[1])
    listing = paginator.result_keys[0].expression
    whole = [*chain.from_iterable(page[listing] for page in paginator.paginate(**arguments))]
    assert len(whole) > 1, call
    pages = [page[listing] for page in paginator.paginate(**arguments, PaginationConfig=ONE)]
    together = [*chain.from_iterable(pages)]
    return all(len(page) <= 1 for page in pages) and together == whole


ONE = {"PageSize": 1}


def test_every_list_comes_in_pages(corrected: Watched) -> None:
    world = corrected.world
    fill(world)
    facts = {call: comes_in_pages(world, call, asked) for call, asked in (OURS | THEIRS).items()}
    assert facts == dict.fromkeys(facts, True)


def test_without_the_correction_lists_have_no_pages(bare: Any) -> None:
    fill(bare)
    facts = {call: comes_in_pages(bare, call, asked) for call, asked in OURS.items()}
    assert facts == dict.fromkeys(OURS, False)


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "words"),
    [
        ("ecs", "describe_services", {"cluster": "tests", "services": ["a"] * 11},
         "service names can have at most 10 items"),
        ("ecs", "describe_tasks", {"cluster": "tests", "tasks": ["a"] * 101},
         "taskIds can have at most 100 items"),
        ("ecs", "list_services", {"cluster": "tests", "nextToken": "x"}, "Invalid token"),
        ("ecr", "list_images", {"repositoryName": "seeded", "nextToken": "eA=="}, "Invalid token"),
        ("logs", "filter_log_events", {"logGroupName": "/paged", "nextToken": "x"}, "nextToken"),
    ],
)  # fmt: skip
def test_too_many_and_a_token_of_nobody_are_refused(
    corrected: Watched, service: str, operation: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(corrected.world.client(service), operation)(**arguments)
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidParameterException"
    assert words in error["Message"]


@pytest.mark.parametrize(
    ("service", "operation", "named"),
    [
        ("ecr", "describe_pull_through_cache_rules", "ecr:DescribePullThroughCacheRules"),
        ("elbv2", "describe_account_limits", "elasticloadbalancing:DescribeAccountLimits"),
        ("codebuild", "list_builds", "codebuild:ListBuilds"),
    ],
)
def test_an_operation_that_is_not_there_is_named(
    corrected: Watched, bare: Any, service: str, operation: str, named: str
) -> None:
    messages = {}
    for world in (corrected.world, bare):
        with pytest.raises(ClientError) as refused:
            getattr(world.client(service), operation)()
        error = refused.value.response["Error"]
        messages[world is bare] = (error["Code"], named in error["Message"])
    assert messages[False] == ("UnknownOperationException", True)
    # The door has the same word for a whole service that is not there.
    assert (messages[True] == messages[False]) is (service == "codebuild")


def test_without_the_correction_answers_do_not_fit(bare: Any, shop: Make) -> None:
    uncorrected = watched(bare, shop(bare, desired=1))
    for service in ("ecs", "cloudformation"):
        for operation, arguments in deploy_calls.SERVICES[service](uncorrected.ground):
            getattr(uncorrected.ground.client(service), operation)(**arguments)
    kinds = {fault.rpartition(" is ")[2] for fault in uncorrected.answers.faults}
    assert {"empty", "null", "not known"} <= kinds
    facts = told(uncorrected.ground)
    assert facts == dict.fromkeys(facts, False)
