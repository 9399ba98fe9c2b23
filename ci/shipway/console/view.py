"""What the live view's moving part shows, as a value over time. Pure: time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from shipway.console import describe, theme
from shipway.console.layout import Line, Row, cut, fit
from shipway.observer import (
    Concluded,
    Event,
    Failed,
    Finished,
    Holding,
    Output,
    Planned,
    PutBack,
    Rolling,
    Skipped,
    Started,
)

_BUILD = "build"
_OUTPUTS = 3
_SPINS = 4  # frames a second: enough to be seen alive, little enough to cost nothing

Key = tuple[str, str]


@dataclass(slots=True)
class RunningStage:
    """A stage, for one service or for all, that has begun and not ended.

    Attributes:
        since: When it began, in seconds of the console's clock.
        text: What the plan said of it.
        rolling: How its rollout stood last.
        rolled_at: When that was reported, on the same clock.
        holding: How its hold stood last.
        outputs: The last lines of the foreign tool.
    """

    since: float
    text: str = ""
    rolling: Rolling | None = None
    rolled_at: float = 0.0
    holding: Holding | None = None
    outputs: deque[str] = field(default_factory=lambda: deque(maxlen=_OUTPUTS))


class View:
    """Stages that run, and stages to come."""

    def __init__(self) -> None:
        self._coming: dict[str, str] = {}
        self._running: dict[Key, RunningStage] = {}

    @property
    def moving(self) -> bool:
        """Whether anything runs, so that a spinner has something to say."""
        return bool(self._running)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self._running and not self._coming

    def take(self, event: Event, now: float) -> None:
        """Change with an event; ``now`` in seconds of a clock that only goes forward."""
        match event:
            case Planned(stages=stages):
                self._coming = dict(stages)
            case Started(stage=stage):
                text = self._coming.pop(stage, "")
                self._running[stage, event.subject] = RunningStage(since=now, text=text)
            case Output(stage=stage, line=line):
                for (name, subject), run in self._running.items():
                    if name == stage and event.subject in {"", subject}:
                        run.outputs.append(line)
            case Rolling() | Holding():
                self._progress(event, now)
            case Finished() | Skipped() | Failed():
                self._end(event.stage, event.subject)
            case PutBack():
                self._end(describe.DEPLOY, event.subject)
            case Concluded():
                self._coming, self._running = {}, {}

    def _progress(self, event: Rolling | Holding, now: float) -> None:
        if isinstance(event, Rolling):
            self._roll(event, now)
        else:
            run = RunningStage(since=now - event.held)
            self._running.setdefault((describe.HOLD, event.subject), run).holding = event

    def _roll(self, event: Rolling, now: float) -> None:
        self._coming.pop(describe.DEPLOY, None)
        waiting = self._running.pop((describe.DEPLOY, ""), None)
        key = (describe.DEPLOY, event.subject)
        run = self._running.setdefault(key, waiting or RunningStage(since=now - event.elapsed))
        run.rolling, run.rolled_at = event, now

    def _end(self, stage: str, subject: str) -> None:
        """Take a stage off: the one of this service, else the one begun for all."""
        self._coming.pop(stage, None)
        if self._running.pop((stage, subject), None) is None:
            self._running.pop((stage, ""), None)

    def rows(self, now: float, *, width: int, height: int) -> tuple[Row, ...]:
        """Lay out what runs, each with its facts, then what is to come.

        A foreign tool's line, and a stage to come, take one row each and are cut there. Rows that
        the terminal's height has no room for are left out, what is to come first.
        """
        spin = theme.SPINNER[int(now * _SPINS) % len(theme.SPINNER)]
        rows: list[Row] = []
        several = sum(stage == _BUILD for stage, _ in self._running) > 1
        for (stage, subject), run in self._running.items():
            for line in self._facts(stage, subject, run, now=now, spin=spin):
                rows += fit(line, width)
            # Several images at once have a line each, else they would push one another away.
            shown = list(run.outputs)[-1:] if stage == _BUILD and several else run.outputs
            rows += [cut(describe.output(line), width) for line in shown]
        for stage, text in self._coming.items():
            row = describe.head((theme.CALM, "quiet"), stage, "", text=text, style="quiet")
            rows.append(cut(Line(row=row), width))
        return tuple(rows[: max(height - 1, 1)])

    def _facts(
        self, stage: str, subject: str, run: RunningStage, *, now: float, spin: str
    ) -> tuple[Line, ...]:
        if run.rolling:
            elapsed = run.rolling.elapsed + now - run.rolled_at
            return describe.rolling_block(run.rolling, spin=spin, elapsed=elapsed)
        if run.holding:
            return (self._held(run.holding, now - run.since, spin),)
        row = describe.head((spin, "busy"), stage, subject, text=run.text)
        return (Line(row=row, right=(describe.clock(now - run.since), "quiet")),)

    @staticmethod
    def _held(event: Holding, elapsed: float, spin: str) -> Line:
        """A hold as it stands between two looks: time goes on, as far as it is to last."""
        now = replace(event, held=min(max(event.held, elapsed), event.seconds))
        return describe.holding_line(now, (spin, "busy"))
