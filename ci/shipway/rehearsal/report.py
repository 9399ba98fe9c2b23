"""The report of a rehearsal: the matrix, then every walk with its picture and its cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shipway.evidence.predicate import Statement
from shipway.evidence.report.delivery import failures, head, time_line
from shipway.evidence.report.drawing import clock
from shipway.evidence.report.html import Html, joined, tag
from shipway.evidence.report.page import page
from shipway.evidence.report.parts import code, facts, link, mark, section, table
from shipway.rehearsal.criteria import Row
from shipway.rehearsal.observation import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedScenario:
    """One walk.

    Attributes:
        walk: What was seen from outside.
        record: The delivery's record.
        report: Where its own report lies, from the rehearsal's.
    """

    walk: Observation
    record: Statement
    report: str


def rehearsal(
    rows: Sequence[Row],
    walks: Sequence[ReportedScenario],
    *,
    name: str,
    seconds: float,
    head_sha256: str,
) -> bytes:
    """The page of one rehearsal.

    Args:
        rows: The matrix.
        walks: Every walk, in order.
        name: The rehearsal's folder.
        seconds: How long it took.
        head_sha256: Of the last record: with it nothing can be taken off the chain's end.
    """
    met = sum(row.met for row in rows)
    body = (
        tag(
            "h1", mark(good=met == len(rows), text=f"{met} of {len(rows)} met in {clock(seconds)}")
        ),
        tag("p", name, class_="dim"),
        section(
            "Acceptance",
            table(
                ("", "!criterion", "!proof"),
                (
                    (
                        mark(good=row.met, text=row.state),
                        joined((row.name, tag("p", row.why, class_="bad") if row.why else None)),
                        joined((link(row.file, row.file), tag("br"), code(row.pointer))),
                    )
                    for row in rows
                ),
            ),
        ),
        section("Walks", *(_walk(one) for one in walks)),
        section(
            "Evidence",
            facts(
                (
                    ("last record", code(f"sha256:{head_sha256}")),
                    ("check it", code(f"nox -s audit -- --verify --evidence evidence/{name}")),
                )
            ),
        ),
    )
    return page(f"shipway: {name}", tuple(part for part in body if part is not None))


def _walk(one: ReportedScenario) -> Html:
    walk, delivery = one.walk, one.record.predicate
    traffic = walk.traffic
    asked = f"{traffic.asked} requests, {traffic.lost} lost" if traffic else ""
    title = f"{walk.title}: {delivery.verdict.kind.replace('-', ' ')}"
    words = "as it must" if walk.as_expected else f"not as it must: {walk.expected_kind}"
    # A failed rollout is what somebody looks for: its picture is open.
    return tag(
        "details",
        tag(
            "summary",
            mark(good=walk.as_expected, text=f"{walk.name}  {title}"),
            tag("span", f"  {words}", class_="dim"),
        ),
        tag("p", link(one.report, "its own report"), f"  {asked}"),
        list(head(one.record))[2:],
        list(failures(delivery)),
        list(time_line(delivery)),
        class_="walk",
        open=traffic is not None and walk.exit_code != 0,
    )
