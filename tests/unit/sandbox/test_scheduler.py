"""What the scheduler looks at."""

from __future__ import annotations

from typing import Any

import pytest

from shipway.sandbox.emulator import scheduler


def test_a_service_that_is_still_being_created_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    launched: list[Any] = []
    monkeypatch.setattr(scheduler, "tasks_of", launched.append)
    # As MiniStack shows it before CreateService has given it its first deployment.
    service = {"serviceArn": "arn:aws:ecs:eu-west-1:1:service/shop/web", "status": "ACTIVE"}
    scheduler.look(service)
    assert launched == []
    with pytest.raises(TypeError):  # it would go on from here
        scheduler.look({**service, "_scheduled": True})
    assert len(launched) == 1
