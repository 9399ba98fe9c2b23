"""DescribeTaskDefinition's answer read into a value, and that value as it is registered again.

Pure. The answer stays whole inside of the value: what is registered is what was read, but for the
images that the value names and the fields that AWS alone writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.rollout.meaning import is_reserved
from shipway.rollout.task_definition import READ_ONLY, TaskDefinition
from shipway.rollout.task_document import objects, read_document

Answer = Mapping[str, Any]


def read(answer: Answer) -> TaskDefinition:
    """The whole answer of DescribeTaskDefinition, which has ``tags`` beside ``taskDefinition``."""
    tags = answer.get("tags")
    document = {**answer["taskDefinition"], **({"tags": tags} if tags else {})}
    return read_document(document)


def registration(definition: TaskDefinition) -> dict[str, object]:
    """The RegisterTaskDefinition request; what the value was read from is left as it is."""
    document = definition.document
    request = {name: value for name, value in document.items() if name not in READ_ONLY}
    # At least one, or none at all; and those that AWS keeps for itself, such as CloudFormation's,
    # nobody else may write (ECS API Reference, RegisterTaskDefinition and Tag).
    tags = [tag for tag in objects(request.pop("tags", ())) if not is_reserved(tag)]
    request |= {"tags": tags} if tags else {}
    described = objects(document.get("containerDefinitions"))
    request["containerDefinitions"] = [
        entry if entry.get("image", "") == container.image else {**entry, "image": container.image}
        for entry, container in zip(described, definition.containers, strict=True)
    ]
    return request
