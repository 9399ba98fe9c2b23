"""Events in words: which lines a person reads for each. Pure; the same in every mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shipway.console import theme
from shipway.console.layout import Line, Row, Segment, pad
from shipway.console.safe import clean, clean_lines
from shipway.errors import ShipwayError
from shipway.observer import (
    Concluded,
    Failed,
    Finished,
    Heading,
    Holding,
    Noticed,
    PutBack,
    Rolling,
    Skipped,
    TaskCounts,
)

HOLD = "hold"
"""The stage that :class:`~shipway.observer.Holding` belongs to."""

DEPLOY = "deploy"
"""The stage that :class:`~shipway.observer.Rolling` belongs to; the event does not say it."""

JOB = "job"
"""The stage whose output is that of a program that was asked for: it is shown to everybody."""

_STAGE = 10
_LABEL = 8
_SUBJECT = 4
_BAR = 8
_HALF = 40
_MINUTE = 60
_HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One row of the rehearsal's table: a criterion, whether it is met, the file that proves it."""

    name: str
    met: bool
    proof: str


def duration(seconds: float | None) -> str:
    """Write how long something took: ``11.2 s``, from a minute on ``1:12``; empty for ``None``."""
    if seconds is None:
        return ""
    return f"{max(seconds, 0):.1f} s" if seconds < _MINUTE - 0.05 else clock(seconds)


def clock(seconds: float) -> str:
    """Write a running time: ``0:24``, ``12:03``, ``1:02:03``."""
    total = int(max(seconds, 0))
    minutes = f"{total % _HOUR // _MINUTE}:{total % _MINUTE:02}"
    return minutes if total < _HOUR else f"{total // _HOUR}:{minutes.rjust(5, '0')}"


def head(mark: Segment, stage: str, subject: str, *, text: str = "", style: str = "") -> Row:
    """Put the columns of a stage's line side by side: mark, stage, subject, text."""
    row: list[Segment] = [(" ", ""), mark, (" ", ""), (f"{pad(clean(stage), _STAGE)} ", "stage")]
    if subject:
        row.append((f"{pad(clean(subject), _SUBJECT)}  ", ""))
    row.append((clean(text), style))
    return tuple(row)


def heading(event: Heading) -> Line:
    """Where this goes, and at the right who asks."""
    place = " · ".join(filter(None, (event.environment, event.account, event.region)))
    requested = " · ".join(filter(None, (event.trigger, event.commit)))
    row = ((" shipway  ", "title"), (clean(place), ""))
    return Line(row=row, right=(clean(requested), "quiet"), hang=10)


def finished(event: Finished) -> Line:
    """A stage that ended well."""
    row = head((theme.GOOD, "good"), event.stage, event.subject, text=event.text)
    return Line(row=row, right=(duration(event.seconds), "quiet"))


def skipped(event: Skipped) -> Line:
    """A stage with nothing to do."""
    return Line(
        row=head((theme.SKIP, "quiet"), event.stage, event.subject, text=event.text, style="quiet")
    )


def begun(stage: str, subject: str) -> Line:
    """A stage that starts, for where nothing is redrawn."""
    return Line(row=head((theme.BEGIN, "busy"), stage, subject))


def noticed(event: Noticed, *, rolling_back: bool = False) -> Line:
    """A change worth a line; ``rolling_back``: ECS is putting the old revision back."""
    mark: Segment = (theme.CALM, "quiet")
    if event.level == "warning":
        mark = (theme.WARN, "warn")
    elif rolling_back:
        mark = (theme.BACK, "back")
    return Line(row=head(mark, event.stage, event.subject, text=event.text))


def output(line: str, subject: str = "") -> Line:
    """One line of a foreign tool; ``subject`` says whose it is, where several run side by side."""
    text = f" {clean(subject)}: {clean(line)}" if subject else f" {clean(line)}"
    return Line(row=(("   ", ""), (theme.BAR, "quiet"), (text, "quiet")), hang=5)


def failed(event: Failed, outputs: Sequence[str] = ()) -> tuple[Line, ...]:
    """A stage that failed, and all that explains it.

    ``outputs`` are the last lines of the foreign tool, shown where the event brings no log.
    """
    text = " ".join(clean_lines(event.text))
    row = head((theme.BAD, "bad"), event.stage, event.subject, text=text, style="cause")
    right = clock(event.seconds) if event.seconds is not None else ""
    lines = [Line(row=row, right=(right, "quiet"))]
    for detail in event.details:
        lines += _detail(detail.label, detail.lines)
    if outputs and not any(detail.label in {"log", "output", "said"} for detail in event.details):
        lines += _detail("output", outputs)
    return tuple(lines)


def _detail(label: str, texts: Sequence[str]) -> list[Line]:
    """A labelled part of a failure; no label means no bar, ``rollback`` a mark of its own."""
    flat = [part for text in texts for part in clean_lines(text)]
    if not label:
        return [Line(row=((f"   {text}", ""),), hang=5) for text in flat]
    if label == "rollback":
        return [
            Line(row=(("   ", ""), (theme.BACK, "back"), (f" {text}", "")), hang=5) for text in flat
        ]
    style = {"cause": "cause", "next": "next", "log": ""}.get(label, "")
    return [
        Line(
            row=(
                ("   ", ""),
                (theme.BAR, "bad"),
                (f" {pad(clean(label) if index == 0 else '', _LABEL)} ", "quiet"),
                (text, style),
            )
        )
        for index, text in enumerate(flat)
    ]


def counts(tasks: TaskCounts) -> str:
    """Tasks of the new revision: ``3/4 running, 1 pending``."""
    text = f"{tasks.running}/{tasks.desired} running"
    if tasks.pending:
        text += f", {tasks.pending} pending"
    return f"{text}, {tasks.failed} failed" if tasks.failed else text


def _of_old(event: Rolling) -> int:
    """What the old revision's tasks are counted against.

    ECS lowers the old deployment's desired count while it drains, so the bar is measured against
    the service's size instead, or it would look full to the end.
    """
    return max(event.old_tasks.desired, event.old_tasks.running, event.new_tasks.desired)


def _bar(count: int, total: int) -> str:
    """Eight cells, filled in proportion; a task that runs shows at least one."""
    filled = 0 if total <= 0 else min(_BAR, max(int(_BAR * count / total), int(count > 0)))
    return theme.FULL * filled + theme.EMPTY * (_BAR - filled)


def _health(event: Rolling) -> str:
    return ", ".join(f"{count} {clean(state)}" for state, count in event.health if count)


def _direction(event: Rolling) -> str:
    """From which task definition to which, and ECS's own word for where it is."""
    old, new = clean(event.old), clean(event.new)
    if event.rolling_back:
        direction = f"rolling back: {new} → {old}" if old else f"rolling back {new}"
    else:
        direction = f"{old} → {new}" if old else new
    # A stage from before ECS fell silent is not where it is.
    return direction if event.unseen is not None else f"{direction}   {clean(event.stage)}".rstrip()


def _unseen(event: Rolling) -> str:
    """Since when nothing was seen, and why; empty while ECS answers."""
    if event.unseen is None:
        return ""
    since = f"nothing seen since {clock(event.unseen)}"
    return f"{since}: {' '.join(clean_lines(event.trouble))}" if event.trouble else since


def put_back(event: PutBack) -> Line:
    """What ran before is in service again."""
    row = head((theme.BACK, "back"), DEPLOY, event.subject, text=event.text)
    right = clock(event.seconds) if event.seconds is not None else ""
    return Line(row=row, right=(right, "quiet"))


def holding_line(event: Holding, mark: Segment = (theme.BEGIN, "busy")) -> Line:
    """A hold in one line: ``held 22 s of 60   4/4 running``."""
    facts = [f"held {event.held:.0f} s of {event.seconds:g}"]
    if event.running is not None:
        facts.append(f"{event.running}/{event.desired} running")
    if event.trouble:
        facts.append(" ".join(clean_lines(event.trouble)))
    return Line(row=head(mark, HOLD, event.subject, text="   ".join(facts)))


def rolling_mark(event: Rolling) -> Segment:
    """The mark of a rollout where nothing is redrawn."""
    return (theme.BACK, "back") if event.rolling_back else (theme.BEGIN, "busy")


def rolling_line(event: Rolling) -> Line:
    """A rollout in one line."""
    facts = [f"new {counts(event.new_tasks)}"]
    if event.old:
        facts.append(f"old {event.old_tasks.running}/{_of_old(event)}")
    facts.append(_health(event))
    if event.breaker:
        facts.append(f"breaker {event.breaker[0]} of {event.breaker[1]}")
    if event.traffic is not None:
        facts.append(f"traffic {event.traffic:g} %")
    status = _unseen(event) or " · ".join(filter(None, facts))
    text = "   ".join((_direction(event), status))
    row = head(rolling_mark(event), DEPLOY, event.subject, text=text)
    return Line(row=row, right=(clock(event.elapsed), "quiet"))


def rolling_block(event: Rolling, *, spin: str, elapsed: float) -> tuple[Line, ...]:
    """A rollout as the live view shows it: three lines, each in two halves."""
    mark = (theme.BACK, "back") if event.rolling_back else (spin, "busy")
    row = head(mark, DEPLOY, event.subject, text=_direction(event))
    lines = [Line(row=row, right=(clock(elapsed), "quiet"))]
    new = event.new_tasks
    tasks: tuple[Segment, ...] = (
        ("new ", ""),
        (_bar(new.running, new.desired), "new"),
        (f" {counts(new)}", ""),
    )
    old: tuple[Segment, ...] = ()
    if event.old:
        running, total = event.old_tasks.running, _of_old(event)
        old = (("old ", ""), (_bar(running, total), "old"), (f" {running}/{total}", ""))
    parts: list[tuple[str, tuple[Segment, ...], tuple[Segment, ...]]] = [("tasks", tasks, old)]
    health = _health(event)
    if health or event.breaker:
        breaker: tuple[Segment, ...] = ()
        if event.breaker:
            style = "warn" if event.breaker[0] else ""
            breaker = ((f"breaker {event.breaker[0]} of {event.breaker[1]}", style),)
        parts.append(("health", ((health or "–", ""),), breaker))
    if event.traffic is not None:
        parts.append(("traffic", ((f"{event.traffic:g} % on the new revision", ""),), ()))
    half = max(_HALF, *(3 + sum(len(text) for text, _ in left) for _, left, _ in parts))
    lines += [_halves(*part, half) for part in parts]
    if event.unseen is not None:
        row = ((" " * 14, ""), (pad("unseen", _LABEL), "quiet"), (_unseen(event), "warn"))
        lines.append(Line(row=row, hang=22))
    return tuple(lines)


def _halves(label: str, left: tuple[Segment, ...], right: tuple[Segment, ...], half: int) -> Line:
    """One line of the rollout's block; the right half starts at the same column on each."""
    row: list[Segment] = [(" " * 14, ""), (pad(label, _LABEL), "quiet"), *left]
    if right:
        row += [(" " * (half - sum(len(text) for text, _ in left)), ""), *right]
    return Line(row=tuple(row), hang=22)


def rolling_key(event: Rolling) -> tuple[object, ...]:
    """What must differ before a rollout is worth another line where nothing is redrawn."""
    healthy = sum(count for state, count in event.health if state.lower() == "healthy")
    unhealthy = sum(count for state, count in event.health if state.lower() == "unhealthy")
    return (
        event.old,
        event.new,
        event.stage,
        event.rolling_back,
        event.new_tasks.desired,
        event.new_tasks.running,
        event.new_tasks.failed,
        event.old_tasks.running,
        (healthy, unhealthy),
        event.breaker,
        event.traffic,
        event.unseen,
    )


def concluded(event: Concluded) -> tuple[Line, ...]:
    """The last word: verdict, evidence, what to do, exit code."""
    good = "good" if event.exit_code == 0 else "title"
    row: list[Segment] = [(" ", ""), (clean(event.text), "bad" if event.failed else good)]
    if event.evidence:
        row.append((f" Evidence: {clean(event.evidence)}", ""))
    lines = [Line(row=tuple(row), hang=1)]
    for text in event.details:
        lines += [Line(row=((f"   {part}", ""),), hang=3) for part in clean_lines(text)]
    if event.remedy:
        lines.append(Line(row=((f"   {clean(event.remedy)}", "next"),), hang=3))
    if event.exit_code:
        lines.append(_exit(event.exit_code, event.kind))
    return tuple(lines)


def _exit(code: int, kind: str) -> Line:
    return Line(row=((f" exit {code} ({clean(kind)})", "quiet"),), hang=1)


def error(problem: ShipwayError) -> tuple[Line, ...]:
    """An error that ended the command: what, the details, what to do, the exit code."""
    what = f"{problem.where}: {problem.what}" if problem.where else problem.what
    first, *rest = clean_lines(what)
    lines = [Line(row=((" ", ""), (theme.BAD, "bad"), (f" {first}", "cause")), hang=3)]
    flat = [*rest, *(part for text in problem.details for part in clean_lines(text))]
    lines += [Line(row=((f"   {part}", ""),), hang=5) for part in flat]
    if problem.remedy:
        lines.append(Line(row=((f"   {' '.join(clean_lines(problem.remedy))}", "next"),), hang=3))
    lines.append(_exit(problem.exit_code, problem.kind))
    return tuple(lines)
