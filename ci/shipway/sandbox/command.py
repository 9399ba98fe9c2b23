"""What stands behind ``inv sandbox``."""

from __future__ import annotations

import os
from pathlib import Path

from shipway import git
from shipway.conduct import conduct
from shipway.console import Console
from shipway.errors import ShipwayError
from shipway.paths import cache_folder
from shipway.sandbox import world


def run(*, down: bool, json: bool) -> int:
    """Start the background sandbox, or end it; gives the exit code."""

    def work(console: Console) -> int:
        cache = cache_folder(os.environ)
        if down:
            ended = world.end(cache)
            console.say("the sandbox has ended" if ended else "no sandbox is running")
            return 0
        found = world.background(cache, dockerfiles(git.root(Path.cwd())), console.say)
        console.say(f"the sandbox runs at {found.endpoint} (process {found.pid})")
        console.say("deliver to it: inv deploy --env local")
        minutes = f"{world.IDLE_SECONDS / 60:.0f}"
        console.say(f"end it: inv sandbox --down (it ends by itself after {minutes} idle minutes)")
        return 0

    rest = "one that was still starting has been ended; inv sandbox --down ends one that runs"
    return conduct(work, interrupted=rest, json=json)


def dockerfiles(root: Path) -> tuple[Path, ...]:
    """The Dockerfile that delivery.toml names, so that its base images are at hand."""
    from shipway.config import load  # noqa: PLC0415  # pydantic is needed only to start one

    try:
        image = load.load(root / "ci" / "delivery.toml").document.table["image"]
        return (root / image["context"] / image["dockerfile"],)
    except (ShipwayError, LookupError, TypeError):
        return ()  # the delivery itself says what is wrong with the file
