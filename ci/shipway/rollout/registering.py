"""Register a revision, unless the family's newest is this very one."""

from __future__ import annotations

from shipway.errors import AwsError, ConfigurationError, UsageError
from shipway.rollout.difference import differences
from shipway.rollout.ports import Ecs
from shipway.rollout.task_definition import TaskDefinition


def newest_of(ecs: Ecs, family: str) -> TaskDefinition | None:
    """The newest revision of a family; ``None`` where none is active.

    Raises:
        ShipwayError: ECS refused, or does not answer.
    """
    try:
        newest = ecs.task_definition(family)
    except (AwsError, UsageError, ConfigurationError):
        return None
    return newest if newest.family == family and newest.active else None


def says_the_same(newest: TaskDefinition, definition: TaskDefinition, other_than: str = "") -> bool:
    """Whether a revision says what is to run; see :func:`registered`. Pure."""
    return newest.arn != other_than and not differences(newest, definition)


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
    newest = newest_of(ecs, definition.family)
    if newest is not None and says_the_same(newest, definition, other_than):
        return newest.arn
    return ecs.register(definition)
