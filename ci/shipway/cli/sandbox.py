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
        root, cache = checkout.root(Path.cwd()), cache_folder(os.environ)
        if down:
            ended = entry.end(root, cache)
            console.say("the sandbox has ended" if ended else "no sandbox is running")
            return 0
        embedded = entry.embedded(root, cache)
        world = embedded.background(console.say)
        console.say(f"the sandbox runs at {world.endpoint} (process {world.pid})")
        for name in embedded.blueprint.sandboxes:
            console.say(f"deliver to it: shipway deploy --env {name}")
        minutes = f"{entry.IDLE_SECONDS / 60:.0f}"
        console.say(
            f"end it: shipway sandbox --down (it ends by itself after {minutes} idle minutes)"
        )
        return 0

    remedy = "one that was still starting has been ended; shipway sandbox --down ends one that runs"
    return run_command(work, interrupted=remedy, json=json)
