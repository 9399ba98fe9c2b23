"""What the scan found, and what is in the image: the parts of a report that can be long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from shipway.evidence.facts.image import PlatformScanFact, ScanFact, ScanFindingFact, WaiverFact
from shipway.evidence.predicate import Delivery
from shipway.evidence.report.cyclonedx import components as components_of
from shipway.evidence.report.html import Child, Html, joined, tag
from shipway.evidence.report.parts import code, facts, link, mark, table

SEVERITIES: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNTRIAGED", "UNDEFINED")
# Amazon ECR API Reference, ImageScanStatus: what was scanned, once or for good.
_DONE: Final = frozenset({"COMPLETE", "ACTIVE"})
_MOST: Final = 3000
"""Components that are shown; the file beside the report has them all."""


def severities(platforms: Sequence[PlatformScanFact]) -> tuple[str, ...]:
    """Severities of which something was found, the worst first."""
    names = {name for platform in platforms for name, count in platform.findings.items() if count}
    return tuple(name for name in SEVERITIES if name in names)


def scanned(delivery: Delivery) -> Iterator[Html | None]:
    """The gate's decision on the scan, each platform's counts, the findings and the waivers."""
    for released in delivery.released:
        if released.scan is not None:
            yield tag("p", code(released.name)) if released.name else None
            yield from _scan(released.scan)
    if any(released.scan is not None for released in delivery.released):
        yield _waivers(delivery.waivers)


def _scan(scan: ScanFact) -> Iterator[Html | None]:
    finished = [platform for platform in scan.platforms if platform.status in _DONE]
    if scan.allowed and not finished:
        yield tag("p", "not scanned, and the gate does not ask for it here", class_="warn")
    elif scan.allowed is not None:
        words = "passes the gate" if scan.allowed else "stopped by the gate"
        yield tag("p", mark(good=scan.allowed, text=words))
    yield tag("p", scan.summary)
    yield tag("ul", [tag("li", reason) for reason in scan.reasons]) if scan.reasons else None
    yield _platforms(scan.platforms)
    limits = {name: most for name in SEVERITIES if (most := scan.thresholds.get(name)) is not None}
    if limits:
        text = ", ".join(f"{name.lower()} {most}" for name, most in limits.items())
        fix = ", only where a fix is available" if scan.fix_available_only else ""
        yield facts((("at most", f"{text}{fix}"),))
    yield _findings(scan.findings)


def _platforms(platforms: Sequence[PlatformScanFact]) -> Html | None:
    known = severities(platforms)
    rows: list[tuple[Child, ...]] = [
        (
            joined((platform.platform, tag("br"), code(platform.digest))),
            f"{platform.type} {platform.status}".strip(),
            *(platform.findings.get(name, 0) for name in known),
            platform.reason,
        )
        for platform in platforms
    ]
    return table(("!platform", "status", *(f"#{name.lower()}" for name in known), "!note"), rows)


def _findings(findings: Sequence[ScanFindingFact]) -> Html | None:
    rows = (
        (
            finding.severity,
            link(finding.url, finding.id) if finding.url else finding.id,
            f"{finding.package} {finding.version}",
            finding.fixed_in or ("yes" if finding.fix_available else "none yet"),
            f"waived: {finding.waiver}" if finding.waiver else "",
        )
        for finding in findings
    )
    return _searchable(
        "findings",
        f"{len(findings)} findings",
        ("severity", "id", "package", "fix", "!note"),
        rows,
    )


def _waivers(waivers: Sequence[WaiverFact]) -> Html | None:
    return table(
        ("waiver", "package", "owner", "expires", "used", "!reason"),
        (
            (
                waiver.id,
                waiver.package,
                waiver.owner,
                waiver.expires,
                "yes" if waiver.used else "no",
                waiver.reason,
            )
            for waiver in waivers
        ),
    )


def inventory(files: Mapping[str, bytes]) -> Iterator[Html | None]:
    """Components of every CycloneDX document beside the record, to be searched."""
    number = 0
    for name, content in sorted(files.items()):
        if not name.endswith(".cdx.json"):
            continue
        number += 1
        components = components_of(content)
        rows = (
            (
                component.name,
                component.version,
                component.type,
                ", ".join(each.name for each in component.licenses),
                code(component.purl.partition("?")[0]),
            )
            for component in components[:_MOST]
        )
        shown = f"{name}: {len(components)} components"
        if len(components) > _MOST:
            shown += f", the first {_MOST} here"
        yield _searchable(
            f"sbom{number}", shown, ("name", "version", "type", "license", "!package"), rows
        )


def _searchable(id_: str, title: str, columns: tuple[str, ...], rows: Any) -> Html | None:
    listed = table(columns, rows, id_=id_)
    if listed is None:
        return None
    # The box shows itself: without the script there is nothing that would search.
    box = tag(
        "p",
        tag(
            "input",
            type="search",
            placeholder="Search",
            aria_label=f"Search {title}",
            data_rows=id_,
        ),
        tag("span", id=f"{id_}-count", class_="dim"),
        hidden=True,
    )
    return tag("details", tag("summary", title), box, listed)
