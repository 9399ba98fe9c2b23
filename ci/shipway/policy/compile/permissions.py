"""What a deploy role may do: what its tasks call, on what they call it, and nothing that deletes.

Pure. "Actions, resources, and condition keys" of each service (Service Authorization Reference)
says what an action is authorised on. The names of an environment are template parameters, so that
one document serves whatever its infrastructure is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from shipway.policy.compile import elsewhere
from shipway.policy.compile.resources import Resources
from shipway.policy.compile.trust import camel
from shipway.policy.contract import PRUNE, ROLLBACK, Task

Document = dict[str, Any]

_PULL: Final = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def policy(resources: Resources, tasks: Sequence[Task]) -> Document:
    """The permissions policy of a role that may run these tasks.

    Args:
        resources: What the environment reaches.
        tasks: Every task that the contract allows there.
    """
    lock = (resources.lock,) if resources.lock and _locks(tasks) else ()
    publishes = "publish" in tasks
    statements = [*_images(resources, publishes=publishes), *_published(resources, lock)]
    if "build" in tasks and not resources.source:
        statements += _building(resources, publishes=publishes)
    statements += [
        statement(each.sid, each.actions, each.resources)
        for each in elsewhere.readings(resources, tasks)
    ]
    if resources.copies:
        statements += _copies(resources)
    if resources.signs:
        key = [{"Ref": "SigningKey"}]
        statements.append(statement("SignWithTheKey", ["kms:GetPublicKey", "kms:Sign"], key))
    if rolls_out(tasks):
        statements += [*_observation(resources), *_rollout(resources)]
        if resources.jobs:
            statements += _jobs(resources)
        statements += _schedules(resources)
    if lock:
        arns = [_parameter(name) for name in lock]
        statements.append(statement("HoldTheLock", ["ssm:PutParameter"], arns))
    if rolls_out(tasks) and resources.image_parameters:
        arns = [_parameter(name) for name in resources.image_parameters]
        statements.append(statement("NameTheDeliveredImage", ["ssm:PutParameter"], arns))
    statements += _PRUNING if PRUNE in tasks else ()
    return {"Version": "2012-10-17", "Statement": statements}


def rolls_out(tasks: Sequence[Task]) -> bool:
    """Whether services are updated."""
    return "deploy" in tasks or ROLLBACK in tasks


def _locks(tasks: Sequence[Task]) -> bool:
    """Whether the environment's lock is taken."""
    return rolls_out(tasks) or PRUNE in tasks


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


def _arn(service: str, resource: str) -> Document:
    return sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")


# Whether nothing uses a revision is asked of the whole account. ECS knows no resource to deregister
# (Service Authorization Reference, Amazon ECS, DeregisterTaskDefinition).
_PRUNING: Final = (
    statement(
        "SeeWhatUsesRevisions",
        [
            "ecs:DescribeServices",
            "ecs:DescribeTaskDefinition",
            "ecs:DescribeTasks",
            "ecs:ListClusters",
            "ecs:ListServices",
            "ecs:ListTaskDefinitions",
            "ecs:ListTasks",
            "events:ListEventBuses",
            "events:ListRuleNamesByTarget",
            "events:ListTargetsByRule",
            "scheduler:GetSchedule",
            "scheduler:ListSchedules",
        ],
        ["*"],
    ),
    statement("DeregisterOldRevisions", ["ecs:DeregisterTaskDefinition"], ["*"]),
)

_LOG_IN: Final = statement("LogInToTheRegistry", ["ecr:GetAuthorizationToken"], ["*"])


def _base_repositories(resources: Resources) -> list[Document]:
    return [
        sub(f"arn:${{AWS::Partition}}:ecr:{region}:{account}:repository/{name}")
        for account, region, name in resources.bases
    ]


def _images(resources: Resources, *, publishes: bool) -> list[Document]:
    repositories = [_repository(*each) for each in resources.repositories]
    look = (
        "ecr:BatchGetImage",  # ListImageReferrers asks for it too (ECR API Reference)
        "ecr:DescribeImageScanFindings",
        "ecr:DescribeImages",
        "ecr:DescribeRepositories",
    )
    statements = [statement("SeeImages", look, repositories)]
    if publishes:
        statements += [
            _LOG_IN,
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
                repositories,
            ),
        ]
    return statements


def _repository(parameter: str, home: tuple[str, str] | None) -> Document:
    if home is None:
        return _arn("ecr", f"repository/${{{parameter}}}")
    account, region = home
    return sub(f"arn:${{AWS::Partition}}:ecr:{region}:{account}:repository/${{{parameter}}}")


def _building(resources: Resources, *, publishes: bool) -> list[Document]:
    """What a build takes from AWS: base images, and secrets where one is published."""
    statements = [] if publishes or not resources.bases else [_LOG_IN]
    if resources.bases:
        statements.append(statement("ReadBaseImages", _PULL, _base_repositories(resources)))
    return [*statements, *(_secrets(resources) if publishes else ())]


def _secrets(resources: Resources) -> list[Document]:
    """What the builds read, by exact names; a secret's ARN without the key of its JSON."""
    kept = [name for name in resources.secrets if ":secretsmanager:" in name]
    parameters = [name for name in resources.secrets if name not in kept]
    statements = []
    if parameters:
        arns = [_parameter(name) for name in dict.fromkeys(parameters)]
        statements.append(statement("ReadBuildParameters", ["ssm:GetParameters"], arns))
    if kept:
        named = dict.fromkeys(":".join(name.split(":")[:7]) for name in kept)
        action = ["secretsmanager:GetSecretValue"]
        statements.append(statement("ReadBuildSecrets", action, list(named)))
    return statements


def _published(resources: Resources, lock: Sequence[str]) -> list[Document]:
    """What delivery.toml refers to, by its exact names, and the parameter of the lock."""
    statements = []
    if names := (*resources.parameters, *lock):
        arns = [_parameter(name) for name in names]
        statements.append(statement("ReadTheParameters", ["ssm:GetParameters"], arns))
    if resources.stacks:
        arns = [_arn("cloudformation", f"stack/{name}/*") for name in resources.stacks]
        statements.append(statement("ReadTheStacks", ["cloudformation:DescribeStacks"], arns))
    return statements


def _parameter(name: str) -> object:
    """A parameter's ARN, which has one slash before its name however that is written."""
    return name if name.startswith("arn:") else _arn("ssm", f"parameter/{name.lstrip('/')}")


def _copies(resources: Resources) -> list[Document]:
    """Records of this environment and its chain, and the chain of the one that it comes after.

    Evidence folders begin with the environment's name (:mod:`shipway.evidence.record`), and so
    does the chain (:mod:`shipway.evidence.shared`).
    """
    names = [resources.environment, *([resources.after] if resources.after else [])]
    place = "arn:${AWS::Partition}:s3:::${EvidencePlace}"
    objects = [sub(f"{place}/{name}/*") for name in names]
    # "Enforce conditional writes on Amazon S3 buckets" (Amazon S3 User Guide): whoever must send
    # If-None-Match overwrites nothing, not even with other tools than ours.
    new = {"Null": {"s3:if-none-match": "false"}}
    bucket = sub("arn:${AWS::Partition}:s3:::${EvidenceBucket}")
    chains = [sub(f"${{EvidencePrefix}}{name}/chain/") for name in names]
    listed = {"StringEquals": {"s3:prefix": chains if len(chains) > 1 else chains[0]}}
    return [
        statement("CopyRecordsOnce", ["s3:PutObject"], objects[:1], new),
        statement("ReadTheRecords", ["s3:GetObject"], objects),
        statement("FindTheHeadOfTheChain", ["s3:ListBucket"], [bucket], listed),
    ]


def _services(resources: Resources, kind: str = "service", tail: str = "") -> list[Document]:
    return [
        _arn("ecs", f"{kind}/${{Cluster}}/${{Service{camel(key)}}}{tail}")
        for key in resources.services
    ]


def _observation(resources: Resources) -> list[Document]:
    """What a watch and a verification read."""
    return [
        statement("SeeTheServices", ["ecs:DescribeServices"], _services(resources)),
        # Each is authorised on the service, and on its deployment or its revision.
        statement(
            "FollowTheirDeployments",
            ["ecs:DescribeServiceDeployments"],
            [*_services(resources), *_services(resources, "service-deployment", "/*")],
        ),
        statement(
            "SeeTheirRevisions",
            ["ecs:DescribeServiceRevisions"],
            [*_services(resources), *_services(resources, "service-revision", "/*")],
        ),
        statement(
            "ListTheirTasks",
            ["ecs:ListTasks"],
            ["*"],  # ListTasks knows no service as a resource; the cluster is its condition
            {"ArnEquals": {"ecs:cluster": _arn("ecs", "cluster/${Cluster}")}},
        ),
        statement("SeeTheirTasks", ["ecs:DescribeTasks"], [_arn("ecs", "task/${Cluster}/*")]),
        statement("SeeTargetHealth", ["elasticloadbalancing:DescribeTargetHealth"], ["*"]),
        # Composite alarms are shown to a permission on everything only (CloudWatch API Reference,
        # DescribeAlarms), and the alarms of a service's own configuration are known to ECS alone.
        statement(
            "SeeTheAlarms",
            ["cloudwatch:DescribeAlarms"],
            ["*"],
            {"StringEquals": {"aws:RequestedRegion": {"Ref": "AWS::Region"}}},
        ),
    ]


def _families(resources: Resources) -> list[Document]:
    names = [
        *(f"Family{camel(key)}" for key in resources.services),
        *(f"JobFamily{camel(key)}" for key in resources.own_jobs),
        *(f"ScheduleFamily{camel(key)}" for key in resources.own_schedules),
    ]
    return [_arn("ecs", f"task-definition/${{{name}}}:*") for name in names]


def _jobs(resources: Resources) -> list[Document]:
    """RunTask is authorised on the task definition, StopTask on the task; both know the cluster."""
    in_cluster = {"ArnEquals": {"ecs:cluster": _arn("ecs", "cluster/${Cluster}")}}
    return [
        statement("RunTheJobs", ["ecs:RunTask"], _families(resources), in_cluster),
        statement("StopTheJobs", ["ecs:StopTask"], [_arn("ecs", "task/${Cluster}/*")], in_cluster),
    ]


def _schedules(resources: Resources) -> list[Document]:
    """Read and write back what the clock starts, with the very role that starts it now.

    Both services take a role with each target, which whoever writes must be allowed to pass on
    ("Actions, resources, and condition keys" of Amazon EventBridge and of EventBridge Scheduler). A
    rule takes targets of any kind, such as a queue of another account, so only the clusters that
    its tasks run in are allowed; the Scheduler knows no such condition.
    """
    statements = []
    if resources.rules:
        arns = [_arn("events", f"rule/${{Rule{camel(key)}}}") for key in resources.rules]
        # A condition on all of several values holds where there is none, too ("Condition operators
        # for multivalued context keys", IAM User Guide).
        into = {
            "ForAllValues:ArnEquals": {"events:TargetArn": {"Ref": "RuleClusters"}},
            "Null": {"events:TargetArn": "false"},
        }
        statements.append(statement("SeeTheRules", ["events:ListTargetsByRule"], arns))
        statements.append(statement("MoveTheRules", ["events:PutTargets"], arns, into))
        statements.append(_handed("HandRolesToTheRules", "RuleRoles", "events.amazonaws.com"))
    if resources.schedules:
        arns = [
            _arn("scheduler", f"schedule/${{Timer{camel(key)}}}") for key in resources.schedules
        ]
        actions = ["scheduler:GetSchedule", "scheduler:UpdateSchedule"]
        statements.append(statement("MoveTheSchedules", actions, arns))
        statements.append(
            _handed("HandRolesToTheSchedules", "TimerRoles", "scheduler.amazonaws.com")
        )
    return statements


def _handed(sid: str, roles: str, service: str) -> Document:
    """The roles of a parameter may be passed on to one service."""
    to = {"StringEquals": {"iam:PassedToService": service}}
    return statement(sid, ["iam:PassRole"], [{"Ref": roles}], to)


def _rollout(resources: Resources) -> list[Document]:
    families = _families(resources)
    groups = [
        *(f"LogGroup{camel(key)}" for key in resources.services),
        *(f"JobLogGroup{camel(key)}" for key in resources.own_jobs),
    ]
    streams = [_arn("logs", f"log-group:${{{group}}}:log-stream:*") for group in groups]
    return [
        statement("ReadTaskDefinitions", ["ecs:DescribeTaskDefinition"], ["*"]),
        statement("RegisterTheirFamilies", ["ecs:RegisterTaskDefinition"], families),
        statement(
            "KeepTheirTags",
            ["ecs:TagResource"],
            families,
            {"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}},
        ),
        statement("UpdateTheServices", ["ecs:UpdateService"], _services(resources)),
        statement(
            "AnswerAndStopTheirDeployments",
            ["ecs:ContinueServiceDeployment", "ecs:StopServiceDeployment"],
            [*_services(resources), *_services(resources, "service-deployment", "/*")],
        ),
        _handed("HandRolesToTasks", "TaskRoles", "ecs-tasks.amazonaws.com"),
        statement("ReadTheLogs", ["logs:GetLogEvents"], streams),
    ]
