"""The README's picture of a run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # our own drawing, no stranger's
from pathlib import Path

import pytest
from picture import draw, main, read

from shipway.errors import UsageError

HERE = Path(__file__).parent


def texts(svg: str) -> str:
    """The words in a drawing, top to bottom."""
    root = ET.fromstring(svg)  # noqa: S314  # drawn a line above, by us
    return "".join(root.itertext()).replace("\xa0", " ")


def drawn(run: str, until: float | None = None) -> str:
    with (HERE / f"{run}.jsonl").open(encoding="utf-8") as lines:
        return draw(read(lines), title="nox -s deploy", until=until)


def test_the_end_of_a_failed_run_is_drawn() -> None:
    drawing = texts(drawn("failing"))
    for part in ("nox -s deploy", "crash loop", "KeyError: 'DATABASE_URL'", "exit 31"):
        assert part in drawing


def test_a_moment_in_between_shows_what_runs_then() -> None:
    drawing = texts(drawn("good", until=24.4))
    assert "3/4 running, 1 pending" in drawing
    assert "GET https://staging.shop.example/health" in drawing
    assert "Released" not in drawing


def test_the_picture_asks_nobody_for_anything() -> None:
    svg = drawn("good")
    assert "@font-face" not in svg
    assert set(re.findall(r"""(?:href|src)=|url\((?!#)""", svg)) == set()


def test_no_text_starts_with_a_space() -> None:
    assert not re.search(r">&#160;+[^<&]", drawn("failing"))


def test_two_drawings_of_one_run_are_the_same() -> None:
    assert drawn("good") == drawn("good")


def test_the_command_writes_a_file(tmp_path: Path) -> None:
    out = tmp_path / "run.svg"
    main([str(HERE / "refusal.jsonl"), str(out), "--width", "80", "--title", "a title"])
    assert "a title" in texts(out.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line",
    ["no json", "[]", "{}", '{"type": "started", "time": "2026-11-22T23:40:58Z", "subject": "x"}'],
)
def test_what_was_not_recorded_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        list(read([line]))


def test_tables_and_blank_lines_are_passed_over() -> None:
    line = '{"type": "table", "time": "2026-11-22T23:40:58Z", "title": ""}'
    assert list(read(["\n", line])) == []
