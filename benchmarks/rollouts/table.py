"""Results as a table, and the numbers that are drawn from all of them."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.rollouts.trial import Result

MEDIAN_GOAL: Final = 1.5
TAIL_GOAL: Final = 4.0
PROOF_GOAL: Final = 2.0
_TAIL = 0.95
OURS: Final = "shipway"
LEAVING: Final = "shipway, leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One result beside what it should have been.

    Attributes:
        result: What happened.
        right: Whether the verdict was true; ``None`` where there was none.
        late: Seconds from the moment the API could tell until the verdict; ``None`` unless right.
    """

    result: Result
    right: bool | None
    late: float | None


def judged(results: Sequence[Result]) -> tuple[Judged, ...]:
    """Compare every verdict with the truth.

    "It succeeded" is right where our service deployment ended as SUCCESSFUL. "It failed" is right
    where it ended otherwise, and did so too where nobody but ECS had a hand in it: who stops a good
    rollout makes no true prophecy.
    """
    alone: dict[str, set[bool]] = defaultdict(set)
    for one in results:
        if one.judge.passive:
            alone[one.kind.name].add(one.status == "SUCCESSFUL")
    found = []
    for one in results:
        succeeded = one.status == "SUCCESSFUL"
        right: bool | None = None
        if one.said == "good":
            right = succeeded
        elif one.said == "bad":
            right = not succeeded and True not in alone[one.kind.name]
        late = None
        if right and one.said_at is not None and one.final_at is not None:
            late = max(0.0, one.said_at - one.final_at)
        found.append(Judged(result=one, right=right, late=late))
    return tuple(found)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was really measured."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def verdicts(found: Sequence[Judged], names: Sequence[str]) -> list[str]:
    """One row for each kind, one column for each judge."""
    rows = [["rollout", "how it ends by itself", *names]]
    for kind, some in _by_kind(found).items():
        cells = [_cell([one for one in some if one.result.judge.name == name]) for name in names]
        ends = sorted({one.result.status for one in some if one.result.judge.passive})
        rows.append([kind, " or ".join(ends), *cells])
    return _markdown(rows)


def documented(found: Sequence[Judged]) -> list[str]:
    """What AWS documents of a rollout, how it ended here, and what shipway said of it."""
    rows = [["rollout", "AWS documents", "how it ends here", "shipway's words"]]
    for one in found:
        known = one.result.kind.aws
        if known is None or one.result.judge.name != OURS:
            continue
        ends = sorted(
            {
                other.result.status
                for other in found
                if other.result.judge.passive and other.result.kind == one.result.kind
            }
        )
        rows.append(
            [
                one.result.kind.name,
                f"[{known.text}]({known.source})",
                " or ".join(ends),
                _escaped(one.result.text),
            ]
        )
    return _markdown(rows)


def announcements(found: Sequence[Judged]) -> list[str]:
    """When failure was proven and announced, and when the breaker of that same rollout opened."""
    head = ["failing rollout", "tasks", "proven by", "shipway announces", "breaker opens"]
    rows = [[*head, "after the proof", "before the breaker", "in its words"]]
    for one in found:
        result = one.result
        if result.judge.name != LEAVING:
            continue
        rows.append(
            [
                result.kind.name,
                str(result.kind.desired),
                _proven(result),
                _seconds(result.announced_at),
                _seconds(result.breaker_at),
                _seconds(_behind(result)),
                _seconds(_margin(result)),
                _escaped(result.text.partition("; left as it is")[0].partition(": ")[2]),
            ]
        )
    return _markdown(rows)


def summary(found: Sequence[Judged], names: Sequence[str]) -> list[str]:
    """One row for each judge."""
    head = ["judge", "rollouts", "right", "wrong", "silent"]
    rows = [[*head, "late: median", "late: 95th", "calls: median", "calls: most"]]
    for name in names:
        mine = [one for one in found if one.result.judge.name == name]
        late = [one.late for one in mine if one.late is not None]
        calls = [one.result.calls.total() for one in mine]
        rows.append(
            [
                name,
                str(len(mine)),
                *(str(sum(one.right is what for one in mine)) for what in (True, False, None)),
                _seconds(statistics.median(late) if late else None),
                _seconds(percentile(late, _TAIL) if late else None),
                f"{statistics.median(calls):g}",
                str(max(calls)),
            ]
        )
    return _markdown(rows)


def goals(found: Sequence[Judged]) -> list[tuple[bool, str]]:
    """What shipway promises, and whether this run kept it."""
    mine = [one for one in found if one.result.judge.name == OURS]
    late = [one.late for one in mine if one.late is not None]
    wrong = [one for one in mine if one.right is not True]
    left = [one.result for one in found if one.result.judge.name == LEAVING]
    median, tail = statistics.median(late), percentile(late, _TAIL)
    return [
        (not wrong, f"wrong or silent {len(wrong)} times of {len(mine)}; goal 0"),
        (median <= MEDIAN_GOAL, f"median lateness {median:.2f} s; goal at most {MEDIAN_GOAL} s"),
        (tail <= TAIL_GOAL, f"95th percentile {tail:.2f} s; goal at most {TAIL_GOAL:g} s"),
        *announced(left),
    ]


def announced(left: Sequence[Result]) -> list[tuple[bool, str]]:
    """What shipway promises of announcements.

    It announces what is proven, soon after it is; so it is sooner than the circuit breaker wherever
    the proof is, and cannot be where the failure that proves it is the one that opens the breaker.
    """
    behind = [_behind(one) for one in left]
    known = [seconds for seconds in behind if seconds is not None]
    worst = f"{max(known):.2f}" if known else "–"
    timely = sum(seconds <= PROOF_GOAL for seconds in known)
    open_still = [one for one in left if one.proof is not None and one.proof.sooner]
    margins = [_margin(one) for one in open_still]
    sooner = sum(margin is not None and margin > 0 for margin in margins)
    rest = len(left) - len(open_still)
    soon = (
        f"{timely} of {len(left)} failures announced at most {PROOF_GOAL:g} s after their proof; "
        f"the latest {worst} s"
    )
    before = (
        f"{sooner} of {len(open_still)} failures announced before the circuit breaker opened, of "
        f"those that are proven before it; the other {rest} are proven by what opens it"
    )
    return [(timely == len(left), soon), (sooner == len(open_still), before)]


def words(found: Sequence[Judged]) -> list[str]:
    """What each judge said, for a person who wants to see."""
    rows = [["rollout", "judge", "said", "at", "API could tell", "announced", "calls"]]
    for one in found:
        result = one.result
        rows.append(
            [
                result.kind.name,
                result.judge.name,
                _escaped(result.text[:110]),
                _seconds(result.said_at),
                f"{_seconds(result.final_at)} {result.status}",
                _seconds(result.announced_at),
                str(result.calls.total()),
            ]
        )
    return _markdown(rows)


def _proven(result: Result) -> str:
    if result.proof is None:
        return "–"
    return f"failure {result.proof.number} of {result.proof.threshold}"


def _behind(result: Result) -> float | None:
    """Seconds from the proof to the announcement; less than none where it came before."""
    if result.announced_at is None or result.proof is None:
        return None
    return result.announced_at - (result.proof.at - result.began).total_seconds()


def _margin(result: Result) -> float | None:
    if result.announced_at is None or result.breaker_at is None:
        return None
    return result.breaker_at - result.announced_at


def _by_kind(found: Iterable[Judged]) -> Mapping[str, list[Judged]]:
    kinds: dict[str, list[Judged]] = {}
    for one in found:
        kinds.setdefault(one.result.kind.name, []).append(one)
    return kinds


def _cell(some: Sequence[Judged]) -> str:
    return "; ".join(_short(one) for one in some)


def _short(one: Judged) -> str:
    calls = f"{one.result.calls.total()} calls"
    if one.right is None:
        return f"silent, {calls}"
    said = "success" if one.result.said == "good" else "failure"
    if not one.right:
        return f"**wrong**: {said}, {calls}"
    return f"{said} +{_seconds(one.late)}, {calls}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table that lines up in a terminal too."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [lines[0], rule, *lines[1:]]
