"""What stands behind ``shipway upgrade``: the lock files that are installed, and the schemas."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from shipway import __version__
from shipway.adoption import locks, schemas
from shipway.adoption.change import changed, read, write
from shipway.cli.run_command import run_command
from shipway.console import Console
from shipway.git import checkout
from shipway.wiring import resolver


def run(*, to: str, json: bool) -> int:
    """Write both lock files and the schemas anew; gives the exit code."""

    def work(console: Console) -> int:
        root = Path(os.path.relpath(checkout.root(Path.cwd())))
        locks.check_adopted(root)
        texts = dict(locks.all_resolved(root, resolver(), to=to))
        note = locks.note_of(list(texts.values()), partial(checkout.ignored_by, root))
        if to in {"", __version__}:  # another version has schemas of its own
            texts |= schemas.wanted({file: read(root, file) for file in schemas.SCHEMAS})
        changes = [change for name, text in texts.items() for change in changed(root, name, text)]
        write(root, changes)
        for name in texts:
            done = "written" if any(change.path == name for change in changes) else "no change"
            console.say(f"{done}: {name}")
        if note:
            console.say(note)
        return 0

    return run_command(work, interrupted="nothing was written", json=json)
