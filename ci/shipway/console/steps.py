"""Which of BuildKit's steps a person is told where nothing is redrawn: those of a long build. Pure.

The lines are those of BuildKit's plain progress (util/progress/progressui/printer.go):
``#9 [build 2/4] RUN …`` opens a step, ``#9 CACHED`` says at once that it cost nothing, and
``#9 DONE 0.3s`` ends it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

PATIENCE: Final = 3.0
"""Seconds for which a build is left alone: one that is done by then is told by its end."""
_SETTLED: Final = 0.5
"""Seconds after which a step that runs did not come from the cache, and is worth a line."""
_OPENED: Final = re.compile(r"#(\d+) (\[(?:[^\]]*\s)?\d+/\d+\] .*|exporting to .*)")
_CLOSED: Final = re.compile(r"#(\d+) (CACHED$|CANCELED$|DONE |ERROR: )")


@dataclass(slots=True)
class _Step:
    text: str
    opened: float
    closed: bool = False
    told: bool = False


class Steps:
    """The steps of one build; times are seconds of a clock that only goes forward."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._steps: dict[str, _Step] = {}

    def hear(self, line: str, now: float) -> None:
        """Take a line of BuildKit's."""
        if opened := _OPENED.match(line):
            # BuildKit repeats the name when it comes back to a step that it left for another.
            self._steps.setdefault(opened[1], _Step(opened[2], now))
        elif closed := _CLOSED.match(line):
            if closed[2] == "CACHED":
                self._steps.pop(closed[1], None)
            elif step := self._steps.get(closed[1]):
                step.closed = True

    def due(self, now: float) -> tuple[str, ...]:
        """What is to be told now, in order; each step once, and none that came from the cache."""
        if now - self._began < PATIENCE:
            return ()
        due = [
            step
            for step in self._steps.values()
            if not step.told and (step.closed or now - step.opened >= _SETTLED)
        ]
        for step in due:
            step.told = True
        return tuple(step.text for step in due)
