"""Every page against reality: commands, options, tasks. What else it names: tests/unit/docs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from invoke.exceptions import ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext

from shipway.tasks import namespace

if TYPE_CHECKING:
    from tests.entry.conftest import Here

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(
    sorted(
        page.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "docs/*.md", "examples/*/*.md", "benchmarks/*.md")
        for page in ROOT.glob(pattern)
    )
)
_FENCE = re.compile(r"^```(?:console|sh|shell|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Programs that are not ours; nothing is claimed about them.
_OTHERS = {
    "apt-get",
    "aws",
    "cd",
    "docker",
    "echo",
    "export",
    "git",
    "npm",
    "npx",
    "pip",
    "pytest",
    "python",
    "python3",
    "source",
    "uv",
}


def typed(block: str) -> list[str]:
    """What a person types in a block; where a prompt stands, the other lines are answers."""
    lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
    prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return prompted or lines


def commands() -> list[tuple[str, str]]:
    """Every command of every page, also those after ``&&`` and those within a sentence."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        lines = [line for block in _FENCE.findall(text) for line in typed(block)]
        lines += re.findall(r"`((?:inv|nox|shipway) [^`\n]+)`", text)
        parts = [part for line in lines for part in re.split(r"\s*(?:&&|\|\|)\s*", line)]
        found += [(page, part) for part in parts]
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def sessions(clone: Here) -> set[str]:
    """The names of all nox sessions."""
    listed = clone.types("nox", "-l")
    assert listed.code == 0, listed.err
    return set(re.findall(r"^[*-] ([a-z]+) -> ", listed.out, re.MULTILINE))


def parse(words: list[str]) -> None:
    """Read a command line as ``inv`` would.

    Raises:
        ParseError: It names a task or an option that is not there.
    """
    contexts = namespace.to_contexts()
    result = Parser(contexts=contexts, initial=ParserContext()).parse_argv(words)
    known = {context.name for context in contexts}
    assert {one.name for one in result if one.name} <= known
    assert not result.unparsed, f"{words[0]}: no such task"


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_documented_command_exists(page: str, command: str, sessions: set[str]) -> None:
    words = shlex.split(command.removeprefix("("), comments=True)
    words = words[: words.index(">")] if ">" in words else words  # what it writes goes to a file
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    program = words[0].removeprefix(".venv/bin/")
    if program in {"inv", "shipway"}:
        if words[1:] != ["-l"]:
            parse(words[1:])
    elif program == "nox":
        end = words.index("--") if "--" in words else len(words)
        own, rest = words[1:end], words[end + 1 :]
        if own != ["-l"]:
            flag, *names = own
            assert flag == "-s", f"{page}: {command}"
            assert names
            assert set(names) <= sessions
            if set(names) <= set(namespace.task_names):
                parse([*names, *rest])
    else:
        assert program in _OTHERS, f"{page}: {command}"


def test_the_check_fails_where_a_command_is_not_there() -> None:
    for wrong in (["deploy", "--nosuch"], ["nosuch"], ["verify", "--image", "x"]):
        with pytest.raises((ParseError, AssertionError)):
            parse(wrong)


def rows(columns: int) -> list[list[str]]:
    """The cells of README's tables with so many columns, heads and rulers left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line.strip("| ") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    return [row for row in cells if len(row) == columns and "`" in "".join(row[:2])]


def test_every_task_is_told_of_and_no_other() -> None:
    told = {row[0].strip("`") for row in rows(2)}
    assert told == set(namespace.task_names)


def test_ci_runs_the_readmes_test_command() -> None:
    commands = [
        line.removeprefix("$ ")
        for block in _FENCE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
        for line in block.splitlines()
    ]
    [tests] = [one for one in commands if re.search(r"nox -s [a-z ]*\btests\b", one)]
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith(tests)


def test_the_workflow_calls_a_session_that_is_there(sessions: set[str]) -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text(encoding="utf-8")
    called = re.findall(r"^\s+(?:run: exec )?nox (?:-R )?-s ([a-z]+)", text, re.MULTILINE)
    assert called == ["deploy", "deploy"], "installed first, then run with what is installed"
    assert set(called) <= sessions
