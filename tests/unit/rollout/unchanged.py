"""The part of a made-up ECS that nobody may call: what changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from shipway.rollout.ports import Updated
    from shipway.rollout.snapshot import Trouble
    from shipway.rollout.task_definition import TaskDefinition


class Unchanged:
    """An ECS that is only looked at."""

    def service_names(self, cluster: str) -> tuple[str, ...]:
        raise AssertionError(cluster)

    def register(self, definition: TaskDefinition) -> str:
        raise AssertionError(definition)

    def update(self, cluster: str, service: str, task_definition: str) -> Updated:
        raise AssertionError((cluster, service, task_definition))

    def resume(self, arn: str, hook: str, action: Literal["CONTINUE", "ROLLBACK"]) -> None:
        raise AssertionError((arn, hook, action))

    def stop(self, arn: str, stop_type: Literal["ROLLBACK", "ABORT"]) -> Trouble | None:
        raise AssertionError((arn, stop_type))
