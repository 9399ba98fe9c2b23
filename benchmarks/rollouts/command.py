"""The command: a sandbox of its own, every trial, the tables, and the end of all it started."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.rollouts import table
from benchmarks.rollouts.ground import Grounds, admin
from benchmarks.rollouts.judges import BOUND, ROOT, Judge, install, judges
from benchmarks.rollouts.kinds import KINDS, SINGLE, Kind
from benchmarks.rollouts.trial import Court, Result
from benchmarks.rollouts.truth import INTERVAL, Observer

from shipway.embedded.entry import embedded
from shipway.errors import ShipwayError
from shipway.util.paths import cache_folder
from shipway_sandbox.engine import busybox

README = ROOT / "benchmarks" / "README.md"
_BEGIN, _END = "<!-- verdict: begin -->\n", "<!-- verdict: end -->\n"
_TIMEOUT = 90
"""What ecs-deploy gets as ``--timeout``, in seconds; its own default is 300."""


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/verdict.py",
        description="Judge the same rollouts by shipway, ecs-deploy, aws ecs wait and boto3.",
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often each rollout is judged")
    parser.add_argument("--at-once", type=int, default=4, help="rollouts under way at a time")
    names = [kind.name for kind in KINDS]
    parser.add_argument(
        "--kind", action="append", choices=names, help="only this kind; may be repeated"
    )
    parser.add_argument("--judge", action="append", help="only this judge; may be repeated")
    parser.add_argument("--logs", type=Path, help="folder where the sandbox's logs are to stay")
    parser.add_argument("--words", action="store_true", help="print what each judge said, too")
    parser.add_argument("--readme", action="store_true", help="put the tables into the README")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 0 where shipway kept what it promises, 1 where not, 2 where it could not run."""
    options = arguments(argv)
    try:
        return _run(options)
    except ShipwayError as error:
        _tell(f"the benchmark could not run: {error}")
        for line in (*error.details, error.remedy):
            _tell(f"  {line}")
        return 2


def _run(options: argparse.Namespace) -> int:
    began = time.monotonic()
    cache = cache_folder(os.environ)
    with tempfile.TemporaryDirectory(prefix="shipway-verdict-") as folder:
        tools, versions = install(Path(folder) / "tools")
        _tell(f"{versions}: installed")
        everyone = judges(tools, _TIMEOUT)
        chosen = tuple(one for one in everyone if one.name in (options.judge or (one.name,)))
        if not chosen:
            _tell(f"there is no such judge; there are {', '.join(one.name for one in everyone)}")
            return 2
        kinds = tuple(one for one in (*KINDS, *SINGLE) if one.name in (options.kind or (one.name,)))
        with (
            embedded(Path.cwd(), cache).owned(
                options.logs or Path(folder) / "world", _tell
            ) as made,
            _busy(Observer(admin(made, "ecs"))) as observer,
        ):
            grounds = Grounds(made, busybox.program(cache, _tell), observer)
            court = Court(made, grounds, observer, options.at_once)
            results = _trials(court, kinds, chosen, options.rounds)
            resolution = observer.resolution()
    found = table.judged(results)
    names = [one.name for one in chosen if not one.failures_only]
    took = time.monotonic() - began
    lines = [*_heading(versions, took, resolution, options), ""]
    lines += ["Summary:", "", *table.summary(found, names), ""]
    lines += ["Each rollout:", "", *table.verdicts(found, names), ""]
    lines += ["Beside what AWS documents:", "", *table.documented(found), ""]
    lines += ["Failures announced before ECS acts:", "", *table.announcements(found), ""]
    kept = table.goals(found) if table.OURS in names else []
    lines += [f"- {'met' if met else 'NOT MET'}: {text}" for met, text in kept]
    print("\n".join(lines))
    if options.words:
        print("\n".join(("", *table.words(found))))
    if options.readme:
        _write(lines)
    return 0 if all(met for met, _ in kept) else 1


def _trials(
    court: Court, kinds: Sequence[Kind], everyone: Sequence[Judge], rounds: int
) -> tuple[Result, ...]:
    wanted = [
        (kind, judge)
        for _ in range(rounds)
        for kind in kinds
        for judge in everyone
        if (kind.breaks if judge.failures_only else kind not in SINGLE)
    ]
    done = 0
    lock = threading.Lock()

    def hold(number: int, kind: Kind, judge: Judge) -> Result:
        nonlocal done
        try:
            result = court.hold(f"rollout-{number}", kind, judge)
        except BaseException:
            court.close()
            raise
        with lock:
            done += 1
            _tell(f"{done} of {len(wanted)}: {kind.name}, {judge.name}: {result.text[:80]}")
        return result

    with ThreadPoolExecutor(len(wanted)) as pool:
        held = [
            pool.submit(hold, number, kind, judge)
            for number, (kind, judge) in enumerate(wanted, start=1)
        ]
        return tuple(one.result() for one in held)


@contextmanager
def _busy(observer: Observer) -> Iterator[Observer]:
    with observer.watching():
        yield observer


def _heading(
    versions: str, took: float, resolution: tuple[float, float], options: argparse.Namespace
) -> list[str]:
    typed = shlex.join(("python", "benchmarks/verdict.py", *sys.argv[1:]))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{platform.system()} {platform.machine()}, {len(os.sched_getaffinity(0))} cores"
    python = f"Python {platform.python_version()}"
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    median, worst = (f"{seconds * 1000:.0f} ms" for seconds in resolution)
    return [
        f"`{typed}`, {when}, {machine}, {memory:.0f} GiB, {python}: {took:.0f} s.",
        "",
        f"- Up to {options.at_once} rollouts at a time; the truth was polled every {median}",
        f"  (99th percentile {worst}, aim {INTERVAL * 1000:.0f} ms).",
        f"- {versions}; ecs-deploy with `--timeout {_TIMEOUT}`, `services_stable` as boto3 and the",
        f"  command line have it (15 s × 40). Nobody was waited for longer than {BOUND} s.",
    ]


def _write(lines: Sequence[str]) -> None:
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    body = "\n".join(lines)
    README.write_text(f"{before}{_BEGIN}\n{body}\n\n{_END}{after}", encoding="utf-8")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
