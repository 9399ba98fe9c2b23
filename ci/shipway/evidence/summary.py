"""What a summary shows of a record: the event that says it is written. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from shipway.evidence.history import digest_of
from shipway.evidence.predicate import Delivery, Statement
from shipway.evidence.report.scans import severities
from shipway.evidence.report.scene import Scene, scene
from shipway.observer import Evidenced

Spans = tuple[tuple[str, str, float, float, str], ...]


def evidenced(record: Statement, *, path: str, sha256: str, report: str = "") -> Evidenced:
    """The event about a record.

    Args:
        record: The record.
        path: Where it lies, as people are to find it.
        sha256: Of its bytes.
        report: Where its report lies; empty where there is none.
    """
    return Evidenced(
        record=path,
        sha256=sha256,
        report=report,
        facts=tuple(_facts(record)),
        scan=tuple(_scan(record.predicate)),
        spans=_spans(scene(record.predicate)),
    )


def _facts(record: Statement) -> Iterator[tuple[str, str]]:
    delivery = record.predicate
    decision = delivery.decision
    if decision is not None:
        allowed = f"allowed by {decision.entry}: {', '.join(decision.tasks)}"
        yield "decision", allowed if decision.allowed else "refused"
    for released in delivery.released:
        image = released.image.reference if released.image else ""
        if image := image or ("" if released.name else digest_of(record)):
            yield _named("image", released.name), image
    for service in delivery.services:
        if service.previous_image:
            yield f"was in {service.key}", service.previous_image
    for released in delivery.released:
        if released.scan is not None and released.scan.summary:
            yield _named("scan", released.name), released.scan.summary


def _named(what: str, image: str) -> str:
    """``image api`` where there are several images."""
    return f"{what} {image}" if image else what


def _scan(delivery: Delivery) -> Iterator[tuple[str, ...]]:
    """A row for each platform, then one for each finding that is worth a look."""
    scans = (image.scan for image in delivery.released)
    platforms = [platform for scan in scans if scan is not None for platform in scan.platforms]
    if not platforms:
        return
    known = severities(platforms)
    yield ("Platform", "Scan", *(name.capitalize() for name in known))
    for platform in platforms:
        counts = (str(platform.findings.get(name, 0)) for name in known)
        yield (platform.platform or platform.digest, platform.status, *counts)


def _spans(scene: Scene) -> Spans:
    """The stages, and below each service what ECS called its rollout's stages."""
    stages = [
        ("delivery", span.name, span.start, span.end, str(span.ended)) for span in scene.spans
    ]
    for subject, samples in scene.rollouts.items():
        changes = [
            sample
            for before, sample in pairwise((None, *samples))
            if sample is not None and (before is None or before.stage != sample.stage)
        ]
        for sample, after in zip(changes, (*changes[1:], None), strict=True):
            end = after.at if after is not None else max(samples[-1].at, sample.at)
            ended = "bad" if sample.back or "ROLLBACK" in sample.stage else "good"
            stages.append((f"rollout of {subject}", sample.stage, sample.at, end, ended))
    return tuple(stages)
