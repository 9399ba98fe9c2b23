"""The schema of matrix.json is the committed one."""

from __future__ import annotations

from pathlib import Path

from shipway.reference import matrix_schema

FILE = Path(__file__).parents[3] / "docs" / "matrix.schema.json"


def test_the_file_is_not_stale() -> None:
    assert FILE.read_text(encoding="utf-8") == matrix_schema.text(), "nox -s generate"
