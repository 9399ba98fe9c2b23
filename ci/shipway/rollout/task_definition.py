"""The next task definition: the live one with one image replaced, nothing else touched.

The document is the one DescribeTaskDefinition answers, passed on whole: fields that AWS adds
tomorrow, empty strings and empty lists go through as they came. Other tools rebuild it from the
fields they know and so drop the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from shipway.errors import ConfigurationError
from shipway.values import ImageReference, Json

READ_ONLY = frozenset(
    {
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
        "deregisteredAt",
        "deleteRequestedAt",
    }
)
"""What DescribeTaskDefinition answers and RegisterTaskDefinition refuses; a test asks botocore."""


def pin(document: Json, container: str, image: ImageReference) -> Json:
    """The RegisterTaskDefinition request for ``image``.

    Args:
        document: ``taskDefinition`` as DescribeTaskDefinition answered it, with ``tags`` merged in
            where there are any (the API answers them beside it).
        container: Name of the container whose image is replaced.
        image: The image, pinned by digest.

    Returns:
        A new document; ``document`` is left as it is.

    Raises:
        ConfigurationError: No container has that name; the remedy names the nearest.
    """
    index = _index(document, container)
    containers = _containers(document)
    request = {
        name: value
        for name, value in document.items()
        # RegisterTaskDefinition: "tags" takes at least one, or must be left out.
        if name not in READ_ONLY and not (name == "tags" and not value)
    }
    request["containerDefinitions"] = [
        {**each, "image": str(image)} if at == index else each for at, each in enumerate(containers)
    ]
    return request


def needed(document: Json, container: str, image: ImageReference) -> bool:
    """Whether a new revision is needed; False where the live one pins exactly this image already.

    Raises:
        ConfigurationError: No container has that name.
    """
    return _containers(document)[_index(document, container)].get("image") != str(image)


def image_of(document: Json, container: str) -> str:
    """The image that ``container`` has now, or an empty text where it has none."""
    for each in _containers(document):
        if each.get("name") == container:
            return str(each.get("image", ""))
    return ""


def _containers(document: Json) -> Sequence[Json]:
    value = document.get("containerDefinitions")
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return [each for each in value if isinstance(each, Mapping)]


def _index(document: Json, container: str) -> int:
    names = [str(each.get("name", "")) for each in _containers(document)]
    if container in names:
        return names.index(container)
    near = get_close_matches(container, names, n=1, cutoff=0.5)
    family = str(document.get("family", "")) or "the task definition"
    raise ConfigurationError(
        f'task definition {family} has no container "{container}"',
        where=str(document.get("taskDefinitionArn", "")),
        remedy=(
            f'did you mean "{near[0]}"?'
            if near
            else f"it has {', '.join(f'{n!r}' for n in names) or 'no containers at all'}"
        ),
    )
