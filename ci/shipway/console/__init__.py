"""The one printer of shipway: a live view, plain lines, GitHub's groups, or JSON.

:func:`open_console` chooses and opens one; the result is an observer for
:mod:`shipway.observer`'s events. rich is imported only where a live view is drawn.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Literal, TextIO

from shipway.console.actions import ActionsConsole
from shipway.console.base import WALL, Console, ConsoleClock, Writer
from shipway.console.describe import Acceptance
from shipway.console.json_lines import JsonConsole
from shipway.console.lines import LinesConsole
from shipway.console.summary import Summary, write_outputs

__all__ = ["Acceptance", "Console", "ConsoleClock", "Mode", "open_console", "write_outputs"]

Mode = Literal["auto", "live", "lines", "actions", "json"]
"""How a run is shown; ``auto`` chooses by where it is shown."""


def open_console(
    *,
    mode: Mode = "auto",
    stream: TextIO | None = None,
    env: Mapping[str, str],
    verbose: bool = False,
    clock: ConsoleClock = WALL,
) -> AbstractContextManager[Console]:
    """Open the printer.

    Args:
        mode: ``auto`` means actions where ``GITHUB_ACTIONS`` is ``true``, live on a terminal that
            can move its cursor, lines elsewhere.
        stream: Where to print; ``None`` means the standard output.
        env: The environment: GITHUB_ACTIONS, GITHUB_STEP_SUMMARY, GITHUB_OUTPUT, NO_COLOR,
            FORCE_COLOR, TERM and COLUMNS are read.
        verbose: Whether the output of foreign tools is shown as a whole.
        clock: What time it is.

    Returns:
        A context manager that gives the console, and closes what is open when left.
    """
    writer = Writer(stream if stream is not None else sys.stdout, env)
    in_actions = env.get("GITHUB_ACTIONS") == "true"
    printer = _choose(writer, env, in_actions=in_actions) if mode == "auto" else mode
    console: Console
    if printer == "live" and _is_dumb(env):
        printer = "lines"
    if printer == "live":
        from shipway.console.live import LiveConsole  # noqa: PLC0415  # rich costs 60 ms

        console = LiveConsole(writer, clock, verbose=verbose)
    elif printer == "json":
        console = JsonConsole(writer, clock, verbose=verbose)
    elif printer == "actions":
        console = ActionsConsole(writer, clock, verbose=verbose)
    else:
        console = LinesConsole(writer, clock, verbose=verbose)
    if in_actions:
        console.add(Summary(writer, clock, env))
    return console


def _choose(writer: Writer, env: Mapping[str, str], *, in_actions: bool) -> Mode:
    if in_actions:
        return "actions"
    return "live" if writer.terminal and not _is_dumb(env) else "lines"


def _is_dumb(env: Mapping[str, str]) -> bool:
    """Whether the terminal cannot move its cursor."""
    return env.get("TERM") in {"dumb", "unknown"}
