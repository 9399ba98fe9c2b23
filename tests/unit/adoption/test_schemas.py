"""Which schemas lie beside the TOML files: those that the files name, of this very version."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.adoption import contract_files, plan, schemas
from shipway.adoption.facts import Dockerfile
from shipway.reference import delivery_schema, release_schema

LINE = "#:schema ./delivery.schema.json\n"


def test_a_file_that_names_its_schema_gets_it() -> None:
    assert schemas.wanted({contract_files.DELIVERY: f"{LINE}schema = 1\n"}) == {
        "ci/delivery.schema.json": delivery_schema.text()
    }
    named = f"# Ours.\n{contract_files.schema_line(contract_files.RELEASE)}\n"
    assert schemas.wanted({contract_files.RELEASE: named}) == {
        "ci/release.schema.json": release_schema.text()
    }


@pytest.mark.parametrize("text", [None, "", "schema = 1\n", "#:schema ./elsewhere.json\n"])
def test_a_file_that_names_none_or_another_is_left_alone(text: str | None) -> None:
    assert schemas.wanted({contract_files.DELIVERY: text}) == {}


def written(root: Path) -> dict[str, str]:
    """What would be written into a repository that has its contract already."""
    changes = plan.changes(
        root,
        Dockerfile(path="Dockerfile"),
        contract={},
        workflow=".github/workflows/deploy.yml",
        regions=(),
        rendered={},
        locks={},
    )
    return {change.path: change.after for change in changes}


def test_a_schema_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    for path, text in (
        (contract_files.DELIVERY, LINE),
        ("Dockerfile", "FROM scratch\n"),
        (".github/workflows/deploy.yml", "on: push\n"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert "ci/delivery.schema.json" in written(tmp_path)
    assert "ci/release.schema.json" not in written(tmp_path)
    (tmp_path / "ci/delivery.schema.json").write_text("{}\n", encoding="utf-8")
    assert "ci/delivery.schema.json" not in written(tmp_path)
