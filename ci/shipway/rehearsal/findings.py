"""A vulnerability that became known after a release: what the scan of its image finds by then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from shipway.errors import SandboxError
from shipway.evidence.archive import parsed
from shipway.evidence.history import digest_of
from shipway.rehearsal.scenarios import Scenario
from shipway_sandbox import compute


def known_by_then(scenario: Scenario, record: Path, state: Mapping[str, Any]) -> Scenario:
    """The scenario with the image of an earlier walk, whose scan has found something since.

    Args:
        scenario: What delivers an image once more.
        record: The record of the walk that brought it.
        state: The sandbox's state.

    Raises:
        SandboxError: That walk left no image, or the sandbox does not answer.
    """
    statement = parsed(record.read_bytes())
    digest = digest_of(statement) if statement else ""
    image = statement.predicate.image if statement else None
    if not digest or image is None:
        raise SandboxError(
            f"{scenario.again} left no image that {scenario.name} could deliver once more",
            where=str(record),
            remedy="see that record: why did it not deliver?",
        )
    body = {"outcome": "COMPLETE", "findings": _findings(scenario.findings)}
    for platform in image.platforms:
        compute.call(state, "/_shipway/scans", {"digest": platform, **body})
    return replace(scenario, image=digest)


def _findings(counts: Mapping[str, int]) -> list[Mapping[str, str]]:
    return [
        {
            "id": f"REHEARSAL-{severity.upper()}-{number}",
            "severity": severity.upper(),
            "package": "rehearsal",
            "version": "1.0",
            "fixed_in": "1.1",
        }
        for severity, count in counts.items()
        for number in range(1, count + 1)
    ]
