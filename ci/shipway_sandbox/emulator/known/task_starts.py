"""What a task needs before it runs, and how it stops where something of it is missing."""

from __future__ import annotations

from typing import Final

from shipway_sandbox.emulator.difference import API, STARTS, KnownDifference

_DEVELOPER: Final = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
_EXECUTION_ROLE: Final = "Amazon ECS task execution IAM role"
_DENIED: Final = STARTS + "test_an_execution_role_without_the_right_stops_the_task"

DIFFERENCES: Final = (
    KnownDifference(
        name="ecs.assumes-task-roles",
        aws="a task is launched only where ECS can assume its roles: they are there and trust "
        "ecs-tasks.amazonaws.com",
        page="boto/boto3, issue 1878",
        source="https://github.com/boto/boto3/issues/1878",
        ministack="launches it whatever the roles are",
        test=STARTS + "test_a_role_that_does_not_trust_tasks_gets_none",
        needs=("iam.pass-role", "ecs.scheduler"),
    ),
    KnownDifference(
        name="ecs.execution-role-pulls",
        aws="the execution role gets the registry's token and pulls the image",
        page=_EXECUTION_ROLE,
        source=_DEVELOPER + "task_execution_IAM_role.html",
        ministack="pulls without asking",
        test=_DENIED,
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.execution-role-reads-secrets",
        aws="the execution role reads every secret and parameter and decrypts what a key of the "
        "customer's own encrypts; a secret that is not there stops the task",
        page="aws/copilot-cli, issue 4504",
        source="https://github.com/aws/copilot-cli/issues/4504",
        ministack="reads them without asking",
        test=_DENIED,
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.execution-role-writes-logs",
        aws="the execution role makes the log stream, and the log group where awslogs-create-group "
        "says so; without logs:PutLogEvents a task runs and its lines are lost",
        page="terraform-aws-modules/terraform-aws-ecs, pull request 313",
        source="https://github.com/terraform-aws-modules/terraform-aws-ecs/pull/313",
        ministack="makes and fills them without asking",
        test=_DENIED,
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.image-fits-the-processor",
        aws="a task runs on its runtimePlatform's processor: an image without it is not pulled, or "
        "its program cannot be run (exec format error)",
        page="Amazon ECS task definitions for 64-bit ARM workloads",
        source=_DEVELOPER + "ecs-arm64.html",
        ministack="runs whatever this machine can",
        test=STARTS + "test_an_image_for_another_processor_does_not_run",
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.log-group-must-exist",
        aws="a task whose log group is not there is stopped",
        page="prakhar1989/docker-curriculum, issue 260",
        source="https://github.com/prakhar1989/docker-curriculum/issues/260",
        ministack="runs it and drops its lines",
        test=_DENIED,
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.registers-unknown-roles",
        aws="RegisterTaskDefinition does not ask whether a role is there",
        page="boto/boto3, issue 1878",
        source="https://github.com/boto/boto3/issues/1878",
        ministack="refuses it",
        test=API,
        replaces=("iam_evaluator.validate_role_arn",),
    ),
)
