"""Broken configurations of every kind: one clear error, never a traceback, soon, fit to print."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import mutations

from shipway.errors import ConfigurationError
from shipway.policy import load as contract_file
from shipway.policy.pattern import intersect

ROOT = Path(__file__).parents[3]
CONTRACT = (ROOT / "ci" / "release.toml").read_text(encoding="utf-8")


def told(tmp_path: Path, text: str) -> list[str]:
    """Every line of the error that reading it ends with."""
    file = tmp_path / "release.toml"
    file.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ConfigurationError) as caught:
        contract_file.load(file)
    return [str(caught.value), *caught.value.details]


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000, "-9223372036854775809"])
def test_a_number_that_is_too_large_is_told_with_its_line(tmp_path: Path, number: str) -> None:
    lines = CONTRACT.replace("schema = 1", f"schema = {number}", 1)
    line = CONTRACT[: CONTRACT.index("schema = 1")].count("\n") + 1
    said = told(tmp_path, lines)[0]
    assert said.endswith(
        f"release.toml:{line} holds a number that is too large: TOML's have 64 bits"
    )


def test_a_long_key_is_cut_and_a_strange_one_quoted(tmp_path: Path) -> None:
    long = told(tmp_path, f"{CONTRACT}\n{'k' * 40_000} = 1\n")[1]
    assert len(long) < 300
    strange = told(tmp_path, f'{CONTRACT}\n"\\u202e\\n" = 1\n')[1]
    assert strange.isprintable()
    assert '."\\u202e\\n": unknown key' in strange


def test_a_key_of_thousands_of_parts_is_nested_too_deeply(tmp_path: Path) -> None:
    said = told(tmp_path, f"{CONTRACT}\n[{'.'.join('x' * 3000)}]\n")[0]
    assert said.endswith("is nested too deeply")


def test_of_very_many_problems_the_first_hundred_are_shown(tmp_path: Path) -> None:
    text = CONTRACT + "".join(f"\nk{number} = 1" for number in range(150))
    first, *lines = told(tmp_path, text)
    assert first.startswith("150 problems in ")
    assert len(lines) == 101
    assert lines[-1].endswith("and 50 more")


def test_entries_with_many_stars_are_compared_in_a_few_steps_for_each_character() -> None:
    first, second = (f"refs/heads/{'*a' * 400}{end}" for end in ("b", "*"))
    assert intersect(first, second)
    assert not intersect(first, f"refs/heads/{'*a' * 400}c")


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_mutated_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    outcomes = mutations.outcomes(150, seed, tmp_path)
    assert {outcome.kind for outcome in outcomes} <= {"read", "refused"}
    lines = [line for outcome in outcomes for line in outcome.text.splitlines()]
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 400
