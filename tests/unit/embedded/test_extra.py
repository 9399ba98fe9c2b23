"""The sandbox is an extra: what a person reads who has not installed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.embedded.entry import SANDBOX_LOCK, embedded, extra_needed
from shipway.errors import SandboxError


def missing(root: Path) -> SandboxError:
    with pytest.raises(SandboxError) as raised, extra_needed(root):
        raise ModuleNotFoundError(name="shipway_sandbox.plan")
    return raised.value


def test_the_extra_is_named_by_its_package(tmp_path: Path) -> None:
    error = missing(tmp_path)
    assert error.what == "the embedded sandbox needs shipway_sandbox"
    assert "shipway[sandbox]" in error.remedy


def test_a_repository_with_a_lock_gets_the_extra_from_there(tmp_path: Path) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / SANDBOX_LOCK).write_text("")
    remedy = missing(tmp_path).remedy
    assert f"-r {SANDBOX_LOCK}" in remedy
    assert "shipway[sandbox]" not in remedy  # from an index that may not have it


def test_what_is_wrong_within_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="other"), extra_needed(tmp_path):
        raise ValueError("other")


def test_what_the_server_imports_is_missed_before_an_engine_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SandboxError, match="the embedded sandbox needs ministack"):
        embedded(tmp_path, tmp_path)
