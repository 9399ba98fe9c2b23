"""What checks a commit, an editor and CI agree with each other."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
_PER_FILE = {".", "--force-exclude"}  # lint names the folder; a hook is handed the files


def table(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


def hooks() -> dict[str, list[str]]:
    """Each hook's command: its words."""
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    pairs = re.findall(r"- id: (\S+)$.*?^ +entry: ([^\n]+)$", text, re.MULTILINE | re.DOTALL)
    return {name: entry.split() for name, entry in pairs}


def linted() -> list[list[str]]:
    """The commands of ``nox -s lint``, as far as their words are written out."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    [lint] = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "lint"]
    calls = [
        node
        for node in ast.walk(lint)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "session.run"
    ]
    return [
        [str(word.value) for word in call.args if isinstance(word, ast.Constant)] for call in calls
    ]


def bare(words: list[str]) -> list[str]:
    return [word for word in words if word not in _PER_FILE]


def test_each_hook_is_a_command_of_lint_with_the_versions_of_the_lock() -> None:
    commands = [bare(words) for words in linted()]
    assert set(hooks()) == {"ruff-check", "ruff-format", "imports", "contract"}
    for name, words in hooks().items():
        assert words[:3] == ["uv", "run", "--frozen"], name
        options = [i for i, word in enumerate(words[:-1]) if word in {"--only-group", "--group"}]
        tools = words[3:]
        while tools[0].startswith("-"):
            tools = tools[2:]
        assert bare(tools) in commands, name
        assert [words[i + 1] for i in options] in ([], ["lint"]), name


def test_no_hook_clones_anything() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"- repo: (\S+)", text)) == {"local"}
    assert set(re.findall(r"language: (\S+)", text)) == {"system"}


def test_ruff_has_one_version() -> None:
    [wanted] = [
        requirement.removeprefix("ruff==")
        for requirement in table("pyproject.toml")["dependency-groups"]["lint"]
        if isinstance(requirement, str) and requirement.startswith("ruff")
    ]
    locked = [each["version"] for each in table("uv.lock")["package"] if each["name"] == "ruff"]
    assert locked == [wanted]


def test_an_editor_wraps_where_ruff_does() -> None:
    settings = configparser.ConfigParser()
    text = (ROOT / ".editorconfig").read_text(encoding="utf-8")
    settings.read_string("[top]\n" + text)
    assert (
        settings["*.py"].getint("max_line_length")
        == (table("pyproject.toml")["tool"]["ruff"]["line-length"])
    )


def test_the_changelog_tells_of_the_version() -> None:
    version = table("pyproject.toml")["project"]["version"]
    assert f"\n## {version} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
