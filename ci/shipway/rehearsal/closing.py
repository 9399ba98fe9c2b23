"""The end of a rehearsal: the chain checked, the matrix judged from records alone, both written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from shipway.errors import EvidenceError
from shipway.evidence import archive as archives
from shipway.evidence import report as reports
from shipway.evidence.archive import Archive
from shipway.evidence.verify import Checked, check
from shipway.policy.contract import Contract
from shipway.rehearsal import criteria, deliveries
from shipway.rehearsal.criteria import Row, ScenarioResult, matrix
from shipway.rehearsal.deliveries import Source
from shipway.rehearsal.report import ReportedScenario, rehearsal
from shipway.rehearsal.results import walked

SCHEMA: Final = "https://shipway.dev/matrix/v2"


Of = Literal["rehearsal", "deliveries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What lies in a folder, and what it proves.

    Attributes:
        archive: What lies there.
        checked: What a check of the chain found.
        walks: A rehearsal's walks, or the deliveries that were judged, by name.
        rows: The matrix.
        of: Whether a rehearsal was judged or deliveries as they are.
    """

    archive: Archive
    checked: Checked
    walks: Mapping[str, ScenarioResult]
    rows: tuple[Row, ...]
    of: Of = "rehearsal"

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


def judge_deliveries(sources: Sequence[Source], contract: Contract) -> Judged:
    """Judge deliveries as they are: those of a folder, and those of chains in S3.

    Args:
        sources: The folder first; then the chains.
        contract: What is allowed, whose entries the criteria are about.
    """
    here, *others = sources
    results = deliveries.results(contract, sources)
    hashes = {
        f"{source.above}{path}": sha256
        for source in others
        for path, sha256 in source.archive.hashes.items()
    }
    findings = (finding for source in sources for finding in source.checked.findings)
    return Judged(
        archive=replace(here.archive, hashes={**here.archive.hashes, **hashes}),
        checked=replace(here.checked, findings=tuple(findings)),
        walks=results,
        rows=criteria.delivered(deliveries.planned(contract), results),
        of="deliveries",
    )


def close(root: Path, judged: Judged, *, seconds: float) -> Path:
    """Write ``matrix.json``, ``matrix.md`` and the report; gives the report's path.

    The matrix lies there alone: a second one elsewhere would grow stale.

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
        write_matrix(judged, root)
    except OSError as error:
        raise EvidenceError(
            f"the rehearsal's report cannot be written: {error.strerror or error}",
            where=str(error.filename or root),
            remedy="see that the disk is not full; the records are whole",
        ) from error
    return report


def write_matrix(judged: Judged, root: Path) -> None:
    """The matrix for machines and for people, beside the records that it was judged from.

    Raises:
        OSError: It cannot be written.
    """
    verdict = json.dumps(machine(root.resolve().name, judged), indent=1) + "\n"
    page = "\n".join(markdown(judged)) + "\n"
    for name, text in (("matrix.json", verdict), ("matrix.md", page)):
        scratch = root / f".{name}.writing"
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(root / name)


def machine(name: str, judged: Judged) -> dict[str, Any]:
    """The verdict for the readiness gate: each row with the file, the place in it, its SHA-256."""
    hashes = judged.archive.hashes
    return {
        "schema": SCHEMA,
        "judged": judged.of,
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
                "type": row.type,
                "state": row.state,
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
    yield from ("| Criterion | Type | State | Proof | Why |", "| --- | --- | --- | --- | --- |")
    for row in judged.rows:
        proof = f"`{row.file}#{row.pointer}`" if row.file else ""
        cells = (row.name, row.type, row.state, proof, row.why)
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
