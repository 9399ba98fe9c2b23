"""Ctrl-C while a rollout is watched: the second one leaves, wherever it strikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

import pytest
from tests.unit.fake_clock import Clock

from shipway.errors import CancelledError
from shipway.observer import silent
from shipway.rollout.judge.terms import DeploymentRef, FetchPlan, Policy
from shipway.rollout.ports import LogLines, Updated
from shipway.rollout.snapshot import (
    Deployment,
    RevisionSummary,
    ServiceDeployment,
    ServiceRevision,
    Snapshot,
    Trouble,
)
from shipway.rollout.task_definition import TaskDefinition
from shipway.rollout.watch import Watch, begin

T0 = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)
TARGET = DeploymentRef(
    subject="web",
    service="shop-web",
    task_definition="shop:42",
    container="web",
    digest="sha256:" + "9c41" * 16,
    deployment_id="ecs-svc/42",
    previous_task_definition="shop:41",
    known_events=frozenset({"before"}),
)
MINE = Deployment(
    id="ecs-svc/42", status="PRIMARY", task_definition="shop:42", rollout_state="IN_PROGRESS"
)
DESCRIBED = ServiceDeployment(arn="sd42", status="IN_PROGRESS", target=RevisionSummary(arn="rev"))


@dataclass
class Ecs:
    """A rollout that goes on for ever; Ctrl-C is pressed at the looks and stops that are named."""

    looks: frozenset[int] = frozenset()
    stops: frozenset[int] = frozenset()
    seen: list[str] = field(default_factory=list)

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        assert cluster
        self._press("look", self.looks)
        glance = Snapshot(desired=1, deployments=(MINE,), current_service_deployment="sd42")
        return dict.fromkeys(names, glance)

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        assert (cluster, name) == ("tests", "shop-web")
        assert fetch.calls
        revision = ServiceRevision(arn="rev", task_definition="shop:42")
        return replace(glance, service_deployment=DESCRIBED, revisions=(revision,))

    def stop(self, arn: str, stop_type: Literal["ROLLBACK", "ABORT"]) -> Trouble | None:
        assert (arn, stop_type) == ("sd42", "ROLLBACK")
        self._press("stop", self.stops)
        return None

    def _press(self, what: str, when: frozenset[int]) -> None:
        self.seen.append(what)
        if self.seen.count(what) in when:
            raise KeyboardInterrupt

    def service_names(self, cluster: str) -> tuple[str, ...]:
        raise AssertionError(cluster)

    def task_definition(self, arn: str) -> TaskDefinition:
        raise AssertionError(arn)

    def register(self, definition: TaskDefinition) -> str:
        raise AssertionError(definition)

    def update(self, cluster: str, service: str, task_definition: str) -> Updated:
        raise AssertionError((cluster, service, task_definition))

    def resume(self, arn: str, hook: str, action: Literal["CONTINUE", "ROLLBACK"]) -> None:
        raise AssertionError((arn, hook, action))


class Logs:
    def tail(self, group: str, stream: str, lines: int) -> LogLines:
        raise AssertionError((group, stream, lines))


@pytest.mark.parametrize(
    ("ecs", "seen"),
    [
        (Ecs(looks=frozenset({2, 4})), ["look", "look", "stop", "look", "look"]),
        (Ecs(looks=frozenset({2}), stops=frozenset({1})), ["look", "look", "stop"]),
    ],
    ids=["while looking", "while asking"],
)
def test_the_second_one_leaves(ecs: Ecs, seen: list[str]) -> None:
    watched = begin(TARGET, Policy(), TaskDefinition(), T0)
    watch = Watch(ecs=ecs, logs=Logs(), cluster="tests", clock=Clock(T0), observer=silent)
    with pytest.raises(CancelledError, match="interrupted twice: the rollout goes on") as caught:
        watch.follow([watched])
    assert ecs.seen == seen
    assert caught.value.remedy
