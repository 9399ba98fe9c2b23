"""The command ``shipway``: the tasks without ``tasks.py``, our options alone, and no trap."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shipway import __version__
from shipway.errors import SandboxError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.entry.conftest import Here, Plant

OURS = {"complete", "print-completion-script", "help", "list", "version"}


def test_the_version_is_the_package_s(clone: Here) -> None:
    assert clone.types("shipway", "--version").out == f"shipway {__version__}\n"


def test_help_shows_our_options_and_every_task_that_invoke_lists(clone: Here) -> None:
    page = clone.types("shipway", "--help")
    assert (page.code, page.err) == (0, "")
    assert set(re.findall(r"--([a-z-]+)", page.out.partition("Tasks:")[0])) - {"options"} == OURS
    listed = clone.types("inv", "-l").out
    task = r"^  ([a-z]+) "
    assert re.findall(task, page.out, re.MULTILINE) == re.findall(task, listed, re.MULTILINE)


@pytest.mark.parametrize("words", [("build", "--help"), ("--help", "sandbox")])
def test_the_help_of_a_task_is_ours(clone: Here, words: tuple[str, str]) -> None:
    page = clone.types("shipway", *words)
    task = words[0].removeprefix("--help") or words[1]
    assert (page.code, page.err) == (0, "")
    assert page.out.startswith(f"Usage: shipway {task} [--options]\n\n")
    assert "--json" in page.out
    assert re.findall(r"Docstring|core-opts|other tasks", page.out) == []


@pytest.mark.parametrize("words", [("nope",), ("deploy", "--nope"), ("--dry", "deploy")])
def test_a_word_that_is_none_is_a_usage_error(clone: Here, words: tuple[str, ...]) -> None:
    refused = clone.types("shipway", *words)
    assert refused.code == 2
    assert refused.out == ""
    assert "shipway --help" in refused.err


def test_invoke_s_dry_deploys_nothing(clone: Here) -> None:
    before = clone.records()
    refused = clone.types("inv", "--dry", "deploy", "--env", "local")
    assert refused.code == 2
    assert "--dry" in refused.err
    assert clone.records() == before


def test_it_runs_a_task_where_no_tasks_file_is(clone: Here, tmp_path: Path) -> None:
    elsewhere = replace(clone, folder=tmp_path)
    refused = elsewhere.types("shipway", "verify", "--env", "nowhere")
    assert refused.code == 18, "no repository, told by the task itself"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_completes_in_every_shell(clone: Here, shell: str) -> None:
    script = clone.types("shipway", "--print-completion-script", shell)
    assert script.code == 0
    assert "shipway" in script.out
    completed = clone.types("shipway", "--complete", "--", "shipway deploy --e")
    assert "--env" in completed.out.split()


def test_a_reader_that_has_seen_enough_is_no_traceback(clone: Here) -> None:
    command = f"{sys.executable} -m shipway --help deploy | head -n 1"
    seen = subprocess.run(  # a shell is what pipes here
        ("sh", "-c", command), capture_output=True, text=True, timeout=60, check=True, env=clone.env
    )
    assert "Traceback" not in seen.stderr


def test_the_sandbox_is_ended_whatever_ci_says_by_now(plant: Plant) -> None:
    here = plant()
    (here.folder / "ci" / "delivery.toml").write_text("schema = ")
    ended = here.types("shipway", "sandbox", "--down")
    assert (ended.code, ended.out) == (0, "no sandbox is running\n"), ended.err


@pytest.mark.parametrize("task", [("rehearse",), ("sandbox",), ("sandbox", "--down")])
def test_a_task_that_needs_the_sandbox_says_how_to_get_it(
    clone: Here, task: tuple[str, ...]
) -> None:
    program = (
        "import sys\n"
        'sys.modules["shipway_sandbox"] = None\n'  # as where the extra is not installed
        "from shipway.__main__ import main\n"
        "main()\n"
    )
    ended = clone.types(sys.executable, "-c", program, *task)
    assert ended.code == SandboxError.exit_code
    assert "the embedded sandbox needs shipway_sandbox" in ended.err + ended.out
    assert "Traceback" not in ended.err + ended.out
