"""Variables that change what is built or watched are the embedded sandbox's alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shipway.config.environment import EnvironmentRef
from shipway.console import open_console
from shipway.errors import UsageError
from shipway.wiring import delivery_context

STAGING = EnvironmentRef(
    name="staging", account="111122223333", region="eu-west-1", sandbox=False, profile=None
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(("git", "init", "--quiet", str(tmp_path)), check=True, timeout=20)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHIPWAY_BUILD_CONTEXTS", "python=docker-image://evil.example/python"),
        ("SHIPWAY_STAND_INS", "python=evil"),
        ("SHIPWAY_LONGEST_HOLD", "0"),
    ],
)
def test_they_are_refused_elsewhere(
    repository: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv(name, value)
    with open_console(mode="lines", env={}) as console:
        context = delivery_context(console, repository)
        with pytest.raises(UsageError, match="for the embedded sandbox alone") as told:
            context.open_environment(STAGING)
        assert told.value.where == name
        monkeypatch.setenv("AWS_ENDPOINT_URL", "https://localhost.evil.example")
        with pytest.raises(UsageError, match="for the embedded sandbox alone"):
            context.open_environment(STAGING)
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4567")
        assert context.open_environment(STAGING)
