"""The list is whole: a private name of MiniStack that the emulator uses stands in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import shipway_sandbox.emulator
from shipway_sandbox.emulator.difference import MODULES
from shipway_sandbox.emulator.known_differences import DIFFERENCES, REACHES

FOLDER = Path(shipway_sandbox.emulator.__file__).parent
SHORT = {full: short for short, full in MODULES.items()}
REPLACED = {place for difference in DIFFERENCES for place in difference.places}
REACHED_INTO = {place for reach in REACHES for place in reach.places}


def modules_of(tree: ast.Module) -> dict[str, str]:
    """The names by which a file knows modules of MiniStack, with their short names in places."""
    return {
        alias.asname or alias.name: SHORT[f"{node.module}.{alias.name}"]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ministack")
        for alias in node.names
        if f"{node.module}.{alias.name}" in SHORT
    }


def private_names_in(tree: ast.Module) -> Iterator[str]:
    """``module.name`` of each private name of MiniStack that a file uses."""
    modules = modules_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            names = [node.attr]
            value = node.value
            while isinstance(value, ast.Attribute):
                names.insert(0, value.attr)
                value = value.value
            if isinstance(value, ast.Name) and value.id in modules:
                yield f"{modules[value.id]}.{'.'.join(names)}"


def used() -> set[str]:
    files = [ast.parse(file.read_text(encoding="utf-8")) for file in FOLDER.rglob("*.py")]
    return {name for tree in files for name in private_names_in(tree)}


def test_every_private_name_in_use_is_listed_and_no_other() -> None:
    assert used() - REPLACED - REACHED_INTO == set()
    assert REACHED_INTO - used() == set()


def test_no_name_is_listed_twice() -> None:
    listed = [place for difference in DIFFERENCES for place in difference.places]
    listed += [place for reach in REACHES for place in reach.places]
    assert len(listed) == len({*listed})


def test_every_difference_says_what_aws_does_and_where_that_is_written() -> None:
    assert all(before.name < after.name for before, after in pairwise(DIFFERENCES))
    names = {difference.name for difference in DIFFERENCES}
    for difference in DIFFERENCES:
        assert re.fullmatch(r"[a-z]+\.[a-z-]+", difference.name)
        assert difference.aws
        assert difference.page
        assert difference.ministack
        assert {*difference.needs} <= names
