"""What ECS refuses, and the emulator takes."""

from __future__ import annotations

from typing import Final

from shipway_sandbox.emulator.difference import API, REFUSED, STARTS, KnownDifference

_GITHUB: Final = "https://github.com/"
_REFERENCE: Final = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/"
_DEVELOPER: Final = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
_REGISTERS: Final = "registers it"
_DEFINITIONS: Final = "provisioners._RESOURCE_HANDLERS[AWS::ECS::TaskDefinition]"


def _refused(
    name: str, aws: str, issue: str, ministack: str, *, needs: str = "ecs.scheduler"
) -> KnownDifference:
    """A rule whose text stands in an issue: ``OWNER/NAME#NUMBER``."""
    repository, _, number = issue.partition("#")
    return KnownDifference(
        name=f"ecs.refuses-{name}",
        aws=aws,
        page=f"{repository}, issue {number}",
        source=f"{_GITHUB}{repository}/issues/{number}",
        ministack=ministack,
        test=REFUSED,
        needs=(needs,),
    )


def _unregistered(name: str, aws: str, issue: str) -> KnownDifference:
    return _refused(name, aws, issue, _REGISTERS, needs="iam.pass-role")


DIFFERENCES: Final = (
    KnownDifference(
        name="cloudformation.task-definitions-checked",
        aws="a task definition of a template is registered: what ECS refuses fails the stack, and "
        "RuntimePlatform and EphemeralStorage are kept",
        page="towardsthecloud/aws-cdk-examples, issue 1",
        source=f"{_GITHUB}towardsthecloud/aws-cdk-examples/issues/1",
        ministack="keeps whatever a template says, but for those two",
        test=API,
        replaces=(f"{_DEFINITIONS}[create]", f"{_DEFINITIONS}[update]"),
        needs=("cloudformation.task-definitions-whole",),
    ),
    KnownDifference(
        name="ecs.execute-command",
        aws="ExecuteCommand is refused where it was off when the task was run; here it is never "
        "answered, for the sandbox has no SSM agent (TargetNotConnectedException)",
        page="keidarcy/e1s, issue 206",
        source=f"{_GITHUB}keidarcy/e1s/issues/206",
        ministack="gives a session that leads nowhere",
        test=API,
        replaces=("ecs._ACTION_MAP[ExecuteCommand]",),
    ),
    KnownDifference(
        name="ecs.refuses-empty-lists",
        aws="DescribeTasks and DescribeServices of nothing are refused",
        page="aws/copilot-cli, issue 3551",
        source=f"{_GITHUB}aws/copilot-cli/issues/3551",
        ministack="describes nothing",
        test=API,
        needs=("ecs.refuses-unknown-clusters",),
    ),
    KnownDifference(
        name="ecs.refuses-unknown-clusters",
        aws="every call on a cluster that is not there is refused",
        page="API Reference, ListTasks",
        source=_REFERENCE + "API_ListTasks.html",
        ministack="makes the cluster, or lists nothing",
        test=API,
        replaces=("ecs._dispatch_action",),
    ),
    _refused(
        "bad-counts",
        "a service has no negative count, and RunTask starts from one to ten tasks",
        "floci-io/floci#1382",
        "takes any number",
    ),
    _unregistered(
        "bad-containers",
        "a task definition has from one to ten containers, each name once, one of them essential",
        "Shippable/support#2946",
    ),
    _unregistered(
        "bad-names",
        "family and containers have names of letters, digits, hyphens and underscores, and a "
        "container has an image",
        "aws/amazon-ecs-cli#37",
    ),
    _unregistered(
        "bad-ports",
        "ports are from 1 to 65535, and those of host and container are one under awsvpc",
        "aws/amazon-ecs-cli#1014",
    ),
    KnownDifference(
        name="ecs.refuses-blocking-percentages",
        aws="maximumPercent and minimumHealthyPercent of 100 together are refused",
        page="Amazon ECS service definition parameters",
        source=_DEVELOPER + "service_definition_parameters.html",
        ministack="takes them",
        test=REFUSED,
        needs=("ecs.scheduler",),
    ),
    _refused(
        "exec-without-role",
        "a service whose tasks may be entered (enableExecuteCommand) needs a task role",
        "aws/aws-toolkit-jetbrains#3649",
        "takes it",
    ),
    _unregistered(
        "fargate-network", "Fargate needs the network mode awsvpc", "aws/amazon-ecs-cli#501"
    ),
    _unregistered(
        "fargate-sizes",
        "Fargate has certain sizes of CPU and memory",
        "towardsthecloud/aws-cdk-examples#1",
    ),
    _unregistered(
        "log-options",
        "the log driver awslogs needs group and region",
        "klothoplatform/klotho#892",
    ),
    _unregistered(
        "missing-execution-role",
        "secrets need an execution role, and on Fargate awslogs and images of ECR, too",
        "fabfuel/ecs-deploy#87",
    ),
    _unregistered(
        "missing-memory",
        "memory is said for the task or for each container, and the parts fit the whole",
        "aws/aws-cli#4453",
    ),
    _refused(
        "missing-network",
        "awsvpc needs subnets, and other network modes take none",
        "fabfuel/ecs-deploy#133",
        "takes either",
    ),
    _refused(
        "other-launch-types",
        "FARGATE runs only what was registered for it",
        "oranmoshai/ecsServiceRestart#2",
        "runs anything",
    ),
    _refused(
        "unknown-balanced-containers",
        "a load balancer leads to a container and a port of the task definition",
        "aws/amazon-ecs-agent#1276",
        "takes any name and port",
    ),
    KnownDifference(
        name="ecs.refuses-unknown-definitions",
        aws="a task definition that is not there, or inactive, is refused",
        page="API Reference, UpdateService",
        source=_REFERENCE + "API_UpdateService.html",
        ministack="refuses some, in other words, and runs what is inactive",
        test=REFUSED,
        needs=("ecs.scheduler",),
    ),
    _refused(
        "unknown-overrides",
        "RunTask overrides only containers of the task definition",
        "azavea/django-ecsmanage#21",
        "ignores the others",
        needs="iam.pass-role",
    ),
    KnownDifference(
        name="ecs.tells-blocked-deployments",
        aws="a rollout that the percentages let neither start nor stop a task says so in an event",
        page="Amazon ECS service event messages",
        source=_DEVELOPER + "service-event-messages-list.html",
        ministack="says nothing",
        test=STARTS + "test_percentages_that_leave_no_way_are_told",
        needs=("ecs.scheduler",),
    ),
)
