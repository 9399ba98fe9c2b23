"""``inv -l`` and ``nox -l``: every task is there, and the answer comes without loading the rest."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.entry.conftest import Here, Plant

TASKS = {"build", "publish", "deploy", "verify", "sandbox", "rehearse"}
HEAVY = {"boto3", "botocore", "pydantic", "rich", "docker", "python_on_whales", "ministack"}


def imported(importtime: str) -> set[str]:
    """The modules that ``-X importtime`` named."""
    return {line.rpartition("|")[2].strip() for line in importtime.splitlines()}


def test_inv_lists_every_task(clone: Here) -> None:
    listed = clone.types("inv", "-l")
    assert listed.code == 0
    assert listed.err == ""
    assert set(re.findall(r"^  ([a-z]+) ", listed.out, re.MULTILINE)) >= TASKS


def test_nox_lists_a_session_for_every_task_and_for_the_checks(clone: Here) -> None:
    listed = clone.types("nox", "-l")
    assert listed.code == 0
    found = set(re.findall(r"^[*-] ([a-z]+) -> \S", listed.out, re.MULTILINE))
    assert found >= TASKS | {"lint", "types", "tests"}


@pytest.mark.parametrize("program", ["invoke", "nox"])
def test_a_list_imports_nothing_heavy(clone: Here, program: str) -> None:
    listed = clone.types(sys.executable, "-X", "importtime", "-m", program, "-l")
    assert listed.code == 0
    found = imported(listed.err)
    assert program in found
    assert not {name for name in found if name.partition(".")[0] in HEAVY}
    assert not found & {"shipway.delivery.deliver", "shipway.console", "shipway.config.load"}


@pytest.mark.parametrize(
    ("told", "words", "kept"),
    [("", (), True), ("1", (), False), ("1", ("--write-pyc",), True)],
)
def test_bytecode_is_kept_unless_python_is_told_not_to(
    clone: Here, tmp_path: Path, told: str, words: tuple[str, ...], *, kept: bool
) -> None:
    """Invoke alone would keep none, and each command would compile what it imports anew."""
    env = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": told}
    assert clone.types("inv", *words, "verify", "--env", "nowhere", env=env).code == 20
    names = {file.name.partition(".")[0] for file in tmp_path.rglob("*.pyc")}
    assert ({"delivery", "models"} <= names) is kept
    assert kept or not names


def test_what_the_repositorys_own_tasks_import_leaves_the_work_tree_as_it_was(plant: Plant) -> None:
    here = plant()
    (here.folder / "helpers.py").write_text("", encoding="utf-8")
    with (here.folder / "tasks.py").open("a", encoding="utf-8") as file:
        file.write("\nimport helpers\n")
    before = {*here.folder.rglob("*")}
    env = {"PYTHONDONTWRITEBYTECODE": ""}
    assert here.types("inv", "verify", "--env", "nowhere", env=env).code == 20
    new = {path.relative_to(here.folder) for path in {*here.folder.rglob("*")} - before}
    assert {path.parts[0] for path in new} <= {"evidence"}


def test_help_names_every_option_of_deploy(clone: Here) -> None:
    told = clone.types("inv", "-h", "deploy")
    assert told.code == 0
    assert set(re.findall(r"--([a-z]+)", told.out)) >= {"env", "image", "json", "verbose"}


@pytest.mark.parametrize(
    "words", [("nosuch",), ("deploy", "--nosuch"), ("deploy", "--env"), ("verify", "--image", "x")]
)
def test_a_wrong_word_is_one_line_and_no_traceback(clone: Here, words: tuple[str, ...]) -> None:
    ended = clone.types("inv", *words)
    assert ended.code == 1
    assert len((ended.out + ended.err).splitlines()) == 1
