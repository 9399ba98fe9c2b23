"""What counts as a rollout, and what the four keys make of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shipway.evidence import codec
from shipway.evidence.archive import parsed
from shipway.evidence.canonical_json import moment as written
from shipway.evidence.dora import Period, four_keys, last_days
from shipway.evidence.history import RecordedDelivery, mentioned, row
from shipway.evidence.outline import outlined
from shipway.evidence.predicate import Statement
from shipway.evidence.rollouts import Rollout, outcome, rollouts
from shipway.evidence.standing import last_release

ZERO = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def delivery(
    kind: str = "succeeded",
    verdict: str | None = "succeeded",
    *,
    minute: int = 0,
    sha: str = "a" * 40,
    **more: Any,
) -> RecordedDelivery:
    """A delivery that took five minutes, its rollout three of them, of a commit an hour old."""
    began = ZERO + minute * MINUTE
    service = {"key": "web", "deploymentId": "ecs-svc/1"}
    if verdict:
        service |= {"verdict": {"name": verdict, "exitCode": 0, "sentence": ""}}  # type: ignore[dict-item]
    rolled = {"at": written(began + 2 * MINUTE), "event": "started", "stage": "deploy"}
    predicate = {
        "startedOn": written(began),
        "finishedOn": written(began + 5 * MINUTE),
        "verdict": {"kind": kind, "exitCode": 0, "text": ""},
        "commit": {"sha": sha, "time": written(began - 60 * MINUTE), "clean": True},
        "decision": {"allowed": True, "environment": "production"},
        "services": [service],
        "timeline": [rolled],
        **more,
    }
    return row(f"{minute}", codec.read(Statement, {"predicate": predicate}))


NOBODY = delivery()


@pytest.mark.parametrize("name", ["failed.json", "delivered_v1.json"])
def test_an_outline_says_the_same_as_the_whole_record(name: str) -> None:
    content = (Path(__file__).parent / name).read_bytes()
    whole, outline = (row("x", read(content)) for read in (parsed, outlined))  # type: ignore[arg-type]
    assert replace(outline, statement=whole.statement) == whole
    assert (outcome(outline), mentioned(outline)) == (outcome(whole), mentioned(whole))
    assert list(_without_record(outline)) == list(_without_record(whole))
    assert last_release([outline], "web") == last_release([whole], "web")
    assert not any("timeline" in name for name in outline.delivery.extra)


def _without_record(recorded: RecordedDelivery) -> Iterator[Rollout]:
    return (replace(each, recorded=NOBODY) for each in rollouts([recorded]))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"predicate": 1}', b"[" * 100_000])
def test_what_is_no_record_has_no_outline(content: bytes) -> None:
    assert outlined(content) is None


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (delivery(), "held"),
        (delivery("image-parameter"), "held"),
        (delivery("rolled-back", "rolled-back"), "failed"),
        (delivery("did-not-hold"), "failed"),
        (delivery("verification-failed"), "failed"),
        (delivery("stopped", "stopped"), "failed"),
        (delivery("superseded", "superseded"), "undecided"),
        (delivery("interrupted", None), "undecided"),
        (delivery("credentials", "credentials"), "undecided"),
        (delivery(verdict="already-running"), "unchanged"),
        (delivery(services=[]), "published"),
        (delivery("refused", services=[], decision={"allowed": False}), "refused"),
        (delivery("refused", services=[{"key": "web"}]), "refused"),
        (delivery("scan-blocked", services=[]), "stopped"),
        (delivery("verification-failed", services=[]), "stopped"),
    ],
)
def test_what_became_of_a_delivery(recorded: RecordedDelivery, expected: str) -> None:
    assert outcome(recorded) == expected
    began = expected in {"held", "failed", "undecided"}
    assert len(list(rollouts([recorded]))) == began


def keys(*deliveries: RecordedDelivery, days: int = 30) -> Any:
    every = list(rollouts(deliveries))
    return four_keys(every, Period(begin=ZERO, end=ZERO + timedelta(days=days - 1)))


def test_lead_time_counts_a_commit_once_and_only_what_is_one() -> None:
    measured = keys(
        delivery(minute=0, sha="a" * 40),
        delivery(minute=10, sha="b" * 40),
        delivery(minute=20, sha="a" * 40),
        delivery(minute=30, sha="c" * 40, commit={"sha": "c" * 40, "clean": False}),
        delivery("rolled-back", "rolled-back", minute=40, sha="d" * 40),
    )
    assert [each.seconds for each in measured.lead_time.changes] == [65 * 60, 65 * 60]
    assert len(measured.frequency.rollouts) == 4
    assert measured.frequency.a_day == pytest.approx(4 / 30)


def test_a_commit_from_the_future_has_no_lead_time() -> None:
    late = {"sha": "a" * 40, "time": "2027-01-01T00:00:00Z", "clean": True}
    assert keys(delivery(commit=late)).lead_time.median is None


def test_the_failure_rate_leaves_out_what_was_no_deployment() -> None:
    measured = keys(
        delivery(minute=0),
        delivery("refused", services=[], minute=1),
        delivery("interrupted", None, minute=2),
        delivery("did-not-hold", minute=3),
        delivery(minute=9),
        delivery(minute=10),
    )
    assert measured.failure_rate.rate == 1 / 4
    assert keys().failure_rate.rate is None


BACK = {"key": "web", "end": "put back"}
NOT_BACK = {"key": "web", "end": "not put back"}


@pytest.mark.parametrize(
    ("failed", "minutes"),
    [
        (delivery("rolled-back", "rolled-back"), 3),
        (delivery("did-not-hold", putBack=[BACK]), 3),
        (delivery("did-not-hold", putBack=[NOT_BACK]), 23),
        (delivery("did-not-hold"), 23),
        (delivery("failing", "failing"), 23),
        (delivery("rollback-failed", "rollback-failed"), 23),
    ],
)
def test_restored_is_what_its_own_record_says_or_the_next_that_held(
    failed: RecordedDelivery, minutes: int
) -> None:
    after = [delivery("failing", "failing", minute=10), delivery(minute=20)]
    assert keys(failed, *after).restore.failures[0].seconds == minutes * 60


def test_what_nothing_put_right_is_open() -> None:
    measured = keys(delivery(minute=0), delivery("failing", "failing", minute=10))
    assert measured.restore.median is None
    assert [each.recorded.record for each in measured.restore.open] == ["10"]


def test_a_service_that_is_well_waits_for_none_that_went_back() -> None:
    services = [
        {"key": "web", "deploymentId": "1", "verdict": {"name": "succeeded"}},
        {"key": "worker", "deploymentId": "2", "verdict": {"name": "rolled-back"}},
    ]
    assert keys(delivery("rolled-back", services=services)).restore.failures[0].seconds == 180


def test_the_last_days_count_what_ended_in_them_and_know_what_came_before() -> None:
    period = Period(begin=ZERO, end=ZERO + timedelta(days=40))
    recent = last_days(period, 30)
    assert recent is not None
    assert recent.days == 30
    assert last_days(Period(begin=ZERO, end=ZERO + timedelta(days=20)), 30) is None
    day = 24 * 60
    again = [delivery(minute=0), delivery(minute=35 * day), delivery(minute=36 * day, sha="b" * 40)]
    measured = four_keys(list(rollouts(again)), recent)
    assert len(measured.frequency.rollouts) == 2
    assert len(measured.lead_time.changes) == 1
