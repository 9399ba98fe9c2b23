from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "ci"


def imported(module: str) -> Iterator[str]:
    """Everything that a module imports, and what that imports, as far as it is ours."""
    waiting, seen = [module], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        base = PACKAGE.joinpath(*name.split("."))
        file = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        if not file.exists():
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting.append(node.module)


@pytest.mark.parametrize(
    "module",
    [
        "shipway.config.environment",
        "shipway.config.references",
        "shipway.policy.contract",
        "shipway.policy.trigger",
    ],
)
def test_values_and_decisions_do_not_wait_for_pydantic(module: str) -> None:
    assert "pydantic" not in set(imported(module))


def test_the_loader_is_where_pydantic_is_waited_for() -> None:
    assert "pydantic" in set(imported("shipway.config.load"))
