"""Which background world a checkout has: what it is made of says it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.embedded.test_blueprint import CONTRACT, DELIVERY

from shipway.embedded import entry

LOCAL = "[environments.local]\nsandbox = true\n"


def folder_of(root: Path, delivery: str = DELIVERY, contract: str = CONTRACT) -> Path:
    (root / "ci").mkdir(parents=True, exist_ok=True)
    (root / "ci" / "delivery.toml").write_text(delivery)
    (root / "ci" / "release.toml").write_text(contract)
    return entry.embedded(root, root.parent / "cache").folder


def edited(old: str, new: str) -> str:
    assert DELIVERY.count(old) >= 1
    return DELIVERY.replace(old, new, 1)


@pytest.mark.parametrize(
    "delivery",
    [
        f"# a comment\n{DELIVERY}",
        edited(LOCAL, f"{LOCAL}timeout = 90\n"),
        edited("expected_status = 204\n", "expected_status = 204\nhold = 5\ninterval = 0.5\n"),
        edited("expected_status = 204\n", 'expected_status = 204\non_failure = "leave"\n'),
        edited('name = "tally"\n', 'name = "tally"\n[image]\nplatforms = ["linux/arm64"]\n'),
        edited('region = "us-east-1"', 'region = "us-east-2"'),
        f"{DELIVERY}\n[environments.live.scan]\nmax = {{ critical = 0 }}\n",
    ],
    ids=["comment", "timeout", "hold", "on_failure", "platforms", "region", "scan"],
)
def test_an_edit_of_what_the_world_is_not_made_of_keeps_it(tmp_path: Path, delivery: str) -> None:
    assert delivery != DELIVERY
    assert folder_of(tmp_path / "tally", delivery) == folder_of(tmp_path / "tally")


@pytest.mark.parametrize(
    "delivery",
    [
        edited("memory = 96", "memory = 128"),
        edited('"/ready"', '"/well"'),
        edited("sidecars = { proxy = {} }", "sidecars = { proxy = {}, log = {} }"),
        edited('command = ["python", "worker.py"]', 'command = ["python", "other.py"]'),
        edited('"ssm:/tally/local/cluster"', '"ssm:/tally/cluster"'),
    ],
    ids=["memory", "path", "sidecar", "command", "parameter"],
)
def test_an_edit_of_what_it_is_made_of_makes_another(tmp_path: Path, delivery: str) -> None:
    assert folder_of(tmp_path / "tally", delivery) != folder_of(tmp_path / "tally")


def used_by(folder: Path, *roots: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "root").write_text("\n".join(map(str, roots)))


def test_the_worlds_of_a_checkout_are_known_without_what_it_says(tmp_path: Path) -> None:
    mine, other, cache = tmp_path / "mine", tmp_path / "other", tmp_path / "cache"
    used_by(cache / "sandbox" / "acme--tally-1", mine)
    used_by(cache / "sandbox" / "acme--tally-2", other, mine)
    used_by(cache / "sandbox" / "acme--tally-3", other)
    (cache / "sandbox" / "acme--tally-4").mkdir()
    folders = entry.worlds_of(mine, cache)
    assert [folder.name for folder in folders] == ["acme--tally-1", "acme--tally-2"]
    assert entry.worlds_of(tmp_path / "third", cache) == ()
    assert entry.worlds_of(mine, tmp_path / "none") == ()


@pytest.mark.parametrize("text", ["schema = ", "[environments]\nnosuch = 1\n"])
def test_a_broken_configuration_keeps_nobody_from_ending_it(tmp_path: Path, text: str) -> None:
    root = tmp_path / "tally"
    (root / "ci").mkdir(parents=True)
    (root / "ci" / "delivery.toml").write_text(text)
    used_by(tmp_path / "cache" / "sandbox" / "acme--tally-1", root)
    assert entry.end(root, tmp_path / "cache") is False, "none runs, and that is all"
