"""The page of all deliveries in a real browser, over a thousand records: search, links, colours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks import page as drawn

from shipway.cli.audit_page import files_beside
from shipway.evidence import archive, history
from shipway.evidence.outline import outlined
from shipway.evidence.report.overview import Place, overview

if TYPE_CHECKING:
    from tests.browser.conftest import Browser

COUNT = 1000
SHOWN = "[...document.querySelectorAll('#deliveries tbody tr')].filter((row) => !row.hidden)"
BOX = "document.querySelector('#search input')"
TOLD = "document.querySelector('#search span').textContent"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    above = tmp_path_factory.mktemp("overview")
    root = above / "evidence"
    drawn.write(root, COUNT)
    rows = history.deliveries(archive.read(root, whole=False, parse=outlined))
    files = files_beside(rows, root, above)
    path = above / "deliveries.html"
    path.write_bytes(overview(rows, [Place(name="evidence", records=COUNT)], files=files))
    return path


def count(browser: Browser) -> int:
    return int(browser.run(f"{SHOWN}.length"))


def search(browser: Browser, words: str) -> int:
    browser.run(f"{BOX}.value = {words!r}; {BOX}.dispatchEvent(new Event('input'))")
    return count(browser)


def test_it_asks_nobody_and_breaks_no_policy(shown: Browser, page: Path) -> None:
    shown.asked_only(page)


def test_the_search_finds_commit_digest_person_and_what_became_of_it(shown: Browser) -> None:
    _, raw = next(item for item in drawn.records(COUNT) if item[1]["subject"])
    digest = raw["subject"][0]["digest"]["sha256"]
    sha = raw["predicate"]["commit"]["sha"]
    assert count(shown) == COUNT
    every = [each["predicate"] for _, each in drawn.records(COUNT)]
    for words, expected in (
        (sha, sum(each["commit"]["sha"] == sha for each in every)),
        (sha[:7].upper(), sum(each["commit"]["sha"] == sha for each in every)),
        ("is:refused", sum(each["verdict"]["kind"] == "refused" for each in every)),
        (
            "by:mona is:refused",
            sum(
                each["trigger"]["actor"] == "mona" and each["verdict"]["kind"] == "refused"
                for each in every
            ),
        ),
        ("nothing at all has this", 0),
    ):
        assert search(shown, words) == expected, words
        assert shown.run(TOLD) == f"{expected} of {COUNT}"
    assert search(shown, f"host/shop@sha256:{digest}") >= 1
    assert search(shown, digest[:12] + "…") >= 1
    assert search(shown, "") == COUNT
    assert shown.run("location.hash") == ""


def test_what_is_too_much_to_read_is_shown_on_demand(shown: Browser) -> None:
    assert search(shown, "env:staging") == 300
    assert "the newest 300 are shown" in shown.run(TOLD)
    shown.run("document.querySelector('#search button').click()")
    assert count(shown) > 300
    assert f"{count(shown)} of {COUNT}" in shown.run(TOLD)


def test_each_number_of_the_four_keys_opens_the_records_it_is_made_of(shown: Browser) -> None:
    links = shown.run(
        "[...document.querySelectorAll('.key > a')].map((link) => "
        "[link.getAttribute('href'), link.nextSibling.textContent])"
    )
    assert len(links) == 8
    for href, made_of in links:
        shown.run(f"document.querySelector('.key > a[href=\"{href}\"]').click()")
        number = int(made_of.split()[0].replace(",", ""))
        assert shown.run(TOLD).split()[0] == str(number), (href, made_of)
        assert shown.run("document.getElementById('search').getBoundingClientRect().top") < 400
        visible = f"{SHOWN}.every((row) => row.closest('details').open)"
        assert shown.run(visible) is True


def test_a_bar_of_the_time_line_opens_its_deliveries(shown: Browser) -> None:
    words, _ = shown.run(
        "(() => { const bars = [...document.querySelectorAll('svg.time a[href*=from]')];"
        " const bar = bars[Math.floor(bars.length / 2)];"
        " bar.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));"
        " return [bar.querySelector('title').textContent, 0]; })()"
    )
    counts = words.rpartition(": ")[2].split(", ")
    total = sum(int(each.split()[0]) for each in counts)
    assert shown.run(TOLD) == f"{total} of {COUNT}"


def test_what_runs_leads_to_its_record_even_in_a_month_that_is_closed(shown: Browser) -> None:
    assert search(shown, "is:refused") > 0
    shown.run("location.hash = '#r1'")
    shown.run("new Promise((done) => setTimeout(done, 50))")
    row = "document.getElementById('r1')"
    assert shown.run(f"{row}.hidden") is False
    assert shown.run(f"{row}.getBoundingClientRect().height") > 10
    report = shown.run(f"{row}.querySelector('td:last-child a').href")
    assert report.endswith("/report.html")
    assert shown.run(f"{row}.querySelector('td:last-child a').textContent") == "report"


def test_light_and_dark_both_can_be_read(shown: Browser) -> None:
    for scheme in ("light", "dark"):
        shown.scheme(scheme)
        grounds = {
            "body": shown.light("body", "backgroundColor"),
            ".key": shown.light(".key", "backgroundColor"),
        }
        for selector, name, ground in (
            ("body", "color", "body"),
            (".bad", "color", "body"),
            (".good", "color", "body"),
            ("td a", "color", "body"),
            (".key > a", "color", ".key"),
            (".key b", "color", ".key"),
            (".key p.dim", "color", ".key"),
            ("svg.time text", "fill", "body"),
            ("svg.time text.dim", "fill", "body"),
        ):
            high, low = sorted((shown.light(selector, name), grounds[ground]), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, (scheme, selector)


@pytest.mark.parametrize("width", [1200, 760, 420, 340])
def test_nothing_sticks_out_at_any_width(shown: Browser, width: int) -> None:
    shown.size(width)
    assert shown.run("document.documentElement.scrollWidth") <= width


def test_without_the_script_every_record_is_there(browser: Browser, page: Path) -> None:
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    assert browser.run("document.querySelectorAll('#deliveries tbody tr').length") == COUNT
    assert browser.run("getComputedStyle(document.getElementById('search')).display") == "none"
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)
