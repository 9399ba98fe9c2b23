"""One ECS service, what its tasks logged, and its alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

import botocore.session  # the SDK's own model says what it can send
from tests.unit.delivery.fakes.names import TASK_DEFINITION, URI
from tests.unit.fake_clock import Clock

from shipway.aws import registrable
from shipway.rollout.hold.terms import Alarm
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.ports import LogPage, Updated
from shipway.rollout.prune import Objection
from shipway.rollout.snapshot import Container, Deployment, Snapshot, Task, Trouble
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition

Outcomes = Literal["good", "rolled-back", "stuck"]


@dataclass
class Ecs:
    """One service without service deployments: ``deployments[]`` tells how its rollout ends."""

    clock: Clock
    ends: Outcomes = "good"
    definitions: dict[str, TaskDefinition] = field(default_factory=dict)
    primary: str = f"{TASK_DEFINITION}:41"
    updates: list[str] = field(default_factory=list)
    looks: int = 0
    fails: dict[str, BaseException] = field(default_factory=dict)
    at_look: dict[int, BaseException] = field(default_factory=dict)
    trouble: Trouble | None = None

    def __post_init__(self) -> None:
        old = f"{URI}@sha256:{'0' * 64}"
        self.definitions[self.primary] = self._definition(self.primary, old)

    def _definition(self, arn: str, image: str) -> TaskDefinition:
        web = ContainerDefinition(name="web", image=image, ports=(8080,))
        document = {"family": "shop", "containerDefinitions": [{"name": "web", "image": image}]}
        return TaskDefinition(arn=arn, family="shop", containers=(web,), document=document)

    def _fail(self, operation: str) -> None:
        if operation in self.fails:
            raise self.fails[operation]

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        old = Deployment(
            id="ecs-svc/1",
            status="PRIMARY",
            task_definition=f"{TASK_DEFINITION}:41",
            rollout_state="COMPLETED",
            desired=1,
            running=1,
        )
        if not self.updates:
            return (old,)
        new = Deployment(
            id="ecs-svc/2",
            status="PRIMARY",
            task_definition=self.updates[-1],
            rollout_state="IN_PROGRESS",
            desired=1,
            pending=1,
        )
        if self.looks < 3 or self.ends == "stuck":
            return (new, replace(old, status="ACTIVE"))
        if self.ends == "good":
            return (replace(new, rollout_state="COMPLETED", running=1, pending=0),)
        reason = "ECS deployment circuit breaker: tasks failed to start."
        failed = replace(
            new, status="ACTIVE", rollout_state="FAILED", rollout_state_reason=reason, failed=3
        )
        return (replace(old, rollout_state_reason="rolled back"), failed)

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        assert (cluster, list(names)) == ("shop", ["shop-web"])
        if self.trouble is not None:
            return {"shop-web": Snapshot(answered=False, troubles=(self.trouble,))}
        if self.updates:
            self.looks += 1
            if self.looks in self.at_look:
                raise self.at_look.pop(self.looks)
        deployments = self.deployments
        return {
            "shop-web": Snapshot(
                task_definition=deployments[0].task_definition,
                desired=1,
                running=1,
                deployments=deployments,
                breaker_enabled=True,
                breaker_rollback=True,
            )
        }

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        assert (cluster, name) == ("shop", "shop-web")
        if not fetch.tasks:
            return glance
        primary = glance.deployments[0]
        image = self.definitions[primary.task_definition].container("web").image
        running = Task(
            arn="arn:aws:ecs:eu-west-1:111122223333:task/shop/t1",
            task_definition=primary.task_definition,
            started_by=primary.id,
            last_status="RUNNING",
            desired_status="RUNNING",
            started_at=self.clock.now() - timedelta(hours=1),
            containers=(
                Container(name="web", last_status="RUNNING", image_digest=image.partition("@")[2]),
            ),
        )
        return replace(glance, tasks=(running,))

    def service_names(self, cluster: str) -> tuple[str, ...]:
        return (cluster,)

    def task_definition(self, arn: str) -> TaskDefinition:
        if arn == "shop":  # the family: its newest revision
            return list(self.definitions.values())[-1]
        full = f"{TASK_DEFINITION.removesuffix('/shop')}/{arn}"
        return self.definitions[arn if arn in self.definitions else full]

    def register(self, definition: TaskDefinition) -> str:
        self._fail("register")
        arn = f"{TASK_DEFINITION}:{41 + len(self.definitions)}"
        self.definitions[arn] = replace(definition, arn=arn)
        return arn

    def update(self, cluster: str, service: str, task_definition: str) -> Updated:
        assert (cluster, service) == ("shop", "shop-web")
        self._fail("update")
        self.updates.append(task_definition)
        self.looks = 0
        return Updated(deployment_id="ecs-svc/2", earlier=frozenset({"ecs-svc/1"}))

    def resume(self, arn: str, hook: str, action: Literal["CONTINUE", "ROLLBACK"]) -> None:
        raise AssertionError(arn, hook, action)

    def stop(self, arn: str, stop_type: Literal["ROLLBACK", "ABORT"]) -> Trouble | None:
        raise AssertionError(arn, stop_type)


class NoLogs:
    """Nothing was ever logged."""

    def tail(self, group: str, stream: str, lines: int) -> tuple[tuple[datetime, str], ...]:
        assert lines, (group, stream)
        return ()

    def page(self, group: str, stream: str, since: datetime | None, token: str) -> LogPage:
        raise AssertionError((group, stream, since, token))


@dataclass
class Alarms:
    """CloudWatch's alarms, and how they change from one question to the next."""

    now: dict[str, list[str]] = field(default_factory=dict)
    fails: BaseException | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def states(self, names: Sequence[str]) -> Mapping[str, Alarm]:
        self.asked.append(tuple(names))
        if self.fails is not None:
            raise self.fails
        found = {}
        for name in names:
            if name in self.now:
                states = self.now[name]
                state = states.pop(0) if len(states) > 1 else states[0]
                found[name] = Alarm(name=name, state=state, reason="Threshold Crossed")
        return found


@dataclass
class Revisions:
    """The revisions of the families, the newest first, and what uses them."""

    families: dict[str, tuple[str, ...]] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    fails: BaseException | None = None

    def active(self, family: str) -> tuple[str, ...]:
        return tuple(arn for arn in self.families.get(family, ()) if arn not in self.gone)

    def objections(self, request: Mapping[str, object]) -> tuple[Objection, ...]:
        model = (
            botocore.session.get_session()
            .get_service_model("ecs")
            .operation_model("RegisterTaskDefinition")
        )
        return tuple(registrable.objections(model.input_shape, request))

    def uses(self) -> dict[str, str]:
        if self.fails is not None:
            raise self.fails
        return self.used

    def deregister(self, arn: str) -> None:
        self.gone.append(arn)
