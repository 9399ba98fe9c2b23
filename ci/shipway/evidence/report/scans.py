"""What the scan found, and what is in the image: the parts of a report that can be long."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shipway.evidence.report.html import Html, joined, tag
from shipway.evidence.report.parts import code, facts, get, link, mark, rows_of, table

SEVERITIES: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNTRIAGED", "UNDEFINED")
# Amazon ECR API Reference, ImageScanStatus: what was scanned, once or for good.
_DONE: Final = frozenset({"COMPLETE", "ACTIVE"})
_MOST: Final = 3000
"""Components that are shown; the file beside the report has them all."""


def scanned(predicate: Mapping[str, Any]) -> Iterator[Html | None]:
    """The gate's decision on the scan, each platform's counts, the findings and the waivers."""
    scan = predicate.get("scan")
    if not isinstance(scan, Mapping):
        return
    allowed = scan.get("allowed")
    done = [one for one in rows_of(scan.get("platforms")) if one.get("status") in _DONE]
    if allowed and not done:
        yield tag("p", "not scanned, and the gate does not ask for it here", class_="warn")
    elif allowed is not None:
        words = "passes the gate" if allowed else "stopped by the gate"
        yield tag("p", mark(good=bool(allowed), text=words))
    yield tag("p", str(scan.get("summary") or ""))
    yield _list(scan.get("reasons"))
    rows = []
    known = [
        name
        for name in SEVERITIES
        if any(get(one, "findings", name) for one in rows_of(scan.get("platforms")))
    ]
    for one in rows_of(scan.get("platforms")):
        counts = one.get("findings") or {}
        kind = " ".join(str(one.get(key) or "") for key in ("type", "status")).strip()
        place = joined((str(one.get("platform") or ""), tag("br"), code(one.get("digest"))))
        rows.append(
            (place, kind, *(counts.get(name, 0) for name in known), str(one.get("reason") or ""))
        )
    yield table(("!platform", "status", *(f"#{name.lower()}" for name in known), "!note"), rows)
    limits = scan.get("thresholds") or {}
    if any(value is not None for value in limits.values()):
        said = ", ".join(
            f"{name.lower()} {limits[name]}" for name in SEVERITIES if limits.get(name) is not None
        )
        fix = ", only where a fix is available" if scan.get("fixAvailableOnly") else ""
        yield facts((("at most", f"{said}{fix}"),))
    yield _findings(scan)
    yield _waivers(predicate)


def _findings(scan: Mapping[str, Any]) -> Html | None:
    found = rows_of(scan.get("findings"))
    rows = (
        (
            str(one.get("severity") or ""),
            link(str(one["url"]), str(one.get("id"))) if one.get("url") else str(one.get("id")),
            f"{one.get('package') or ''} {one.get('version') or ''}",
            str(one.get("fixedIn") or ("yes" if one.get("fixAvailable") else "none yet")),
            f"waived: {one['waiver']}" if one.get("waiver") else "",
        )
        for one in found
    )
    return _searchable(
        "findings", f"{len(found)} findings", ("severity", "id", "package", "fix", "!note"), rows
    )


def _waivers(predicate: Mapping[str, Any]) -> Html | None:
    return table(
        ("waiver", "package", "owner", "expires", "used", "!reason"),
        (
            (
                *(str(one.get(key) or "") for key in ("id", "package", "owner", "expires")),
                "yes" if one.get("used") else "no",
                str(one.get("reason") or ""),
            )
            for one in rows_of(predicate.get("waivers"))
        ),
    )


def inventory(files: Mapping[str, bytes]) -> Iterator[Html | None]:
    """Components of every CycloneDX document beside the record, to be searched."""
    number = 0
    for name, content in sorted(files.items()):
        if not name.startswith("sbom"):
            continue
        number += 1
        found = rows_of(get(_json(content), "components"))
        rows = (
            (
                str(one.get("name") or ""),
                str(one.get("version") or ""),
                str(one.get("type") or ""),
                ", ".join(_licenses(one)),
                code(str(one.get("purl") or "").partition("?")[0]),
            )
            for one in found[:_MOST]
        )
        shown = f"{name}: {len(found)} components"
        if len(found) > _MOST:
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


def _licenses(component: Mapping[str, Any]) -> list[str]:
    return [
        str(one.get("expression") or get(one, "license", "id") or get(one, "license", "name") or "")
        for one in rows_of(component.get("licenses"))
    ]


def _list(lines: Any) -> Html | None:
    if not isinstance(lines, list) or not lines:
        return None
    return tag("ul", [tag("li", str(line)) for line in lines])


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
