"""Names that CloudFormation makes up for resources whose template gives them none.

A physical id of stack, logical id and random letters: two stacks of one template do not meet, and a
resource that is replaced stands beside its successor until that is up.
"""

from __future__ import annotations

import secrets
import string
from typing import Any, Final

from shipway_sandbox.emulator.corrections import corrects, original

Record = dict[str, Any]
Made = tuple[str, Record]

_CORRECTION: Final = "cloudformation.names-are-made-up"
_HANDLERS: Final = "provisioners._RESOURCE_HANDLERS"
_LETTERS: Final = string.ascii_letters + string.digits
_RANDOM: Final = 12


def suffix(length: int = _RANDOM) -> str:
    """Random letters and digits, as CloudFormation ends a name with."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def named(props: Record, key: str, stack: str, logical_id: str) -> Record:
    """Properties with a name under ``key``: the template's, or one that is made up."""
    return {**props, key: props.get(key) or f"{stack}-{logical_id}-{suffix()}"}


def keeps(name: str, key: str, old: Record, new: Record, made_up: str) -> Record:
    """A new template's properties with a name under ``key``.

    Args:
        name: The resource's name today; it stays as long as neither template gives one.
        key: The property.
        old: What the template said before.
        new: What it says now.
        made_up: The name of a resource whose template no longer gives one: it is replaced.
    """
    return {**new, key: new.get(key) or (made_up if old.get(key) else name)}


def _named_by(kind: str, key: str) -> None:
    """Have a type whose physical id is its name get one of CloudFormation's kind."""
    create_place, update_place = (f"{_HANDLERS}[{kind}][{verb}]" for verb in ("create", "update"))

    @corrects(_CORRECTION, create_place)
    def create(logical_id: str, props: Record, stack: str) -> Made:
        made: Made = original(create_place)(logical_id, named(props, key, stack, logical_id), stack)
        return made

    @corrects(_CORRECTION, update_place)
    def update(
        physical_id: str, old: Record, new: Record, stack: str, logical_id: str | None = None
    ) -> Made:
        made_up = f"{stack}-{logical_id}-{suffix()}"
        kept = keeps(physical_id, key, old, new, made_up)
        made: Made = original(update_place)(physical_id, old, kept, stack, logical_id)
        return made


_named_by("AWS::ECS::Cluster", "ClusterName")
_named_by("AWS::Logs::LogGroup", "LogGroupName")
