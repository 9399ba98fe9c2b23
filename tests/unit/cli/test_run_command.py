"""How a task ends: its own code, or its error told once with that error's code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shipway.cli.run_command import run_command
from shipway.console import Console
from shipway.errors import DriftError, ShipwayError, TerminatedError


@pytest.fixture(autouse=True)
def _nobody_else_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def ended(
    capsys: pytest.CaptureFixture[str], raised: BaseException | int, **how: Any
) -> tuple[int, str]:
    def work(console: Console) -> int:
        console.say("at work")
        if isinstance(raised, BaseException):
            raise raised
        return raised

    code = run_command(work, interrupted="nothing was changed", json=how.get("json", False))
    return code, capsys.readouterr().out


@pytest.mark.parametrize("code", [0, 60])
def test_work_that_is_done_gives_its_own_code(
    capsys: pytest.CaptureFixture[str], code: int
) -> None:
    exit_code, out = ended(capsys, code)
    assert exit_code == code
    assert len(out.splitlines()) == 1
    assert "at work" in out


@pytest.mark.parametrize("error", [DriftError("it differs"), TerminatedError("ended")])
def test_an_error_is_told_once_and_gives_its_code(
    capsys: pytest.CaptureFixture[str], error: ShipwayError
) -> None:
    code, out = ended(capsys, error)
    assert code == error.exit_code
    assert out.count(error.what) == 1
    assert out.rstrip().endswith(f"exit {error.exit_code} ({error.kind})")


def test_ctrl_c_is_told_in_the_tasks_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = ended(capsys, KeyboardInterrupt())
    assert code == 130
    assert out.count("interrupted") == 2, "the words, and the exit code's name"
    assert "nothing was changed" in out


def test_a_machine_is_told_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = ended(capsys, KeyboardInterrupt(), json=True)
    last = json.loads(out.splitlines()[-1])
    assert (code, last["exit_code"], last["remedy"]) == (130, 130, "nothing was changed")


def test_a_bug_is_not_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        ended(capsys, ZeroDivisionError("a bug"))
