"""docs/sandbox.md is what the list says, and what the list names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shipway_sandbox.emulator.difference import KnownDifference, Unsupported
from shipway_sandbox.emulator.known.page import page
from shipway_sandbox.emulator.known_differences import DIFFERENCES, UNSUPPORTED

ROOT = Path(__file__).parents[5]
KNOWN: tuple[KnownDifference | Unsupported, ...] = (*DIFFERENCES, *UNSUPPORTED)


def functions_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_committed_page_is_what_the_corrections_say() -> None:
    text = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
    assert text == page(), "run: nox -s generate"


def test_every_correction_stands_in_the_page_once() -> None:
    text = page()
    assert [text.count(f"| **{known.name}** |") for known in DIFFERENCES] == [1] * len(DIFFERENCES)


@pytest.mark.parametrize("test", sorted({known.test for known in KNOWN}))
def test_a_test_that_is_named_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert name in functions_of(ROOT / "tests" / file)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.source)
def test_a_source_is_an_address(known: KnownDifference | Unsupported) -> None:
    assert re.fullmatch(r"https://[a-z.]+/[\w./#-]*", known.source)
    assert known.page
