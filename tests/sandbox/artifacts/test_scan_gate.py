"""Eleven outcomes of a scan, each asked of the embedded ECR, each with the right decision."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.artifacts.conftest import STAGING, commit

from shipway.config.environment import Scanning
from shipway.errors import ScanError
from shipway.image.publish import PublishedImage
from shipway.values import Digest

if TYPE_CHECKING:
    from tests.sandbox.artifacts.conftest import Aws, Dock, Told

TODAY = datetime.now(UTC).date()
CRITICAL = {
    "id": "CVE-2026-0001",
    "severity": "CRITICAL",
    "package": "openssl",
    "version": "3.0.1",
    "fixed_in": "3.0.2",
}
LOW = {"id": "CVE-2026-0002", "severity": "LOW", "package": "zlib", "version": "1.3"}


@dataclass(frozen=True)
class Outcome:
    """What the scanner says, and what must come of it."""

    name: str
    scan: str
    findings: tuple[dict[str, Any], ...] = ()
    polls: int = 0
    waiver: int | None = None
    refused: str = ""
    text: str = ""
    remarks: tuple[str, ...] = field(default=())


OUTCOMES = (
    Outcome("clean", "CLEAN", text="no findings"),
    Outcome(
        "findings",
        "COMPLETE",
        (CRITICAL, LOW),
        refused="1 critical where at most 0 may be",
        remarks=("CVE-2026-0001", "openssl", "zlib"),
    ),
    Outcome("waived", "COMPLETE", (CRITICAL,), waiver=30, text="1 waived"),
    Outcome(
        "expired waiver",
        "COMPLETE",
        (CRITICAL,),
        waiver=-1,
        refused="2 objections",
        remarks=("its owner is mona@example.org", "1 critical where at most 0 may be"),
    ),
    Outcome("pending, then complete", "COMPLETE", (LOW,), polls=2, text="1 low"),
    Outcome("ACTIVE", "ACTIVE", (LOW,), text="1 low"),
    Outcome(
        "unsupported",
        "UNSUPPORTED_IMAGE",
        refused="cannot be judged: scan UNSUPPORTED_IMAGE",
    ),
    Outcome("failed", "FAILED", refused="cannot be judged: scan FAILED"),
    Outcome("limit exceeded", "LIMIT_EXCEEDED", refused="cannot be judged: scan LIMIT_EXCEEDED"),
    Outcome("still pending", "PENDING", refused="is still PENDING after 1 s"),
    Outcome("not found", "NOT_FOUND", refused="a scan is required, and"),
)


@pytest.fixture
def published(dock: Dock) -> tuple[Dock, str, PublishedImage]:
    """An image in a repository, not yet rolled out."""
    name = dock.aws.repository(STAGING)
    environment = dock.environment(STAGING, name, sbom="off")
    told = dock.deliver(environment, commit=commit(), tasks=("build", "publish"))
    assert told.image is not None
    return dock, name, told.image


def gate(dock: Dock, name: str, image: PublishedImage, policy: Scanning) -> Told:
    environment = dock.environment(STAGING, name, sbom="off", scan=policy)
    return dock.deliver(
        environment, commit=commit(), tasks=("deploy", "verify"), asked=image.reference
    )


def waive(root: Path, days: int) -> None:
    (root / "ci").mkdir()
    (root / "ci" / "waivers.toml").write_text(
        "schema = 1\n[[waiver]]\n"
        'id = "CVE-2026-0001"\npackage = "openssl"\ndigest = "all"\n'
        'owner = "mona@example.org"\nreason = "not reachable from outside"\n'
        f"expires = {TODAY + timedelta(days=days)}\n"
    )


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda one: one.name)
def test_an_outcome_and_its_decision(
    outcome: Outcome, published: tuple[Dock, str, PublishedImage], policy: Scanning
) -> None:
    dock, name, image = published
    (platform,) = image.platforms
    assert platform != image.reference.digest
    dock.aws.set_scan(
        platform.value, outcome.scan, findings=list(outcome.findings), polls=outcome.polls
    )
    if outcome.waiver is not None:
        waive(dock.root, outcome.waiver)
    wanted = replace(policy, wait=6 if outcome.polls else 1)
    if outcome.refused:
        with pytest.raises(ScanError) as caught:
            gate(dock, name, image, wanted)
        error = caught.value
        assert outcome.refused in error.what
        assert error.exit_code == 25
        shown = "\n".join(error.details)
        for remark in outcome.remarks:
            assert remark in shown
    else:
        told = gate(dock, name, image, wanted)
        assert outcome.text in told.lines
    fact = dock.facts["scan"]
    assert fact["gate"]
    assert fact["allowed"] is not bool(outcome.refused)
    assert [one["digest"] for one in fact["platforms"]] == [platform.value]
    if not outcome.scan.startswith(("CLEAN", "COMPLETE")):
        assert "no findings" not in fact["summary"]
    waivers = dock.facts.get("waivers", [])
    assert [one["used"] for one in waivers] == (
        [] if outcome.waiver is None else [outcome.waiver > 0]
    )


def test_the_index_and_the_attestation_are_never_asked_about(
    published: tuple[Dock, str, PublishedImage], policy: Scanning, aws: Aws
) -> None:
    dock, name, image = published
    known = {Digest(one["imageDigest"]) for one in aws.images(name, STAGING)}
    (platform,) = image.platforms
    for other in known - {platform}:
        aws.set_scan(other.value, "COMPLETE", findings=[CRITICAL])
    aws.set_scan(platform.value, "CLEAN")
    assert len(known) >= 3
    told = gate(dock, name, image, policy)
    assert told.facts["scan"]["allowed"]
    assert told.facts["scan"]["summary"] == "no findings"


def test_every_page_of_an_enhanced_scan_is_read(
    published: tuple[Dock, str, PublishedImage], policy: Scanning
) -> None:
    dock, name, image = published
    (platform,) = image.platforms
    many = [{**LOW, "id": f"CVE-2026-{number:04}"} for number in range(250)]
    dock.aws.set_scan(platform.value, "ACTIVE", findings=[*many, CRITICAL])
    with pytest.raises(ScanError) as caught:
        gate(dock, name, image, policy)
    assert caught.value.what == "1 critical where at most 0 may be"
    fact = dock.facts["scan"]
    assert len(fact["findings"]) == 251
    assert fact["findings"][0]["id"] == "CVE-2026-0001"
    assert fact["findings"][0]["fixedIn"] == "3.0.2"
    assert fact["findings"][0]["fixAvailable"] is True
    assert fact["platforms"][0]["type"] == "enhanced"


def test_what_nothing_mends_may_be_left_out(
    published: tuple[Dock, str, PublishedImage], policy: Scanning
) -> None:
    dock, name, image = published
    (platform,) = image.platforms
    unmended = {**CRITICAL, "fixed_in": ""}
    dock.aws.set_scan(platform.value, "ACTIVE", findings=[unmended])
    told = gate(dock, name, image, replace(policy, only_fixable=True))
    assert told.facts["scan"]["rows"][0][-1] == "no: nothing mends it yet"


def test_a_scan_that_never_ends_ends_the_waiting(
    published: tuple[Dock, str, PublishedImage], policy: Scanning
) -> None:
    dock, name, image = published
    (platform,) = image.platforms
    dock.aws.set_scan(platform.value, "IN_PROGRESS")
    with pytest.raises(ScanError) as caught:
        gate(dock, name, image, policy)
    assert "is still IN_PROGRESS after 2 s" in caught.value.what
    assert "nothing was rolled out" in caught.value.remedy


def test_nothing_is_required_and_nothing_is_called_clean(
    published: tuple[Dock, str, PublishedImage],
) -> None:
    dock, name, image = published
    (platform,) = image.platforms
    dock.aws.set_scan(platform.value, "NOT_FOUND")
    told = gate(dock, name, image, Scanning())
    assert told.facts["scan"]["allowed"]
    assert told.lines[0] == "scan not available here"
