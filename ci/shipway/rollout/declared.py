"""The task definition that an entry of delivery.toml names itself."""

from __future__ import annotations

from shipway.errors import ConfigurationError
from shipway.rollout.ports import Ecs
from shipway.rollout.task_definition import TaskDefinition


def declared(ecs: Ecs, name: str, where: str) -> TaskDefinition:
    """The task definition of that name; of a family its newest revision.

    Args:
        ecs: Looks.
        name: A family, ``family:revision`` or an ARN.
        where: The entry that names it, for the message.

    Raises:
        ConfigurationError: There is none; the message says where it is named.
        ShipwayError: ECS refused, or does not answer.
    """
    try:
        return ecs.task_definition(name)
    except ConfigurationError as error:
        raise ConfigurationError(
            error.what,
            where=f"{where}.task_definition",
            remedy=f"{error.remedy}; nothing was changed",
        ) from error
