"""``inv sandbox``: start the embedded AWS in the background, or end it."""

from __future__ import annotations

import os
from pathlib import Path

from shipway.cli.run_command import run_command
from shipway.console import Console
from shipway.embedded import entry
from shipway.git import checkout
from shipway.util.paths import cache_folder


def run(*, down: bool, json: bool) -> int:
    """Start the background sandbox, or end it; gives the exit code."""

    def work(console: Console) -> int:
        cache = cache_folder(os.environ)
        if down:
            ended = entry.end(cache)
            console.say("the sandbox has ended" if ended else "no sandbox is running")
            return 0
        world = entry.background(checkout.root(Path.cwd()), cache, console.say)
        console.say(f"the sandbox runs at {world.endpoint} (process {world.pid})")
        console.say("deliver to it: inv deploy --env local")
        minutes = f"{entry.IDLE_SECONDS / 60:.0f}"
        console.say(f"end it: inv sandbox --down (it ends by itself after {minutes} idle minutes)")
        return 0

    remedy = "one that was still starting has been ended; inv sandbox --down ends one that runs"
    return run_command(work, interrupted=remedy, json=json)
