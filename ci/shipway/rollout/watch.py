"""Watch rollouts until each has its verdict: the hands and eyes around the judge.

One loop for all services of a delivery, one DescribeServices for ten of them; between two looks
it sleeps as long as the judge says. Log lines are fetched the moment a task stops, because ECS
forgets a stopped task within the hour.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from shipway.errors import (
    CancelledError,
)
from shipway.observer import Noticed, Observer
from shipway.rollout.diagnosis.diagnosis import LogTail
from shipway.rollout.diagnosis.reasons import read
from shipway.rollout.judge import judge
from shipway.rollout.judge.terms import DeploymentRef, Outcome, Policy, RolloutEvent
from shipway.rollout.log_tails import place_of, tail, worth_reading
from shipway.rollout.ports import Ecs, Logs
from shipway.rollout.snapshot import Snapshot, Task
from shipway.rollout.task_definition import TaskDefinition
from shipway.util.clock import Clock

# CloudWatch shows a line some seconds after it was written; a stream that is still empty is
# asked again at the next looks, and no more often than this.
_LOG_TRIES = 5
# Of tasks that failed alike so many are read, so many streams at a look, and calls are left over.
_TAILS_ALIKE = 3
_TAILS_A_LOOK = 2
_TAILS_KEEP = 12
SERVICES_A_CALL = 10
"""DescribeServices takes ten (ECS API Reference)."""
_JITTER = 0.1
# Half of the longest pause: services of which nothing moves fall into step, and share their calls.
_TOGETHER = 2.5


@dataclass(slots=True, kw_only=True)
class Watched:
    """One service's rollout while it is watched, and what is known of it in the end.

    Attributes:
        target: Which deployment is ours.
        definition: The task definition that is rolled out: it says where logs go.
        events: Everything that was seen, in order.
        tails: Log lines of tasks that stopped.
        last: The last look.
        looks: How many looks were taken.
    """

    target: DeploymentRef
    policy: Policy
    definition: TaskDefinition
    state: judge.State
    due: datetime
    outcome: Outcome | None = None
    last: Snapshot = field(default_factory=Snapshot)
    events: list[RolloutEvent] = field(default_factory=list)
    tails: dict[tuple[str, str], LogTail] = field(default_factory=dict)
    owed: dict[tuple[str, str], int] = field(default_factory=dict)
    alike: dict[str, int] = field(default_factory=dict)
    looks: int = 0


def begin(
    target: DeploymentRef, policy: Policy, definition: TaskDefinition, at: datetime
) -> Watched:
    """Start the judge's clock for one service."""
    return Watched(
        target=target,
        policy=policy,
        definition=definition,
        state=judge.begin(target, policy, at),
        due=at,
    )


class Watch:
    """The loop.

    Args:
        ecs: Looks and acts.
        logs: Reads container logs.
        cluster: The cluster of all services watched.
        clock: Tells the time and waits.
        observer: Is told of every happening and of progress.
        together: Whether a service that fails has those taken back that are still under way.
    """

    def __init__(
        self,
        *,
        ecs: Ecs,
        logs: Logs,
        cluster: str,
        clock: Clock,
        observer: Observer,
        together: bool = False,
    ) -> None:
        self._ecs = ecs
        self._logs = logs
        self._cluster = cluster
        self._clock = clock
        self._observer = observer
        self._together = together
        self._interrupted = False
        self._budget = judge.Budget()

    def follow(self, watched: Sequence[Watched]) -> None:
        """Watch until every rollout has its conclusion.

        The first Ctrl-C asks ECS to roll back and goes on watching.

        Raises:
            CancelledError: The second Ctrl-C.
            TerminatedError: SIGTERM, from the handler that the task runner set.
        """
        self._budget = judge.Budget(services=max(1, len(watched)))
        while open_ := [rollout for rollout in watched if rollout.outcome is None]:
            try:
                self._round(open_)
                failing = next(filter(_fails, watched), None) if self._together else None
                if failing is not None:
                    self.recall(watched, f"{failing.target.subject} failed")
            except KeyboardInterrupt:
                try:
                    self._interrupt(open_)
                except KeyboardInterrupt as again:
                    # The second one, while ECS was being asked.
                    raise _interrupted_twice() from again
        self._settle_debts(watched)

    def recall(self, watched: Sequence[Watched], why: str) -> None:
        """Ask ECS to take back what is under way and does not fail by itself; each once."""
        for rollout in watched:
            if rollout.outcome is None and rollout.state.interrupted is None:
                rollout.state, events = judge.recall(rollout.state, why, self._clock.now())
                self._heed(rollout, events)
                if events:
                    rollout.due = self._clock.now()

    def _round(self, open_: Sequence[Watched]) -> None:
        now = self._clock.now()
        wait = min((rollout.due - now).total_seconds() for rollout in open_)
        # Others may have spent what this look was to cost.
        wait = max(wait, self._budget.until(now, ceil(len(open_) / SERVICES_A_CALL)))
        if wait > 0:
            self._clock.sleep(wait)
            now = self._clock.now()
        # Who is nearly due comes along: one call for all costs less than one each.
        due = [rollout for rollout in open_ if (rollout.due - now).total_seconds() <= _TOGETHER]
        seen = self._ecs.services(self._cluster, [rollout.target.service for rollout in due])
        self._spend(ceil(len(due) / SERVICES_A_CALL))
        described = False
        for rollout in due:
            self._look(rollout, seen[rollout.target.service], described=described)
            # Whoever asks for a description has those of all services that are followed.
            described = described or rollout.last.service_deployment is not None

    def _look(self, rollout: Watched, glance: Snapshot, *, described: bool) -> None:
        now = self._clock.now()
        fetch = judge.fetch(rollout.state, glance, now, self._budget, described=described)
        snapshot = glance
        if glance.answered and fetch.calls > 1:
            snapshot = self._ecs.complete(self._cluster, rollout.target.service, glance, fetch)
            self._spend(snapshot.calls - glance.calls)
            snapshot = snapshot.with_helpers(rollout.definition.helpers)
        rollout.last, rollout.looks = snapshot, rollout.looks + 1
        rollout.state, events, outcome = judge.step(rollout.state, snapshot, self._clock.now())
        self._heed(rollout, events)
        self._pay(rollout)
        self._observer(judge.progress(rollout.state, snapshot, self._clock.now()))
        pause = judge.next_look(rollout.state, self._clock.now(), self._budget)
        jitter = 1 + random.uniform(-_JITTER, _JITTER)  # noqa: S311  # spreads load, hides nothing
        rollout.due = self._clock.now() + timedelta(seconds=pause * jitter)
        rollout.outcome = outcome

    def _spend(self, calls: int) -> None:
        self._budget = self._budget.after(self._clock.now(), calls)

    def _heed(self, rollout: Watched, events: Sequence[RolloutEvent]) -> None:
        for event in events:
            rollout.events.append(event)
            # How it ended is told with its cause once, by the stage itself.
            if event.kind != "concluded":
                self._observer(judge.noticed(event, rollout.target.subject))
            if event.task is not None:
                self._owe(rollout, event.task)
            if event.action is not None:
                action = event.action
                trouble = self._ecs.stop(action.arn, action.stop_type)
                self._spend(1)
                rollout.state = judge.answered(rollout.state, trouble, self._clock.now())
                if trouble is not None and rollout.state.refusal:
                    subject = rollout.target.subject
                    refused = Noticed(
                        stage="deploy", subject=subject, text=rollout.state.refusal, level="warning"
                    )
                    self._observer(refused)

    def _owe(self, rollout: Watched, task: Task) -> None:
        """Note whose log lines are wanted: of tasks that failed alike, those of a few."""
        reading = read(task)
        signature = reading.signature if reading is not None else ""
        if rollout.alike.get(signature, 0) < _TAILS_ALIKE:
            rollout.alike[signature] = rollout.alike.get(signature, 0) + 1
            rollout.owed |= dict.fromkeys(_streams(task, rollout), 0)

    def _pay(self, rollout: Watched, *, all_of_it: bool = False) -> None:
        """Fetch the log lines that are owed; an empty stream stays owed for some looks more.

        A look fetches few, and none with the calls that the verdict may need.
        """
        for key, tries in list(rollout.owed.items())[: None if all_of_it else _TAILS_A_LOOK]:
            place = place_of(rollout.definition, *key)
            if place is None:
                del rollout.owed[key]
                continue
            kept = 0 if all_of_it else self._budget.reserve + _TAILS_KEEP
            if self._budget.left(self._clock.now()) <= kept:
                return
            log = tail(self._logs, place, *key, self._clock)
            self._spend(1)
            del rollout.owed[key]
            if log is not None:
                rollout.tails[key] = log
            elif tries + 1 < _LOG_TRIES:
                rollout.owed[key] = tries + 1  # behind the others

    def _settle_debts(self, watched: Sequence[Watched]) -> None:
        for rollout in watched:
            if rollout.outcome is not None and not rollout.outcome.verdict.good:
                self._pay(rollout, all_of_it=True)

    def _interrupt(self, open_: Sequence[Watched]) -> None:
        if self._interrupted:
            raise _interrupted_twice()
        self._interrupted = True
        for rollout in open_:
            rollout.state, events = judge.interrupt(rollout.state, self._clock.now())
            self._heed(rollout, events)
            rollout.due = self._clock.now()


def _interrupted_twice() -> CancelledError:
    return CancelledError(
        "interrupted twice: the rollout goes on without being watched",
        remedy="see the service's deployments in ECS, or run verify",
    )


def _fails(rollout: Watched) -> bool:
    """Whether it is certain that this service does not come to run what is released."""
    if rollout.outcome is None:
        return rollout.state.announced is not None
    return rollout.outcome.verdict.fails_release


def _streams(task: Task, rollout: Watched) -> tuple[tuple[str, str], ...]:
    """Streams worth reading that were not read."""
    keys = ((task.id, name) for name in worth_reading(task))
    return tuple(key for key in keys if key not in rollout.tails)
