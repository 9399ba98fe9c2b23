"""The report in a real browser: light and dark, wide and narrow, with and without its script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shipway.evidence import report as reports
from shipway.evidence.canonical_json import canonical

if TYPE_CHECKING:
    from tests.browser.conftest import Browser

SBOM = json.dumps(
    {
        "components": [
            {"name": f"lib{number}", "version": "1.0", "purl": f"pkg:deb/debian/lib{number}@1.0"}
            for number in range(40)
        ]
    }
).encode()
RECORD = Path(__file__).parents[1] / "unit" / "evidence" / "failed.json"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    content = reports.report(canonical(record), {"sbom-x.cdx.json": SBOM})
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_bytes(content)
    return path


def test_it_shows_the_time_line_of_a_failed_rollout_with_its_cause(shown: Browser) -> None:
    assert shown.run("document.querySelector('h1').innerText") == "✗ Release failed: rolled back."
    cause = shown.run("document.querySelector('.cause').innerText")
    assert "crash loop: 2 of 2 new tasks exited with 1" in cause
    assert "KeyError: 'DATABASE_URL'" in cause
    box = "document.querySelector('svg.time').getBoundingClientRect()"
    assert shown.run(f"{box}.width") > 900
    assert shown.run(f"{box}.height") > 200
    for kind in ("b-bad", "a-old", "a-new", "back"):
        drawn = f"document.querySelector('svg.time .{kind}').getBoundingClientRect().width"
        assert shown.run(drawn) > 2, kind


def test_it_asks_nobody_and_breaks_no_policy(shown: Browser, page: Path) -> None:
    shown.asked_only(page)


def test_light_and_dark_both_can_be_read(shown: Browser) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        shown.scheme(scheme)
        ground = seen[scheme] = shown.light("body", "backgroundColor")
        for selector, name in (
            ("body", "color"),
            (".dim", "color"),
            (".bad", "color"),
            (".good", "color"),
            ("a", "color"),
            ("svg.time text", "fill"),
            ("svg.time text.dim", "fill"),
        ):
            high, low = sorted((shown.light(selector, name), ground), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, (scheme, selector)
    assert seen["light"] > 0.9
    assert seen["dark"] < 0.05


@pytest.mark.parametrize("width", [1200, 760, 420, 340])
def test_nothing_sticks_out_at_any_width(shown: Browser, width: int) -> None:
    shown.size(width)
    shown.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert shown.run("document.documentElement.scrollWidth") <= width


def test_the_search_finds_components(shown: Browser) -> None:
    rows = "[...document.querySelectorAll('#sbom1 tbody tr')].filter((row) => !row.hidden).length"
    assert shown.run(rows) == 40
    box = "document.querySelector('input[data-rows=sbom1]')"
    assert shown.run(f"{box}.parentElement.hidden") is False
    shown.run(f"{box}.value = 'lib3'; {box}.dispatchEvent(new Event('input'))")
    assert shown.run(rows) == 11
    assert shown.run("document.getElementById('sbom1-count').innerText") in {"", "11 of 40"}
    assert shown.run("document.getElementById('sbom1-count').textContent") == "11 of 40"


def test_without_the_script_everything_else_is_there(browser: Browser, page: Path) -> None:
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    assert browser.run("document.querySelectorAll('#sbom1 tbody tr').length") == 40
    box = "document.querySelector('input[data-rows=sbom1]')"
    assert browser.run(f"{box}.parentElement.hidden") is True
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 420])
def test_a_picture_of_it_is_not_empty(
    shown: Browser, tmp_path: Path, scheme: str, width: int
) -> None:
    shown.size(width)
    shown.scheme(scheme)
    assert len(shown.picture(tmp_path / f"{scheme}-{width}.png")) > 20_000
