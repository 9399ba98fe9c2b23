"""What jobs and schedules add to a deploy role, and that nothing else adds it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.policy.compile.deploy_role import (
    named,
    resources_with,
    template,
)

from shipway.policy.compile import bootstrap_template
from shipway.policy.compile.resources import Resources

JOBS = """
[environments.production.jobs.migrate]
when = "before"
service = "web"
[environments.production.jobs.warm-up]
when = "after"
task_definition = "{definition}"
"""
CLUSTER = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/${Cluster}"


def with_jobs(tmp_path: Path, definition: str) -> Resources:
    return resources_with(tmp_path, own=JOBS.format(definition=definition))


def test_jobs_may_be_run_and_stopped_in_the_cluster_alone(tmp_path: Path) -> None:
    assert not {"RunTheJobs", "StopTheJobs"} & set(named(resources_with(tmp_path)))
    statements = named(with_jobs(tmp_path, "warm:3"))
    own = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:"
    families = [
        {"Fn::Sub": f"{own}task-definition/${{FamilyWeb}}:*"},
        {"Fn::Sub": f"{own}task-definition/${{JobFamilyWarmUp}}:*"},
    ]
    in_cluster = {"ArnEquals": {"ecs:cluster": {"Fn::Sub": CLUSTER}}}
    assert statements["RunTheJobs"] == {
        "Sid": "RunTheJobs",
        "Effect": "Allow",
        "Action": "ecs:RunTask",
        "Resource": families,
        "Condition": in_cluster,
    }
    assert statements["StopTheJobs"]["Resource"] == {"Fn::Sub": f"{own}task/${{Cluster}}/*"}
    assert statements["StopTheJobs"]["Condition"] == in_cluster
    assert statements["RegisterTheirFamilies"]["Resource"] == families
    assert "JobLogGroupWarmUp" in json.dumps(statements["ReadTheLogs"])
    assert "RunTheJobs" not in named(with_jobs(tmp_path, "warm"), ("build", "publish"))


@pytest.mark.parametrize(
    ("definition", "default"),
    [
        ("warm", "    Default: warm\n"),
        ("warm:3", "    Default: warm\n"),
        ("arn:aws:ecs:eu-central-1:444455556666:task-definition/warm:3", "    Default: warm\n"),
        ("ssm:/shop/warm", ""),
    ],
)
def test_a_family_that_is_written_out_is_the_parameters_default(
    tmp_path: Path, definition: str, default: str
) -> None:
    text = template(with_jobs(tmp_path, definition))
    assert bootstrap_template.takes(text, "JobFamilyWarmUp")
    assert bootstrap_template.takes(text, "JobLogGroupWarmUp")
    assert not bootstrap_template.takes(text, "JobFamilyMigrate")
    assert ("    Default: warm\n" in text) is bool(default)


SCHEDULES = """
[environments.production.schedules.nightly]
rule = "{rule}"
service = "web"
[environments.production.schedules.hourly-report]
schedule = "hourly"
group = "reports"
task_definition = "report:3"
"""


def with_schedules(tmp_path: Path, rule: str = "shop-nightly") -> Resources:
    return resources_with(tmp_path, own=SCHEDULES.format(rule=rule))


def test_schedules_may_be_read_and_moved_with_their_own_roles_alone(tmp_path: Path) -> None:
    statements = named(with_schedules(tmp_path))
    here = "${AWS::Region}:${AWS::AccountId}"
    rule = {"Fn::Sub": f"arn:${{AWS::Partition}}:events:{here}:rule/${{RuleNightly}}"}
    assert statements["SeeTheRules"] == {
        "Sid": "SeeTheRules",
        "Effect": "Allow",
        "Action": "events:ListTargetsByRule",
        "Resource": rule,
    }
    assert statements["MoveTheRules"] == {
        "Sid": "MoveTheRules",
        "Effect": "Allow",
        "Action": "events:PutTargets",
        "Resource": rule,
        "Condition": {
            "ForAllValues:ArnEquals": {"events:TargetArn": {"Ref": "RuleClusters"}},
            "Null": {"events:TargetArn": "false"},
        },
    }
    timer = f"arn:${{AWS::Partition}}:scheduler:{here}:schedule/${{TimerHourlyReport}}"
    assert statements["MoveTheSchedules"] == {
        "Sid": "MoveTheSchedules",
        "Effect": "Allow",
        "Action": ["scheduler:GetSchedule", "scheduler:UpdateSchedule"],
        "Resource": {"Fn::Sub": timer},
    }
    for sid, roles, service in (
        ("HandRolesToTheRules", "RuleRoles", "events.amazonaws.com"),
        ("HandRolesToTheSchedules", "TimerRoles", "scheduler.amazonaws.com"),
    ):
        assert statements[sid] == {
            "Sid": sid,
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": {"Ref": roles},
            "Condition": {"StringEquals": {"iam:PassedToService": service}},
        }
    families = json.dumps(statements["RegisterTheirFamilies"])
    assert "${ScheduleFamilyHourlyReport}:*" in families
    assert "Nightly" not in families, "that is the service's own family"


def test_without_schedules_no_clock_is_moved(tmp_path: Path) -> None:
    clock = {"SeeTheRules", "MoveTheRules", "HandRolesToTheRules", "MoveTheSchedules"}
    assert not clock & set(named(resources_with(tmp_path)))
    assert not clock & set(named(with_schedules(tmp_path), ("build", "publish")))
    for name in ("RuleRoles", "RuleClusters", "TimerRoles"):
        assert not bootstrap_template.takes(template(resources_with(tmp_path)), name)


def test_what_moves_the_clock_is_looked_up_or_written(tmp_path: Path) -> None:
    text = template(with_schedules(tmp_path))
    own = ("ScheduleFamilyHourlyReport", "RuleNightly", "TimerHourlyReport")
    for name in (*own, "RuleRoles", "RuleClusters", "TimerRoles"):
        assert bootstrap_template.takes(text, name)
    assert "    Default: shop-nightly\n" in text
    assert "    Default: reports/hourly\n" in text
    assert "    Default: report\n" in text
    unknown = template(with_schedules(tmp_path, "ssm:/shop/rule"))
    assert bootstrap_template.takes(unknown, "RuleNightly")
    assert "Default: shop-nightly" not in unknown
