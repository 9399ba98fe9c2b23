"""Tasks that need all there is before they run, and the roles that may have it or not."""

from __future__ import annotations

import json
import platform
import time
from typing import Any

from tests.sandbox.corrections.conftest import ACCOUNT, SHELL

REGION = "eu-west-1"
MACHINE = "arm64" if platform.machine() in {"aarch64", "arm64"} else "amd64"
OTHER = "X86_64" if MACHINE == "arm64" else "ARM64"
"""The processor that this machine has not."""
TASKS = {"Service": "ecs-tasks.amazonaws.com"}
BLOBS = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
REGISTRY = {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}
PULL = {
    "Effect": "Allow",
    "Action": [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    ],
    "Resource": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/seeded",
}
LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:CreateLogGroup"],
    "Resource": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/starts*",
}
PARAMETERS = {
    "Effect": "Allow",
    "Action": "ssm:GetParameters",
    "Resource": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/starts/*",
}
SECRETS = {
    "Effect": "Allow",
    "Action": "secretsmanager:GetSecretValue",
    "Resource": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:starts-*",
}
DECRYPT = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
ALL = (REGISTRY, PULL, LOGS, PARAMETERS, SECRETS, DECRYPT)


def role(world: Any, name: str, *statements: Any, trusts: Any = TASKS) -> str:
    """A role's ARN; it has these statements and no others."""
    iam = world.client("iam")
    trust = {"Effect": "Allow", "Principal": trusts, "Action": "sts:AssumeRole"}
    made = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
    )
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=document)
    return str(made["Role"]["Arn"])


def logs(group: str, **options: str) -> dict[str, Any]:
    own = {"awslogs-group": group, "awslogs-region": REGION, "awslogs-stream-prefix": "a"}
    return {"logDriver": "awslogs", "options": {**own, **options}}


def register(world: Any, name: str, execution: str, **container: Any) -> str:
    """A task that needs all there is: registry, log stream, parameter, secrets, a key."""
    own = {
        "name": "web",
        "image": world.image,
        "entryPoint": SHELL,
        "command": ['[ "$A$B$C" = parameterplainkept ]'],
        "logConfiguration": logs("/starts"),
        "secrets": [
            {"name": "A", "valueFrom": "/starts/parameter"},
            {"name": "B", "valueFrom": world.secrets["plain"]},
            {"name": "C", "valueFrom": world.secrets["kept"]},
        ],
        **container,
    }
    more = {"runtimePlatform": own.pop("runtimePlatform")} if "runtimePlatform" in own else {}
    if own["secrets"] is None:
        own |= {"secrets": [], "command": ["true"]}
    answer = world.client("ecs").register_task_definition(
        family=name,
        executionRoleArn=execution,
        containerDefinitions=[own],
        memory="64",
        cpu="128",
        networkMode="bridge",
        **more,
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def begin(world: Any, definition: str) -> str:
    answer = world.client("ecs").run_task(cluster="tests", taskDefinition=definition)
    return str(answer["tasks"][0]["taskArn"])


def ended(world: Any, task: str, seconds: float = 20) -> Any:
    """A task once it has stopped."""
    deadline = time.monotonic() + seconds
    while True:
        listed = world.client("ecs").describe_tasks(cluster="tests", tasks=[task])["tasks"]
        if listed[0]["lastStatus"] == "STOPPED":
            return listed[0]
        assert time.monotonic() < deadline, listed[0]
        time.sleep(0.05)


def prepare(world: Any) -> Any:
    """What the tasks ask for; the second secret is encrypted with a key of the customer's own."""
    world.client("logs").create_log_group(logGroupName="/starts")
    world.client("ssm").put_parameter(
        Name="/starts/parameter", Value="parameter", Type="SecureString"
    )
    key = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    world.secrets = {
        name: world.client("secretsmanager").create_secret(
            Name=f"starts-{name}", SecretString=name, **more
        )["ARN"]
        for name, more in (("plain", {}), ("kept", {"KmsKeyId": key}))
    }
    return world
