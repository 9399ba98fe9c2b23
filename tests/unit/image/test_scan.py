from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

import boto3  # the SDK's own list of words is what is compared
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.aws import scans as adapter
from shipway.config.environment import Scanning, Severity, Waiver
from shipway.image import scan as scanning
from shipway.image.scan import NOT_AVAILABLE, Scan, ScanFinding, await_scans, decide, state_of
from shipway.values import Digest

ONE, TWO, INDEX = (Digest(f"sha256:{digit * 64}") for digit in "123")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
REQUIRED = Scanning(required=True, most={"critical": 0}, wait=60)
BLOCKED = (
    "FAILED",
    "UNSUPPORTED_IMAGE",
    "FINDINGS_UNAVAILABLE",
    "LIMIT_EXCEEDED",
    "SCAN_ELIGIBILITY_EXPIRED",
    "IMAGE_ARCHIVED",
    "IMAGE_SIZE_EXCEEDED",
)
CRITICAL = ScanFinding(
    id="CVE-1", severity="critical", package="openssl", version="3", fixable=True
)
LOW = ScanFinding(id="CVE-2", severity="low", package="zlib", version="1", fixable=False)


def scan(status: str = "COMPLETE", *listed: ScanFinding, digest: Digest = ONE, **more: Any) -> Scan:
    return Scan(digest=digest, status=status, findings={}, listed=listed, **more)


def waiver(**more: Any) -> Waiver:
    fields = {
        "id": "CVE-1",
        "package": "openssl",
        "digest": "all",
        "owner": "mona",
        "reason": "not reachable",
        "expires": date(2026, 12, 1),
    }
    return Waiver(**{**fields, **more})


@dataclass
class Clock:
    at: datetime = NOW
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


@dataclass
class Scanner:
    """Gives the next answer at each look; the last one stays."""

    answers: list[Scan]
    looks: int = 0

    def scan(self, digest: Digest) -> Scan:
        answer = self.answers[min(self.looks, len(self.answers) - 1)]
        self.looks += 1
        return replace(answer, digest=digest)


@pytest.mark.parametrize("status", BLOCKED)
def test_what_cannot_be_judged_is_blocked(status: str) -> None:
    assert state_of(scan(status), REQUIRED, NOW) == "blocked"
    decision = decide([scan(status)], REQUIRED, (), NOW, INDEX)
    assert not decision.allowed
    assert status in decision.reasons[0]


def test_every_word_of_the_sdk_is_known() -> None:
    model = boto3.client("ecr", region_name="eu-west-1").meta.service_model
    words = set(model.shape_for("ScanStatus").enum)
    assert words <= {*BLOCKED, "COMPLETE", "ACTIVE", "PENDING", "IN_PROGRESS"}


@pytest.mark.parametrize("status", [*BLOCKED, NOT_AVAILABLE, "PENDING", "IN_PROGRESS"])
def test_a_refusal_for_want_of_a_scan_says_how_it_is_allowed_on_purpose(status: str) -> None:
    error = decide([scan(status, reason="throttled")], REQUIRED, (), NOW, INDEX).error()
    assert "required = false below [environments.NAME.scan]" in error.remedy
    blocked = decide([scan("COMPLETE", CRITICAL)], REQUIRED, (), NOW, INDEX).error()
    assert "required = false" not in blocked.remedy


def test_a_word_that_nobody_knows_is_blocked() -> None:
    assert state_of(scan("SPOTLESS"), REQUIRED, NOW) == "blocked"


def test_no_scan_is_never_clean() -> None:
    absent = scan(NOT_AVAILABLE, reason="ScanNotFoundException")
    assert not decide([absent], REQUIRED, (), NOW, INDEX).allowed
    decision = decide([absent], Scanning(), (), NOW, INDEX)
    assert decision.allowed
    assert decision.text == "scan not available here"
    assert not decide([], REQUIRED, (), NOW, INDEX).allowed


def test_a_scan_grows_stale_and_a_continuous_one_does_not() -> None:
    old = NOW - timedelta(days=31)
    assert state_of(scan(completed=old), REQUIRED, NOW) == "stale"
    assert state_of(scan(completed=old + timedelta(days=1)), REQUIRED, NOW) == "done", "on the day"
    assert state_of(scan("ACTIVE", completed=old), REQUIRED, NOW) == "done"
    decision = decide([scan(completed=old)], REQUIRED, (), NOW, INDEX)
    assert "older than 30 days" in decision.reasons[0]
    assert state_of(scan(completed=old), replace(REQUIRED, max_age=60), NOW) == "done"


def test_one_platform_that_was_not_scanned_is_enough() -> None:
    scans = [scan(), scan("UNSUPPORTED_IMAGE", digest=TWO)]
    decision = decide(scans, REQUIRED, (), NOW, INDEX)
    assert not decision.allowed
    assert "no findings" not in decision.text


def test_a_finding_on_two_platforms_counts_once() -> None:
    scans = [scan("COMPLETE", CRITICAL), scan("COMPLETE", CRITICAL, digest=TWO)]
    decision = decide(scans, REQUIRED, (), NOW, INDEX)
    assert decision.counted == {"critical": 1}
    assert len(decision.rows) == 1


def test_thresholds_hold_where_no_scan_is_required() -> None:
    policy = Scanning(most={"low": 0})
    assert not decide([scan("ACTIVE", LOW)], policy, (), NOW, INDEX).allowed
    assert decide([scan("ACTIVE", LOW)], replace(policy, only_fixable=True), (), NOW, INDEX).allowed
    unknown = replace(LOW, fixable=None)
    policy = replace(policy, only_fixable=True)
    assert not decide([scan("COMPLETE", unknown)], policy, (), NOW, INDEX).allowed


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({}, True),
        ({"digest": ONE.value}, True),
        ({"digest": INDEX.value}, True),
        ({"digest": TWO.value}, False),
        ({"id": "CVE-9"}, False),
        ({"package": "zlib"}, False),
        ({"expires": NOW.date()}, True),
        ({"expires": NOW.date() - timedelta(days=1)}, False),
    ],
)
def test_a_waiver_is_about_one_finding_of_one_image_until_a_day(
    changes: dict[str, Any], *, allowed: bool
) -> None:
    decision = decide([scan("COMPLETE", CRITICAL)], REQUIRED, [waiver(**changes)], NOW, INDEX)
    assert decision.allowed is allowed
    assert bool(decision.waived) is allowed


def test_a_waiver_that_ran_out_names_its_owner_whatever_the_thresholds() -> None:
    old = waiver(expires=date(2026, 11, 1))
    decision = decide([scan("COMPLETE", CRITICAL)], Scanning(), [old], NOW, INDEX)
    assert decision.reasons == (
        "the waiver of CVE-1 in openssl ran out on 2026-11-01; its owner is mona",
    )
    renewed = [old, waiver()]
    assert decide([scan("COMPLETE", CRITICAL)], Scanning(), renewed, NOW, INDEX).allowed


def test_the_refusal_shows_the_table() -> None:
    error = decide([scan("COMPLETE", LOW, CRITICAL)], REQUIRED, (), NOW, INDEX).error()
    assert error.what == "1 critical where at most 0 may be"
    assert error.details == (
        "severity  id     package  version  mended in  counts",
        "critical  CVE-1  openssl  3                   yes",
        "low       CVE-2  zlib     1                   yes",
    )


def test_waiting_ends_with_the_scan() -> None:
    clock, lines = Clock(), list[str]()
    scanner = Scanner([scan("PENDING"), scan("IN_PROGRESS"), scan("COMPLETE", LOW)])
    (result,) = await_scans(scanner, [ONE], REQUIRED, clock, lines.append)
    assert result.status == "COMPLETE"
    assert lines == ["waiting for the scan, 60 s at most"]
    assert clock.slept == [1.0, 1.5]


def test_waiting_ends_with_the_patience() -> None:
    clock = Clock()
    (result,) = await_scans(Scanner([scan("PENDING")]), [ONE], REQUIRED, clock, lambda _text: None)
    assert result.status == "PENDING"
    assert clock.at - NOW == timedelta(seconds=60)


def test_a_scan_that_is_not_there_yet_is_given_a_moment() -> None:
    clock = Clock()
    absent = Scanner([scan(NOT_AVAILABLE)])
    await_scans(absent, [ONE], REQUIRED, clock, lambda _text: None)
    assert timedelta(seconds=15) <= clock.at - NOW < timedelta(seconds=26)
    begun = Scanner([scan(NOT_AVAILABLE), scan("COMPLETE")])
    (result,) = await_scans(begun, [ONE], REQUIRED, Clock(), lambda _text: None)
    assert result.status == "COMPLETE"


def test_nothing_is_waited_for_where_nothing_depends_on_it() -> None:
    clock = Clock()
    await_scans(Scanner([scan("PENDING")]), [ONE], Scanning(), clock, lambda _text: None)
    assert clock.slept == []


STATUSES = st.sampled_from([*BLOCKED, "COMPLETE", "ACTIVE", "PENDING", NOT_AVAILABLE, "NEW_WORD"])
FINDINGS = st.lists(
    st.builds(
        ScanFinding,
        id=st.sampled_from(["CVE-1", "CVE-2"]),
        severity=st.sampled_from(get_args(Severity)),
        package=st.sampled_from(["openssl", "zlib"]),
        fixable=st.sampled_from([True, False, None]),
    ),
    max_size=4,
)


@given(st.lists(st.tuples(STATUSES, FINDINGS), max_size=3))
def test_only_finished_scans_without_counted_critical_findings_pass(
    platforms: list[tuple[str, list[ScanFinding]]],
) -> None:
    scans = [
        scan(status, *listed, digest=Digest(f"sha256:{number:064x}"))
        for number, (status, listed) in enumerate(platforms)
    ]
    decision = decide(scans, REQUIRED, (), NOW, INDEX)
    finished = bool(scans) and all(
        platform_scan.status in {"COMPLETE", "ACTIVE"} for platform_scan in scans
    )
    clean = not any(finding.severity == "critical" for each in scans for finding in each.listed)
    assert decision.allowed is (finished and clean)
    if decision.text == "no findings":
        assert finished
        assert not any(platform_scan.listed for platform_scan in scans)


def test_pages_are_joined_and_both_kinds_are_read() -> None:
    pages: dict[str, dict[str, Any]] = {
        "": {
            "imageScanStatus": {"status": "ACTIVE", "description": "Continuous"},
            "imageScanFindings": {
                "findingSeverityCounts": {"HIGH": 2},
                "enhancedFindings": [
                    {
                        "severity": "HIGH",
                        "fixAvailable": "YES",
                        "exploitAvailable": "NO",
                        "packageVulnerabilityDetails": {
                            "vulnerabilityId": "CVE-1",
                            "sourceUrl": "https://example.org/1",
                            "vulnerablePackages": [
                                {"name": "a", "version": "1", "fixedInVersion": "2"},
                                {"name": "b", "version": "3"},
                            ],
                        },
                    }
                ],
            },
            "nextToken": "more",
        },
        "more": {
            "imageScanStatus": {"status": "ACTIVE"},
            "imageScanFindings": {
                "enhancedFindings": [
                    {"severity": "UNTRIAGED", "title": "CVE-3", "fixAvailable": "NO"}
                ]
            },
        },
    }
    scanned = adapter.read(ONE, lambda token: pages[token])
    assert scanned.status == "ACTIVE"
    assert scanned.kind == "enhanced"
    assert [
        (finding.id, finding.package, finding.severity, finding.fixable)
        for finding in scanned.listed
    ] == [
        ("CVE-1", "a", "high", True),
        ("CVE-1", "b", "high", True),
        ("CVE-3", "", "undefined", False),
    ]
    assert scanned.listed[0].fixed_in == "2"
    basic = adapter.read(
        TWO,
        lambda _token: {
            "imageScanStatus": {"status": "COMPLETE"},
            "imageScanFindings": {
                "imageScanCompletedAt": NOW,
                "findings": [
                    {
                        "name": "CVE-5",
                        "severity": "LOW",
                        "attributes": [
                            {"key": "package_name", "value": "zlib"},
                            {"key": "package_version", "value": "1.3"},
                        ],
                    }
                ],
            },
        },
    )
    assert basic.kind == "basic"
    assert basic.completed == NOW
    assert basic.listed == (ScanFinding(id="CVE-5", severity="low", package="zlib", version="1.3"),)
    assert scanning.describe([basic]) == "no findings"
