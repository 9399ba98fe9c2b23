"""Which operation a request asks for, and which of them there are."""

from __future__ import annotations

import pytest

from shipway_sandbox.emulator.door.operations import Operation, names_bucket, of_protocol
from shipway_sandbox.emulator.door.visitors import Request

FORM = "application/x-www-form-urlencoded; charset=utf-8"


def request(
    method: str = "POST",
    path: str = "/",
    body: bytes = b"",
    *,
    target: str = "",
    form: str = FORM,
    query: dict[str, list[str]] | None = None,
    host: str = "localhost:1",
) -> Request:
    headers = {"host": host, "content-type": form, **({"x-amz-target": target} if target else {})}
    return Request(
        method=method, path=path, raw_path=path, headers=headers, query=query or {}, body=body
    )


@pytest.mark.parametrize(
    ("asked", "signed_for", "operation"),
    [
        (request(body=b"Action=GetCallerIdentity&Version=1"), "sts", "sts:GetCallerIdentity"),
        (request(body=b"Action=AssumeRoleWithWebIdentity"), "", "sts:AssumeRoleWithWebIdentity"),
        (request("GET", query={"Action": ["ListRoles"]}), "iam", "iam:ListRoles"),
        (
            request(target="AmazonEC2ContainerServiceV20141113.RunTask"),
            "ecs",
            "ecs:RunTask",
        ),
        (request(target="AmazonSSM.GetParameters"), "s3", "ssm:GetParameters"),
        (request(target="AWSEvents.PutTargets"), "events", "events:PutTargets"),
        (request(target="CodeBuild_20161006.StartBuild"), "codebuild", "codebuild:StartBuild"),
        (
            request(path="/service/GraniteServiceVersion20100801/operation/DescribeAlarms"),
            "monitoring",
            "monitoring:DescribeAlarms",
        ),
    ],
)
def test_every_protocol_says_its_operation(asked: Request, signed_for: str, operation: str) -> None:
    assert str(of_protocol(asked, signed_for)) == operation


@pytest.mark.parametrize(
    "asked",
    [
        request(body=b"Action=GetCallerIdentity&Action=AssumeRole"),
        request(body=b"Action=&Action=AssumeRole"),
        request(body=b"Action=AssumeRole", query={"Action": ["GetCallerIdentity"]}),
        request(body=b"Action=AssumeRole", form="text/plain"),
        request(body=b""),
        request(path="/elsewhere", body=b"Action=AssumeRole"),
    ],
)
def test_one_that_says_it_twice_or_otherwise_asks_for_none(asked: Request) -> None:
    assert of_protocol(asked, "sts") is None


@pytest.mark.parametrize(
    "name",
    [
        "ecs:RegisterTaskDefinition",
        "ecs:DescribeServices",
        "ecr:BatchGetImage",
        "cloudformation:ValidateTemplate",
        "ec2:DescribeVpcs",
        "s3:PutObject",
        "sts:AssumeRole",
        "kms:Sign",
        "events:ListTargetsByRule",
        "events:PutTargets",
        "scheduler:GetSchedule",
        "scheduler:UpdateSchedule",
    ],
)
def test_what_a_delivery_uses_is_served(name: str) -> None:
    assert Operation(*name.split(":")).is_served


@pytest.mark.parametrize(
    "name",
    [
        "lambda:CreateFunction",
        "lambda:GetFunction",
        "ec2:RunInstances",
        "ecs:UpdateTaskProtection",
        "ecs:RegisterContainerInstance",
        "s3:PutBucketNotification",
        "sts:GetFederationToken",
        "sts:GetSessionToken",
        "sts:AssumeRoleWithSAML",
        "ssm:SendCommand",
        "events:PutEvents",
        "events:PutRule",
        "scheduler:CreateSchedule",
        "scheduler:DeleteSchedule",
        "iam:Nonsense",
        "codebuild:BatchGetBuilds",
        "s3:GET /iceberg/v1/config",
    ],
)
def test_nothing_else_is(name: str) -> None:
    assert not Operation(*name.split(":", 1)).is_served


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (request("GET", "/"), True),
        (request("POST", "/"), False),
        (request("PUT", "/records/a/b"), True),
        (request("GET", "/a-key", host="records.localhost:1"), True),
        (request("GET", "/", host="records.localhost:1"), True),
        (request("POST", "/WriteGetObjectResponse"), False),
        (request("GET", "/_ministack/health"), False),
        (request("GET", "/iceberg/v1/config"), False),
        (request("POST", "/v20180820/mrap/instances"), False),
        (request("GET", "/v2/email/identities"), False),
    ],
)
def test_a_bucket_is_told_from_a_path_of_another_service(asked: Request, named: object) -> None:
    assert names_bucket(asked) is named
