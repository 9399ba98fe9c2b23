"""ECS as it would go on by itself: one service deployment, moved along by its own events.

Nothing here knows a judge. A task's whole life is drawn when it is launched; the deployment follows
from the tasks: replacement waves, the circuit breaker, the drained predecessors, the roll-back.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from math import inf

from benchmarks.pacing.life import HEALTH_REASONS, SimTask, live, long_since, take_back
from benchmarks.pacing.script import Script

OURS, EARLIER, NEWER = "ecs-svc/42", "ecs-svc/41", "ecs-svc/43"
_LONGEST_DELAY = 300.0
_EVENTS = 100


class World:
    """One service while ``script`` happens to it.

    Attributes:
        now: The second up to which it has been moved.
        version: Counts what happened; equal where nothing did.
        turns: Counts what may be evidence: launches, ends, and health that came or went.
        ended: The second at which the end can be read, ``inf`` before.
        status: The service deployment's status.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.draw = random.Random(script.seed)  # a simulation
        self.now = 0.0
        self.version = 0
        self.turns = 0
        self.status = "PENDING"
        self.reason = ""
        self.stage = "RECONCILE_SERVICE"
        self.rollout_state = "IN_PROGRESS"
        self.ended = inf
        self.by = ""
        self.rolling_back = inf
        self.opened = False
        self.weight = 0.0
        self.failures = 0
        self.failed_tasks = 0
        self.paused = False
        self.pausing_since = inf
        self.superseded = False
        self.tasks: list[SimTask] = []
        self.earlier: list[SimTask] = []
        self.events: list[tuple[float, str]] = []
        self._numbers = itertools.count(1)
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._over = False
        self._plan = 0
        self._launched: set[int] = set()
        self._placed_note = -inf
        self._begin()

    # Time.

    def advance(self, now: float) -> None:
        """Let everything happen that is due until second ``now``."""
        while self._heap and self._heap[0][0] <= now:
            self.now, _, happen = heapq.heappop(self._heap)
            self.version += 1
            happen()
        self.now = max(self.now, now)

    @property
    def next(self) -> float:
        """The second at which something happens next; ``inf`` where nothing will."""
        return self._heap[0][0] if self._heap else inf

    def run_until(self, horizon: float) -> None:
        """Let it go on by itself until its end or ``horizon``."""
        while self._heap and self._heap[0][0] <= horizon and self.ended == inf:
            self.advance(self._heap[0][0])
        self.now = max(self.now, min(horizon, self.ended))

    @property
    def _settled(self) -> bool:
        """Whether nothing more comes of ours: it ended, goes back, or was told to stop.

        After STOP_REQUESTED it "continues to stop", and what was under way makes it no success:
        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stop-service-deployment.html
        """
        return self._over or self.rolling_back < inf or self.superseded

    def _at(self, moment: float, happen: Callable[[], object]) -> None:
        if moment < inf:
            heapq.heappush(self._heap, (max(moment, self.now), next(self._order), happen))

    def _touch(self) -> None:
        """Something became visible."""

    def say(self, text: str) -> None:
        """A line among the service's events."""
        self.events.append((self.now, text))
        del self.events[:-_EVENTS]

    # The beginning.

    def _begin(self) -> None:
        script = self.script
        for slot in range(0 if script.first else script.desired):
            self.earlier.append(long_since(next(self._numbers), slot))
        start = self.draw.uniform(0.5, 4)
        self._at(start, self._started)
        for first in range(0, script.desired, script.batch):
            slots = range(first, min(first + script.batch, script.desired))
            self._at(
                start + first / script.batch * script.batch_every,
                lambda slots=slots: self._launch_all(slots),  # type: ignore[misc]  # bound now
            )
        self._at(script.alarm, self._alarm)
        self._at(script.person, lambda: self.stop("person"))
        self._at(script.newer, self._supersede)

    def _started(self) -> None:
        if self.status == "PENDING":
            self.status, self.stage = "IN_PROGRESS", "SCALE_UP"

    def _launch_all(self, slots: range) -> None:
        started = [slot for slot in slots if self._launch(slot, 0)]
        if started:
            self.say(f"(service web) has started {len(started)} tasks: (task {started[0]}).")

    # Tasks.

    def _launch(self, slot: int, generation: int) -> bool:
        script = self.script
        if self._settled:
            return False
        if self.now < script.capacity:
            if self.now - self._placed_note > 45:
                self._placed_note = self.now
                self.say("(service web) was unable to place a task because no container instance "
                         "met all of its requirements.")  # fmt: skip
            again = min(script.capacity, self.now + 60) if script.capacity < inf else self.now + 60
            self._at(again, lambda: self._launch(slot, generation))
            return False
        task = SimTask(
            number=next(self._numbers), slot=slot, generation=generation, ours=True,
            created=self.now,
        )  # fmt: skip
        self.tasks.append(task)
        self.turns += 1
        live(task, script, self.draw)
        for moment in (task.pending, task.running, task.gone):
            self._at(moment, self._touch)
        if task.well < task.down:
            self._at(task.well, lambda: self._well(task))
        self._at(task.unwell, lambda: self._unwell(task))
        self._at(task.down, lambda: self._down(task))
        return True

    def _unwell(self, task: SimTask) -> None:
        self.turns += 1
        if task.live(self.now) and task.reason == HEALTH_REASONS["target-health"]:
            self.say(
                f"(service web) (port 8080) is unhealthy in (target-group tg) due to "
                f"(reason Health checks failed with these codes: [500]) (task {task.number})"
            )

    def _well(self, task: SimTask) -> None:
        self.turns += 1
        if self._settled or not task.live(self.now):
            return
        if self.script.breaker.resets:
            self.failures = 0
        if self.script.strategy == "ROLLING" and not self.script.bake:
            self._drain_one()
        self._check()

    def _down(self, task: SimTask) -> None:
        self.turns += 1
        if not task.failed or self._settled or task.draining < self.now:
            return
        self._plan += 1
        breaker = self.script.breaker
        exited = task.code == "EssentialContainerExited"
        if not exited or breaker.counts_exits:
            self.failures += 1
            self.failed_tasks += 1
        if breaker.enabled and self.failures >= breaker.threshold and not self.opened:
            self.opened = True
            self._at(self.now + self.draw.uniform(1, 12), self._open)
        delay = self.draw.uniform(1, 15)
        if task.running == inf:
            delay = min(_LONGEST_DELAY, delay + 5 * 2.0 ** min(task.generation, 8))
        self._at(self.now + delay, lambda: self._replace(task))

    def _replace(self, task: SimTask) -> None:
        if self._launch(task.slot, task.generation + 1):
            self.say(f"(service web) has started 1 tasks: (task {self.tasks[-1].number}).")

    # The way to the end.

    def _check(self) -> None:
        """Go on once every place has a healthy task."""
        if self._settled or self.paused:
            return
        well = {task.slot for task in self.tasks if task.healthy(self.now)}
        if len(well) < self.script.desired:
            return
        self._plan += 1
        plan = self._plan
        if self.script.strategy == "ROLLING":
            self._finish_rolling(plan)
        elif self.stage == "SCALE_UP":
            self.stage = "POST_SCALE_UP"
            if self.script.pause is not None:
                self._pause()
            else:
                self._later(2, plan, self._shift)

    def _later(self, seconds: float, plan: int, happen: Callable[[], None]) -> None:
        """Do it then, unless a task fails before."""

        def if_still() -> None:
            if plan == self._plan and not self._settled:
                happen()

        self._at(self.now + seconds, if_still)

    def _finish_rolling(self, plan: int) -> None:
        script = self.script
        if script.deferred:
            self._later(script.settle, plan, self._succeed)
        elif script.bake and self.stage == "SCALE_UP":
            self.stage = "BAKE_TIME"
            self._later(script.bake, plan, lambda: self._clean_up(plan))
        else:
            self._clean_up(plan)

    def _clean_up(self, plan: int) -> None:
        self.stage = "CLEAN_UP"
        while any(old.draining == inf for old in self.earlier):
            self._drain_one()
        last = max((old.gone for old in self.earlier), default=self.now)
        self._later(max(0.0, last - self.now) + self.script.settle, plan, self._succeed)

    def _shift(self) -> None:
        self.stage = "TEST_TRAFFIC_SHIFT"
        self._later(self.draw.uniform(2, 10), self._plan, lambda: self._step(0))

    def _step(self, number: int) -> None:
        steps = self.script.steps
        self.stage = "PRODUCTION_TRAFFIC_SHIFT"
        self.weight = 100.0 * (number + 1) / (steps + 1)
        if number < steps:
            self._later(self.script.step, self._plan, lambda: self._step(number + 1))
        else:
            self._later(5, self._plan, self._bake)

    def _bake(self) -> None:
        self.stage = "BAKE_TIME"
        plan = self._plan
        self._later(self.script.bake, plan, lambda: self._clean_up(plan))

    def _pause(self) -> None:
        pause = self.script.pause
        if pause is None:
            return
        self.paused, self.pausing_since = True, self.now
        answered = pause.answered < pause.expires
        wait = min(pause.answered, pause.expires)

        def over() -> None:
            if self._settled:
                return
            self.paused = False
            if pause.action == "CONTINUE":
                self._shift()
            else:
                self._roll_back("hook", "answered" if answered else "hook timed out")

        self._at(self.now + wait, over)

    def _drain_one(self) -> None:
        old = next((old for old in self.earlier if old.draining == inf), None)
        if old is None:
            return
        wait = self.script.deregistration if self.script.balanced else 0.0
        old.draining = self.now + self.draw.uniform(0.2, 3)
        old.gone = old.draining + wait + self.draw.uniform(1, 8)
        old.down = old.gone - 0.5
        for moment in (old.draining, old.down, old.gone):
            self._at(moment, self._touch)

    def _succeed(self) -> None:
        lag = self.script.lag
        if not self.script.described:
            lag = 0.0

        def completed() -> None:
            if not self._settled or self.status == "SUCCESSFUL":
                self.rollout_state = "COMPLETED"
                self.say("(service web) has reached a steady state.")

        def successful() -> None:
            if not self._settled:
                self._end("SUCCESSFUL")

        self._at(self.now + max(0.0, -lag), completed)
        self._at(self.now + max(0.0, lag), successful)

    def _end(self, status: str) -> None:
        self.status, self._over, self.ended = status, True, self.now

    # The ways to fail.

    def _open(self) -> None:
        if self._settled:
            return
        self.say(f"(service web) (deployment {OURS}) deployment failed: tasks failed to start.")
        self.rollout_state = "FAILED"
        self.by = "breaker"
        if not self.script.breaker.rollback:
            self.reason = "Service deployment failed: circuit breaker"
            self._end("STOPPED")
        else:
            self._roll_back("breaker", "Service deployment rolled back because of circuit breaker")

    def _alarm(self) -> None:
        self._roll_back("alarm", "Service deployment rolled back because of alarm")

    def _supersede(self) -> None:
        if self._settled or self.rollout_state == "COMPLETED":
            return  # what is done is not stopped by what comes after it
        self.superseded = True
        self.status = "STOP_REQUESTED"

        def stopped() -> None:
            if not self._over:
                self._end("STOPPED")
                self.by = "newer"

        self._at(self.now + self.draw.uniform(0.5, 4), stopped)
        self.by = "newer"  # who looks may know from now on

    def stop(self, by: str) -> bool:
        """StopServiceDeployment with a roll-back; False where it is too late."""
        if self._settled:
            return False
        if self.script.first:
            return False
        self.status, self.by = "ROLLBACK_REQUESTED", by
        self.reason = "StopServiceDeployment"
        self.rolling_back = self.now
        self._at(self.now + self.draw.uniform(0.5, 3), self._going_back)
        return True

    def _roll_back(self, by: str, reason: str) -> None:
        if self._settled:
            return
        self.by, self.reason, self.rolling_back = by, reason, self.now
        self._going_back()

    def _going_back(self) -> None:
        script, vary = self.script, self.draw.uniform
        self.paused = False
        self.rolling_back = min(self.rolling_back, self.now)
        if script.first:
            # Nothing to go back to: a first deployment ends as ROLLBACK_FAILED.
            self.rollout_state = "FAILED"
            self._end("ROLLBACK_FAILED")
            return
        self.status = "ROLLBACK_IN_PROGRESS"
        self.weight = 0.0
        for task in self.tasks:
            if task.live(self.now):
                take_back(task, self.now + vary(0.5, 5), script)
                for moment in (task.draining, task.down, task.gone):
                    self._at(moment, self._touch)
        drained = sum(old.draining < inf for old in self.earlier)
        for slot in range(drained):
            back = SimTask(
                number=next(self._numbers), slot=slot, generation=1, ours=False, created=self.now
            )
            back.running = self.now + script.rollback * vary(0.3, 0.8)
            back.pending = back.running - 1
            back.well = min(back.running + 15, self.now + script.rollback * 0.97)
            for moment in (back.running, back.well):
                self._at(moment, self._touch)
            self.earlier.append(back)
        if script.rollback_end:
            self._at(self.now + script.rollback, self._back)

    def _back(self) -> None:
        if not self._over:
            self._end(self.script.rollback_end or "ROLLBACK_FAILED")
