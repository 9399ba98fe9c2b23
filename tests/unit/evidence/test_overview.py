"""The page of all deliveries: its numbers computed anew from raw records, its links, its text."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from benchmarks.page import records
from tests.unit.evidence.pages import HOSTILE, Page, assert_closed, everywhere

from shipway.evidence.history import RecordedDelivery, row
from shipway.evidence.outline import outlined
from shipway.evidence.report.amounts import rate, share, span
from shipway.evidence.report.calendar import Lane, Moment, calendar
from shipway.evidence.report.overview import Place, overview
from shipway.evidence.rollouts import moment
from shipway.evidence.verify import ChainFinding

Document = dict[str, Any]
COUNT = 1000
RAW: Mapping[str, Document] = dict(records(COUNT))


def read(documents: Mapping[str, Document]) -> list[RecordedDelivery]:
    statements = {path: outlined(json.dumps(raw).encode()) for path, raw in documents.items()}
    return [row(path, statement) for path, statement in statements.items() if statement]


def page_of(documents: Mapping[str, Document], **more: Any) -> bytes:
    return overview(
        read(documents), [Place(name="evidence", records=len(documents))], files={}, **more
    )


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(page_of(RAW))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


class Naive:
    """The four keys of an environment, the slow and simple way, from JSON alone."""

    def __init__(self, environment: str) -> None:
        every = [each["predicate"] for each in RAW.values()]
        mine = [each for each in every if each["decision"]["environment"] == environment]
        begun = [
            each
            for each in mine
            if any(service["deploymentId"] for service in each.get("services", ()))
            and each["verdict"]["kind"] != "interrupted"
        ]
        self.held = [each for each in begun if each["verdict"]["exitCode"] == 0]
        self.failed = [each for each in begun if each["verdict"]["exitCode"] != 0]
        rolled = [each for each in mine if any(s["deploymentId"] for s in each.get("services", ()))]
        first = min(at(each["finishedOn"]) for each in rolled)
        last = max(at(each["finishedOn"]) for each in every)
        self.days = (last.date() - first.date()).days + 1

    def lead_times(self) -> list[float]:
        firsts: dict[str, float] = {}
        for each in sorted(self.held, key=lambda each: at(each["finishedOn"])):
            commit = each["commit"]
            took = (at(each["finishedOn"]) - at(commit["time"])).total_seconds()
            firsts.setdefault(commit["sha"], took)
        return sorted(firsts.values())

    def restores(self) -> list[float]:
        times = []
        for each in self.failed:
            end = at(each["finishedOn"])
            if each["verdict"]["kind"] == "verification-failed":
                later = [at(other["finishedOn"]) for other in self.held]
                later = [other for other in later if other > end]
                if not later:
                    continue
                end = min(later)
            began = next(e["at"] for e in each["timeline"] if e["event"] == "started")
            times.append((end - at(began)).total_seconds())
        return sorted(times)


def plain(page: Page) -> str:
    return " ".join(page.text.split())


def middle(values: list[float]) -> float:
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_four_keys_are_those_that_the_raw_records_give(page: Page, environment: str) -> None:
    naive = Naive(environment)
    held, failed = len(naive.held), len(naive.failed)
    leads, restores = naive.lead_times(), naive.restores()
    shown = plain(page).partition(f" {environment} {naive.days} days ")[2]
    expected = (
        ("Deployment frequency", rate(held, naive.days), f"{held} held in {naive.days} days"),
        ("Lead time", span(middle(leads)), f"{len(leads)} changes"),
        (
            "Change failure rate",
            share(failed / (held + failed)),
            f"{failed} of {held + failed} rollouts",
        ),
        ("Time to restore", span(middle(restores)), f"{len(restores)} failures"),
    )
    assert min(held, failed, len(leads), len(restores)) > 10, "a history with something in it"
    for name, value, made_of in expected:
        after = shown.partition(name)[2].strip()
        assert after.startswith(f"{value} {made_of}"), name


def test_each_number_leads_to_the_records_that_it_is_made_of(page: Page) -> None:
    """Every query on the page finds as many rows as its number counts."""
    found = rows(page)
    naive = Naive("production")
    counts = {
        "env:production is:held": len(naive.held),
        "env:production is:change": len(naive.lead_times()),
        "env:production is:failed": len(naive.failed),
    }
    queries = {unquote(href[2:]) for href in links(page) if href.startswith("#?")}
    for query, count in counts.items():
        assert query in queries
        environment, _, is_ = query.removeprefix("env:").partition(" is:")
        hits = [each for each in found if each["env"] == environment and is_ in each["is"].split()]
        assert len(hits) == count, query


def rows(page: Page) -> list[dict[str, str]]:
    fields = [(key, value) for name, key, value in page.attributes if name == "tr" and key]
    every: list[dict[str, str]] = []
    for key, value in fields:
        if key == "id":
            every.append({})
        every[-1][key.removeprefix("data-")] = value
    return every


def links(page: Page) -> list[str]:
    return [value for name, key, value in page.attributes if (name, key) == ("a", "href")]


def test_every_record_has_a_row_and_every_link_in_the_page_a_target(page: Page) -> None:
    ids = [value for _, key, value in page.attributes if key == "id"]
    assert len([each for each in ids if re.fullmatch(r"r\d+", each)]) == COUNT
    assert [each for each, count in Counter(ids).items() if count > 1] == []
    targets = {href[1:] for href in links(page) if href.startswith("#r")}
    assert targets
    assert targets <= set(ids)


def test_it_says_what_runs_where_since_when_and_by_whom(page: Page) -> None:
    for environment in ("staging", "production"):
        held = sorted(Naive(environment).held, key=lambda each: at(each["finishedOn"]))
        images = [each["image"]["reference"] for each in held]
        digest = images[-1].partition("sha256:")[2]
        same = next(n for n, image in enumerate(reversed(images)) if image != images[-1])
        last = held[-same]  # the first of those that brought it one after the other
        words = plain(page).partition("What runs where")[2].partition("The four keys")[0]
        mine = words.partition(f" {environment} ")[2]
        assert mine.startswith(f"web {digest[:12]}… {last['commit']['sha'][:7]} "), environment
        assert f"{at(last['finishedOn']):%Y-%m-%d %H:%M}" in mine


def test_a_release_that_ran_before_a_failed_one_runs_since_its_own_delivery() -> None:
    paths = iter(RAW.items())
    good = next(item for item in paths if item[1]["predicate"]["verdict"]["exitCode"] == 0)
    bad = next(item for item in paths if item[1]["predicate"]["verdict"]["kind"] == "rolled-back")
    held, failed = good[1]["predicate"], json.loads(json.dumps(bad[1]))
    failed["predicate"]["environment"] = held["environment"]
    failed["predicate"]["services"][0]["previousImage"] = held["image"]["reference"]
    text = plain(Page(page_of({good[0]: good[1], bad[0]: failed})))
    runs = text.partition("What runs where")[2].partition("The four keys")[0]
    assert f"{held['commit']['sha'][:7]} {at(held['finishedOn']):%Y-%m-%d %H:%M}" in runs
    assert "roll-back" in runs


def test_what_was_put_back_and_came_from_elsewhere_runs_since_before_that() -> None:
    bad = next(
        item for item in RAW.items() if item[1]["predicate"]["verdict"]["kind"] == "rolled-back"
    )
    text = plain(Page(page_of(dict([bad]))))
    runs = text.partition("What runs where")[2].partition("The four keys")[0]
    assert f"before {at(bad[1]['predicate']['startedOn']):%Y-%m-%d %H:%M}" in runs


def test_it_needs_nobody_and_allows_nothing(page: Page) -> None:
    assert_closed(page)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_record_says_stays_text_and_leads_nowhere(hostile: str) -> None:
    some = dict(list(RAW.items())[:40])
    harmless = Page(page_of(everywhere(some, lambda text: text + "x")))
    changed = {
        path + hostile: everywhere(raw, lambda text: text + hostile) for path, raw in some.items()
    }
    page = Page(page_of(changed))
    names = {"script", "style", "img", "b", "svg", "title", "meta", "iframe"}
    assert {name: page.tags[name] for name in names} == {
        name: harmless.tags[name] for name in names
    }
    assert not [key for _, key, _ in page.attributes if key.startswith("on")]
    assert all(href.startswith(("#", "https://")) for href in links(page))
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "https://[",
        " javascript:x",
        "file:///etc",
    ],
)
def test_only_web_addresses_become_links(address: str) -> None:
    path, raw = next(iter(RAW.items()))
    raw = json.loads(json.dumps(raw))
    raw["predicate"]["commit"]["repository"] = address
    raw["predicate"]["trigger"]["url"] = address
    page = Page(page_of({path: raw}))
    assert [href for href in links(page) if not href.startswith("#")] == [
        "https://dora.dev/guides/dora-metrics/"
    ]


@pytest.mark.parametrize(
    "moment_", ["", "never", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-13-01"]
)
def test_moments_of_no_day_of_ours_break_nothing(moment_: str) -> None:
    some = json.loads(json.dumps(dict(list(RAW.items())[:10])))
    for raw in some.values():
        raw["predicate"] |= {"startedOn": moment_, "finishedOn": moment_}
        raw["predicate"]["commit"]["time"] = moment_
    page = Page(page_of(some))
    assert "No rollout is recorded." in page.text
    assert len(rows(page)) == 10


def test_no_record_at_all_makes_a_page() -> None:
    page = Page(overview((), (), files={}))
    assert "0 records" in page.text


def test_what_does_not_hold_is_said_first() -> None:
    finding = ChainFinding(kind="changed", path="production/x/record.json", why="other bytes")
    text = Page(page_of(dict(list(RAW.items())[:3]), findings=[finding])).text
    assert text.index("Not all of it is as it was written") < text.index("What runs where")


def test_two_hundred_years_have_few_bars() -> None:
    begin = moment("2000-01-01T00:00:00Z")
    assert begin
    far = begin + timedelta(days=70_000)
    lane = Lane(
        environment="x",
        moments=[Moment(at=begin, kind="held"), Moment(at=far, kind="held")],
        stays=(),
    )
    drawn = calendar([lane])
    assert drawn
    assert len(drawn) < 10_000


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (42.4, "42 s"),
        (90, "1.5 min"),
        (7200, "2 h"),
        (86400, "1 day"),
        (86400 * 3.2, "3.2 days"),
        (86400 * 431, "431 days"),
    ],
)
def test_spans_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("count", "days", "words"),
    [
        (0, 3, "0 a day"),
        (12, 4, "3 a day"),
        (2, 5, "2 in 5 days"),
        (4, 20, "1.4 a week"),
        (2, 60, "1 a month"),
    ],
)
def test_rates_are_never_by_a_longer_time_than_there_was(count: int, days: int, words: str) -> None:
    assert rate(count, days) == words
