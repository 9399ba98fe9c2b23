"""What the workflows install, and when: each file by its hash, and before there are credentials."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = (".github/workflows/deploy.yml", "ci/shipway/adoption/deploy.yml")
_STEP = re.compile(r"^      - (?:name: (.+)|uses: (\S+)@[0-9a-f]{40}.*)$", re.MULTILINE)
_INSTALLS = re.compile(r"pip install|pipx|uv (?:sync|tool|pip)|npm|apt-get|curl|--install-only")


def steps(workflow: str) -> list[tuple[str, str]]:
    """The steps of a workflow's last job, each with its name and its text."""
    text = (ROOT / workflow).read_text(encoding="utf-8")
    parts = _STEP.split(text)
    names = [name or uses for name, uses in zip(parts[1::3], parts[2::3], strict=True)]
    return list(zip(names, parts[3::3], strict=True))


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_nothing_is_installed_once_there_are_credentials(workflow: str) -> None:
    names = [name for name, _ in steps(workflow)]
    credentials = names.index("AWS by OIDC")
    assert names.index("Install") < credentials
    for name, text in steps(workflow)[credentials:]:
        assert not _INSTALLS.search(text), name
        assert "nox " not in text or "nox -R " in text, f"{name}: nox would install"


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_pip_takes_nothing_without_its_hash(workflow: str) -> None:
    commands = [line for _, text in steps(workflow) for line in text.splitlines() if "pip " in line]
    assert commands
    for command in commands:
        assert "--require-hashes --no-deps -r ci/" in command


def test_every_requirement_of_the_lock_has_its_hashes() -> None:
    text = (ROOT / "ci" / "nox.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert {line.partition("==")[0] for line in lines} >= {"nox", "uv", "virtualenv"}
    assert all(re.search(r"==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in lines)


def test_the_uv_of_the_lock_has_the_build_backend_within() -> None:
    """uv builds with ``uv_build`` itself where its own version is one that is asked for.

    uv, "Build backend", https://docs.astral.sh/uv/concepts/build-backend/.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["build-system"]["build-backend"] == "uv_build"
    [asked] = project["build-system"]["requires"]
    bounds = re.fullmatch(r"uv_build>=(\d+)\.(\d+),<(\d+)\.(\d+)", asked)
    assert bounds
    low, high = (int(bounds[1]), int(bounds[2])), (int(bounds[3]), int(bounds[4]))
    locked = re.search(
        r"^uv==(\d+)\.(\d+)", (ROOT / "ci/nox.lock").read_text("utf-8"), re.MULTILINE
    )
    assert locked
    assert low <= (int(locked[1]), int(locked[2])) < high
