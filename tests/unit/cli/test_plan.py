"""A plan and a status in words, from what their JSON says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shipway.cli import plan, status
from shipway.delivery.status import ServiceStatus
from shipway.evidence.standing import RecordedRelease

ONE, TWO = (f"host/shop@sha256:{digit * 64}" for digit in "12")
WEB: dict[str, Any] = {
    "key": "web",
    "task_definition": "arn:aws:ecs:eu-west-1:1:task-definition/shop:41",
    "action": "new-revision",
    "again": "",
    "changes": [{"field": "web.image", "before": ONE, "after": TWO}],
    "strategy": "ROLLING",
    "desired": 4,
    "running": 3,
    "circuit_breaker": True,
    "on_failure": "leave",
    "hold": 60,
    "alarms": ["shop-5xx"],
}
PLAN: dict[str, Any] = {
    "decision": {"rules": [{"rule": "not_older", "holds": False}]},
    "images": [{"name": "", "text": "shop of 3f9c2ab would be built and pushed"}],
    "services": [WEB, {**WEB, "key": "worker", "action": "none", "changes": []}],
    "jobs": [],
    "schedules": [],
    "image_parameters": ["/shop/image"],
    "lock": {"held": True, "text": "staging is held by ada since 03:00"},
    "refusals": [
        {"what": "breaks a rule", "exit_code": 20, "details": ["web is newer"], "remedy": "wait"}
    ],
}
KNOWN = {
    **WEB,
    "action": "known-revision",
    "again": "arn:aws:ecs:eu-west-1:1:task-definition/shop:42",
}
LIVE = ServiceStatus(
    key="web",
    service="shop-web",
    task_definition="td/shop:42",
    image=ONE,
    commit="3f9c2ab1d2",
    since=datetime(2026, 11, 28, 3, 12, tzinfo=UTC),
    by="mona",
    desired=4,
    running=4,
    healthy=4,
    rollout="COMPLETED",
    recorded=RecordedRelease(
        task_definition="td/shop:42", image="", commit="", by="mona", record="r", at=""
    ),
)


def test_a_plan_names_every_field_and_what_would_end_it() -> None:
    assert list(plan.lines(PLAN)) == [
        "   rule       not_older  BROKEN",
        "   image      shop of 3f9c2ab would be built and pushed",
        "   web        shop:41 → new revision",
        "              web.image     …@sha256:111111111111… → …@sha256:222222222222…",
        "              strategy      ROLLING, 3 of 4 tasks run, circuit breaker, on failure leave",
        "   worker     shop:41  no change",
        "   hold       60 s, alarms: shop-5xx",
        "   parameter  /shop/image would name the image",
        "   lock       staging is held by ada since 03:00",
        "   refused    breaks a rule  (exit 20)",
        "              web is newer",
        "              wait",
    ]


MIGRATE: dict[str, Any] = {
    "key": "migrate",
    "when": "before",
    "action": "start",
    "why": "",
    "task_definition": "arn:aws:ecs:eu-west-1:1:task-definition/shop:41",
    "new_revision": True,
    "command": ["python", "migrate.py"],
    "timeout": 300,
}


def test_jobs_stand_before_and_after_the_services() -> None:
    warm = {
        **MIGRATE, "key": "warm", "when": "after", "action": "done",
        "why": "task 3f9c2ab1 ran it for this release",
    }  # fmt: skip
    told = list(plan.lines({**PLAN, "jobs": [warm, MIGRATE], "refusals": []}))
    assert told[2:4] == [
        "   job        migrate  before the rollout: runs shop:41 → new revision, at most 300 s",
        "              command       python migrate.py",
    ]
    after = "   job        warm  not run: task 3f9c2ab1 ran it for this release"
    assert told.index(after) > told.index("   worker     shop:41  no change")


def test_what_the_clock_starts_stands_behind_all_that_runs() -> None:
    nightly = {
        "key": "nightly",
        "kind": "rule",
        "service": "web",
        "task_definitions": ["arn:aws:ecs:eu-west-1:1:task-definition/shop:41"],
        "action": "update",
        "becomes": "",
    }
    own = {**nightly, "key": "report", "kind": "schedule", "service": ""}
    known = {**own, "key": "hourly", "becomes": "report:7"}
    same = {**nightly, "key": "same", "action": "none", "becomes": "shop:41"}
    told = list(plan.lines({**PLAN, "schedules": [nightly, own, known, same], "refusals": []}))
    start = told.index("   worker     shop:41  no change") + 1
    assert told[start : start + 4] == [
        (
            "   schedule   nightly  rule starts shop:41 → the new revision of web, "
            "once the release held"
        ),
        "   schedule   report  schedule starts shop:41 → a new revision, once the release held",
        "   schedule   hourly  schedule starts shop:41 → report:7, once the release held",
        "   schedule   same  rule starts shop:41  no change",
    ]


def test_a_rollout_under_way_and_one_that_failed_are_told() -> None:
    again = {**PLAN, "services": [{**WEB, "changes": []}], "refusals": []}
    assert "              the same again: its last deployment failed" in plan.lines(again)
    watched = {**PLAN, "services": [{**WEB, "action": "watch"}]}
    told = "   web        shop:41 is being rolled out already: watched to its end"
    assert told in plan.lines(watched)


def test_a_status_is_a_line_for_each_service_and_one_for_drift() -> None:
    drifted = replace(
        LIVE, key="mailer", healthy=None, rollout="IN_PROGRESS", drift="shop:43 runs, not shop:42"
    )
    gone = ServiceStatus(key="cron", service="shop-cron", exists=False, drift="gone")
    common = "@sha256:111111111111…  3f9c2ab  since 2026-11-28 03:12 UTC  by mona  4/4"
    assert list(status.lines([LIVE, drifted, gone])) == [
        f" web     {common} healthy  as recorded",
        f" mailer  {common} running  in progress  NOT as recorded",
        "         shop:43 runs, not shop:42",
        " cron    shop-cron is not there",
    ]


def test_what_no_record_tells_is_no_claim() -> None:
    assert LIVE.recorded is not None
    unknown = replace(LIVE, recorded=replace(LIVE.recorded, task_definition=""))
    assert next(status.lines([unknown])).endswith("how r ended is not known")
    assert next(status.lines([replace(LIVE, recorded=None)])).endswith("no record")


def test_a_revision_that_is_registered_already_is_named() -> None:
    lines = list(plan.lines({**PLAN, "services": [KNOWN]}))
    assert "   web        shop:41 → shop:42, registered before" in lines
