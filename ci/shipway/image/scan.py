"""What ECR knows of an image's vulnerabilities, for the record.

Scanners report on the platform's manifest, never on the index that the tag names (FIELD-NOTES,
section 2). An image that was not scanned is not clean: it is not scanned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shipway.values import Digest

NOT_AVAILABLE = "not available here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One platform's scan.

    Attributes:
        digest: The platform manifest that was asked about.
        status: ECR's own word (``COMPLETE``, ``ACTIVE``, ``PENDING`` …), or ``not available here``.
        findings: Count of findings by severity; empty unless the scan is done.
        reason: ECR's own words where there is no scan.
    """

    digest: Digest
    status: str
    findings: Mapping[str, int]
    reason: str = ""


class Scans(Protocol):
    """Answers what is known of a manifest's scan."""

    def scan(self, digest: Digest) -> Scan:
        """DescribeImageScanFindings of one platform manifest; never raises for "no scan"."""
        ...


def scans(store: Scans, platforms: Sequence[Digest]) -> tuple[Scan, ...]:
    """What is known of each platform, in order."""
    return tuple(store.scan(digest) for digest in platforms)


def words(found: Sequence[Scan]) -> str:
    """One line for a person; it never says clean where nothing was scanned."""
    parts = []
    for one in found:
        counted = ", ".join(f"{count} {name.lower()}" for name, count in one.findings.items())
        done = one.status in {"COMPLETE", "ACTIVE"}
        parts.append(counted or ("no findings" if done else f"scan {one.status}"))
    return "; ".join(dict.fromkeys(parts)) or f"scan {NOT_AVAILABLE}"
