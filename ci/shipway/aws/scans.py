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
    listed = list(_findings(first))
    page, pages = first, 1
    while (token := str(page.get("nextToken") or "")) and pages < _MOST_PAGES:
        page, pages = ask(token), pages + 1
        listed += _findings(page)
    status = first.get("imageScanStatus") or {}
    found = first.get("imageScanFindings") or {}
    completed = found.get("imageScanCompletedAt")
    return Scan(
        digest=digest,
        status=status.get("status", NOT_AVAILABLE),
        findings=dict(found.get("findingSeverityCounts") or {}),
        reason=status.get("description", ""),
        listed=tuple(listed),
        completed=completed.astimezone(UTC) if isinstance(completed, datetime) else None,
        kind=_kind(found, status.get("status", "")),
    )


def _findings(page: Page) -> Iterator[ScanFinding]:
    found = page.get("imageScanFindings") or {}
    for one in found.get("findings") or ():
        known = {pair.get("key"): pair.get("value", "") for pair in one.get("attributes") or ()}
        yield ScanFinding(
            id=one.get("name", ""),
            severity=_severity(one),
            package=known.get("package_name", ""),
            version=known.get("package_version", ""),
            url=one.get("uri", ""),
        )
    for one in found.get("enhancedFindings") or ():
        yield from _enhanced(one)


def _enhanced(one: Mapping[str, Any]) -> Iterator[ScanFinding]:
    """One entry for each package that has it (ECR API Reference, EnhancedImageScanFinding)."""
    details = one.get("packageVulnerabilityDetails") or {}
    known = {"YES": True, "PARTIAL": True, "NO": False}
    name = details.get("vulnerabilityId") or one.get("title") or one.get("findingArn", "")
    packages: Sequence[Mapping[str, Any]] = details.get("vulnerablePackages") or [{}]
    for package in packages:
        yield ScanFinding(
            id=name,
            severity=_severity(one),
            package=package.get("name", ""),
            version=package.get("version", ""),
            mended_in=package.get("fixedInVersion", ""),
            fixable=known.get(one.get("fixAvailable", "")),
            exploitable=known.get(one.get("exploitAvailable", "")),
            url=details.get("sourceUrl", ""),
        )


def _kind(found: Mapping[str, Any], status: str) -> Literal["basic", "enhanced", ""]:
    if "enhancedFindings" in found or status == "ACTIVE":
        return "enhanced"
    return "basic" if found else ""


def _severity(one: Mapping[str, Any]) -> Severity:
    word = str(one.get("severity", "")).lower()
    return word if word in _SEVERITIES else "undefined"  # type: ignore[return-value]
