"""Every word ECS uses is known: this fails when botocore learns one that the judge does not."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from shipway.rollout.diagnosis.texts import STOP_CODES
from shipway.rollout.judge import state


def enum(service: str, shape: str) -> set[str]:
    model: Any = botocore.session.get_session().get_service_model(service)
    return set(model.shape_for(shape).enum)


@pytest.mark.parametrize(
    ("shape", "known"),
    [
        ("ServiceDeploymentStatus", set(state.STATUS_RANK)),
        ("ServiceDeploymentLifecycleStage", set(state.STAGES)),
        ("DeploymentRolloutState", state.ROLLOUT_STATES),
        ("ServiceDeploymentRollbackMonitorsStatus", state.MONITOR_STATES),
        ("DeploymentLifecycleHookStatus", state.HOOK_STATES),
        ("DeploymentStrategy", state.STRATEGIES),
        ("DeploymentControllerType", state.CONTROLLERS),
        ("TaskStopCode", STOP_CODES),
        ("DeploymentLifecycleHookTargetType", {"AWS_LAMBDA", "PAUSE"}),
        ("DeploymentLifecycleHookAction", {"ROLLBACK", "CONTINUE"}),
        ("HealthStatus", {"HEALTHY", "UNHEALTHY", "UNKNOWN"}),
    ],
)
def test_the_judge_knows_every_word(shape: str, known: set[str]) -> None:
    assert enum("ecs", shape) == known


def test_rollback_is_a_way_to_stop() -> None:
    assert "ROLLBACK" in enum("ecs", "StopServiceDeploymentStopType")


def test_target_states_are_known() -> None:
    assert enum("elbv2", "TargetHealthStateEnum") == {
        "initial",
        "healthy",
        "unhealthy",
        "unhealthy.draining",
        "unused",
        "draining",
        "unavailable",
    }
