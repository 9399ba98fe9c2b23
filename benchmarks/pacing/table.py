"""What thousands of simulated rollouts come to: rows, goals, and the worst of them."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from benchmarks.pacing.run import Result

MEDIAN: Final = 1.5
TAIL: Final = 4.0
ANNOUNCED: Final = 2.0
CALLS: Final = 60
MORE: Final = 2
GAP: Final = 5.0
_TAIL = 0.95
_LATE = ["end late: median", "95th", "worst", "announced late: median", "95th"]


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was really measured."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary(rows: Sequence[tuple[str, Sequence[Result]]]) -> list[str]:
    """One row for each way of watching."""
    calls = ["calls in the worst minute", "calls: median"]
    table = [["way", "rollouts", "wrong", *_LATE, *calls]]
    for name, results in rows:
        late = _late(results)
        announced = [r.announced_late for r in results if r.announced_late is not None]
        table.append(
            [
                name,
                f"{len(results):,}",
                str(sum(not r.right for r in results)),
                *_seconds(late, worst=True),
                *(_seconds(announced, worst=False) if announced else ("–", "–")),
                str(max(r.peak for r in results if r.services == 1)),
                f"{statistics.median(r.calls for r in results if r.services == 1):g}",
            ]
        )
    return markdown(table)


def kinds(results: Iterable[Result]) -> list[str]:
    """One row for each kind of rollout."""
    by_kind: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_kind[result.kind].append(result)
    table = [["kind", "rollouts", "wrong", *_LATE]]
    for kind, some in sorted(by_kind.items()):
        announced = [r.announced_late for r in some if r.announced_late is not None]
        late = _late(some)
        table.append(
            [
                kind,
                str(len(some)),
                str(sum(not r.right for r in some)),
                *(_seconds(late, worst=True) if late else ("–",) * 3),
                *(_seconds(announced, worst=False) if announced else ("–", "–")),
            ]
        )
    return markdown(table)


def goals(results: Sequence[Result]) -> list[tuple[bool, str]]:
    """What is promised, and whether these rollouts kept it."""
    late = _late(results)
    announced = [r.announced_late for r in results if r.announced_late is not None]
    # What was certain for two seconds and never said counts as never told.
    announced += [math.inf for r in results if r.missed]
    wrong = sum(not r.right for r in results)
    median, tail = statistics.median(late), percentile(late, _TAIL)
    told = percentile(announced, _TAIL) if announced else 0.0
    over = [r for r in results if r.peak > CALLS + MORE * (r.services - 1)]
    gaps = percentile([r.gap for r in results], _TAIL)
    most = max(r.peak for r in results if r.services == 1)
    return [
        (wrong == 0, f"{wrong} wrong verdicts of {len(results):,}; goal 0"),
        (median <= MEDIAN, f"the end is told {median:.2f} s late in the median; goal {MEDIAN} s"),
        (tail <= TAIL, f"95th percentile {tail:.2f} s; goal {TAIL} s"),
        (
            told <= ANNOUNCED,
            f"certain failures are announced {told:.2f} s late in the 95th; goal {ANNOUNCED} s",
        ),
        (
            not over,
            f"{most} calls in one service's worst minute; {len(over)} above {CALLS} + {MORE} n",
        ),
        (
            gaps <= GAP,
            f"no look for at most {gaps:.1f} s before the end, 95th percentile; goal {GAP} s",
        ),
    ]


def facts(results: Sequence[Result]) -> list[str]:
    """What nothing is promised of: the same times from the events themselves, and the breaker's."""
    late = [r.late_in_truth for r in results if r.late_in_truth is not None and r.right]
    told = [r.announced_late_in_truth for r in results if r.announced_late_in_truth is not None]
    lines = []
    for what, times in (("the end is told", late), ("certain failures are announced", told)):
        if times:
            median, tail = statistics.median(times), percentile(times, _TAIL)
            lines.append(
                f"from the event itself, which calls may not show yet, {what} "
                f"{median:.2f} s late in the median and {tail:.2f} s in the 95th"
            )
    before = sum(r.announced_late is not None for r in results)
    after = sum(r.breaker_first for r in results)
    lines.append(
        f"{before:,} of {before + after:,} failures were announced before the circuit breaker "
        f"rolled back, if it did"
    )
    return lines


def worst(results: Sequence[Result], count: int) -> list[str]:
    """The rollouts to look at: those that were wrong, then the latest."""
    ordered = sorted(results, key=lambda r: (r.right, -(r.late or 0.0)))
    table = [["seed", "kind", "verdict", "late", "announced late", "peak", "wrong because"]]
    for result in ordered[:count]:
        announced = result.announced_late
        table.append(
            [
                str(result.seed),
                result.kind,
                result.word,
                f"{result.late:.1f} s" if result.late is not None else "–",
                f"{announced:.1f} s" if announced is not None else "–",
                str(result.peak),
                result.why.replace("|", "/") or "–",
            ]
        )
    return markdown(table)


def _late(results: Iterable[Result]) -> list[float]:
    return [r.late for r in results if r.late is not None and r.right]


def _seconds(values: Sequence[float], *, worst: bool) -> tuple[str, ...]:
    some = [statistics.median(values), percentile(values, _TAIL)]
    if worst:
        some.append(max(values))
    return tuple(f"{value:.1f} s" for value in some)


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as a table, the first as its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines
