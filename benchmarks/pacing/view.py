"""A scripted world as values of :mod:`shipway.rollout.snapshot`: what ECS shows of it."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from math import ceil, inf

from benchmarks.pacing.life import SimTask
from benchmarks.pacing.world import EARLIER, NEWER, OURS, World

from shipway.rollout.judge.terms import DeploymentRef
from shipway.rollout.snapshot import (
    Container,
    Deployment,
    LifecycleHook,
    RevisionSummary,
    ServiceDeployment,
    ServiceEvent,
    ServiceRevision,
    Snapshot,
    TargetHealth,
    Task,
)

T0 = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)
DIGEST = "sha256:" + "9c41" * 16
EARLIER_DIGEST = "sha256:" + "77d0" * 16
_DEFINITIONS = {True: "shop:42", False: "shop:41"}
_IDS = {True: OURS, False: EARLIER}


def at(second: float) -> datetime:
    """That second of the simulation as a time."""
    return T0 + timedelta(seconds=second)


def reference(world: World, name: str) -> DeploymentRef:
    """Which deployment is ours, as ``deploy`` would have it from UpdateService's answer."""
    first = world.script.first
    return DeploymentRef(
        subject=name,
        service=name,
        task_definition=_DEFINITIONS[True],
        container="web",
        digest=DIGEST,
        deployment_id=OURS,
        previous_task_definition="" if first else _DEFINITIONS[False],
        previous_deployment="" if first else EARLIER,
        earlier=frozenset() if first else frozenset({EARLIER}),
        replaced_service_deployment="" if first else "sd41",
        known_events=frozenset({"before"}),
    )


class View:
    """One world as values of :mod:`shipway.rollout.snapshot`, each built once."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.arn = f"sd42/{name}"
        self._tasks: dict[tuple[int, str], Task] = {}
        self._glance: tuple[int, Snapshot] | None = None
        self._health: tuple[int, tuple[TargetHealth, ...]] | None = None
        self._lists: tuple[int, tuple[tuple[Task, ...], tuple[Task, ...]]] | None = None

    def glance(self) -> Snapshot:
        """The DescribeServices part."""
        world = self.world
        if self._glance is not None and self._glance[0] == world.version:
            return self._glance[1]
        script = world.script
        shown = Snapshot(
            task_definition=_DEFINITIONS[world.rolling_back == inf],
            desired=script.desired,
            deployments=self._deployments(),
            events=tuple(_event(second, text) for second, text in world.events),
            current_service_deployment=self._current(),
            breaker_enabled=script.breaker.enabled,
            breaker_rollback=script.breaker.rollback,
            breaker_threshold=script.breaker.threshold,
            strategy=script.strategy if script.described else None,
        )
        self._glance = (world.version, shown)
        return shown

    def _current(self) -> str | None:
        if not self.world.script.described:
            return None
        return "sd43" if self.world.superseded else self.arn

    def _deployments(self) -> tuple[Deployment, ...]:
        world, now = self.world, self.world.now
        script = world.script
        back = world.rolling_back < inf and not script.first
        over = world.status == "ROLLBACK_SUCCESSFUL"
        shown = []
        if not (over or (world.superseded and now > script.newer + 60)):
            mine = world.tasks
            shown.append(
                Deployment(
                    id=OURS,
                    status="ACTIVE" if back or world.superseded else "PRIMARY",
                    task_definition=_DEFINITIONS[True],
                    rollout_state=self._state("FAILED" if back else world.rollout_state),
                    rollout_state_reason=world.reason,
                    desired=0 if back or world.superseded else script.desired,
                    running=sum(task.runs(now) for task in mine),
                    pending=sum(now < task.running and task.live(now) for task in mine),
                    failed=world.failed_tasks,
                    created_at=at(-0.2),
                )
            )
        counted = script.counted
        old = [
            task
            for task in world.earlier
            if task.running <= now < (task.down if counted else task.draining)
        ]
        pending = sum(now < task.running for task in world.earlier)
        if not script.first and (old or back or world.rollout_state != "COMPLETED"):
            shown.append(
                Deployment(
                    id=EARLIER,
                    status="PRIMARY" if back and not world.superseded else "ACTIVE",
                    task_definition=_DEFINITIONS[False],
                    rollout_state=self._state("IN_PROGRESS" if back and not over else "COMPLETED"),
                    desired=script.desired if back else len(old),
                    running=min(len(old), script.desired) if back else len(old),
                    pending=pending,
                    created_at=at(-9000),
                )
            )
        if world.superseded:
            newer = Deployment(
                id=NEWER,
                status="PRIMARY",
                task_definition="shop:43",
                rollout_state="IN_PROGRESS",
                desired=script.desired,
                pending=script.desired,
                created_at=at(script.newer),
            )
            shown.insert(0, newer)
        return tuple(shown)

    def _state(self, name: str) -> str | None:
        # What deployments[] shows of other strategies is not relied upon.
        return name if self.world.script.strategy == "ROLLING" else None

    def service_deployment(self) -> ServiceDeployment:
        """DescribeServiceDeployments of ours."""
        world = self.world
        script = world.script
        hooks: tuple[LifecycleHook, ...] = ()
        pause = script.pause
        if pause is not None and world.pausing_since < inf:
            hooks = (
                LifecycleHook(
                    id="h-1",
                    type="PAUSE",
                    status="AWAITING_ACTION" if world.paused else "SUCCEEDED",
                    stage="POST_SCALE_UP",
                    expires_at=at(world.pausing_since + pause.expires),
                    timeout_action=pause.action,
                ),
            )
        by_breaker = world.by == "breaker"
        return ServiceDeployment(
            arn=self.arn,
            status=world.status,
            status_reason=world.reason,
            lifecycle_stage=world.stage,
            target=RevisionSummary(
                arn="rev/42",
                requested=script.desired,
                production_weight=world.weight if script.strategy != "ROLLING" else None,
            ),
            sources=() if script.first else (RevisionSummary(arn="rev/41"),),
            hooks=hooks,
            rollback_reason=world.reason if world.rolling_back < inf else "",
            rollback_revision="rev/41" if world.rolling_back < inf else "",
            breaker_status=("TRIGGERED" if by_breaker else "MONITORING")
            if script.breaker.enabled
            else "DISABLED",
            breaker_failures=world.failures,
            breaker_threshold=script.breaker.threshold,
            alarm_status="TRIGGERED" if world.by == "alarm" else None,
            alarms_triggered=("errors",) if world.by == "alarm" else (),
            strategy=script.strategy,
            bake_minutes=ceil(script.bake / 60) if script.bake else None,
            created_at=at(0),
        )

    def running(self) -> tuple[Task, ...]:
        """ListTasks and DescribeTasks with the desired status RUNNING."""
        return self._listed()[0]

    def stopped(self) -> tuple[Task, ...]:
        """The same with STOPPED."""
        return self._listed()[1]

    def _listed(self) -> tuple[tuple[Task, ...], tuple[Task, ...]]:
        """Tasks that run and tasks that stopped: the same ones until something happens."""
        version, now = self.world.version, self.world.now
        if self._lists is None or self._lists[0] != version:
            running: list[Task] = []
            stopped: list[Task] = []
            for task in (*self.world.tasks, *self.world.earlier):
                shown = stopped if self._end(task) <= now else running
                shown.append(self._task(task, now))
            self._lists = (version, (tuple(running), tuple(stopped)))
        return self._lists[1]

    def _end(self, task: SimTask) -> float:
        return min(task.down, task.draining)

    def _task(self, task: SimTask, now: float) -> Task:
        ended = self._end(task) <= now
        if ended:
            phase = "STOPPED" if task.gone <= now else "DEPROVISIONING"
        elif task.running <= now:
            phase = "RUNNING"
        else:
            phase = "PENDING" if task.pending <= now else "PROVISIONING"
        known = self._tasks.get((task.number, phase))
        if known is None:
            known = self._tasks[task.number, phase] = self._built(task, phase, ended=ended)
        return known

    def _built(self, task: SimTask, phase: str, *, ended: bool) -> Task:
        digest = DIGEST if task.ours else EARLIER_DIGEST
        reason = task.reason if ended else ""
        started = task.running <= self.world.now
        container = Container(
            name="web",
            last_status="STOPPED" if ended else phase,
            image=f"shop@{digest}",
            image_digest=digest if started else None,
            exit_code=task.exit_code if ended else None,
            reason="OutOfMemoryError: container killed" if ended and task.exit_code == 137 else "",
        )
        return Task(
            arn=f"task/{task.number}",
            task_definition=_DEFINITIONS[task.ours],
            started_by=_IDS[task.ours],
            last_status=phase,
            desired_status="STOPPED" if ended else "RUNNING",
            stop_code=(task.code or "ServiceSchedulerInitiated") if ended else "",
            stopped_reason=reason or ("Scaling activity initiated by ECS" if ended else ""),
            containers=(container,),
            private_ips=(address(task),),
            created_at=at(task.created),
            started_at=at(task.running) if started else None,
            stopping_at=at(self._end(task)) if ended else None,
            stopped_at=at(task.gone) if phase == "STOPPED" else None,
        )

    def targets(self) -> tuple[TargetHealth, ...]:
        """DescribeTargetHealth; empty without a load balancer."""
        version = self.world.version
        if self._health is None or self._health[0] != version:
            self._health = (version, self._targets() if self.world.script.balanced else ())
        return self._health[1]

    def _targets(self) -> tuple[TargetHealth, ...]:
        now = self.world.now
        shown = []
        for task in (*self.world.tasks, *self.world.earlier):
            if not task.running <= now < task.gone or (task.failed and task.down <= now):
                continue
            if self._end(task) <= now:
                state = "draining"
            elif task.unwell <= now:
                state = "unhealthy"
            else:
                state = "healthy" if task.well <= now else "initial"
            shown.append(TargetHealth(group="tg", id=address(task), port=8080, state=state))
        return tuple(shown)


@functools.lru_cache(maxsize=512)
def _event(second: float, text: str) -> ServiceEvent:
    return ServiceEvent(id=f"{second:.3f} {text[:60]}", at=at(second), message=text)


REVISIONS = (
    ServiceRevision(arn="rev/42", task_definition=_DEFINITIONS[True]),
    ServiceRevision(arn="rev/41", task_definition=_DEFINITIONS[False]),
    ServiceRevision(arn="rev/43", task_definition="shop:43"),
)


def address(task: SimTask) -> str:
    """A private address of its own."""
    return f"10.{'42' if task.ours else '41'}.{task.number // 250}.{task.number % 250}"
