"""A task around its body: what it leaves to Python, and how it ends when interrupted early."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

from shipway.tasks import rollback, shipway_task


def test_python_keeps_bytecode_for_as_long_as_a_task_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Invoke has set ``sys.dont_write_bytecode`` by then."""
    during: list[bool] = []

    @shipway_task()
    def look(_: Context) -> None:
        during.append(sys.dont_write_bytecode)

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    look(Context())
    assert during == [bool(sys.flags.dont_write_bytecode)]
    assert sys.dont_write_bytecode


def test_ctrl_c_before_there_is_a_console_is_told() -> None:
    @shipway_task()
    def deliver(_: Context) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Exit, match="interrupted: nothing further is changed") as ended:
        deliver(Context())
    assert ended.value.code == 130


def test_invokes_dry_runs_no_body() -> None:
    bodies: list[str] = []

    @shipway_task()
    def deliver(_: Context) -> None:
        bodies.append("ran")

    with pytest.raises(Exit, match="--dry") as ended:
        deliver(Context(Config(overrides={"run": {"dry": True}})))
    assert (ended.value.code, bodies) == (2, [])


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
