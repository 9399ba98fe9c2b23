from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shipway.rollout import snapshot as seen
from shipway.rollout.diagnosis.diagnosis import Block, DiagnosedImages, LogTail, diagnose
from shipway.rollout.judge.terms import Cause, DeploymentRef
from shipway.rollout.snapshot import Container, Task
from shipway.rollout.task_definition import AwsLogs, ContainerDefinition, TaskDefinition

AT = datetime(2026, 11, 22, 23, 41, 4, tzinfo=UTC)
NOW = "sha256:" + "9c41" * 16
WAS = "sha256:" + "77d0" * 16
REPO = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop"
TARGET = DeploymentRef(
    subject="web",
    service="shop-web",
    task_definition="arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:42",
    container="web",
    digest=NOW,
    deployment_id="ecs-svc/42",
    previous_task_definition="arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:41",
)
IMAGES = DiagnosedImages(
    now=f"{REPO}@{NOW}", before=f"{REPO}@{WAS}", now_note="3f9c2ab", before_note="a81be02"
)
ELB = "Task failed ELB health checks in (target-group x)"
WEB = ContainerDefinition(
    name="web",
    image=f"{REPO}@{NOW}",
    environment=(("APP_SECRET", "s3cr3t-value"),),
    ports=(8080,),
    health_command=("CMD-SHELL", "curl -f http://localhost:8080/"),
    logs=AwsLogs(group="/shop", region="eu-west-1", stream_prefix="web"),
)
DEFINITION = TaskDefinition(memory="512", region="eu-west-1", containers=(WEB,))
DATABASE = "arn:aws:ssm:eu-west-1:111122223333:parameter/shop/staging/db"
BEFORE = TaskDefinition(
    containers=(
        ContainerDefinition(
            name="web", image=f"{REPO}@{WAS}", secrets=(("DATABASE_URL", DATABASE),)
        ),
    )
)


def task(number: int, reason: str, stop: str = "", code: int | None = 1, why: str = "") -> Task:
    return Task(
        arn=f"arn:aws:ecs:eu-west-1:111122223333:task/prod/{number:08d}ffff",
        task_definition=TARGET.task_definition,
        started_by="ecs-svc/42",
        last_status="STOPPED",
        stop_code=stop,
        stopped_reason=reason,
        containers=(Container(name="web", exit_code=code, reason=why),),
        private_ips=(f"10.0.0.{number}",),
        started_at=AT,
        stopped_at=AT + timedelta(seconds=3),
    )


def crashed(number: int) -> Task:
    return task(number, "Essential container in task exited", "EssentialContainerExited")


def tail(number: int, *lines: str) -> LogTail:
    at = AT + timedelta(seconds=3)
    return LogTail(
        task_id=f"{number:08d}ffff", container="web", lines=tuple((at, line) for line in lines)
    )


def explain(
    *tasks: Task,
    targets: tuple[seen.TargetHealth, ...] = (),
    tails: tuple[LogTail, ...] = (),
    **more: Any,
) -> tuple[Block, ...]:
    given: dict[str, Any] = {"now": DEFINITION, "before": BEFORE, "images": IMAGES, **more}
    return diagnose(tasks, targets, tails, target=TARGET, **given)


CAUSE = (
    'container "web" exited with code 1 (EssentialContainerExited): '
    "the program failed; its log says why"
)


def shown(block: Block) -> list[tuple[str, tuple[str, ...]]]:
    return [(detail.label, detail.lines) for detail in block.details]


def next_of(block: Block) -> str:
    return dict(shown(block))["next"][0]


def test_a_crash_loop_reads_as_promised() -> None:
    log = ('  File "/app/settings.py", line 12, in <module>', "KeyError: 'DATABASE_URL'")
    (block,) = explain(crashed(1), crashed(2), tails=(tail(2, *log),))
    assert block.title == "crash loop: 2 of 2 new tasks exited with 1 within 3 s"
    assert block.tasks == 2
    assert shown(block) == [
        (
            "cause",
            (
                CAUSE,
                "tasks 00000001, 00000002",
                "ECS: Essential container in task exited",
            ),
        ),
        (
            "log",
            (
                '2026-11-22 23:41:07    File "/app/settings.py", line 12, in <module>',
                "2026-11-22 23:41:07  KeyError: 'DATABASE_URL'",
            ),
        ),
        (
            "image",
            ("…/shop@sha256:9c419c419c41… (3f9c2ab)   was …/shop@sha256:77d077d077d0… (a81be02)",),
        ),
        (
            "next",
            ("the task definition has no DATABASE_URL; shop:41 had it from ssm:/shop/staging/db",),
        ),
    ]


def test_each_distinct_failure_has_its_own_block_the_most_frequent_first() -> None:
    memory = task(9, "OutOfMemoryError: Container killed due to memory usage", code=137)
    blocks = explain(memory, crashed(1), crashed(2))
    assert [(b.kind, b.tasks) for b in blocks] == [("exit", 2), ("memory", 1)]
    assert blocks[0].title.startswith("crash loop: 2 of 3 new tasks")


def test_only_the_last_twenty_lines_are_shown() -> None:
    (block,) = explain(crashed(1), tails=(tail(1, *(f"line {n}" for n in range(30))),))
    lines = dict(shown(block))["log"]
    assert len(lines) == 20
    assert lines[0].endswith("line 10")


@pytest.mark.parametrize(
    ("stopped", "kind", "part"),
    [
        (task(1, "OutOfMemoryError: killed", code=137), "memory", "512 MiB (task): raise memory"),
        (task(1, "Essential container in task exited", code=137), "exit", "512 MiB (task)"),
        (
            task(1, "CannotPullContainerError: not found", code=None),
            "image-missing",
            f"publish it, or check the name: {REPO}@{NOW}",
        ),
        (
            task(
                1,
                "ResourceInitializationError: fetch secret arn:aws:secretsmanager:eu:1:secret:db: "
                "ResourceNotFoundException",
                code=None,
            ),
            "secret-missing",
            "correct valueFrom: arn:aws:secretsmanager:eu:1:secret:db",
        ),
        (
            task(1, "secrets from ssm: invalid parameters: /shop/db", code=None),
            "secret-missing",
            "correct valueFrom: /shop/db",
        ),
        (
            task(1, "ECS was unable to assume the role 'arn:aws:iam::1:role/x' that", code=None),
            "role",
            "trust policy of arn:aws:iam::1:role/x",
        ),
        (task(1, "Task failed container health checks", code=137), "container-health", "curl -f"),
        (task(1, "exec format error", code=None), "command", "the service runs on X86_64"),
        (task(1, "Essential container in task exited"), "exit", "wrote no log to /shop"),
    ],
)
def test_the_likeliest_next_step(stopped: Task, kind: str, part: str) -> None:
    (block,) = explain(stopped)
    assert block.kind == kind
    assert part in next_of(block)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("KeyError: 'REDIS_URL'", "has no REDIS_URL, and shop:41 had none: add it"),
        ("Error: DATABASE_URL is not set", "shop:41 had it from ssm:/shop/staging/db"),
        ("missing required environment variable DATABASE_URL", "had it from ssm:/shop"),
        ("KeyError: 'APP_SECRET'", "read the last lines of its log"),
        ("panic: boom", "read the last lines of its log"),
    ],
)
def test_a_missing_variable_is_named_with_where_it_came_from(line: str, part: str) -> None:
    (block,) = explain(crashed(1), tails=(tail(1, line),))
    assert part in next_of(block)


@pytest.mark.parametrize(
    ("value_from", "source"),
    [
        (DATABASE, "ssm:/shop/staging/db"),
        ("arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop/db", "secretsmanager:shop/db"),
        ("/shop/db", "ssm:/shop/db"),
        ("arn:short", "arn:short"),
    ],
)
def test_where_a_missing_variable_came_from_in_short(value_from: str, source: str) -> None:
    web = replace(BEFORE.containers[0], secrets=(("DATABASE_URL", value_from),))
    before = replace(BEFORE, containers=(web,))
    (block,) = explain(crashed(1), tails=(tail(1, "KeyError: 'DATABASE_URL'"),), before=before)
    assert next_of(block).endswith(f"shop:41 had it from {source}")


def test_a_variable_that_was_written_into_the_task_definition() -> None:
    (block,) = explain(
        crashed(1),
        tails=(tail(1, "KeyError: 'APP_SECRET'"),),
        now=replace(DEFINITION, containers=(replace(WEB, environment=()),)),
        before=DEFINITION,
    )
    assert next_of(block).endswith("had it from the task definition")


def test_a_container_without_a_log_group() -> None:
    mute = replace(DEFINITION, containers=(replace(WEB, logs=None),))
    (block,) = explain(crashed(1), now=mute)
    assert next_of(block).startswith("it has no awslogs log group")


def test_the_memory_limit_of_the_container_is_the_nearer_one() -> None:
    limited = replace(DEFINITION, containers=(replace(WEB, memory="256"),))
    (block,) = explain(task(1, "OutOfMemoryError: killed", code=137), now=limited)
    assert "256 MiB (container)" in next_of(block)


def sick(reason: str, description: str) -> seen.TargetHealth:
    return seen.TargetHealth(
        group="tg",
        id="10.0.0.1",
        port=8080,
        state="unhealthy",
        reason=reason,
        description=description,
    )


@pytest.mark.parametrize(
    ("reason", "description", "exposed", "part"),
    [
        ("Target.ResponseCodeMismatch", "codes: [500]", (), "answers the health check with 500"),
        ("Target.ResponseCodeMismatch", "mismatch", (80,), "answers something else"),
        ("Target.Timeout", "Request timed out", (80,), "port 8080, but the image exposes 80"),
        ("Target.Timeout", "Request timed out", (), "no answer on port 8080 in the time"),
        ("Target.FailedHealthChecks", "Health checks failed", (8080,), "nothing answers on port"),
        (
            "Target.FailedHealthChecks",
            "Health checks failed",
            (8080,),
            "If it starts slowly, raise the service's healthCheckGracePeriodSeconds",
        ),
    ],
)
def test_target_health_is_shown_with_reason_and_next_step(
    reason: str, description: str, exposed: tuple[int, ...], part: str
) -> None:
    images = DiagnosedImages(now=IMAGES.now, exposed=exposed)
    struck = task(1, ELB, "ServiceSchedulerInitiated", 143)
    for tasks in ((struck,), ()):
        (block,) = explain(*tasks, targets=(sick(reason, description),), images=images)
        assert block.kind == "target-health"
        assert dict(shown(block))["health"] == (
            f"target port 8080 unhealthy: {reason}: {description}",
        )
        assert part in next_of(block)


def test_the_reason_of_an_unhealthy_target_wins_over_those_of_others() -> None:
    targets = (
        replace(sick("Target.DeregistrationInProgress", "draining"), state="draining", id="10.9"),
        replace(sick("Elb.InitialHealthChecking", "in progress"), state="initial", id="10.8"),
        replace(sick("Target.ResponseCodeMismatch", "codes: [503]"), id=""),
    )
    (block,) = explain(task(1, ELB, "ServiceSchedulerInitiated", 143), targets=targets)
    assert dict(shown(block))["health"] == (
        "target port 8080 unhealthy: Target.ResponseCodeMismatch: codes: [503]",
    )
    assert "answers the health check with 503" in next_of(block)


def test_a_target_that_only_an_event_told_of_is_no_failure_by_itself() -> None:
    target = replace(sick("Target.Timeout", "Request timed out"), id="")
    assert [block.kind for block in explain(crashed(1), targets=(target,))] == ["exit"]
    assert explain(targets=(target,)) == ()


def test_the_image_of_another_container_is_named() -> None:
    proxy = ContainerDefinition(name="proxy", image="registry.example/proxy:gone")
    definition = replace(DEFINITION, containers=(WEB, proxy))
    why = "CannotPullContainerError: registry.example/proxy:gone: not found"
    stopped = replace(
        task(1, why, "TaskFailedToStart"),
        containers=(Container(name="web"), Container(name="proxy", reason=why)),
    )
    (block,) = explain(stopped, now=definition)
    details = dict(shown(block))
    assert details["cause"][0] == 'the image of container "proxy" is not in the registry'
    assert details["image"][1] == '…/proxy:gone in container "proxy"'
    assert next_of(block) == "publish it, or check the name: registry.example/proxy:gone"


def test_a_log_that_may_not_be_read_is_the_next_thing_to_mend() -> None:
    denied = "logs:GetLogEvents is not allowed: User: arn:aws:sts::1:assumed-role/r/s is not"
    (block,) = explain(crashed(1), tails=(tail(1, denied, "add {…}"),))
    assert next_of(block).startswith("let the role read its log")


def test_no_secret_is_shown_anywhere() -> None:
    log = ("boot s3cr3t-value", "postgres://u:hunter22@db/x", "vault said canary-7")
    stopped = task(1, "exited s3cr3t-value canary-7", code=3, why="API_TOKEN=hunter22")
    blocks = explain(stopped, tails=(tail(1, *log),), secrets=frozenset({"canary-7"}))
    text = repr(blocks)
    for secret in ("s3cr3t-value", "hunter22", "canary-7"):
        assert secret not in text
    assert "***" in text


def test_a_failure_without_tasks_is_explained_by_its_cause() -> None:
    ecs = "(service web) failed to launch a task with (error ECS was unable to assume the role 'r')"
    cause = Cause(kind="role", text="ECS cannot assume the role of the task definition", ecs=ecs)
    (block,) = explain(cause=cause)
    assert block.title == cause.text
    assert dict(shown(block))["cause"] == (cause.text, f"ECS: {ecs}")
    assert "ecs-tasks.amazonaws.com" in next_of(block)


def test_nothing_failed_nothing_to_say() -> None:
    assert explain() == ()


def test_without_a_task_definition_there_is_still_an_explanation() -> None:
    (block,) = explain(crashed(1), now=None, before=None, images=None)
    assert [label for label, _ in shown(block)] == ["cause", "next"]


@pytest.mark.parametrize(
    ("web", "part"),
    [
        (
            {"logs": AwsLogs(group="/shop", region="us-east-1", stream_prefix="web")},
            "read its log in us-east-1: group /shop, streams that begin with web/web/",
        ),
        (
            {"logs": AwsLogs(group="/shop", region="us-east-1")},
            "read its log in us-east-1: group /shop, the newest streams",
        ),
        ({"logs": AwsLogs(group="/shop")}, "no awslogs-stream-prefix"),
        ({"logs": None, "log_driver": "awsfirelens"}, "goes through FireLens"),
        ({"logs": None, "log_driver": "splunk"}, "through the driver splunk"),
        ({"logs": None}, "it has no awslogs log group"),
    ],
)
def test_a_log_that_nobody_can_read_here_is_said(web: dict[str, Any], part: str) -> None:
    (block,) = explain(crashed(1), now=replace(DEFINITION, containers=(replace(WEB, **web),)))
    assert part in next_of(block)


@pytest.mark.parametrize(
    ("processor", "held", "words"),
    [
        ("ARM64", ("linux/amd64",), "the image holds linux/amd64; the service runs on ARM64"),
        ("", (), "the service runs on X86_64, for the task definition says nothing else"),
        ("X86_64", ("linux/arm64", "linux/arm/v7"), "holds linux/arm64, linux/arm/v7; the service"),
    ],
)
@pytest.mark.parametrize("in_log", [True, False])
def test_a_program_of_another_processor_names_both(
    processor: str, held: tuple[str, ...], words: str, *, in_log: bool
) -> None:
    stopped = crashed(1) if in_log else task(1, "exec /app: exec format error", code=None)
    (block,) = explain(
        stopped,
        tails=(tail(1, "exec /usr/local/bin/app: exec format error"),) if in_log else (),
        now=replace(DEFINITION, processor=processor),
        images=replace(IMAGES, processors=held),
    )
    assert words in next_of(block)
    assert "`platforms` of [image]" in next_of(block)


def test_a_helper_that_had_failed_is_told_second_and_never_as_the_cause() -> None:
    """The case of the field: migrate exits with 3, web with 0, and web is essential."""
    containers = (
        Container(name="migrate", exit_code=3, essential=False),
        Container(name="web", exit_code=0),
    )
    (block,) = explain(replace(crashed(1), containers=containers), tails=(tail(1, "bye"),))
    details = dict(shown(block))
    assert block.title.startswith("crash loop: 1 of 1 new task exited with 0")
    assert details["cause"][0].startswith('container "web" exited with code 0')
    assert details["cause"][0].endswith('; not essential, and exited before: "migrate" with 3')
    assert details["log"][0].endswith("bye"), "the log is that of web"
