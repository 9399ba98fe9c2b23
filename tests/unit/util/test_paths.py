"""Where the cache is for whoever has a home, and for whoever has none."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from shipway.util import paths


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, and nobody asked for a folder there yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    paths._temporary.cache_clear()
    return tmp_path


def homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_it_is_where_the_standard_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.cache_folder({}) == tmp_path / ".cache" / "shipway"
    assert paths.cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/shipway")
    assert paths.cache_folder({"XDG_CACHE_HOME": "relative"}) == tmp_path / ".cache" / "shipway"


def test_a_user_without_an_entry_and_without_home_has_one(
    monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    monkeypatch.setattr(Path, "home", homeless)
    folder = paths.cache_folder({})
    assert folder == temporary / f"shipway-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    paths._temporary.cache_clear()
    assert paths.cache_folder({}) == folder, "the same in the next run"


def test_a_home_that_may_not_be_written_is_none(
    monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    """As docker's --user has it: HOME is / for a user without an entry."""
    monkeypatch.setenv("HOME", "/")
    monkeypatch.setattr(os, "access", lambda place, _: str(place).startswith(str(temporary)))
    assert paths.cache_folder({}) == temporary / f"shipway-{os.getuid()}"


@pytest.mark.parametrize("what", ["a file", "a link", "open to all"])
def test_nobody_else_can_have_prepared_it(
    monkeypatch: pytest.MonkeyPatch, temporary: Path, what: str
) -> None:
    monkeypatch.setattr(Path, "home", homeless)
    name = temporary / f"shipway-{os.getuid()}"
    if what == "a file":
        name.write_text("")
    elif what == "a link":
        (temporary / "theirs").mkdir()
        name.symlink_to(temporary / "theirs")
    else:
        name.mkdir()
        name.chmod(0o777)
    folder = paths.cache_folder({})
    assert folder != name
    assert folder.parent == temporary
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert paths.cache_folder({}) == folder, "one for a run"
