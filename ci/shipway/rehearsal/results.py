"""The walks of a rehearsal, read back from its evidence folder: what the matrix judges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shipway.evidence.archive import Archive
from shipway.evidence.verify import Checked
from shipway.rehearsal import criteria, observation
from shipway.rehearsal.criteria import ScenarioResult


def walked(root: Path, archive: Archive, checked: Checked) -> Mapping[str, ScenarioResult]:
    """Every walk by its name; what is wrong with its evidence goes with it.

    Args:
        root: The evidence folder.
        archive: What lies in it.
        checked: What a check of its chain found.
    """
    found: dict[str, ScenarioResult] = {}
    for link in checked.links:
        try:
            walk = observation.read((root / link.folder / criteria.WALK).read_bytes())
        except OSError:
            walk = None
        if walk is None:
            continue  # its criteria say that there is no evidence of it
        wrong = checked.broken(link.record)
        found[walk.name] = ScenarioResult(
            folder=link.folder,
            record=archive.statements.get(link.record),
            walk=walk,
            broken="; ".join(f"{one.path} was {one.kind}: {one.why}" for one in wrong),
        )
    return dict(sorted(found.items()))
