"""The images of a release as the stages use them: frozen, every value a literal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

SecretKind = Literal["file", "variable", "reference"]
ONE: Final = ""
"""The key of the one image of a file without ``[images]``."""
HOUR: Final = 3600
"""Seconds that a build may take where delivery.toml does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSecret:
    """A secret that a build reads and no layer keeps (``RUN --mount=type=secret``).

    Attributes:
        id: Its name in the Dockerfile.
        kind: Where it comes from: a file, a variable of the process, or AWS.
        source: The file from the repository's root, the variable, or an ARN or a parameter's name.
    """

    id: str
    kind: SecretKind
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """What is built.

    Attributes:
        name: What the image is called: ``name`` at the top of delivery.toml, and its key.
        context: The build context, relative to the repository's root.
        dockerfile: The Dockerfile, relative to the context.
        platforms: As buildx names them: ``linux/amd64``.
        build_args: Build arguments; never secrets, for they stay readable in the image's history.
        builder: ``default``, ``docker-container``, the name of a buildx builder, or the address of
            a BuildKit elsewhere (``tcp://…``).
        cache: Where BuildKit's cache is kept, as :mod:`shipway.image.cache` reads it; empty for
            none.
        reuse: Whether an image that was built from the same source is taken instead of a build.
        key: Its name under ``[images]``; empty where there is one image alone.
        target: The stage of the Dockerfile that is built; empty for the last one.
        secrets: What the build may read and no layer keeps.
        ssh: The agent or key that the build may use, as ``docker buildx build --ssh`` takes it.
        contexts: Named contexts: a folder from the repository's root, or an address.
        timeout: Seconds that the build may take.
        region: The region that a cache in S3 lies in; empty where that is not known.
        artifacts: What the context has beside the commit's files: patterns as ``.dockerignore``
            writes them, for files of the work tree that git does not keep.
    """

    name: str
    context: str
    dockerfile: str
    platforms: tuple[str, ...]
    build_args: Mapping[str, str]
    builder: str = "default"
    cache: str = ""
    reuse: bool = True
    key: str = ONE
    target: str = ""
    secrets: tuple[BuildSecret, ...] = ()
    ssh: str = ""
    contexts: Mapping[str, str] = field(default_factory=dict)
    timeout: int = HOUR
    region: str = ""
    artifacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentImage:
    """One of several images, as an environment has it.

    Attributes:
        settings: What is built.
        registry: Its registry's host.
        repository: Its repository's name in it.
        promote_repository: The repository of ``promote_from`` that it is taken from; empty where
            delivery.toml says it there.
    """

    settings: ImageSettings
    registry: str
    repository: str
    promote_repository: str = ""

    @property
    def uri(self) -> str:
        """``registry/repository``."""
        return f"{self.registry}/{self.repository}"


def image_name(project: str, key: str) -> str:
    """What an image is called: by ``name`` at the top of delivery.toml, and by its key."""
    return f"{project}-{key}" if key else project


def declared_images(environment: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What a table ``[environments.NAME]`` says of each image's repository, by the image's key.

    The one image of a file without ``[images]`` has the key :data:`ONE`; what is said of it stands
    in the environment itself.
    """
    images = environment.get("images")
    if isinstance(images, Mapping) and images:
        return {str(key): table for key, table in images.items() if isinstance(table, Mapping)}
    return {ONE: environment}


def declared_repositories(environment: Mapping[str, Any]) -> dict[str, str]:
    """The repository of each image, references unresolved, by the image's key."""
    return {
        key: str(table.get("repository", "")) for key, table in declared_images(environment).items()
    }


def used_images(environment: Mapping[str, Any], images: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of the images that an environment runs, in the file's order.

    Args:
        environment: A table ``[environments.NAME]``.
        images: ``[images]``; empty where there is one image alone.
    """
    if not images:
        return (ONE,)
    named: set[object] = set()
    for kind in ("services", "jobs", "schedules"):
        tables = environment.get(kind)
        for table in tables.values() if isinstance(tables, Mapping) else ():
            if isinstance(table, Mapping):
                named.add(table.get("image") or _default(images))
                containers = table.get("containers")
                for each in containers.values() if isinstance(containers, Mapping) else ():
                    named.add(each.get("image") if isinstance(each, Mapping) else None)
    return tuple(str(key) for key in images if key in named)


def _default(images: Mapping[str, Any]) -> str:
    """The one image that there is; empty where one must be named."""
    return str(next(iter(images))) if len(images) == 1 else ONE
