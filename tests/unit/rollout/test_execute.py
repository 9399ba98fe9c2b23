"""Beginning to watch: which deployment ECS can go back to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shipway.config.environment import Service
from shipway.rollout import execute
from shipway.rollout.images import ReleaseImage
from shipway.rollout.plan import Step
from shipway.rollout.snapshot import Deployment, Snapshot
from shipway.rollout.task_definition import TaskDefinition, UnbuiltImage

IMAGE = ReleaseImage(reference=UnbuiltImage("shop"))


def step(*deployments: tuple[str, str, str | None]) -> Step:
    existing = tuple(
        Deployment(id=f"ecs-svc/{name}", status=status, task_definition=name, rollout_state=rollout)
        for name, status, rollout in deployments
    )
    service = Service(key="web", service="shop-web", container="web")
    live = TaskDefinition()
    return Step(
        service=service,
        before=Snapshot(deployments=existing),
        live=live,
        revision=live,
        image=IMAGE,
    )


@pytest.mark.parametrize(
    ("deployments", "back"),
    [
        ([("41", "PRIMARY", "COMPLETED")], "41"),
        ([("41", "PRIMARY", None)], "41"),
        ([("40", "ACTIVE", "COMPLETED"), ("41", "PRIMARY", "IN_PROGRESS")], "40"),
        ([("40", "ACTIVE", "COMPLETED"), ("41", "PRIMARY", "COMPLETED")], "41"),
        ([("41", "PRIMARY", "IN_PROGRESS")], ""),
        ([("41", "PRIMARY", "FAILED")], ""),
        ([], ""),
    ],
)
def test_what_ecs_can_go_back_to(deployments: list[tuple[str, str, str | None]], back: str) -> None:
    completed = execute._completed(step(*deployments))
    assert (completed.task_definition if completed else "") == back


BROKEN = Deployment(id="ecs-svc/42", status="ACTIVE", task_definition="42", rollout_state="FAILED")


@pytest.mark.parametrize(
    ("reason", "running", "back"),
    [
        ("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/41.", 0, "41"),
        ("", 2, "41"),
        ("ECS deployment ecs-svc/41 in progress.", 1, ""),
    ],
)
def test_a_roll_back_under_way_is_where_ecs_can_go_back_to(
    reason: str, running: int, back: str
) -> None:
    """What was completed once is in progress again, and a release that begins now replaces it."""
    returning = Deployment(
        id="ecs-svc/41",
        status="PRIMARY",
        task_definition="41",
        rollout_state="IN_PROGRESS",
        rollout_state_reason=reason,
        desired=2,
        running=running,
    )
    completed = execute._completed(
        replace(step(), before=Snapshot(deployments=(returning, BROKEN)))
    )
    assert (completed.task_definition if completed else "") == back
