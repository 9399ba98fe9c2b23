"""How properties are tried here, and a release.toml that is to be refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from shipway.errors import ConfigurationError
from shipway.policy.load import load

# A busy machine is no reason for a test to fail.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ci").mkdir()
    monkeypatch.chdir(tmp_path)
    return Path("ci/release.toml")


def refusal(file: Path, text: str) -> ConfigurationError:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    return caught.value
