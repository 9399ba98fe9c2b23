"""What a summary shows of a record: the event that says it is written. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from shipway.evidence.history import digest_of
from shipway.evidence.report.parts import get, rows_of
from shipway.evidence.report.scans import SEVERITIES
from shipway.evidence.report.scene import Scene, scene
from shipway.observer import Evidenced

Spans = tuple[tuple[str, str, float, float, str], ...]


def evidenced(record: Mapping[str, Any], *, path: str, sha256: str, report: str = "") -> Evidenced:
    """The event about a record.

    Args:
        record: The record.
        path: Where it lies, as people are to find it.
        sha256: Of its bytes.
        report: Where its report lies; empty where there is none.
    """
    predicate = record["predicate"]
    return Evidenced(
        record=path,
        sha256=sha256,
        report=report,
        facts=tuple(_facts(record)),
        scan=tuple(_scan(predicate)),
        spans=_spans(scene(predicate)),
    )


def _facts(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    predicate = record["predicate"]
    decision = predicate.get("decision")
    if isinstance(decision, Mapping):
        tasks = ", ".join(str(one) for one in decision.get("tasks") or ())
        allowed = f"allowed by {decision.get('entry')}: {tasks}"
        yield "decision", allowed if decision.get("allowed") else "refused"
    image = get(predicate, "image", "reference") or digest_of(record)
    if image:
        yield "image", str(image)
    for service in rows_of(predicate.get("services")):
        if service.get("previousImage"):
            yield f"was in {service.get('key')}", str(service["previousImage"])
    scan = predicate.get("scan")
    if isinstance(scan, Mapping) and scan.get("summary"):
        yield "scan", str(scan["summary"])


def _scan(predicate: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row for each platform, then one for each finding that is worth a look."""
    platforms = rows_of(get(predicate, "scan", "platforms"))
    known = [name for name in SEVERITIES if any(get(one, "findings", name) for one in platforms)]
    if not platforms:
        return
    yield ("Platform", "Scan", *(name.capitalize() for name in known))
    for one in platforms:
        name = str(one.get("platform") or one.get("digest") or "")
        counts = one.get("findings") or {}
        status = str(one.get("status") or "")
        yield (name, status, *(str(counts.get(each, 0)) for each in known))


def _spans(found: Scene) -> Spans:
    """The stages, and below each service what ECS called its rollout's stages."""
    stages = [("delivery", one.name, one.start, one.end, str(one.ended)) for one in found.spans]
    for subject, samples in found.rollouts.items():
        changes = [
            one
            for before, one in pairwise((None, *samples))
            if one is not None and (before is None or before.stage != one.stage)
        ]
        for one, after in zip(changes, (*changes[1:], None), strict=True):
            end = after.at if after is not None else max(samples[-1].at, one.at)
            ended = "bad" if one.back or "ROLLBACK" in one.stage else "good"
            stages.append((f"rollout of {subject}", one.stage, one.at, end, ended))
    return tuple(stages)
