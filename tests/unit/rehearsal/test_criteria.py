"""What proves that the scan gate stops a release and a cause is named, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from shipway.evidence import codec
from shipway.evidence.predicate import Statement
from shipway.rehearsal.criteria import Row, ScenarioResult, matrix
from shipway.rehearsal.observation import Observation, PlannedFact, TrafficFact

NAME = "12-scan-blocked"
PLANNED = PlannedFact(name=NAME, role="blocked", environment="production", asked=True)
SCAN = {"summary": "1 critical", "allowed": False, "reasons": ["1 critical where at most 0 may be"]}


def judged(code: int = 25, lost: int = 0, **facts: Any) -> Row:
    predicate = {"verdict": {"kind": "scan-blocked", "exitCode": code}, "scan": SCAN, **facts}
    walk = Observation(
        name=NAME,
        exit_code=code,
        expected_exit_code=25,
        expected_kind="scan-blocked",
        planned=(PLANNED,),
        traffic=TrafficFact(asked=40, lost=lost),
    )
    record = codec.read(Statement, {"predicate": predicate})
    rows = matrix({NAME: ScenarioResult(folder="production/x", record=record, walk=walk)})
    (row,) = [row for row in rows if row.name == "what the scan gate blocks is not rolled out"]
    return row


def test_a_release_that_the_gate_stopped_meets_the_row() -> None:
    row = judged()
    assert (row.state, row.type) == ("Met", "AC")
    assert (row.file, row.pointer) == ("production/x/record.json", "/predicate/scan/reasons")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"code": 0}, "ended with 0 where 25 is right"),
        ({"scan": {**SCAN, "allowed": True}}, "the gate let"),
        ({"scan": {**SCAN, "reasons": []}}, "without a reason"),
        ({"services": [{"key": "web", "deploymentId": "ecs-svc/1"}]}, "was rolled out"),
        ({"lost": 2}, "2 of 40 requests lost"),
    ],
)
def test_anything_else_does_not(changed: dict[str, Any], why: str) -> None:
    row = judged(**changed)
    assert row.state == "Unmet"
    assert why in row.why


def test_a_rehearsal_without_a_limit_has_no_such_row() -> None:
    assert not [row for row in matrix({}) if "scan gate" in row.name]


CAUSE = PlannedFact(
    name="13-secret-denied",
    role="failing",
    criterion="the secret is named",
    environment="production",
    cause="secret-denied",
)


def caused(kind: str, code: int = 30) -> Row:
    cause = {"kind": kind, "text": "cannot start", "ecs": "AccessDeniedException", "tasks": []}
    service = {"key": "web", "conclusion": {"cause": cause} if kind else None}
    predicate = {"verdict": {"kind": "rolled-back", "exitCode": code}, "services": [service]}
    walk = Observation(
        name=CAUSE.name,
        exit_code=code,
        expected_exit_code=30,
        expected_kind="rolled-back",
        planned=(CAUSE,),
    )
    record = codec.read(Statement, {"predicate": predicate})
    rows = matrix({CAUSE.name: ScenarioResult(folder="production/x", record=record, walk=walk)})
    (row,) = [row for row in rows if row.name == CAUSE.criterion]
    return row


def test_a_record_that_names_the_cause_meets_its_row() -> None:
    row = caused("secret-denied")
    assert (row.state, row.type) == ("Met", "AC")
    assert row.pointer == "/predicate/services/0/conclusion/cause"


@pytest.mark.parametrize(
    ("kind", "code", "why"),
    [
        ("secret-missing", 30, "web names secret-missing as the cause where secret-denied is"),
        ("", 30, "web names nothing as the cause"),
        ("secret-denied", 0, "ended with 0 where 30 is right"),
    ],
)
def test_another_cause_does_not(kind: str, code: int, why: str) -> None:
    row = caused(kind, code)
    assert row.state == "Unmet"
    assert why in row.why
