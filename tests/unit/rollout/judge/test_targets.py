"""Targets that were unhealthy and are gone: what the events told of them, and what draining hides.

ECS stops a task as soon as its target is unhealthy, so a look may come too late to see why.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shipway.rollout.judge import judge
from shipway.rollout.judge.state import State
from shipway.rollout.judge.terms import DeploymentRef as Ours
from shipway.rollout.judge.terms import Policy
from shipway.rollout.snapshot import Deployment, ServiceEvent, Snapshot, TargetHealth

T0 = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/shop/1f"
DIGEST = "sha256:" + "9c41" * 16
MINE = Deployment(
    id="ecs-svc/42",
    status="PRIMARY",
    task_definition="shop:42",
    rollout_state="IN_PROGRESS",
    desired=2,
    pending=2,
)
OURS = Ours(
    subject="web",
    service="shop-web",
    task_definition="shop:42",
    container="web",
    digest=DIGEST,
    deployment_id="ecs-svc/42",
    previous_task_definition="shop:41",
    known_events=frozenset({"before"}),
)


def look(*messages: str, targets: tuple[TargetHealth, ...] = ()) -> Snapshot:
    events = tuple(ServiceEvent(id=text, at=T0, message=text) for text in messages)
    return Snapshot(desired=2, deployments=(MINE,), events=events, targets=targets)


def after(*looks: Snapshot) -> State:
    state = judge.begin(OURS, Policy(), T0)
    for snapshot in looks:
        state, _, _ = judge.step(state, snapshot, T0)
    return state


@pytest.mark.parametrize(
    ("where", "port", "reason", "description"),
    [
        (
            f"(port 8080) is unhealthy in (target-group {GROUP})",
            8080,
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [500]",
        ),
        (
            "(task 1a) (port 80) is unhealthy in target-group shop",
            80,
            "Target.Timeout",
            "Request timed out",
        ),
        (
            "(instance i-1) (port 32770) is unhealthy in (target-group shop)",
            32770,
            "Target.FailedHealthChecks",
            "Health checks failed",
        ),
    ],
)
def test_an_event_tells_of_a_target_that_is_gone(
    where: str, port: int, reason: str, description: str
) -> None:
    message = f"(service shop-web) {where} due to (reason {description})."
    (target,) = after(look(), look(message)).targets
    assert (target.state, target.id, target.port) == ("unhealthy", "", port)
    assert (target.reason, target.description) == (reason, description)


def test_what_an_event_tells_twice_is_one_target() -> None:
    first, second = (
        f"(task {n}) (port 80) is unhealthy in target-group x due to (reason Health)" for n in "12"
    )
    assert len(after(look(first), look(first, second)).targets) == 1


def test_an_unhealthy_target_stays_unhealthy_while_it_drains() -> None:
    sick = TargetHealth(
        group="g", id="10.0.0.1", port=80, state="unhealthy", reason="Target.Timeout"
    )
    draining = replace(sick, state="draining", reason="Target.DeregistrationInProgress")
    old = replace(draining, id="10.0.0.9")
    assert after(look(targets=(sick,)), look(targets=(draining, old))).targets == (old, sick)
