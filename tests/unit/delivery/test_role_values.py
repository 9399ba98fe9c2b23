"""What gets into a role's policy from what others wrote: the one thing, or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rollout.jobs.fakes import definition

from shipway.config.environment import Environment, Service
from shipway.config.images import ImageSettings
from shipway.config.schedule import Schedule
from shipway.delivery.role_values import looked_up
from shipway.errors import ConfigurationError
from shipway.rollout.schedules.ports import ScheduleTarget
from shipway.rollout.task_definition import AwsLogs, TaskDefinition

ACCOUNT = "arn:aws:iam::111122223333:role"
CLUSTER = "arn:aws:ecs:eu-west-1:111122223333:cluster/shop"
NIGHTLY = Schedule(key="nightly", kind="rule", name="nightly", service="web")
HOURLY = Schedule(key="hourly", kind="schedule", name="hourly", service="web")
TARGET = ScheduleTarget(
    id="t", task_definition="td/web:1", role=f"{ACCOUNT}/clock", cluster=CLUSTER
)
WEB = replace(
    definition("web:1"), execution_role=f"{ACCOUNT}/path/start", task_role=f"{ACCOUNT}/task"
)


def environment(*schedules: Schedule) -> Environment:
    return Environment(
        name="staging",
        account="111122223333",
        region="eu-west-1",
        registry="registry.example",
        repository="shop",
        cluster="shop",
        role="",
        image=ImageSettings(
            name="shop", context=".", dockerfile="Dockerfile", platforms=(), build_args={}
        ),
        services=(Service(key="web", service="shop-web", container="web"),),
        schedules=schedules,
    )


def values(
    live: TaskDefinition = WEB, nightly: ScheduleTarget = TARGET, hourly: ScheduleTarget = TARGET
) -> dict[str, str]:
    return looked_up(
        environment(NIGHTLY, HOURLY),
        {"web": live},
        {},
        targets={"nightly": (nightly,), "hourly": (hourly,)},
    )


def logging(group: str) -> TaskDefinition:
    [container] = WEB.containers
    return replace(WEB, containers=(replace(container, logs=AwsLogs(group=group)),))


def test_each_role_goes_to_the_one_service_that_starts_with_it() -> None:
    other = f"{ACCOUNT}/timer"
    found = values(hourly=replace(TARGET, role=other, cluster="arn:aws:scheduler:::aws-sdk:x"))
    assert (found["RuleRoles"], found["TimerRoles"]) == (TARGET.role, other)
    assert found["RuleClusters"] == CLUSTER
    assert found["TaskRoles"] == f"{ACCOUNT}/path/start,{ACCOUNT}/task"
    assert found["LogGroupWeb"] == "/shop"


def test_a_role_without_its_arn_is_one_of_the_account() -> None:
    found = values(replace(WEB, execution_role="", task_role="task"))
    assert found["TaskRoles"] == f"{ACCOUNT}/task"


def test_where_nothing_is_handed_on_nobody_is_named() -> None:
    found = values(nightly=replace(TARGET, role=""), hourly=replace(TARGET, role=""))
    assert found["RuleRoles"] == found["TimerRoles"] == f"{ACCOUNT}/none"
    assert "RuleRoles" not in looked_up(environment(), {"web": WEB}, {})


@pytest.mark.parametrize(
    "role",
    [
        f"{ACCOUNT}/*",
        f"{ACCOUNT}/cloc?",
        f"{ACCOUNT}/clock,{ACCOUNT}/admin",
        f"{ACCOUNT}/${{aws:username}}",
        "arn:aws:iam::999988887777:role/clock",
        "arn:aws:iam::*:role/clock",
        "*",
        f"{ACCOUNT}/clock\n",
    ],
)
def test_no_target_and_no_task_widens_what_may_be_passed_on(role: str) -> None:
    """Whoever may write a target or a task definition is not who makes roles."""
    broken = replace(TARGET, role=role)
    wide = replace(WEB, execution_role=role if role.startswith("arn:") else f"arn:{role}")
    for live, nightly, hourly in (
        (WEB, broken, TARGET),
        (WEB, TARGET, broken),
        (wide, TARGET, TARGET),
    ):
        with pytest.raises(ConfigurationError) as caught:
            values(live, nightly, hourly)
        assert "can stand in no policy" in caught.value.what
        assert caught.value.where


@pytest.mark.parametrize(
    "cluster", ["*", "", f"{CLUSTER}*", f"{CLUSTER},*", "arn:aws:sqs:eu-west-1:111122223333:q"]
)
def test_a_rule_leads_to_clusters_alone(cluster: str) -> None:
    with pytest.raises(ConfigurationError, match="the cluster"):
        values(nightly=replace(TARGET, cluster=cluster))


@pytest.mark.parametrize("group", ["*", "/shop*", "/shop:log-stream:*", "${x}", ""])
def test_no_task_definition_widens_which_logs_are_read(group: str) -> None:
    """A deploy role registers revisions itself: the next bootstrap must not give it more."""
    with pytest.raises(ConfigurationError, match="the log group"):
        values(logging(group))
