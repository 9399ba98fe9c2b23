"""``inv rehearse``: walk good and bad releases in a sandbox of its own."""

from __future__ import annotations

from pathlib import Path

from shipway.cli.deliver import terminable
from shipway.cli.run_command import run_command
from shipway.console import Console
from shipway.embedded.entry import extra_needed
from shipway.git import checkout


def run(*, as_json: bool, verbose: bool) -> int:
    """Rehearse; 0 only if every criterion is met."""

    def work(console: Console) -> int:
        root = checkout.root(Path.cwd())
        with extra_needed(root):
            from shipway.rehearsal.rehearse import rehearse  # noqa: PLC0415  # needs the extra
        with terminable():
            return rehearse(root, console)

    remedy = "nothing is left running; start it again at any time"
    return run_command(work, interrupted=remedy, json=as_json, verbose=verbose)
