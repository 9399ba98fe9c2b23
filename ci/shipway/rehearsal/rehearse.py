"""A whole rehearsal: start the sandbox, run every scenario, judge the evidence."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from shipway.adapters.http import HttpProber
from shipway.console import Acceptance, Console
from shipway.embedded import entry
from shipway.errors import EvidenceError, UnmetError
from shipway.rehearsal import closing
from shipway.rehearsal.checkout import Checkout
from shipway.rehearsal.copies import copies, with_copies
from shipway.rehearsal.preparation import build_context, check, project
from shipway.rehearsal.run_scenario import ScenarioContext
from shipway.rehearsal.scenarios import scenarios
from shipway.rehearsal.walks import run_all
from shipway.util.disk import writing
from shipway.util.paths import cache_folder


def rehearse(root: Path, console: Console) -> int:
    """Rehearse a repository; 0 only if every criterion is met.

    Args:
        root: The repository's root.
        console: Where it is told.

    Raises:
        ShipwayError: Something lacks, before a scenario was walked or at its end.
    """
    started = time.monotonic()
    embedded = entry.embedded(root, cache_folder(os.environ))
    check(embedded, root)
    blueprint = embedded.blueprint
    planned = scenarios(
        blueprint.contract, listens=bool(blueprint.port), scan_limits=blueprint.scan_limits
    )
    apart = copies(blueprint, planned.failing)
    embedded = replace(embedded, blueprint=with_copies(blueprint, apart))
    evidence = _folder(root / "evidence")
    name = evidence.name
    with writing("the rehearsal", evidence, EvidenceError, needs="about 100 MB"):
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shipway-")))
            sandbox = stack.enter_context(embedded.owned(scratch / "run", console.say))
            stage = ScenarioContext(
                world=sandbox,
                checkout=Checkout(root, scratch / "repository", project(embedded, root, sandbox)),
                evidence=evidence,
                prober=HttpProber(),
                blueprint=blueprint,
                planned=planned.planned(),
                context=build_context(embedded, scratch / "context", console.say),
            )
            run_all(planned, stage, apart, scratch, console)
        judged = closing.judge(evidence)
        report = closing.close(evidence, judged, seconds=time.monotonic() - started)
    for line in closing.words(judged):
        console.say(line)
    acceptance = [
        Acceptance(
            name=row.name if row.met else f"{row.name}: {row.why}",
            met=row.met,
            proof=f"evidence/{name}/{row.file}" if row.file else "",
        )
        for row in judged.rows
    ]
    console.acceptance(
        acceptance, seconds=time.monotonic() - started, report=f"evidence/{name}/{report.name}"
    )
    if judged.checked.findings:
        return EvidenceError.exit_code
    return 0 if judged.ready else UnmetError.exit_code


def _folder(above: Path) -> Path:
    """A new folder named by the time, and by a number where two rehearsals began together."""
    name = f"rehearsal-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
    number = 1
    while True:
        folder = above / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise EvidenceError(
                f"the rehearsal's evidence cannot be written: {error}",
                where=str(folder),
                remedy="see that the disk is not full and the folder can be written",
            ) from error
        else:
            return folder
