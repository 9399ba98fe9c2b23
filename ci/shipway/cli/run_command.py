"""How a task is shown, and how it ends: one console, every error told once, an exit code."""

from __future__ import annotations

import os
from collections.abc import Callable

from shipway.console import Console, Mode, open_console
from shipway.errors import CancelledError, ShipwayError


def run_command(
    work: Callable[[Console], int], *, interrupted: str, json: bool, verbose: bool = False
) -> int:
    """Let a task work with a console of its own; nothing is raised but what is a bug of ours.

    Args:
        work: The task; gives its exit code.
        interrupted: What a person who pressed Ctrl-C should know or do next.
        json: One JSON object for each event instead of words for a person.
        verbose: Show all output of foreign tools.

    Returns:
        The exit code: the work's own, or that of the error which ended it.
    """
    mode: Mode = "json" if json else "auto"
    with open_console(mode=mode, env=os.environ, verbose=verbose) as console:
        try:
            return work(console)
        except KeyboardInterrupt:
            error: ShipwayError = CancelledError("interrupted", remedy=interrupted)
        except ShipwayError as raised:
            error = raised
        console.error(error)
        return error.exit_code
