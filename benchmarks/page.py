"""How long the page of all deliveries takes, from records on a disk to a file.

    python benchmarks/page.py                     10,000 records
    python benchmarks/page.py --count 1000 --keep FOLDER

Records are drawn from a seed (``--seed``): some years of a service that goes to staging and to
production, with what goes wrong on the way. Printed: seconds to read them, to compute and write the
page, and its size. ``--keep`` leaves records and page where a browser can open them.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from shipway.cli.audit_page import files_beside
from shipway.evidence import archive, history
from shipway.evidence.canonical_json import canonical, moment
from shipway.evidence.outline import outlined
from shipway.evidence.report.overview import Place, overview

_BEGIN: Final = datetime(2025, 1, 6, 7, 0, tzinfo=UTC)
_PEOPLE: Final = ("mona", "octocat", "hubot", "lin", "ada", "grace")
_ENDS: Final = {
    "succeeded": 78,
    "rolled-back": 6,
    "did-not-hold": 2,
    "verification-failed": 1,
    "refused": 5,
    "build-failed": 3,
    "interrupted": 2,
    "already-running": 3,
}
_CODES: Final = {
    "succeeded": 0,
    "rolled-back": 31,
    "did-not-hold": 41,
    "verification-failed": 40,
    "refused": 20,
    "build-failed": 21,
    "interrupted": 130,
    "already-running": 0,
}
_TO_PRODUCTION: Final = 0.3
_BACK: Final = 0.03
"""How often an older commit is delivered again."""
_LOOKS: Final = 30
"""Entries of a rollout's time line: a record of a delivery has some 10 kB."""


_Commit = tuple[str, datetime]


@dataclass
class _Chance:
    """What a seed draws, and what ran last where."""

    random: random.Random
    runs: dict[str, str]

    def happens(self, share: float) -> bool:
        return self.random.random() < share

    def sha(self) -> str:
        return f"{self.random.getrandbits(160):040x}"

    def seconds(self, least: float, most: float) -> timedelta:
        return timedelta(milliseconds=round(self.random.uniform(least, most) * 1000))


def records(count: int, seed: int = 1) -> Iterator[tuple[str, dict[str, Any]]]:
    """So many records, each with its path below the evidence folder, oldest first."""
    drawn = random.Random(seed)  # noqa: S311 - a history, no secret
    chance = _Chance(drawn, dict.fromkeys(("staging", "production"), "0" * 64))
    at = _BEGIN
    commits: list[_Commit] = []
    for number in range(1, count + 1):
        at += chance.seconds(900, 7200)
        to_production = chance.happens(_TO_PRODUCTION) and bool(commits)
        if not to_production:
            commits.append((chance.sha(), at - chance.seconds(30, 1800)))
        commit = chance.random.choice(commits) if chance.happens(_BACK) else commits[-1]
        environment = "production" if to_production else "staging"
        (end,) = chance.random.choices(tuple(_ENDS), tuple(_ENDS.values()))
        yield _record(chance, number, environment, end=end, at=at, commit=commit)


def _record(
    chance: _Chance, number: int, environment: str, *, end: str, at: datetime, commit: _Commit
) -> tuple[str, dict[str, Any]]:
    sha, committed = commit
    finished = at + chance.seconds(40, 400)
    rolled = at + chance.seconds(10, 30)
    digest = hashlib.sha256(sha.encode()).hexdigest()
    actor = chance.random.choice(_PEOPLE)
    ref = "refs/heads/main" if environment == "staging" else f"refs/tags/v1.{number}-stable"
    before = chance.runs[environment]
    refused, early = end == "refused", end in {"refused", "build-failed"}
    kind = "succeeded" if end == "already-running" else end
    predicate: dict[str, Any] = {
        "schemaVersion": 2,
        "tool": {"name": "shipway", "version": "0.1.0"},
        "startedOn": moment(at),
        "finishedOn": moment(finished),
        "verdict": {"kind": kind, "exitCode": _CODES[end], "text": f"It {kind}."},
        "commit": {
            "sha": sha,
            "time": moment(committed),
            "clean": True,
            "subject": f"Change number {number} of the shop, and say what it is for",
            "repository": "https://github.com/example/shop.git",
        },
        "trigger": {
            "event": "push",
            "ref": ref,
            "sha": sha,
            "actor": actor,
            "url": f"https://github.com/example/shop/actions/runs/{9_000_000 + number}",
        },
        "decision": {
            "allowed": not refused,
            "environment": environment,
            "entry": environment,
            "tasks": [] if refused else ["build", "publish", "deploy", "verify"],
        },
        "timeline": [],
        "files": [],
        "chain": {"sequence": number, "previous": None},
    }
    if not early:
        predicate["environment"] = {
            "name": environment,
            "account": "111122223333",
            "region": "eu-west-1",
            "cluster": f"shop-{environment}",
            "services": {"web": "shop-web"},
        }
        predicate["image"] = {"reference": f"host/shop@sha256:{digest}", "platforms": []}
        predicate["services"] = [_service(end, before, number)]
        predicate["timeline"] = list(_time_line(rolled, finished))
        if end == "did-not-hold":
            back = {"key": "web", "service": "shop-web", "end": "put back", "text": "put back"}
            back["taskDefinition"] = f"shop:{number - 1}"
            predicate["putBack"] = [back]
    if kind == "succeeded":
        chance.runs[environment] = digest
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "host/shop", "digest": {"sha256": digest}}] if not early else [],
        "predicateType": "https://shipway.dev/delivery/v1",
        "predicate": predicate,
    }
    folder = f"{at:%Y-%m-%dT%H-%M-%SZ}-{sha[:7]}"
    return f"{'refused' if refused else environment}/{folder}/record.json", document


def _service(end: str, before: str, number: int) -> Mapping[str, Any]:
    verdict = {"did-not-hold": "succeeded", "verification-failed": "succeeded"}.get(end, end)
    return {
        "key": "web",
        "service": "shop-web",
        "taskDefinition": f"shop:{number}",
        "previousTaskDefinition": f"shop:{number - 1}",
        "previousImage": f"host/shop@sha256:{before}",
        "deploymentId": "" if end == "already-running" else f"ecs-svc/{number:019}",
        "verdict": None
        if end == "interrupted"
        else {"name": verdict, "exitCode": 0, "sentence": ""},
    }


def _time_line(rolled: datetime, finished: datetime) -> Iterator[Mapping[str, Any]]:
    yield {"at": moment(rolled), "event": "started", "stage": "deploy", "subject": "web"}
    step = (finished - rolled) / _LOOKS
    tasks = {"running": 1, "pending": 1, "failed": 0, "desired": 2}
    for look in range(_LOOKS):
        yield {
            "at": moment(rolled + look * step),
            "event": "rolling",
            "stage": "IN_PROGRESS",
            "subject": "web",
            "elapsed": look,
            "newTasks": tasks,
            "oldTasks": tasks,
            "rollingBack": False,
        }


def write(root: Path, count: int, seed: int = 1) -> int:
    """Write them below a folder, each with a report beside it; gives the bytes of all records."""
    total = 0
    for path, document in records(count, seed):
        file = root / path
        file.parent.mkdir(parents=True)
        total += file.write_bytes(canonical(document))
        (file.parent / "report.html").write_bytes(b"<!doctype html><title>report</title>")
    return total


def main(words: list[str]) -> int:
    """Measure, and print a line for a person."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args(words)
    kept = options.keep
    with nullcontext(str(kept)) if kept else tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "evidence"
        size = write(root, options.count, options.seed)
        began, worked = time.monotonic(), time.process_time()
        everything = archive.read(root, whole=False, parse=outlined)
        rows = history.deliveries(everything)
        read = time.monotonic()
        page = overview(
            rows,
            [Place(name=str(root), records=len(rows))],
            files=files_beside(rows, root, root.parent),
        )
        (root.parent / "deliveries.html").write_bytes(page)
        done, worked = time.monotonic(), time.process_time() - worked
    print(
        f"{len(rows):,} records of {size / 1e6:.0f} MB: read in {read - began:.1f} s, "
        f"computed and written in {done - read:.1f} s, {worked:.1f} s of a core in all; "
        f"page {len(page) / 1e6:.1f} MB"
    )
    return 0 if len(rows) == options.count else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
