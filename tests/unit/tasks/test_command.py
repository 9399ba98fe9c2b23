"""A task around its body: what it leaves to Python, and how it ends when interrupted early."""

from __future__ import annotations

import sys

import pytest
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

from shipway.tasks.command import shipway_task


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
