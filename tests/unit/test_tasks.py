"""A task around its body: what it leaves to Python, and how it ends when interrupted early."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from shipway import tasks
from shipway.cli import deliver


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What a task's body finds in ``sys.dont_write_bytecode``, which Invoke has set."""
    flags: list[bool] = []

    def run(*_words: Any, **_options: Any) -> int:
        flags.append(sys.dont_write_bytecode)
        return 0

    monkeypatch.setattr(deliver, "run", run)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return flags


def test_python_keeps_bytecode_for_as_long_as_a_task_lasts(during: list[bool]) -> None:
    tasks.verify(Context(), env="local")
    assert during == [bool(sys.flags.dont_write_bytecode)]
    assert sys.dont_write_bytecode


def test_ctrl_c_before_there_is_a_console_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_words: Any, **_options: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(deliver, "run", interrupted)
    with pytest.raises(Exit, match="interrupted: nothing further is changed") as ended:
        tasks.deploy(Context(), env="local")
    assert ended.value.code == 130
