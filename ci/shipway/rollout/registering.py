"""Register a revision, unless the family's newest is this very one."""

from __future__ import annotations

from shipway.errors import AwsError, ConfigurationError, UsageError
from shipway.rollout.difference import differences
from shipway.rollout.ports import Ecs
from shipway.rollout.task_definition import TaskDefinition


def registered(ecs: Ecs, definition: TaskDefinition, other_than: str = "") -> str:
    """The ARN of a revision that says what this one says.

    A delivery that is tried again, and a job beside a service of one task definition, find what was
    registered before. Compared as ECS means it: see :mod:`.difference`.

    Args:
        ecs: Looks and registers.
        definition: What is to run.
        other_than: A revision that will not do, though it says the same: where that one failed,
            UpdateService with it again would change nothing.

    Raises:
        AccessDeniedError: IAM refused to register.
        ShipwayError: ECS refused.
    """
    try:
        newest = ecs.task_definition(definition.family)
    except (AwsError, UsageError, ConfigurationError):
        return ecs.register(definition)  # no revision of the family is active
    same = newest.family == definition.family and not differences(newest, definition)
    return newest.arn if same and newest.arn != other_than else ecs.register(definition)
