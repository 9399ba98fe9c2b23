"""What a rehearsal prepares of anybody's repository."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.example import BLUEPRINT

from shipway.policy.contract import Contract
from shipway.rehearsal.preparation import branches


def asking_about(*names: str) -> Contract:
    contract = BLUEPRINT.contract
    first = contract.entries[0]
    entries = tuple(
        replace(first, rules=replace(first.rules, first_parent_of=name)) for name in names
    )
    return replace(contract, entries=entries)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("trunk",), ("trunk",)),
        (("", "master", "master"), ("master",)),
        (("develop", "release"), ("develop", "release")),
        (("",), ("main",)),
    ],
)
def test_releases_are_on_the_branches_that_the_contract_asks_about(
    asked: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert branches(asking_about(*asked)) == expected
