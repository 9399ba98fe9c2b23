from __future__ import annotations

import pytest

from shipway.rollout.snapshot import Deployment, Snapshot


@pytest.mark.parametrize(
    ("statuses", "primary"),
    [
        (("PRIMARY", "ACTIVE"), "ecs-svc/0"),
        (("ACTIVE", "PRIMARY", "INACTIVE"), "ecs-svc/1"),
        (("ACTIVE",), None),
        ((), None),
    ],
)
def test_the_primary_deployment(statuses: tuple[str, ...], primary: str | None) -> None:
    snapshot = Snapshot(
        deployments=tuple(
            Deployment(id=f"ecs-svc/{number}", status=status, task_definition="shop:42")
            for number, status in enumerate(statuses)
        )
    )
    assert (snapshot.primary.id if snapshot.primary else None) == primary
