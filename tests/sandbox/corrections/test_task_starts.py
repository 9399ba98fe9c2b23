"""A task starts only where its roles may what it needs, and says what they may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.sandbox.corrections.conftest import ACCOUNT
from tests.sandbox.corrections.starts import (
    ALL,
    DECRYPT,
    LOGS,
    MACHINE,
    OTHER,
    PARAMETERS,
    PULL,
    REGISTRY,
    SECRETS,
    begin,
    ended,
    logs,
    prepare,
    register,
    role,
)

from shipway.rollout.diagnosis.reasons import read_text
from shipway_sandbox import compute

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def whole(world: Any) -> Any:
    return prepare(world)


FETCHING = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource"
)
FIRST = "service call has been retried 1 time(s): "
DENIED: dict[str, tuple[tuple[Any, ...], dict[str, Any], tuple[str, ...], str]] = {
    "nothing": (
        (),
        {},
        (FETCHING, "ecr registry auth: " + FIRST + "AccessDeniedException: User: arn:aws:sts::",
         "perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy"),
        "registry-denied",
    ),
    "pull": (
        (REGISTRY, LOGS, PARAMETERS, SECRETS, DECRYPT),
        {},
        ("CannotPullContainerError: ", "failed to resolve ref ", "pulling from host localhost:",
         " failed with status code [manifests sha256:", "]: 403 Forbidden"),
        "image-denied",
    ),
    "parameter": (
        (REGISTRY, PULL, LOGS, SECRETS, DECRYPT),
        {},
        (FETCHING, "unable to retrieve secrets from ssm: " + FIRST,
         "ssm:GetParameters on resource: arn:aws:ssm:", ":parameter/starts/parameter because"),
        "secret-denied",
    ),
    "secret": (
        (REGISTRY, PULL, LOGS, PARAMETERS, DECRYPT),
        {},
        (FETCHING, "unable to retrieve secret from asm: " + FIRST + "failed to fetch secret arn:",
         " from secrets manager: AccessDeniedException: ", "secretsmanager:GetSecretValue"),
        "secret-denied",
    ),
    "key": (
        (REGISTRY, PULL, LOGS, PARAMETERS, SECRETS),
        {},
        (FETCHING, "starts-kept", "AccessDeniedException: Access to KMS is not allowed"),
        "secret-denied",
    ),
    "stream": (
        (REGISTRY, PULL, PARAMETERS, SECRETS, DECRYPT),
        {},
        ("CannotStartContainerError: Error response from daemon: failed to initialize logging",
         "failed to create Cloudwatch log stream: AccessDeniedException: ",
         "logs:CreateLogStream on resource: ", ":log-group:/starts:log-stream:a/web/"),
        "log-denied",
    ),
    "group": (
        (*ALL[:2], {**LOGS, "Action": "logs:CreateLogStream"}, *ALL[3:]),
        {"logConfiguration": logs("/starts/new", **{"awslogs-create-group": "true"})},
        ("failed to create Cloudwatch log group: AccessDeniedException: ", "logs:CreateLogGroup"),
        "log-denied",
    ),
    "no-group": (
        ALL,
        {"logConfiguration": logs("/starts/nowhere")},
        ("failed to create Cloudwatch log stream: ResourceNotFoundException: ",
         "The specified log group does not exist."),
        "log-group",
    ),
    "no-secret": (
        ALL,
        {"secrets": [{"name": "A", "valueFrom": SECRETS["Resource"].replace("*", "none-AbCdEf")}]},
        ("ResourceNotFoundException: Secrets Manager can't find the specified secret.",),
        "secret-missing",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def stopped(whole: Any) -> dict[str, Any]:
    """Every task that must not run, begun at once."""
    begun = {}
    for name, (statements, more, _, _) in DENIED.items():
        execution = role(whole, f"starts-{name}", *statements)
        begun[name] = begin(whole, register(whole, f"starts-{name}", execution, **more))
    return {name: ended(whole, task) for name, task in begun.items()}


@pytest.mark.parametrize("name", DENIED)
def test_an_execution_role_without_the_right_stops_the_task(
    stopped: dict[str, Any], name: str
) -> None:
    reason = stopped[name]["stoppedReason"]
    assert stopped[name]["stopCode"] == "TaskFailedToStart"
    assert [part for part in DENIED[name][2] if part not in reason] == [], reason
    diagnosed = read_text(reason)
    assert diagnosed is not None
    assert diagnosed[0] == DENIED[name][3]


def test_a_role_with_every_right_runs_it(whole: Any) -> None:
    execution = role(whole, "starts-whole", *ALL)
    task = ended(whole, begin(whole, register(whole, "starts-whole", execution)))
    assert task["containers"][0]["exitCode"] == 0, task


def test_a_role_that_does_not_trust_tasks_gets_none(whole: Any, shop: Make) -> None:
    strangers = role(whole, "starts-strangers", *ALL, trusts={"Service": "ec2.amazonaws.com"})
    nobody = f"arn:aws:iam::{ACCOUNT}:role/starts-nobody"
    told = "ECS was unable to assume the role '{}' that was provided for this task."
    ecs = whole.client("ecs")
    for arn in (strangers, nobody):
        definition = register(whole, "starts-role", arn)
        with pytest.raises(
            ecs.exceptions.ClientException, match="unable to assume the role"
        ) as why:
            begin(whole, definition)
        assert told.format(arn) in str(why.value)
    service = shop(balanced=False, desired=1)
    service.create(definition)
    messages = service.until(lambda: [event["message"] for event in service.described()["events"]])
    assert f"failed to launch a task with (error {told.format(nobody)}" in messages[0]
    diagnosed = read_text(messages[0])
    assert diagnosed is not None
    assert diagnosed[:2] == ("role", "certain")


def test_lines_are_lost_where_they_may_not_be_written(whole: Any) -> None:
    statements = (*ALL[:2], {**LOGS, "Action": "logs:CreateLogStream"}, *ALL[3:])
    execution = role(whole, "starts-mute", *statements)
    definition = register(whole, "starts-mute", execution, command=["echo lost"])
    task = ended(whole, begin(whole, definition))
    assert task["containers"][0]["exitCode"] == 0
    stream = f"a/web/{task['taskArn'].rpartition('/')[2]}"
    listed = whole.client("logs").describe_log_streams(
        logGroupName="/starts", logStreamNamePrefix=stream
    )
    assert listed["logStreams"] == []


def test_a_resource_may_allow_what_the_role_does_not(whole: Any) -> None:
    """The secret's own policy names the role, and one of ECR denies what the role allows."""
    execution = role(whole, "starts-named", REGISTRY, PULL, LOGS, PARAMETERS, DECRYPT)
    allow = {
        "Effect": "Allow",
        "Principal": {"AWS": execution},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    for secret in whole.secrets.values():
        whole.client("secretsmanager").put_resource_policy(
            SecretId=secret, ResourcePolicy=json.dumps({"Statement": [allow]})
        )
    definition = register(whole, "starts-named", execution)
    assert ended(whole, begin(whole, definition))["containers"][0]["exitCode"] == 0
    ecr = whole.client("ecr")
    ecr.create_repository(repositoryName="closed")
    image = compute.put_image(whole.state, "closed", compute.seed_image(whole.busybox))
    denies = {"Effect": "Deny", "Principal": {"AWS": execution}, "Action": "ecr:BatchGetImage"}
    everything = {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}
    whole.client("iam").put_role_policy(
        RoleName="starts-named",
        PolicyName="more",
        PolicyDocument=json.dumps({"Statement": [everything]}),
    )
    ecr.set_repository_policy(
        repositoryName="closed", policyText=json.dumps({"Statement": [denies]})
    )
    task = ended(whole, begin(whole, register(whole, "starts-named", execution, image=image)))
    assert task["stoppedReason"].endswith("]: 403 Forbidden"), task


def test_an_image_for_another_processor_does_not_run(whole: Any) -> None:
    execution = role(whole, "starts-processor", *ALL)
    arm = {"cpuArchitecture": OTHER, "operatingSystemFamily": "LINUX"}
    definition = register(whole, "starts-arm", execution, runtimePlatform=arm)
    task = ended(whole, begin(whole, definition))
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["containers"][0]["exitCode"] == 1
    events = whole.client("logs").get_log_events(
        logGroupName="/starts", logStreamName=f"a/web/{task['taskArn'].rpartition('/')[2]}"
    )["events"]
    assert [event["message"] for event in events] == ["exec /bin/busybox: exec format error"]
    one = compute.seed_image(whole.busybox)
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                "mediaType": one.media_type,
                "digest": str(one.digest),
                "size": len(one.manifest),
                "platform": {"os": "linux", "architecture": MACHINE},
            }
        ],
    }
    several = compute.OciImage(
        manifest=json.dumps(index).encode(), blobs=one.blobs, media_type=str(index["mediaType"])
    )
    image = compute.put_image(whole.state, "seeded", several, "several")
    both = register(whole, "starts-arm", execution, runtimePlatform=arm, image=image)
    reason = ended(whole, begin(whole, both))["stoppedReason"]
    assert "image Manifest does not contain descriptor matching platform 'linux/" in reason
    diagnosed = read_text(reason)
    assert diagnosed is not None
    assert diagnosed[0] == "image-platform"


def test_percentages_that_leave_no_way_are_told(shop: Make) -> None:
    service = shop(balanced=False, desired=1)
    tight = {"maximumPercent": 150, "minimumHealthyPercent": 100}
    first = service.create(service.definition(), deploymentConfiguration=tight)
    assert service.until_over(first)["status"] == "SUCCESSFUL"
    service.update(service.definition(environment=[{"name": "VERSION", "value": "2"}]))
    told = service.until(
        lambda: [
            event["message"]
            for event in service.described()["events"]
            if "was unable to stop or start tasks during a deployment because" in event["message"]
        ]
    )
    assert len(told) == 1
