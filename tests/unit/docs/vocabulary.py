"""What exists to be named: keys, tasks and their options, sessions, exit codes, variables.

Pages and messages are read against this, so that neither can name what is not there.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from invoke.exceptions import ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext
from pydantic import BaseModel

from shipway import sessions as given_sessions
from shipway.config.models import DeliveryTable
from shipway.config.rules import Table, fields
from shipway.config.waivers import WaiversTable
from shipway.policy.tables import ContractTable
from shipway.reference.exit_codes import exit_codes
from shipway.tasks import namespace

ROOT: Final = Path(__file__).parents[3]
SNAKE: Final = re.compile(r"(?<![\w./:$-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w(/:])")
# "shipway" is also the subject of sentences: a command is what has options, or is told to be run.
_COMMAND: Final = re.compile(
    r"(?<![\w./-])(?:(?:nox -s|inv) [a-z\x00][^`;,:()]*"
    r"|shipway [a-z]+(?= --)[^`;,:()]*"
    r"|(?:(?<=run )|(?<=then )|(?<=: )|(?<=`))shipway [a-z]+(?=$|[;,.)`]))"
)
_ALTERNATIVES: Final = re.compile(r"\S\|\S")  # a regular expression: other programs' words
_STYLE: Final = re.compile(r"var\(--")  # a page's style sheet
_OPTION: Final = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_VARIABLE: Final = re.compile(r"\bSHIPWAY_[A-Z_]+")
_PAGE: Final = re.compile(r"\b[\w/-]+\.md\b")
# Options of other programs that a page or a message names.
_FOREIGN_OPTIONS: Final = frozenset(
    {
        "--all",  # docker ps
        "--all-packages",  # uv build
        "--annotate",  # git tag
        "--cluster",  # aws ecs
        "--corrections",  # shipway_sandbox.serve
        "--dry",  # inv
        "--failed",  # gh run rerun
        "--filter",  # docker ps
        "--force-reinstall",  # pip install
        "--format",  # aws configure export-credentials
        "--from",  # a Dockerfile's COPY
        "--add",  # git config
        "--global",  # git config
        "--jq",  # gh api
        "--mount",  # a Dockerfile's RUN
        "--network",  # a Dockerfile's RUN
        "--options",  # how a usage line says "any"
        "--overwrite",  # aws ssm
        "--parameter-overrides",  # aws cloudformation
        "--privileged",  # docker run
        "--profile",  # aws
        "--registry-id",  # aws ecr
        "--repo",  # gh
        "--repository-name",  # aws ecr
        "--run",  # shipway_sandbox.serve
        "--value",  # aws ssm
        "--without",  # shipway_sandbox.serve
    }
)


@cache
def keys() -> frozenset[str]:
    """Every key of the three TOML files."""
    tops = (DeliveryTable, ContractTable, WaiversTable)
    return frozenset(key for top in tops for table in tables(top) for key in fields(table))


def tables(top: type[BaseModel]) -> set[type[BaseModel]]:
    """A table, and all that can stand in it."""
    text = str({name: field.annotation for name, field in fields(top).items()})
    inner = {kind for kind in Table.__subclasses__() if kind.__name__ in text}
    return {top}.union(*(tables(kind) for kind in inner))


@cache
def sessions() -> frozenset[str]:
    """The nox sessions: what shipway gives, and this repository's own."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return frozenset({*given_sessions.__all__, *own})


@cache
def options() -> frozenset[str]:
    """Every option of every task."""
    contexts = namespace.to_contexts()
    given = {flag for context in contexts for flag in context.flags if flag.startswith("--")}
    return frozenset({*given, "--version", "--help", "--list"})


@cache
def codes() -> frozenset[int]:
    """Every exit code."""
    return frozenset(row.code for row in exit_codes())


@cache
def sentences() -> tuple[tuple[str, str], ...]:
    """What the product can say: every text in its source with a blank in it, and where.

    Docstrings are left out; a part that is known only when it runs is a NUL.
    """
    return tuple(
        (f"{file.relative_to(ROOT).as_posix()}:{line}", text)
        for file, tree in _sources()
        for line, text in _texts(tree)
        if " " in text.strip() and not _ALTERNATIVES.search(text) and not _STYLE.search(text)
    )


@cache
def literals() -> frozenset[str]:
    """Every text in the product's source as it stands there."""
    return frozenset(
        node.value
        for _, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@cache
def variables() -> frozenset[str]:
    """Every variable of ours that something reads: the product, or this repository's wiring."""
    wired = (ROOT / "ci" / "delivery.toml").read_text(encoding="utf-8")
    named = (text for text in literals() if _VARIABLE.fullmatch(text))
    return frozenset({*named, *_VARIABLE.findall(wired)})


@cache
def _sources() -> tuple[tuple[Path, ast.Module], ...]:
    files = sorted((ROOT / "ci").rglob("*.py"))
    return tuple((file, ast.parse(file.read_text(encoding="utf-8"))) for file in files)


def _texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    documents = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }  # a docstring is an expression that nobody takes
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            parts = (
                str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values
            )
            yield node.lineno, "".join(parts)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documents | inside
        ):
            yield node.lineno, node.value


def wrong_command(command: str) -> str:
    """Why a command line of ours cannot be typed; empty where it can."""
    program, *words = shlex.split(command)
    if program == "nox":
        before, _, after = command.removeprefix("nox -s").partition(" -- ")
        names = before.split()
        unknown = [name for name in names if name not in sessions() and "\0" not in name]
        if unknown or not names:
            return f"no session {', '.join(unknown)}"
        if "\0" in before or not set(names) <= set(namespace.task_names):
            return ""
        words = [*names, *shlex.split(after)]
    if not words or "\0" in words[0] or words == ["-l"]:
        return ""
    try:
        result = Parser(contexts=namespace.to_contexts(), initial=ParserContext()).parse_argv(words)
    except ParseError as error:
        return str(error)
    return f"no task {result.unparsed[0]}" if result.unparsed else ""


def _wrong_beginning(text: str) -> str:
    """Why the command that a text begins with cannot be typed; a sentence goes on after it."""
    words = text.split()
    shortest = 3 if words[0] == "nox" else 2
    while (why := wrong_command(" ".join(words))) and len(words) > shortest:
        if words[-1].startswith("--"):
            break
        words.pop()
    return why


def unknown_names(text: str) -> list[str]:
    """What a sentence names of ours and is not there: commands, options, variables, pages."""
    commands = [match[0] for match in _COMMAND.finditer(text)]
    wrong = [f"{command}: {why}" for command in commands if (why := _wrong_beginning(command))]
    wrong += [
        option for option in _OPTION.findall(text) if option not in options() | _FOREIGN_OPTIONS
    ]
    wrong += [name for name in _VARIABLE.findall(text) if name not in variables()]
    wrong += [page for page in _PAGE.findall(text) if not any(_places(page))]
    return wrong


def _places(page: str) -> Iterator[bool]:
    yield (ROOT / page).is_file()
    yield (ROOT / "docs" / page).is_file()
    yield any(page in text for text in literals())  # one that is made
