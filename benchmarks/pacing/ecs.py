"""The scripted ECS as the product's port sees it: snapshots, calls that take time, and weather."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil, inf
from typing import Literal

from benchmarks.pacing.lag import Lag, lags
from benchmarks.pacing.view import REVISIONS, T0, View, at
from benchmarks.pacing.world import EARLIER, World

from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.ports import LogLines, Updated
from shipway.rollout.snapshot import (
    RevisionSummary,
    ServiceDeployment,
    ServiceRevision,
    Snapshot,
    TargetHealth,
    Task,
    Trouble,
)
from shipway.rollout.task_definition import TaskDefinition

_PAGE = 100
_TEXTS = {
    "throttled": "Rate exceeded",
    "unreachable": "Connect timeout on endpoint",
    "server-error": "Internal server error",
}


class SimClock:
    """The clock of a simulation: it moves by sleeping and by calls."""

    def __init__(self) -> None:
        self.second = 0.0

    def now(self) -> datetime:
        """T0 and the seconds that passed."""
        return at(self.second)

    def sleep(self, seconds: float) -> None:
        """Pass the time."""
        self.second += max(0.0, seconds)


class Frozen:
    """What ECS's reads showed of one service at one moment; asked as a :class:`.view.View` is."""

    def __init__(self, view: View) -> None:
        self._glance = view.glance()
        self._service_deployment = view.service_deployment()
        self._running, self._stopped = view.running(), view.stopped()

    def glance(self) -> Snapshot:
        """The DescribeServices part."""
        return self._glance

    def service_deployment(self) -> ServiceDeployment:
        """DescribeServiceDeployments of ours."""
        return self._service_deployment

    def running(self) -> tuple[Task, ...]:
        """ListTasks and DescribeTasks with the desired status RUNNING."""
        return self._running

    def stopped(self) -> tuple[Task, ...]:
        """The same with STOPPED."""
        return self._stopped


class ScriptedEcs:
    """The port: some worlds, one clock, and every call counted with its second.

    Attributes:
        lags: Times in which reads showed an earlier moment, as far as the clock has come.
    """

    def __init__(self, worlds: Mapping[str, World], clock: SimClock) -> None:
        self.worlds = dict(worlds)
        self.views = {name: View(world, name) for name, world in worlds.items()}
        self.calls: list[float] = []
        self._clock = clock
        lead = next(iter(worlds.values())).script
        self._script = lead
        self._draw = random.Random(lead.seed + 1)  # a simulation
        self._before = {name: self._before_update(view) for name, view in self.views.items()}
        self._update_shows = self._draw.uniform(0, 2) if lead.stale else 0.0
        self.lags: list[Lag] = []
        self._coming = lags(lead)
        self._lag = next(self._coming, Lag(inf, inf))
        self._frozen: dict[str, Frozen] = {}
        self._described = False

    def _before_update(self, view: View) -> Snapshot:
        glance = view.glance()
        old = tuple(
            replace(entry, status="PRIMARY") for entry in glance.deployments if entry.id == EARLIER
        )
        current = "sd41" if view.world.script.described and old else None
        return replace(glance, deployments=old, current_service_deployment=current, events=())

    def call(self, operation: str) -> Trouble | None:
        """Make one call: it takes its time, and may fail."""
        script, draw = self._script, self._draw
        self.calls.append(self._clock.second)
        self._clock.sleep(script.latency * draw.uniform(0.7, 2))
        second = self._clock.second
        kind = ""
        for weather in script.weather:
            if weather.start <= second < weather.end and (weather.every or draw.random() < 0.5):
                kind = weather.kind
        if not kind and script.errors and draw.random() < script.errors:
            kind = draw.choice(("throttled", "server-error"))
        self._advance(self._clock.second)
        if not kind:
            return None
        if kind == "unreachable":
            self._clock.sleep(3.0)
        return Trouble(kind=kind, text=_TEXTS[kind], operation=operation)

    def _advance(self, second: float) -> None:
        """Let the worlds go on, and keep what they show at the beginning of each lag."""
        while self._lag.start <= second:
            self._move(self._lag.start)
            self._frozen = {name: Frozen(view) for name, view in self.views.items()}
            self.lags.append(self._lag)
            self._lag = next(self._coming)
        self._move(second)

    def _move(self, second: float) -> None:
        for world in self.worlds.values():
            world.advance(second)

    def _read(self, name: str) -> Frozen | View:
        """What a call that is answered now shows of that service."""
        if self.lags and self._clock.second < self.lags[-1].end:
            return self._frozen[name]
        return self.views[name]

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        """DescribeServices, ten a call; now and then it shows what was true a moment ago."""
        _ = cluster
        self._described = False
        seen: dict[str, Snapshot] = {}
        for first in range(0, len(names), 10):
            some = names[first : first + 10]
            trouble = self.call("DescribeServices")
            for name in some:
                if trouble is not None:
                    seen[name] = Snapshot(answered=False, troubles=(trouble,))
                elif self._clock.second < self._update_shows:
                    seen[name] = self._before[name]
                else:
                    seen[name] = self._read(name).glance()
        return seen

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        """What the judge wants besides, with as many calls as the adapter makes."""
        _ = cluster
        view, before = self.views[name], len(self.calls)
        described = view.world.script.described
        troubles: list[Trouble] = list(glance.troubles)

        def ok(operation: str) -> bool:
            trouble = self.call(operation)
            if trouble is not None:
                troubles.append(trouble)
            return trouble is None

        ours = newest = None
        wants_description = bool(fetch.service_deployment or fetch.newest)
        if wants_description and (self._described or ok("DescribeServiceDeployments")):
            # One call describes them all: the adapter keeps its answer for the others of a look.
            self._described = True
            current = glance.current_service_deployment
            wanted = current if fetch.service_deployment == "current" else fetch.service_deployment
            shown = self._read(name).service_deployment()
            ours = shown if described and wanted == view.arn else None
            if fetch.newest and current == "sd43":
                target = RevisionSummary(arn="rev/43")
                newest = ServiceDeployment(
                    arn="sd43",
                    status="IN_PROGRESS",
                    target=target,
                    created_at=at(view.world.script.newer),
                )
        revisions: tuple[ServiceRevision, ...] = ()
        if fetch.revisions and (ours or newest) and ok("DescribeServiceRevisions"):
            revisions = REVISIONS
        tasks, stopped, listed = self._tasks(name, fetch, ok)
        targets: tuple[TargetHealth, ...] = ()
        if fetch.targets and view.world.script.balanced and ok("DescribeTargetHealth"):
            targets = view.targets()
        return replace(
            glance,
            calls=glance.calls + len(self.calls) - before,
            service_deployment=ours,
            newest=newest,
            revisions=revisions,
            tasks=tasks,
            tasks_listed=listed,
            stopped=stopped,
            targets=targets,
            troubles=tuple(troubles),
        )

    def _tasks(
        self, name: str, fetch: FetchPlan, ok: Callable[[str], bool]
    ) -> tuple[tuple[Task, ...], tuple[Task, ...], bool]:
        """What runs and what stopped, and whether what runs was told: all of it, or nothing."""
        lists: list[tuple[Task, ...]] = []
        for wanted, shown in ((fetch.tasks, "running"), (fetch.stopped, "stopped")):
            tasks: tuple[Task, ...] = ()
            if wanted:
                if not ok("ListTasks"):
                    return (), (), False
                seen = self._read(name)
                tasks = seen.running() if shown == "running" else seen.stopped()
                for _ in range(ceil(len(tasks) / _PAGE) - 1):
                    ok("ListTasks")
            lists.append(tasks)
        running, stopped = lists
        ended = {task.arn for task in stopped}
        running = tuple(task for task in running if task.arn not in ended)
        for _ in range(ceil((len(running) + len(stopped)) / _PAGE)):
            if not ok("DescribeTasks"):
                return (), (), False
        return running, stopped, fetch.tasks

    def stop(self, arn: str, stop_type: Literal["ROLLBACK", "ABORT"]) -> Trouble | None:
        """StopServiceDeployment of the service that ``arn`` names."""
        _ = stop_type
        trouble = self.call("StopServiceDeployment")
        if trouble is None and not self.worlds[arn.rpartition("/")[2]].stop("us"):
            return Trouble(kind="conflict", text="not in a state to stop", operation="stop")
        return trouble

    def service_names(self, cluster: str) -> tuple[str, ...]:
        """Not asked while a rollout is watched."""
        raise AssertionError(cluster)

    def task_definition(self, arn: str) -> TaskDefinition:
        """Not asked while a rollout is watched."""
        raise AssertionError(arn)

    def register(self, definition: TaskDefinition) -> str:
        """Not asked while a rollout is watched."""
        raise AssertionError(definition)

    def update(self, cluster: str, service: str, task_definition: str) -> Updated:
        """Not asked while a rollout is watched."""
        raise AssertionError((cluster, service, task_definition))

    def resume(self, arn: str, hook: str, action: Literal["CONTINUE", "ROLLBACK"]) -> None:
        """Not asked while a rollout is watched."""
        raise AssertionError((arn, hook, action))


class CountedLogs:
    """Container logs: a call each, and always a line."""

    def __init__(self, ecs: ScriptedEcs) -> None:
        self._ecs = ecs

    def tail(self, group: str, stream: str, lines: int) -> LogLines:
        """One line."""
        _ = group, stream, lines
        return () if self._ecs.call("GetLogEvents") else ((T0, "it failed"),)
