"""``inv rehearse``: start the sandbox, run every scenario, judge the evidence."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

from shipway.adapters.http import HttpProber
from shipway.cli.deliver import terminable
from shipway.cli.run_command import run_command
from shipway.console import Acceptance, Console
from shipway.console.json_lines import decode
from shipway.embedded import entry
from shipway.errors import EvidenceError, UnmetError
from shipway.git import checkout as git
from shipway.observer import Concluded, Event, Observer
from shipway.rehearsal import closing
from shipway.rehearsal.checkout import Checkout
from shipway.rehearsal.preparation import build_context, check, project
from shipway.rehearsal.run_scenario import ScenarioContext, walk
from shipway.rehearsal.scenarios import Scenario, Scenarios, scenarios
from shipway.util.disk import writing
from shipway.util.paths import cache_folder

_BESIDE: Final = 2
"""How many walks go on beside one that mostly waits."""


def run(*, as_json: bool, verbose: bool) -> int:
    """Rehearse; 0 only if every criterion is met."""

    def work(console: Console) -> int:
        with terminable():
            return _rehearse(console)

    remedy = "nothing is left running; start it again at any time"
    return run_command(work, interrupted=remedy, json=as_json, verbose=verbose)


def _rehearse(console: Console) -> int:
    root = git.root(Path.cwd())
    started = time.monotonic()
    embedded = entry.embedded(root, cache_folder(os.environ))
    check(embedded, root)
    blueprint = embedded.blueprint
    planned = scenarios(blueprint.contract, listens=bool(blueprint.port))
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
            _run_all(planned, stage, scratch, console)
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


def _run_all(planned: Scenarios, stage: ScenarioContext, scratch: Path, console: Console) -> None:
    quick, *unhealthy = planned.failing or (None,)
    numbers = count(1)
    for scenario in (*planned.allowed, *((quick,) if quick else ())):
        _run_scenario(scenario, stage, next(numbers), console)
    # A refusal changes nothing and asks no AWS; and while releases wait for their health checks to
    # fail, this machine has nothing to do. So the refusals are walked beside them.
    cloned = [
        _ClonedScenario(scenario, stage, next(numbers), scratch) for scenario in planned.refused
    ]
    with _pool(_BESIDE) as pool:
        # Nobody may commit in a repository that is being cloned.
        list(pool.map(_ClonedScenario.clone, cloned))
        runs = [pool.submit(clone.run) for clone in cloned]
        for scenario in unhealthy:
            _run_scenario(scenario, stage, next(numbers), console)
        for clone, running in zip(cloned, runs, strict=True):
            running.result()
            clone.show(console)


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads; where something ends us, what has not begun never begins."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class _ClonedScenario:
    """A scenario in a clone of its own; its events are kept until its turn to be shown."""

    def __init__(
        self, scenario: Scenario, stage: ScenarioContext, number: int, scratch: Path
    ) -> None:
        self._scenario = scenario
        self._stage = stage
        self._number = number
        self._folder = scratch / scenario.name
        self._recorded: list[Event] = []

    def clone(self) -> None:
        """Take the repository as it is now."""
        ours = self._stage.checkout
        own = Checkout(ours.folder, self._folder, replace(ours.project, addresses={}))
        self._stage = replace(self._stage, checkout=own)

    def run(self) -> None:
        """Run the scenario in the clone, and keep its events."""
        walk(
            self._scenario,
            self._stage,
            self._number,
            _events(self._recorded.append, self._stage.root),
        )

    def show(self, console: Console) -> None:
        """Print its events."""
        _head(self._scenario, console)
        for event in self._recorded:
            console(event)


def _run_scenario(
    scenario: Scenario, stage: ScenarioContext, number: int, console: Console
) -> None:
    _head(scenario, console)
    walk(scenario, stage, number, _events(console, stage.root))


def _head(scenario: Scenario, console: Console) -> None:
    expected = "must succeed" if not scenario.exit_code else f"must fail: {scenario.kind}"
    console.say("")
    console.say(f"{scenario.name}  {scenario.title}  ({expected})")


def _events(observer: Observer, root: Path) -> Callable[[Mapping[str, Any]], None]:
    def take(record: Mapping[str, Any]) -> None:
        event = decode(record)
        if isinstance(event, Concluded):  # a walk's own place is not where a person stands
            event = replace(event, evidence=event.evidence.removeprefix(f"{root}/"))
        if event is not None:
            observer(event)

    return take
