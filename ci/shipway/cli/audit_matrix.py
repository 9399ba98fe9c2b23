"""``audit --matrix``: the acceptance matrix of a rehearsal, or of deliveries as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from shipway.console import Console
from shipway.errors import EvidenceError, UnmetError, UsageError
from shipway.evidence import remote
from shipway.evidence.remote import RemoteChain
from shipway.policy import load as release_file
from shipway.rehearsal import closing
from shipway.rehearsal.deliveries import Source

_S3: Final = "s3://"


def answer(
    root: Path,
    top: Callable[[], Path],
    remotes: Callable[[], Sequence[RemoteChain]],
    *,
    named: str,
    console: Console,
) -> int:
    """Judge a rehearsal anew, or deliveries as they are: what no record proves is not met.

    Args:
        root: The folder that is read, and that the matrix is written in.
        top: The repository's root.
        remotes: Reads the chains in S3.
        named: What ``--evidence`` says.
        console: Shows the rows.

    Raises:
        UsageError: There is nothing to judge.
        EvidenceError: The matrix cannot be written.
    """
    if named.startswith(_S3):
        raise UsageError(
            "a matrix is written beside records, in a folder",
            where=f"--evidence {named}",
            remedy="leave --evidence out: the chains of ci/delivery.toml are judged too",
        )
    if not named:
        root.mkdir(parents=True, exist_ok=True)  # a fresh clone may judge what lies in S3
    judged = closing.judge(root)
    if not judged.walks:
        judged = _judge_deliveries(judged, top(), remotes())
    try:
        closing.write_matrix(judged, root)
    except OSError as error:
        raise EvidenceError(
            f"the matrix cannot be written: {error.strerror or error}", where=str(root)
        ) from error
    for line in closing.words(judged):
        console.say(line)
    rows = [
        (
            row.state,
            row.type,
            row.name,
            f"{row.file}#{row.pointer}" if row.file else "",
            row.why,
        )
        for row in judged.rows
    ]
    what = "rehearsal" if judged.of == "rehearsal" else "deliveries"
    console.table(f"{what} in {root}", ("", "type", "criterion", "proof", "why"), rows)
    if judged.checked.findings:
        return EvidenceError.exit_code
    return 0 if judged.ready else UnmetError.exit_code


def _judge_deliveries(
    here: closing.Judged, top: Path, remotes: Sequence[RemoteChain]
) -> closing.Judged:
    sources = [
        Source(above="", archive=here.archive, checked=here.checked),
        *(
            Source(above=f"{chain.place.s3}/", archive=chain.archive, checked=remote.verify(chain))
            for chain in remotes
        ),
    ]
    if not any(source.archive.statements for source in sources):
        raise UsageError(
            "nothing was delivered here",
            where=here.archive.root,
            remedy=_rehearsed(Path(here.archive.root)),
        )
    contract = release_file.load(top / "ci" / "release.toml")
    return closing.judge_deliveries(sources, contract)


def _rehearsed(root: Path) -> str:
    """What to do where nothing was delivered: the newest rehearsal can be judged."""
    newest = max((path.name for path in root.glob("rehearsal-*") if path.is_dir()), default="")
    if newest:
        return f"judge the newest rehearsal: --matrix --evidence {root / newest}"
    return "deliver or rehearse first: nox -s rehearse"
