"""What the tasks of a delivery ask for, and what they never do."""

from __future__ import annotations

from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from shipway.tasks.delivery import rollback


@pytest.mark.parametrize("changes", [0, 3])
def test_the_plan_of_a_rollback_is_never_followed_by_one(
    monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    asked: list[dict[str, Any]] = []

    def show(env: str, **order: Any) -> int:
        asked.append({"env": env, **order})
        return changes

    def go_back(*_: object, **__: object) -> int:
        raise AssertionError("it went back")

    monkeypatch.setattr("shipway.cli.plan.run", show)
    monkeypatch.setattr("shipway.cli.deliver.run", go_back)
    try:
        rollback(Context(), env="staging", to="4f1c09ab", plan=True)
        code = 0
    except Exit as left:
        code = left.code
    assert code == changes
    [order] = asked
    assert (order["env"], order["task"], order["to"]) == ("staging", "rollback", "4f1c09ab")
