"""The report as a document: well formed, self-contained, escaped, and saying what it must."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.unit.evidence.pages import HOSTILE, Page, assert_closed, everywhere

from shipway.evidence import codec
from shipway.evidence import report as reports
from shipway.evidence.canonical_json import canonical
from shipway.evidence.predicate import Delivery, Statement
from shipway.evidence.report.html import escape, tag
from shipway.evidence.report.scene import scene, steps
from shipway.rehearsal.criteria import Row
from shipway.rehearsal.observation import Observation, TrafficFact
from shipway.rehearsal.report import ReportedScenario, rehearsal

SBOM = json.dumps(
    {
        "components": [
            {
                "name": f"lib{number}",
                "version": f"{number}.0",
                "type": "library",
                "purl": f"pkg:deb/debian/lib{number}@{number}.0?arch=amd64",
                "licenses": [{"license": {"id": "MIT"}}],
            }
            for number in range(40)
        ]
    }
).encode()


@pytest.fixture
def failed() -> dict[str, Any]:
    """A rollout that was rolled back, as it was recorded."""
    document: dict[str, Any] = json.loads(
        (Path(__file__).parent / "failed.json").read_text(encoding="utf-8")
    )
    return document


def rendered(record: dict[str, Any], files: dict[str, bytes] | None = None) -> bytes:
    return reports.report(canonical(record), files or {})


def test_the_cause_comes_before_everything_else(failed: dict[str, Any]) -> None:
    text = Page(rendered(failed)).text
    order = [
        text.index(part)
        for part in (
            "Release failed: rolled back.",
            "crash loop: 2 of 2 new tasks exited with 1",
            "KeyError: 'DATABASE_URL'",
            "the task definition has no DATABASE_URL",
            "Time line",
            "Decision",
            "Services",
        )
    ]
    assert order == sorted(order)


def test_jobs_are_told_with_their_task_and_exit_code(failed: dict[str, Any]) -> None:
    assert "exit code" not in Page(rendered(failed)).texts
    failed["predicate"]["jobs"] = [
        {
            "key": "migrate",
            "when": "before",
            "taskDefinition": "arn:aws:ecs:eu-west-1:1:task-definition/shop:42",
            "task": "arn:aws:ecs:eu-west-1:1:task/shop/0123",
            "end": "failed",
            "exitCode": 3,
            "seconds": 4.5,
            "text": "exited with 3 after 4 s",
        }
    ]
    text = Page(rendered(failed)).text
    for said in ("migrate", "before the rollout", "shop:42", "task/shop/0123", "exited with 3"):
        assert said in text


def test_the_picture_shows_the_stages_and_the_tasks(failed: dict[str, Any]) -> None:
    page = Page(rendered(failed))
    drawn = Counter(value for name, key, value in page.attributes if key == "class")
    assert drawn["b-bad"] == 1
    assert drawn["b-good"] == 4
    assert {"a-old", "a-new", "a-pend", "l-fail", "back"} <= set(drawn)
    assert any(part.startswith("deploy web: failed after 5.5 s.") for part in page.texts)


def test_a_page_asks_nobody_for_anything(failed: dict[str, Any]) -> None:
    page = Page(rendered(failed, {"sbom-linux-amd64.cdx.json": SBOM}))
    assert_closed(page)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_record_says_stays_text(failed: dict[str, Any], hostile: str) -> None:
    files = {"sbom-linux-amd64.cdx.json": SBOM}
    harmless = Page(rendered(everywhere(failed, lambda text: text + "x"), files))
    page = Page(rendered_raw(everywhere(failed, lambda text: text + hostile), files))
    names = {"script", "style", "img", "b", "svg", "title", "meta", "iframe"}
    assert {name: page.tags[name] for name in names} == {
        name: harmless.tags[name] for name in names
    }
    assert not [key for _, key, _ in page.attributes if key.startswith("on")]
    assert not [v for _, key, v in page.attributes if key == "href" and v.startswith("java")]
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text


def rendered_raw(record: dict[str, Any], files: dict[str, bytes]) -> bytes:
    """As :func:`rendered`, for what cannot be hashed."""
    return reports.report(json.dumps(record).encode(), files)


def test_components_and_findings_are_there_without_a_script(failed: dict[str, Any]) -> None:
    page = Page(rendered(failed, {"sbom-linux-amd64.cdx.json": SBOM}))
    for words in ("lib39", "CVE-2026-0001", "waived: zlib-2026", "not reachable", "MIT"):
        assert words in page.text
    hidden = [value for name, key, value in page.attributes if (name, key) == ("p", "hidden")]
    assert len(hidden) == 2, "a search that nothing would answer is not shown"


def test_a_broken_bill_of_materials_takes_nothing_away(failed: dict[str, Any]) -> None:
    page = Page(rendered(failed, {"sbom-linux-amd64.cdx.json": b"{", "x.bin": b"\xff"}))
    assert "sbom-linux-amd64.cdx.json" in page.text
    assert "Release failed" in page.text


def test_a_record_with_nothing_in_it_has_a_page(failed: dict[str, Any]) -> None:
    predicate = failed["predicate"]
    bare = {key: predicate[key] for key in ("startedOn", "finishedOn", "commit", "verdict")}
    page = Page(rendered({**failed, "predicate": bare}))
    assert "rolled-back, exit code 31" in page.text


def test_pages_are_small_and_the_same_every_time(failed: dict[str, Any]) -> None:
    once = rendered(failed, {"sbom-linux-amd64.cdx.json": SBOM})
    assert once == rendered(failed, {"sbom-linux-amd64.cdx.json": SBOM})
    assert len(once) < 150_000


def test_a_rehearsal_shows_rows_and_opens_what_failed(failed: dict[str, Any]) -> None:
    walk = Observation(
        name="06-crash",
        title="a release that crashes",
        exit_code=31,
        expected_exit_code=31,
        expected_kind="rolled-back",
        traffic=TrafficFact(asked=300, lost=0),
    )
    record = codec.read(Statement, failed)
    rows = (
        Row(name="one", type="AC", state="Met", file="a/record.json", pointer="/predicate/verdict"),
        Row(name="two", type="DoD", state="Unmet", file="b/record.json", why="it was changed"),
    )
    content = rehearsal(
        rows,
        [ReportedScenario(walk=walk, record=record, report="production/x/report.html")],
        name="rehearsal-x",
        seconds=41.0,
        head_sha256="ab" * 32,
    )
    page = Page(content)
    assert "1 of 2 met in 41 s" in page.text
    assert "it was changed" in page.text
    assert "300 requests, 0 lost" in page.text
    assert ("details", "open", "") in page.attributes
    assert ("a", "href", "production/x/report.html") in page.attributes
    assert page.tags["svg"] >= 1


def test_a_scene_reads_stages_that_never_ended() -> None:
    delivery = codec.read(
        Delivery,
        {
            "startedOn": "2026-11-22T23:40:00.000Z",
            "finishedOn": "2026-11-22T23:40:10.000Z",
            "timeline": [
                {"event": "started", "stage": "build", "at": "2026-11-22T23:40:02.000Z"},
                {"event": "started", "stage": "deploy", "at": "2026-11-22T23:40:03.000Z"},
                {
                    "event": "finished",
                    "stage": "deploy",
                    "subject": "web",
                    "at": "2026-11-22T23:40:08.000Z",
                },
                {
                    "event": "finished",
                    "stage": "contract",
                    "seconds": 0.5,
                    "at": "2026-11-22T23:40:01.000Z",
                },
            ],
        },
    )
    drawn = scene(delivery)
    assert [(span.name, span.start, span.end, span.ended) for span in drawn.spans] == [
        ("contract", 0.5, 1.0, "good"),
        ("build", 2.0, 10.0, "open"),
        ("deploy web", 3.0, 8.0, "good"),
    ]


@pytest.mark.parametrize("seconds", [0.001, 0.4, 3.6, 59.0, 60.0, 754.0, 86400.0])
def test_an_axis_has_few_moments(seconds: float) -> None:
    moments = steps(seconds)
    assert moments[0] == 0
    assert moments[-1] <= seconds
    assert 1 <= len(moments) <= 50


def test_attributes_and_text_are_escaped() -> None:
    assert escape("<&>\"'") == "&lt;&amp;&gt;&quot;&#39;"
    assert tag("p", "<b>", tag("br"), None, [1, "x"], class_='a"b', hidden=True, id=None) == (
        '<p class="a&quot;b" hidden>&lt;b&gt;<br>1x</p>'
    )


def test_of_several_images_each_bill_is_listed_and_nothing_else(failed: Any) -> None:
    """An image may be called "sbom": its provenance is no bill."""
    files = {"web-sbom-linux-amd64.cdx.json": SBOM, "sbom-provenance-linux-amd64.json": b"{}"}
    text = Page(rendered(failed, files)).text
    assert "web-sbom-linux-amd64.cdx.json: " in text
    assert "sbom-provenance-linux-amd64.json: " not in text
