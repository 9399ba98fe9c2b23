"""The sandbox is no way in: another user and a web page get nothing of it, its owner gets its use.

Without the door each of the intruder's tries is answered as by root of an account.
"""

# ruff: noqa: S310  # every address here is the loopback endpoint of our own server

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import boto3  # the tests ask as any client would
import pytest
from botocore.auth import SigV4Auth  # the same
from botocore.awsrequest import AWSRequest  # the same
from botocore.config import Config  # the same
from botocore.credentials import Credentials  # the same
from botocore.exceptions import ClientError  # the same
from tests.sandbox.corrections.conftest import ACCOUNT, Serving, World

NOBODY = 65534
REFUSED = {400, 401, 403, 404}
_INTRUDER = Path(__file__).with_name("intruder.py")


@pytest.fixture(scope="module")
def told(world: World) -> Any:
    """What an intruder, who is another user, was told."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("NOT TESTED: only root can be another user, and needs setpriv for it")
    command = cast("list[str]", world.process.args)
    state = Path(command[command.index("--run") + 1])
    words = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    done = subprocess.run(
        [*words, python, "-I", "-c", _INTRUDER.read_text(), world.state["endpoint"], ACCOUNT,
         world.state["region"], str(state / "sandbox.json"), str(world.process.pid)],
        check=False, capture_output=True, text=True, timeout=60, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_another_user_is_refused_whatever_he_tries(told: Any) -> None:
    assert told["user"] == NOBODY
    served = {
        name: (answer["status"], answer["body"])
        for name, answer in told["answers"].items()
        if answer["status"] not in REFUSED
    }
    assert served == {}
    assert len(told["answers"]) > 50


def test_another_user_reads_no_secret(told: Any) -> None:
    assert set(told["local"].values()) == {"PermissionError"}


def test_no_answer_may_be_read_by_a_page(told: Any, world: World) -> None:
    named = {name for answer in told["answers"].values() for name in answer["headers"]}
    assert not [name for name in named if name.startswith("access-control-")]
    answer = world.client("sts").get_caller_identity()
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert not [name for name in headers if name.startswith("access-control-")]


def client(world: World, service: str, key: str, secret: str, version: str | None = None) -> Any:
    return boto3.client(
        service,
        endpoint_url=world.state["endpoint"],
        region_name=world.state["region"],
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(
            retries={"max_attempts": 1}, parameter_validation=False, signature_version=version
        ),
    )


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("sts", lambda aws: aws.get_caller_identity()),
        ("ecs", lambda aws: aws.list_clusters()),
        ("iam", lambda aws: aws.list_roles()),
        ("s3", lambda aws: aws.list_buckets()),
        ("s3", lambda aws: aws.put_object(Bucket="records", Key="x", Body=b"x")),
        ("cloudwatch", lambda aws: aws.describe_alarms()),
    ],
)
@pytest.mark.parametrize("key", ["test", "000000000000", ACCOUNT, "AKIAIOSFODNN7EXAMPLE"])
def test_a_signature_that_is_not_right_is_refused(
    world: World, service: str, call: Callable[[Any], Any], key: str
) -> None:
    with pytest.raises(ClientError) as refused:
        call(client(world, service, key, "test"))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}


def test_only_an_accounts_number_is_root_even_with_the_secret(world: World) -> None:
    secret = world.state["root_secret_access_key"]
    answer = client(world, "sts", ACCOUNT, secret).get_caller_identity()
    assert answer["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    for key in ("test", "", "shipway-0000000000000000"):
        with pytest.raises((ClientError, ValueError)):
            client(world, "sts", key or "-", secret).get_caller_identity()


def send(request: AWSRequest, body: bytes | None = None) -> tuple[int, str]:
    prepared = request.prepare()
    data = cast("bytes", prepared.body) if body is None else body
    asked = urllib.request.Request(
        prepared.url,
        data if prepared.method != "GET" else None,
        dict(prepared.headers),
        method=prepared.method,
    )
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def signed(world: World, body: bytes, service: str = "sts", **headers: str) -> AWSRequest:
    request = AWSRequest("POST", f"{world.state['endpoint']}/", headers=headers, data=body)
    owner = Credentials(ACCOUNT, world.state["root_secret_access_key"])
    SigV4Auth(owner, service, world.state["region"]).add_auth(request)
    return request


WHO = b"Action=GetCallerIdentity&Version=2011-06-15"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_signature_holds_for_one_body_one_host_and_one_moment(world: World) -> None:
    assert send(signed(world, WHO, **FORM))[0] == 200
    assert send(signed(world, WHO, **FORM), WHO[:-1] + b"6")[0] == 403
    late = signed(world, WHO, **FORM)
    late.headers.replace_header("X-Amz-Date", "20200101T000000Z")
    assert send(late)[0] == 403
    unsigned_target = signed(world, WHO, **FORM)
    unsigned_target.headers["X-Amz-Target"] = "AmazonSSM.DescribeParameters"
    assert send(unsigned_target)[0] in {400, 403}


def test_presigned_addresses_are_verified_too(world: World) -> None:
    owner = world.client("s3")
    owner.create_bucket(
        Bucket="presigned", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    owner.put_object(Bucket="presigned", Key="a", Body=b"content")
    names = {"Bucket": "presigned", "Key": "a"}
    secret = world.state["root_secret_access_key"]
    signer = client(world, "s3", ACCOUNT, secret, "s3v4")
    address = signer.generate_presigned_url("get_object", Params=names, ExpiresIn=60)
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.read() == b"content"
    stranger = client(world, "s3", ACCOUNT, "test", "s3v4")
    wrong = stranger.generate_presigned_url("get_object", Params=names)
    short = signer.generate_presigned_url("get_object", Params=names, ExpiresIn=1)
    older = client(world, "s3", ACCOUNT, secret, "s3").generate_presigned_url(
        "get_object", Params=names
    )
    time.sleep(2.1)
    elsewhere = address.replace("/a?", "/b?")
    for refused in (wrong, short, elsewhere, older, address.partition("?")[0]):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(refused, timeout=10)
        assert error.value.code in {400, 403}, refused
        error.value.close()


@pytest.mark.parametrize(
    ("service", "call", "named"),
    [
        (
            "lambda",
            lambda aws: aws.create_function(
                FunctionName="x",
                Runtime="python3.13",
                Role=f"arn:aws:iam::{ACCOUNT}:role/x",
                Handler="x.x",
                Code={"ZipFile": b"x"},
            ),
            "lambda:CreateFunction",
        ),
        ("codebuild", lambda aws: aws.start_build(projectName="x"), "codebuild:StartBuild"),
        ("sqs", lambda aws: aws.create_queue(QueueName="x"), "CreateQueue"),
        ("ec2", lambda aws: aws.run_instances(MinCount=1, MaxCount=1), "ec2:RunInstances"),
        (
            "ecs",
            lambda aws: aws.update_task_protection(
                cluster="x", tasks=["x"], protectionEnabled=True
            ),
            "ecs:UpdateTaskProtection",
        ),
        (
            "s3",
            lambda aws: aws.put_bucket_notification_configuration(
                Bucket="records", NotificationConfiguration={}
            ),
            "s3:PutBucketNotification",
        ),
        ("sts", lambda aws: aws.get_federation_token(Name="x"), "sts:GetFederationToken"),
    ],
)
def test_what_no_delivery_uses_is_refused_by_name_to_the_owner_too(
    world: World, service: str, call: Callable[[Any], Any], named: str
) -> None:
    with pytest.raises(ClientError) as refused:
        call(world.client(service))
    error = refused.value.response["Error"]
    assert error["Code"] == "UnknownOperationException"
    assert f"{named} is not served" in error["Message"]


def test_a_stack_makes_no_function(world: World) -> None:
    template = {
        "Resources": {
            "F": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Handler": "index.handler",
                    "Runtime": "python3.13",
                    "Role": f"arn:aws:iam::{ACCOUNT}:role/x",
                    "Code": {"ZipFile": "def handler(*_): pass"},
                },
            }
        }
    }
    stacks = world.client("cloudformation")
    try:
        stacks.create_stack(StackName="function", TemplateBody=json.dumps(template))
    except ClientError as error:
        assert "AWS::Lambda::Function" in str(error)  # noqa: PT017  # either way it fails
        return
    deadline = time.monotonic() + 10
    while True:
        status = stacks.describe_stacks(StackName="function")["Stacks"][0]["StackStatus"]
        if "IN_PROGRESS" not in status:
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert status in {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}


CONTAINER = {"name": "web", "image": "seeded:bootstrap", "essential": True}
WANTS: dict[str, dict[str, Any]] = {
    "privileged": {"containerDefinitions": [{**CONTAINER, "privileged": True}]},
    "host.sourcePath": {
        "containerDefinitions": [
            {**CONTAINER, "mountPoints": [{"sourceVolume": "root", "containerPath": "/host"}]}
        ],
        "volumes": [{"name": "root", "host": {"sourcePath": "/"}}],
    },
    "network mode": {"containerDefinitions": [CONTAINER], "networkMode": "host"},
    "pidMode": {"containerDefinitions": [CONTAINER], "pidMode": "host"},
    "ipcMode": {"containerDefinitions": [CONTAINER], "ipcMode": "host"},
    "devices": {
        "containerDefinitions": [
            {**CONTAINER, "linuxParameters": {"devices": [{"hostPath": "/dev/sda"}]}}
        ]
    },
    "capability": {
        "containerDefinitions": [
            {**CONTAINER, "linuxParameters": {"capabilities": {"add": ["SYS_ADMIN"]}}}
        ]
    },
    "dockerSecurityOptions": {
        "containerDefinitions": [{**CONTAINER, "dockerSecurityOptions": ["seccomp=unconfined"]}]
    },
}


@pytest.mark.parametrize("wanted", WANTS)
def test_a_task_definition_that_wants_the_machine_is_refused(world: World, wanted: str) -> None:
    with pytest.raises(ClientError) as refused:
        world.client("ecs").register_task_definition(family="wants", **WANTS[wanted])
    error = refused.value.response["Error"]
    assert error["Code"] == "ClientException"
    assert wanted in error["Message"]


def test_one_that_a_stack_made_does_not_start(world: World) -> None:
    template = {
        "Resources": {
            "T": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {
                    "Family": "from-a-stack",
                    "ContainerDefinitions": [
                        {"Name": "web", "Image": world.image, "Privileged": True, "Memory": 32}
                    ],
                },
            }
        }
    }
    world.client("cloudformation").create_stack(
        StackName="privileged", TemplateBody=json.dumps(template)
    )
    world.client("cloudformation").get_waiter("stack_create_complete").wait(
        StackName="privileged", WaiterConfig={"Delay": 1}
    )
    ecs = world.client("ecs")
    [task] = ecs.run_task(cluster="tests", taskDefinition="from-a-stack")["tasks"]
    deadline = time.monotonic() + 15
    while task["lastStatus"] != "STOPPED":
        assert time.monotonic() < deadline, task
        time.sleep(0.1)
        [task] = ecs.describe_tasks(cluster="tests", tasks=[task["taskArn"]])["tasks"]
    assert "does not support privileged" in task["stoppedReason"]


def browse(world: World, method: str, path: str, **headers: str) -> tuple[int, set[str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", world.state["port"], timeout=10)
    asked = {"Host": f"localhost:{world.state['port']}"}
    asked |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=asked)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, {name.lower() for name, _ in answer.getheaders()}, text


def test_a_load_balancer_is_opened_from_anywhere_and_posted_to_from_itself(
    serve: Serving, world: World, shop: Any
) -> None:
    del serve
    made = shop(desired=1)
    made.create(made.definition())
    made.until(lambda: made.get("/health") == 200)
    path = f"/_alb/{made.name}/"
    status, headers, _ = browse(world, "GET", path, Origin="https://evil.example")
    assert status == 200
    assert not [name for name in headers if name.startswith("access-control-")]
    assert browse(world, "GET", path, Sec_Fetch_Site="cross-site")[0] == 200
    foreign = browse(world, "POST", path, Origin="https://evil.example")
    assert foreign[0] == 403
    assert "may not POST here" in foreign[2]
    own = browse(world, "POST", path, Origin=f"http://localhost:{world.state['port']}")
    assert "may not" not in own[2]
    assert browse(world, "GET", path, Host="evil.example")[0] == 403


def test_keys_of_users_and_sessions_work_until_they_are_taken_back(world: World) -> None:
    iam = world.client("iam")
    iam.create_user(UserName="reader")
    keys = iam.create_access_key(UserName="reader")["AccessKey"]
    reader = client(world, "sts", keys["AccessKeyId"], keys["SecretAccessKey"])
    assert reader.get_caller_identity()["Arn"].endswith(":user/reader")
    other = client(world, "sts", keys["AccessKeyId"], keys["SecretAccessKey"] + "x")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        other.get_caller_identity()
    iam.delete_access_key(UserName="reader", AccessKeyId=keys["AccessKeyId"])
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        reader.get_caller_identity()


def test_the_door_costs_little(world: World) -> None:
    """The least of several, for the machine has other things to do: 3 ms of some 10 a call."""
    from shipway_sandbox.emulator.door import signatures  # noqa: PLC0415  # needs ministack
    from shipway_sandbox.emulator.door.visitors import Request  # noqa: PLC0415  # the same

    request = signed(world, WHO, **FORM)
    prepared = request.prepare()
    asked = Request(
        method="POST",
        path="/",
        raw_path="/",
        headers={
            "host": f"localhost:{world.state['port']}",
            **{name.lower(): str(value) for name, value in prepared.headers.items()},
        },
        query={},
        body=WHO,
    )
    secret = signatures.Secret(world.state["root_secret_access_key"])
    signatures.verify(asked, lambda _key: secret)
    rounds = []
    for _ in range(5):
        before = time.perf_counter()
        for _ in range(20):
            signatures.verify(asked, lambda _key: secret)
        rounds.append((time.perf_counter() - before) / 20)
    assert min(rounds) < 0.003


def test_the_server_is_not_root_and_cannot_be_again(world: World) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: nobody but root starts a server as another user")
    process = Path(f"/proc/{world.state['pid']}")
    status = dict(
        line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
    )
    user = world.state["user"]
    assert 61184 <= user <= 65519
    assert status["Uid"].split() == [str(user)] * 4
    assert status["Gid"].split() == [str(user)] * 4
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert status["NoNewPrivs"].strip() == "1"
    # Its parent, which is root, listens nowhere: it only keeps the file of secrets.
    kept = Path(f"/proc/{world.process.pid}/fd")
    sockets = [link for link in kept.iterdir() if str(link.readlink()).startswith("socket:")]
    assert sockets == []
