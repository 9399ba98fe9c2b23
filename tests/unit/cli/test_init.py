"""What ``shipway init`` asks names things of a repository that strangers may have written."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from shipway.cli.init import _Person
from shipway.console import open_console

if TYPE_CHECKING:
    import pytest


def test_a_file_name_moves_no_cursor_in_a_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "a\x1b]0;owned\x07\x1b[2J/\u202eDockerfile"
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with open_console(mode="lines", stream=io.StringIO(), env={}) as console:
        answer = _Person(console=console, present=True).ask(f"one of {path}", path)
    assert answer == path, "what is answered is the file itself"
    shown = capsys.readouterr().out
    assert shown.isprintable()
    assert "\\u202eDockerfile" in shown
