"""What is typed, as Invoke is to understand it."""

from __future__ import annotations

import pytest

from shipway.__main__ import help_first, program
from shipway.tasks import namespace


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["shipway", "run", "--help"], ["shipway", "--help", "run"]),
        (["shipway", "run", "-h"], ["shipway", "-h", "run"]),
        (["shipway", "deploy", "--help"], ["shipway", "deploy", "--help"]),
        (["shipway", "run", "migrate", "--env", "x"], ["shipway", "run", "migrate", "--env", "x"]),
        (["shipway"], ["shipway"]),
    ],
)
def test_help_is_no_jobs_name(typed: list[str], read: list[str]) -> None:
    assert help_first(typed) == read


@pytest.mark.parametrize("task", sorted(namespace.task_names))
def test_each_task_shows_its_help(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    program.run(["shipway", task, "--help"], exit=False)
    assert capsys.readouterr().out.startswith(f"Usage: shipway {task} ")
