"""What a deploy role may do, action by action, and what a command said that lacked one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shipway.policy.compile import trust

PUBLISHES = (
    # In the order in which a push needs them: each leaves the registry as the next wants it.
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
)
ROLLS_OUT = (
    "cloudformation:DescribeStacks",
    "ecr:BatchGetImage",
    "ecr:DescribeImageScanFindings",
    "ecr:DescribeImages",
    "ecr:DescribeRepositories",
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:DescribeServices",
    "ecs:DescribeTaskDefinition",
    "ecs:DescribeTasks",
    "ecs:ListTasks",
    "ecs:RegisterTaskDefinition",
    "ecs:TagResource",
    "ecs:UpdateService",
    "elasticloadbalancing:DescribeTargetHealth",
    "iam:PassRole",
    "ssm:GetParameters",
    "ssm:PutParameter",  # the environment's lock
)
# Needed by a rollout that fails: the delivery fails by itself then, and says what it could not do.
FAILS = ("ecs:StopServiceDeployment", "logs:GetLogEvents")
# Needed where alarms are watched during the hold.
WATCHES_ALARMS = ("cloudwatch:DescribeAlarms",)
# Needed at a PAUSE hook alone.
RESUMES = ("ecs:ContinueServiceDeployment",)
# The labels of an earlier build: without them the image is built again.
ATTESTATIONS = ("ecr:GetDownloadUrlForLayer",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a command ended, and all that it said."""

    code: int
    text: str


def names(said: Said, action: str) -> bool:
    """Whether it is said what is not allowed, and which statement would allow it."""
    start = f'{{"Effect": "Allow", "Action": "{action}", "Resource": "'
    resource = said.text.partition(start)[2].partition('"')[0]
    return f"{action} is not allowed" in said.text and (
        resource == "*" or resource.startswith("arn:aws:")
    )


def lacking(statements: Sequence[Mapping[str, Any]], action: str) -> Iterator[dict[str, Any]]:
    """The statements without one action."""
    for statement in statements:
        left = [name for name in trust.actions([dict(statement)]) if name != action]
        if left:
            yield {**statement, "Action": left}
