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
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError  # the tests ask as any client would
from tests.sandbox.corrections.left_out import (
    API,
    HEALTH,
    IN_PROCESS,
    REFUSED,
    SETTINGS,
    SHAPES,
    STARTS,
    WHOLE,
    without,
)
from tests.sandbox.corrections.stack_facts import (
    has_made_up_name,
    infrastructure_facts,
    settled,
    stack_service_facts,
)

Serving = Callable[..., Any]
Make = Callable[..., Any]
STAGING = "111122223333"


@pytest.fixture(scope="module")
def bare_api(serve: Serving) -> Any:
    return without(serve, API)


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
    assert known == {*API, *HEALTH, *SETTINGS, *SHAPES, *STARTS, *REFUSED, *WHOLE, *IN_PROCESS}


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
    container = {"Name": "web", "Image": "none", "HealthCheck": check, "Memory": 64}
    boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    nobody = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}]}
    service = {
        "Bounded": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "bounded",
                "PermissionsBoundary": boundary,
                "AssumeRolePolicyDocument": nobody,
            },
        },
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
    stacks.create_stack(
        StackName="templated",
        TemplateBody=json.dumps({"Resources": service}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    stacks.get_waiter("stack_create_complete").wait(
        StackName="templated", WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )
    made = ecs.describe_task_definition(taskDefinition="templated")["taskDefinition"]
    templated = ecs.describe_services(cluster="tests", services=["templated"])["services"][0]
    bounded = world.client("iam").get_role(RoleName="bounded")["Role"]
    small = {"RequiresCompatibilities": ["FARGATE"], "NetworkMode": "awsvpc", "Cpu": 1, "Memory": 1}
    definition = {"Family": "small", "ContainerDefinitions": [container], **small}
    resource = {"Small": {"Type": "AWS::ECS::TaskDefinition", "Properties": definition}}
    stacks.create_stack(StackName="small", TemplateBody=json.dumps({"Resources": resource}))
    small_status = settled(stacks, "small")["StackStatus"]
    check_made = made["containerDefinitions"][0].get("healthCheck", {})
    return {
        "cloudformation.oidc-provider": not refused[0],
        "cloudformation.role-boundary": "PermissionsBoundary" in bounded,
        "cloudformation.service-whole": templated["healthCheckGracePeriodSeconds"] == 9,
        "cloudformation.task-definitions-checked": small_status == "ROLLBACK_COMPLETE",
        "cloudformation.task-definitions-whole": check_made.get("interval") == 7,
    }


def service_facts(world: Any, shop: Make) -> dict[str, Any]:
    """Whether service deployments are there, and times have fractions."""
    service = shop(world, balanced=False, desired=0)
    arn = service.create(service.definition())
    listed = service.ecs.list_service_deployments(cluster="tests", service=service.name)
    definition = service.ecs.describe_task_definition(taskDefinition=service.name)["taskDefinition"]
    times = [definition["registeredAt"]]
    container = {"name": "a", "image": "b", "memory": 64}
    for _ in range(3):
        made = service.ecs.register_task_definition(
            family=service.name, containerDefinitions=[container]
        )
        times += [made["taskDefinition"]["registeredAt"]]
    task = service.ecs.run_task(cluster="tests", taskDefinition=service.name)["tasks"][0]
    entered = error_of(
        service.ecs.execute_command,
        cluster="tests", task=task["taskArn"], command="sh", interactive=True,
    )  # fmt: skip
    nowhere = [
        error_of(service.ecs.list_tasks, cluster="nowhere"),
        error_of(service.ecs.run_task, cluster="nowhere", taskDefinition=service.name),
    ]
    nothing = error_of(service.ecs.describe_tasks, cluster="tests", tasks=[])
    return {
        "ecs.execute-command": entered[0] == "InvalidParameterException"
        and entered[1].startswith("The execute command failed because execute command was not"),
        "ecs.refuses-empty-lists": nothing
        == ("InvalidParameterException", "Tasks cannot be empty."),
        "ecs.refuses-unknown-clusters": nowhere
        == [("ClusterNotFoundException", "Cluster not found.")] * 2,
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


def signed_token(world: Any) -> str:
    """A token of GitHub's that is trusted by whoever trusts its audience ``a``."""
    job = world.admin("/_github/jobs", {"sub": "repo:a/b:ref:c"})
    request = urllib.request.Request(f"{job['request_url']}&audience=a")
    request.add_header("Authorization", f"bearer {job['request_token']}")
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(json.load(answer)["value"])


def as_role(world: Any, arn: str, service: str) -> Any:
    keys = world.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return client_with(world, keys, service)


def client_with(world: Any, keys: dict[str, str], service: str) -> Any:
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
        containerDefinitions=[{"name": "a", "image": "b", "memory": 64}],
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
    iam = world.client("iam")
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_open_id_connect_provider(
            Url="https://token.actions.githubusercontent.com", ClientIDList=["a"]
        )
    lists = {"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}
    iam.put_role_policy(
        RoleName=f"federated-{service.name}",
        PolicyName="only",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [lists]}),
    )
    narrow = {**lists, "Action": "ecs:ListServices"}
    session = world.client("sts").assume_role_with_web_identity(
        RoleArn=federated,
        RoleSessionName="narrow",
        # Where no token is verified, one that says GitHub made it is needed.
        WebIdentityToken=signed_token(world) if forged[0] else token,
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [narrow]}),
    )["Credentials"]
    limited = client_with(world, session, "ecs")
    limits = [
        error_of(limited.list_services, cluster="tests")[0],
        error_of(limited.list_clusters)[0],
    ]
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
    visitor = role_with(
        world,
        f"visitor-{service.name}",
        [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}],
    )
    for_visitors = role_with(
        world,
        f"for-visitors-{service.name}",
        [],
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Condition": {"ArnLike": {"aws:PrincipalArn": visitor}},
        },
    )
    visits = error_of(
        as_role(world, visitor, "sts").assume_role, RoleArn=for_visitors, RoleSessionName="visit"
    )
    newline = error_of(
        world.client("sts").assume_role,
        RoleArn=guarded,
        RoleSessionName="newline",
        ExternalId="v1-stable\n",
    )
    secured = as_role(
        world,
        role_with(
            world,
            f"secured-{service.name}",
            [
                {
                    "Effect": "Deny",
                    "Action": "*",
                    "Resource": "*",
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
                {"Effect": "Allow", "Action": "ecs:ListClusters", "Resource": "*"},
            ],
        ),
        "ecs",
    )
    arn = f"{where}:service/tests/{service.name}"
    nobody = error_of(
        world.client("ecs").register_task_definition,
        family=service.name,
        executionRoleArn="arn:aws:iam::123456789012:role/nobody",
        containerDefinitions=[{"name": "a", "image": "b", "memory": 64}],
    )
    rule = error_of(world.client("events").list_targets_by_rule, Rule="nowhere")
    return {
        "ecs.registers-unknown-roles": not nobody[0],
        "events.rules-must-be-there": rule[0] == "ResourceNotFoundException",
        "iam.loopback-is-secure": not error_of(secured.list_clusters)[0],
        "iam.denials-name-the-resource": f"on resource: {arn} because" in other[1],
        "iam.ecs-resources": not updated[0],
        "iam.pass-role": "iam:PassRole on resource: " + passed in registered[1],
        "iam.principal-arn": not visits[0],
        "iam.conditional-writes": writes_once(world, f"writer-{service.name}"),
        "iam.wildcards-whole": newline[0] == "AccessDenied",
        "sts.verifies-web-identity": forged[0] == "InvalidIdentityToken",
        "sts.web-identity-session-policies": limits == ["", "AccessDeniedException"],
    }


def writes_once(world: Any, name: str) -> bool:
    """Whether a role that must write conditionally can, and cannot write otherwise."""
    world.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    statement = {
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/*",
        "Condition": {"Null": {"s3:if-none-match": "false"}},
    }
    s3 = as_role(world, role_with(world, name, [statement]), "s3")
    put = {"Bucket": name, "Key": "a", "Body": b""}
    conditional = error_of(s3.put_object, **put, IfNoneMatch="*")[0]
    return (conditional, error_of(s3.put_object, **put)[0]) == ("", "AccessDenied")


def balancer_facts(world: Any) -> dict[str, bool]:
    """A load balancer elsewhere than in the default region answers at its address."""
    elsewhere = boto3.client(
        "elbv2",
        endpoint_url=world.state["endpoint"],
        region_name="us-east-1",
        aws_access_key_id=STAGING,
        aws_secret_access_key=world.state["root_secret_access_key"],
    )
    name = "far-away"
    made = elsewhere.create_load_balancer(Name=name, Type="application")["LoadBalancers"][0]
    elsewhere.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
    )
    return {"alb.answers-in-its-region": status_of(world, f"/_alb/{name}/") == 200}


def test_api_corrections_make_the_difference(world: Any, bare_api: Any, shop: Make) -> None:
    def facts(of: Any) -> dict[str, bool]:
        return {
            **registry_facts(of), **template_facts(of), **service_facts(of, shop),
            **identity_facts(of, shop), **balancer_facts(of),
            **infrastructure_facts(of), **stack_service_facts(of, shop),
        }  # fmt: skip

    assert facts(world) == dict.fromkeys(API, True)
    bare = facts(bare_api)
    # A denial of MiniStack's names another resource than this one for two reasons at once.
    assert bare == dict.fromkeys(API, False)
    assert (has_made_up_name(world), has_made_up_name(bare_api)) == (True, False)
