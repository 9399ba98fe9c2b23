"""Every scenario walked: what must succeed one after the other, what must fail side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from shipway.console import Console
from shipway.console.json_lines import decode
from shipway.observer import Concluded, Event
from shipway.rehearsal.checkout import Checkout
from shipway.rehearsal.copies import Copy
from shipway.rehearsal.run_scenario import ScenarioContext, walk
from shipway.rehearsal.scenarios import Scenario, Scenarios
from shipway_sandbox.compute import share_layers

_WAITING: Final = 2
"""How many walks there may be beyond one for each core: most of the time they wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Scenarios that are walked one after the other, in a clone of their own.

    Attributes:
        scenarios: In order.
        copy: The copy of their environment in which they are walked; ``None`` for itself.
    """

    scenarios: tuple[Scenario, ...]
    copy: Copy | None = None


def lanes(planned: Scenarios, copies: Sequence[Copy]) -> tuple[Lane, ...]:
    """What must fail, walked side by side: each release in an environment of its own.

    What fails before anything is changed, and what there is no copy for, follows the first in the
    environment itself.
    """
    rolling = [scenario for scenario in planned.failing if scenario.variant]
    apart = rolling[1 : len(copies) + 1]
    rest = tuple(scenario for scenario in planned.failing if scenario not in apart)
    return (
        *((Lane(scenarios=rest),) if rest else ()),
        *(
            Lane(scenarios=(scenario,), copy=copy)
            for scenario, copy in zip(apart, copies, strict=False)
        ),
    )


def _refused(planned: Scenarios) -> tuple[Lane, ...]:
    """What is refused changes nothing: one clone serves all of it."""
    return (Lane(scenarios=planned.refused),) if planned.refused else ()


def run_all(
    planned: Scenarios,
    stage: ScenarioContext,
    copies: Sequence[Copy],
    scratch: Path,
    console: Console,
) -> None:
    """Walk them; the evidence lies in the stage's folder afterwards.

    Args:
        planned: What is walked.
        stage: On what.
        copies: Of the environment in which releases must fail.
        scratch: Where clones are made; the caller removes it.
        console: Shows what happens, scenario by scenario.

    Raises:
        SandboxError: The sandbox failed.
    """

    def start(lane: Lane) -> _StartedLane:
        return _StartedLane(lane, _own(lane, stage, scratch), planned)

    with _pool(stage) as pool:
        # What is refused waits for nothing: it is walked beside what must succeed.
        refused = [start(lane) for lane in _refused(planned)]
        running = [pool.submit(lane.run) for lane in refused]
        for scenario in planned.allowed:
            _head(scenario, console)
            walk(scenario, stage, planned.number(scenario), _events(console.replay, stage.root))
        for copy in copies:  # as in the environment itself, what it ran before lies there
            original = stage.blueprint.layer(copy.environment)
            share_layers(stage.world.state, original, copy.layer)
        started = list(refused)
        for lane in lanes(planned, copies):
            # Nobody commits any more in what is cloned: a lane walks while the next is made.
            started.append(start(lane))
            running.append(pool.submit(started[-1].run))
        told = {name: queue for lane in started for name, queue in lane.told.items()}
        for scenario in (*planned.failing, *planned.refused):
            _head(scenario, console)
            while (dated := told[scenario.name].get()) is not None:
                console.replay(*dated)
        for lane_run in running:
            lane_run.result()


class _StartedLane:
    """A lane under way: what its scenarios tell is kept until their turn to be shown."""

    def __init__(self, lane: Lane, stage: ScenarioContext, planned: Scenarios) -> None:
        self._lane = lane
        self._stage = stage
        self._planned = planned
        self.told: dict[str, SimpleQueue[tuple[Event, datetime] | None]] = {
            scenario.name: SimpleQueue() for scenario in lane.scenarios
        }

    def run(self) -> None:
        """Walk its scenarios; whatever happens, each says that it has told everything."""
        try:
            for scenario in self._lane.scenarios:
                if self._stage.deliveries.closed:
                    return
                told = self.told[scenario.name]
                number = self._planned.number(scenario)
                walk(scenario, self._stage, number, _events(_into(told), self._stage.root))
                told.put(None)
        finally:
            for told in self.told.values():
                told.put(None)


def _own(lane: Lane, stage: ScenarioContext, scratch: Path) -> ScenarioContext:
    """The stage with a clone of the repository as it is now, and the lane's environment."""
    ours = stage.checkout
    project = replace(ours.project, addresses={})
    copy = lane.copy
    if copy is not None:
        project = replace(project, swaps=tuple(_swaps(copy, stage)))
        stage = replace(
            stage, world=copy.world(stage.world), blueprint=copy.blueprint(stage.blueprint)
        )
    folder = scratch / lane.scenarios[0].name
    return replace(stage, checkout=Checkout(ours.folder, folder, project))


def _swaps(copy: Copy, stage: ScenarioContext) -> Iterator[tuple[str, str]]:
    """What delivery.toml must say instead, to lead to a copy of the environment."""
    yield copy.accounts
    original = stage.blueprint.layer(copy.environment)
    for key, balancer in original.balancers.items():
        address = stage.world.address
        yield address(balancer), address(copy.layer.balancers[key])


@contextmanager
def _pool(stage: ScenarioContext) -> Iterator[ThreadPoolExecutor]:
    """Threads; where something ends us, what has not begun never begins, and what runs is ended."""
    pool = ThreadPoolExecutor((os.cpu_count() or 1) + _WAITING)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        stage.deliveries.end()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _head(scenario: Scenario, console: Console) -> None:
    expected = "must succeed" if not scenario.exit_code else f"must fail: {scenario.kind}"
    console.say("")
    console.say(f"{scenario.name}  {scenario.title}  ({expected})")


def _into(told: SimpleQueue[tuple[Event, datetime] | None]) -> Callable[[Event, datetime], None]:
    return lambda event, at: told.put((event, at))


def _events(
    tell: Callable[[Event, datetime], None], root: Path
) -> Callable[[Mapping[str, Any]], None]:
    """What takes a delivery's JSON lines and tells its events, each with its time."""

    def take(record: Mapping[str, Any]) -> None:
        event = decode(record)
        if isinstance(event, Concluded):  # a walk's own place is not where a person stands
            event = replace(event, evidence=event.evidence.removeprefix(f"{root}/"))
        if event is not None:
            tell(event, datetime.fromisoformat(str(record["time"])))

    return take
