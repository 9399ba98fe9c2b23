"""The end of a rehearsal: the chain checked, the matrix judged from records alone, both written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shipway.errors import EvidenceError
from shipway.evidence import archive as archives
from shipway.evidence import report as reports
from shipway.evidence.archive import Archive
from shipway.evidence.verify import Checked, check
from shipway.rehearsal.criteria import Row, ScenarioResult, matrix
from shipway.rehearsal.report import ReportedScenario, rehearsal
from shipway.rehearsal.results import walked

SCHEMA: Final = "https://shipway.dev/matrix/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What lies in a rehearsal's folder, and what it proves.

    Attributes:
        archive: What lies there.
        checked: What a check of the chain found.
        walks: The walks, by name.
        rows: The matrix.
    """

    archive: Archive
    checked: Checked
    walks: Mapping[str, ScenarioResult]
    rows: tuple[Row, ...]

    @property
    def ready(self) -> bool:
        """Whether every criterion is met and the chain holds."""
        return all(row.met for row in self.rows) and not self.checked.findings


def judge(root: Path) -> Judged:
    """Read a rehearsal's folder, check its chain and judge the matrix.

    Raises:
        EvidenceError: There is nothing to be read.
    """
    archive = archives.read(root)
    checked = check(archive)
    walks = walked(root, archive, checked)
    return Judged(archive=archive, checked=checked, walks=walks, rows=matrix(walks))


def close(root: Path, judged: Judged, *, seconds: float) -> Path:
    """Write ``matrix.json``, ``matrix.md`` and the report; gives the report's path.

    The matrix is written a second time above the rehearsal's folder, where a production readiness
    gate finds the newest one.

    Raises:
        EvidenceError: They cannot be written.
    """
    page = rehearsal(
        judged.rows,
        [
            ReportedScenario(
                walk=one.walk, record=one.record, report=f"{one.folder}/{reports.NAME}"
            )
            for one in judged.walks.values()
            if one.record is not None
        ],
        name=root.name,
        seconds=seconds,
        head_sha256=judged.checked.head,
    )
    report = root / reports.NAME
    try:
        report.write_bytes(page)
        write_matrix(judged, root, root.parent)
    except OSError as error:
        raise EvidenceError(
            f"the rehearsal's report cannot be written: {error.strerror or error}",
            where=str(error.filename or root),
            remedy="see that the disk is not full; the records are whole",
        ) from error
    return report


def write_matrix(judged: Judged, root: Path, *others: Path) -> None:
    """The matrix for machines and for people, in the rehearsal's folder and others.

    Raises:
        OSError: It cannot be written.
    """
    verdict = json.dumps(machine(root.name, judged), indent=1) + "\n"
    page = "\n".join(markdown(judged)) + "\n"
    for folder in (root, *others):
        (folder / "matrix.json").write_text(verdict, encoding="utf-8")
        (folder / "matrix.md").write_text(page, encoding="utf-8")


def machine(name: str, judged: Judged) -> dict[str, Any]:
    """The verdict for the readiness gate: each row with the file, the place in it, its SHA-256."""
    hashes = judged.archive.hashes
    return {
        "schema": SCHEMA,
        "ready": judged.ready,
        "met": sum(row.met for row in judged.rows),
        "of": len(judged.rows),
        "evidence": name,
        "chain": {
            "holds": not judged.checked.findings,
            "records": len(judged.checked.links),
            "head": judged.checked.head,
            "findings": [
                {"kind": one.kind, "path": one.path, "why": one.why}
                for one in judged.checked.findings
            ],
        },
        "rows": [
            {
                "name": row.name,
                "met": row.met,
                "file": row.file,
                "pointer": row.pointer,
                "sha256": hashes.get(row.file, ""),
                "why": row.why,
            }
            for row in judged.rows
        ],
    }


def markdown(judged: Judged) -> Iterator[str]:
    """The matrix for people."""
    yield from ("| Criterion | | Proof |", "| --- | --- | --- |")
    for row in judged.rows:
        state = "Met" if row.met else f"Unmet: {row.why}"
        cells = (row.name, state, f"`{row.file}#{row.pointer}`" if row.file else "")
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""
    yield f"{words(judged)[0]} Last record: `sha256:{judged.checked.head}`."


def words(judged: Judged) -> tuple[str, ...]:
    """What the check found, for a person."""
    count = len(judged.checked.links)
    if not judged.checked.findings:
        return (f"Chain of {count} records verified.",)
    found = [f"  {one.path}: {one.kind}: {one.why}" for one in judged.checked.findings]
    return (f"The chain of {count} records does not hold:", *found)
