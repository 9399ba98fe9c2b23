"""ECR's answers about a scan, basic and enhanced, as the scan gate knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from shipway.config.environment import Severity
from shipway.image.scan import NOT_AVAILABLE, Scan, ScanFinding
from shipway.values import Digest

Page = Mapping[str, Any]
_SEVERITIES: Final = frozenset(get_args(Severity))
# Inspector calls a finding without a rating UNTRIAGED, ECR's basic scanning UNDEFINED.
_MOST_PAGES: Final = 100


def read(digest: Digest, ask: Callable[[str], Page]) -> Scan:
    """One platform's scan from every page of DescribeImageScanFindings.

    Args:
        digest: The platform manifest.
        ask: Gives the page after a token; an empty token asks for the first.
    """
    first = ask("")
    findings = list(_findings(first))
    page, pages = first, 1
    while (token := str(page.get("nextToken") or "")) and pages < _MOST_PAGES:
        page, pages = ask(token), pages + 1
        findings += _findings(page)
    status = dict(first.get("imageScanStatus") or {})
    if token:  # what was not read may be the worst of it
        more = f"more than {_MOST_PAGES} pages of findings, and not all were read"
        status = {"status": "FINDINGS_UNAVAILABLE", "description": more}
    summary = first.get("imageScanFindings") or {}
    completed = summary.get("imageScanCompletedAt")
    return Scan(
        digest=digest,
        status=status.get("status", NOT_AVAILABLE),
        findings=dict(summary.get("findingSeverityCounts") or {}),
        reason=status.get("description", ""),
        listed=tuple(findings),
        completed=completed.astimezone(UTC) if isinstance(completed, datetime) else None,
        kind=_kind(summary, status.get("status", "")),
    )


def _findings(page: Page) -> Iterator[ScanFinding]:
    scanned = page.get("imageScanFindings") or {}
    for finding in scanned.get("findings") or ():
        attributes = {
            pair.get("key"): pair.get("value", "") for pair in finding.get("attributes") or ()
        }
        yield ScanFinding(
            id=finding.get("name", ""),
            severity=_severity(finding),
            package=attributes.get("package_name", ""),
            version=attributes.get("package_version", ""),
            url=finding.get("uri", ""),
        )
    for finding in scanned.get("enhancedFindings") or ():
        yield from _enhanced(finding)


def _enhanced(finding: Mapping[str, Any]) -> Iterator[ScanFinding]:
    """One entry for each package that has it (ECR API Reference, EnhancedImageScanFinding)."""
    details = finding.get("packageVulnerabilityDetails") or {}
    answers = {"YES": True, "PARTIAL": True, "NO": False}
    name = details.get("vulnerabilityId") or finding.get("title") or finding.get("findingArn", "")
    packages: Sequence[Mapping[str, Any]] = details.get("vulnerablePackages") or [{}]
    for package in packages:
        yield ScanFinding(
            id=name,
            severity=_severity(finding),
            package=package.get("name", ""),
            version=package.get("version", ""),
            fixed_in=package.get("fixedInVersion", ""),
            fixable=answers.get(finding.get("fixAvailable", "")),
            exploitable=answers.get(finding.get("exploitAvailable", "")),
            url=details.get("sourceUrl", ""),
        )


def _kind(scanned: Mapping[str, Any], status: str) -> Literal["basic", "enhanced", ""]:
    if "enhancedFindings" in scanned or status == "ACTIVE":
        return "enhanced"
    return "basic" if scanned else ""


def _severity(finding: Mapping[str, Any]) -> Severity:
    word = str(finding.get("severity", "")).lower()
    return word if word in _SEVERITIES else "undefined"  # type: ignore[return-value]
