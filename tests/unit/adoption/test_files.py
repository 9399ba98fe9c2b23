"""What becomes of the files that a repository has already."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.adoption import files, plan
from shipway.adoption.facts import Dockerfile
from shipway.errors import ConfigurationError

OWN = '"""Sessions."""\nimport nox\n\n\n@nox.session\ndef build(session):\n    pass\n'


def test_a_noxfile_keeps_its_own_sessions_and_gets_ours_after_them() -> None:
    text = files.noxfile(OWN)
    assert text.startswith(OWN)
    assert text.endswith("shipway.sessions.import_sessions(nox)\n")
    assert text.count("import nox\n") == 1
    assert files.noxfile(text) == text
    assert "import nox\nimport shipway" in files.noxfile("from nox import session")


def test_a_noxfile_that_is_no_python_is_told() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read as Python") as refused:
        files.noxfile("def (")
    assert refused.value.where == "noxfile.py"


def test_tasks_of_its_own_stay() -> None:
    assert "shipway.tasks" in files.tasks(None)
    assert files.tasks("app = Celery()\n") == "app = Celery()\n"


def test_only_missing_lines_are_ignored_anew() -> None:
    assert files.gitignore(None) == "/evidence/\n.nox/\n__pycache__/\n"
    assert files.gitignore("evidence\n.nox\n") == "evidence\n.nox\n__pycache__/\n"
    whole = "/evidence\n.nox\n__pycache__"
    assert files.gitignore(whole) == whole


def test_the_context_leaves_out_what_is_no_source() -> None:
    assert files.dockerignore(None, "FROM scratch\n") == ".git\nevidence\n.nox\n"
    assert files.dockerignore(None, "COPY .git .git\n") == "evidence\n.nox\n"
    assert files.dockerignore("node_modules\n", "") == "node_modules\nevidence\n.nox\n"


@pytest.mark.parametrize(
    ("dockerfile", "own", "place"),
    [
        (Dockerfile(path="Dockerfile"), None, ".dockerignore"),
        (Dockerfile(path="Dockerfile"), "x\n", "Dockerfile.dockerignore"),
        (Dockerfile(path="api/Dockerfile", context="api"), None, None),
    ],
)
def test_the_file_that_holds_is_the_one(
    dockerfile: Dockerfile, own: str | None, place: str | None
) -> None:
    existing = {f"{dockerfile.path}.dockerignore": own}
    assert files.dockerignore_place(dockerfile, existing) == place


def test_a_workflow_of_its_own_stays() -> None:
    first, second = files.WORKFLOWS
    assert files.workflow_place({}) == first
    assert files.workflow_place({first: "name: theirs\n"}) == second
    with pytest.raises(ConfigurationError, match="taken"):
        files.workflow_place({first: "x", second: "y"})


@pytest.mark.parametrize("name", ["ci/delivery.toml", "ci/release.toml"])
def test_a_contract_that_is_half_written_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "ci").mkdir()
    assert not plan.contract_is_there(tmp_path)
    (tmp_path / name).write_text("schema = 1\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=f"{name} is there"):
        plan.contract_is_there(tmp_path)
