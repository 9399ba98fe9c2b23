"""What a deploy role may do: what its tasks call, on what they call it, and nothing that deletes.

Pure. "Actions, resources, and condition keys" of each service (Service Authorization Reference)
says what an action is authorised on. The names of an environment are template parameters, so that
one document serves whatever its infrastructure is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shipway.config.references import Reference
from shipway.release.contract import Task
from shipway.release.trust import camel

if TYPE_CHECKING:  # reading files needs pydantic; rendering does not
    from shipway.config.load import Declared

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a delivery to one environment reaches, as delivery.toml declares it.

    Attributes:
        environment: Its name.
        services: The keys of its services.
        parameters: Names of the SSM parameters it refers to.
        stacks: Names of the CloudFormation stacks it refers to.
        written: Values that the file spells out, by the template parameter that takes them.
    """

    environment: str
    services: tuple[str, ...]
    parameters: tuple[str, ...]
    stacks: tuple[str, ...]
    written: tuple[tuple[str, str], ...] = ()


def needs(declared: Declared) -> Needs:
    """Read them out of an environment of delivery.toml."""
    table = declared.document.table["environments"][declared.name]
    found = [ref for _, text in declared.leaves() if (ref := Reference.parse(text))]
    values = [("Repository", table["repository"]), ("Cluster", table["cluster"])]
    values += [
        (f"Service{camel(key)}", service["service"]) for key, service in table["services"].items()
    ]
    return Needs(
        environment=declared.name,
        services=tuple(table["services"]),
        parameters=tuple(sorted({ref.name for ref in found if ref.scheme == "ssm"})),
        stacks=tuple(sorted({ref.stack for ref in found if ref.scheme == "cfn"})),
        written=tuple(
            (name, text.rpartition("/")[2] if name != "Repository" else _name(text))
            for name, text in values
            if Reference.parse(text) is None
        ),
    )


def _name(repository: str) -> str:
    """A repository's name without its registry's host, which has a dot or a port."""
    first, slash, rest = repository.partition("/")
    return rest if slash and (set(".:") & set(first) or first == "localhost") else repository


def policy(wanted: Needs, tasks: Sequence[Task]) -> Document:
    """The permissions policy of a role that may run these tasks.

    Args:
        wanted: What the environment reaches.
        tasks: Every task that the contract allows there.
    """
    statements = [*_images("publish" in tasks), *_published(wanted)]
    if "deploy" in tasks:
        statements += [*_looks(wanted), *_rollout(wanted)]
    return {"Version": "2012-10-17", "Statement": statements}


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
