"""Register a revision, unless the family's newest is this very one."""

from __future__ import annotations

from shipway.errors import AwsError, ConfigurationError, UsageError
from shipway.rollout.difference import differences
from shipway.rollout.ports import Ecs
from shipway.rollout.task_definition import TaskDefinition


def known(ecs: Ecs, definition: TaskDefinition, other_than: str = "") -> TaskDefinition | None:
    """The family's newest revision, where it says what this one says; ``None`` where none does.

    Args:
        ecs: Looks.
        definition: What is to run.
        other_than: A revision that will not do; see :func:`registered`.

    Raises:
        ShipwayError: ECS refused, or does not answer.
    """
    try:
        newest = ecs.task_definition(definition.family)
    except (AwsError, UsageError, ConfigurationError):
        return None  # no revision of the family is active
    same = newest.family == definition.family and not differences(newest, definition)
    return newest if same and newest.active and newest.arn != other_than else None


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
    newest = known(ecs, definition, other_than)
    return newest.arn if newest is not None else ecs.register(definition)
