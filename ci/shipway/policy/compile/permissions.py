"""What a deploy role may do: what its tasks call, on what they call it, and nothing that deletes.

Pure. "Actions, resources, and condition keys" of each service (Service Authorization Reference)
says what an action is authorised on. The names of an environment are template parameters, so that
one document serves whatever its infrastructure is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from shipway.policy.compile.resources import Needs
from shipway.policy.compile.trust import camel
from shipway.policy.contract import Task

Document = dict[str, Any]

PROMOTED: Final = (
    "ecr:BatchGetImage",  # manifests; ListImageReferrers asks for it too (ECR API Reference)
    "ecr:GetDownloadUrlForLayer",
)
"""What a promotion asks of the repository that it takes an image from."""


def policy(wanted: Needs, tasks: Sequence[Task]) -> Document:
    """The permissions policy of a role that may run these tasks.

    Args:
        wanted: What the environment reaches.
        tasks: Every task that the contract allows there.
    """
    statements = [*_images("publish" in tasks), *_published(wanted)]
    if promotes(wanted, tasks):
        # Whether a layer is there is asked of the repository that it goes to, never of this one.
        statements.append(statement("ReadPromotedImages", PROMOTED, [_source()]))
    if wanted.copies:
        statements += _copies(wanted)
    if wanted.signs:
        key = [{"Ref": "SigningKey"}]
        statements.append(statement("SignWithTheKey", ["kms:GetPublicKey", "kms:Sign"], key))
    if "deploy" in tasks:
        statements += [*_looks(wanted), *_rollout(wanted)]
    return {"Version": "2012-10-17", "Statement": statements}


def promotes(wanted: Needs, tasks: Sequence[Task]) -> bool:
    """Whether images are taken from another environment; taking one publishes it here."""
    return bool(wanted.source) and "publish" in tasks


def source_policy(role: str) -> Document:
    """What the policy of the source's repository must allow, where it is another account's.

    "Cross-account policy evaluation logic" (IAM User Guide): both sides must allow it.

    Args:
        role: The ARN of the deploy role.
    """
    allowed = {
        "Sid": "LetImagesBePromoted",
        "Effect": "Allow",
        "Principal": {"AWS": role},
        "Action": list(PROMOTED),
    }  # no resource: it is the policy of one repository
    return {"Version": "2012-10-17", "Statement": [allowed]}


def statement(
    sid: str, actions: Sequence[str], resources: Sequence[object], condition: Document | None = None
) -> Document:
    """One statement; a single action or resource stands by itself, as people write it."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(actions) if len(actions) > 1 else actions[0],
        "Resource": list(resources) if len(resources) > 1 else resources[0],
        **({"Condition": condition} if condition else {}),
    }


def sub(text: str) -> Document:
    """``Fn::Sub``: a text with the template's parameters in it."""
    return {"Fn::Sub": text}


def _here(service: str, rest: str) -> Document:
    return sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{rest}")


def _images(publishes: bool) -> list[Document]:  # noqa: FBT001  # private, and read at the one call
    repository = _here("ecr", "repository/${Repository}")
    look = (
        "ecr:BatchGetImage",  # ListImageReferrers asks for it too (ECR API Reference)
        "ecr:DescribeImageScanFindings",
        "ecr:DescribeImages",
        "ecr:DescribeRepositories",
    )
    found = [statement("SeeImages", look, [repository])]
    if publishes:
        found += [
            statement("LogInToTheRegistry", ["ecr:GetAuthorizationToken"], ["*"]),
            statement(
                "PublishImages",
                [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:CompleteLayerUpload",
                    "ecr:GetDownloadUrlForLayer",  # the labels of an image that is used again
                    "ecr:InitiateLayerUpload",
                    "ecr:PutImage",
                    "ecr:UploadLayerPart",
                ],
                [repository],
            ),
        ]
    return found


def _published(wanted: Needs) -> list[Document]:
    """What delivery.toml refers to, by its exact names."""
    found = []
    if wanted.parameters:
        named = [_here("ssm", f"parameter{name}") for name in wanted.parameters]
        found.append(statement("ReadTheParameters", ["ssm:GetParameters"], named))
    if wanted.stacks:
        named = [_here("cloudformation", f"stack/{name}/*") for name in wanted.stacks]
        found.append(statement("ReadTheStacks", ["cloudformation:DescribeStacks"], named))
    return found


def _source() -> Document:
    where = "${SourceRegion}:${SourceAccount}"
    return sub(f"arn:${{AWS::Partition}}:ecr:{where}:repository/${{SourceRepository}}")


def _copies(wanted: Needs) -> list[Document]:
    """Records of this environment, and the ledger's lines, which lie together for all of them.

    Evidence folders begin with the environment's name (:mod:`shipway.evidence.record`).
    """
    folders = (wanted.environment, "chain")
    place = "arn:${AWS::Partition}:s3:::${EvidencePlace}"
    objects = [sub(f"{place}/{folder}/*") for folder in folders]
    # "Enforce conditional writes on Amazon S3 buckets" (Amazon S3 User Guide): whoever must send
    # If-None-Match overwrites nothing, not even with other tools than ours.
    new = {"Null": {"s3:if-none-match": "false"}}
    return [
        statement("CopyRecordsOnce", ["s3:PutObject"], objects, new),
        statement("CompareTheirCopies", ["s3:GetObject"], objects),  # one that is there already
    ]


def _services(wanted: Needs, kind: str = "service", tail: str = "") -> list[Document]:
    return [
        _here("ecs", f"{kind}/${{Cluster}}/${{Service{camel(key)}}}{tail}")
        for key in wanted.services
    ]


def _looks(wanted: Needs) -> list[Document]:
    """What a watch and a verification read."""
    return [
        statement("SeeTheServices", ["ecs:DescribeServices"], _services(wanted)),
        # Each is authorised on the service, and on its deployment or its revision.
        statement(
            "FollowTheirDeployments",
            ["ecs:DescribeServiceDeployments"],
            [*_services(wanted), *_services(wanted, "service-deployment", "/*")],
        ),
        statement(
            "SeeTheirRevisions",
            ["ecs:DescribeServiceRevisions"],
            [*_services(wanted), *_services(wanted, "service-revision", "/*")],
        ),
        statement(
            "ListTheirTasks",
            ["ecs:ListTasks"],
            ["*"],  # ListTasks knows no service as a resource; the cluster is its condition
            {"ArnEquals": {"ecs:cluster": _here("ecs", "cluster/${Cluster}")}},
        ),
        statement("SeeTheirTasks", ["ecs:DescribeTasks"], [_here("ecs", "task/${Cluster}/*")]),
        statement("SeeTargetHealth", ["elasticloadbalancing:DescribeTargetHealth"], ["*"]),
    ]


def _rollout(wanted: Needs) -> list[Document]:
    families = [
        _here("ecs", f"task-definition/${{Family{camel(key)}}}:*") for key in wanted.services
    ]
    streams = [
        _here("logs", f"log-group:${{LogGroup{camel(key)}}}:log-stream:*")
        for key in wanted.services
    ]
    return [
        statement("ReadTaskDefinitions", ["ecs:DescribeTaskDefinition"], ["*"]),
        statement("RegisterTheirFamilies", ["ecs:RegisterTaskDefinition"], families),
        statement(
            "KeepTheirTags",
            ["ecs:TagResource"],
            families,
            {"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}},
        ),
        statement("UpdateTheServices", ["ecs:UpdateService"], _services(wanted)),
        statement(
            "AnswerAndStopTheirDeployments",
            ["ecs:ContinueServiceDeployment", "ecs:StopServiceDeployment"],
            [*_services(wanted), *_services(wanted, "service-deployment", "/*")],
        ),
        statement(
            "HandRolesToTasks",
            ["iam:PassRole"],
            [{"Ref": "TaskRoles"}],
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
        statement("ReadTheLogs", ["logs:GetLogEvents"], streams),
    ]
