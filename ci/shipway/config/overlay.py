"""What a release sets in a live task definition beside its image: frozen, every value a literal."""

from __future__ import annotations

from dataclasses import dataclass, field

from shipway.config.task_file import TaskFile

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerOverlay:
    """What is set in one container; what is empty or 0 stays as it is.

    Attributes:
        name: The container.
        image: A reference of another image than the delivered one.
        built: The key of one of the delivered images, which it takes.
        environment: Variables and their values; others stay.
        secrets: Variables and where their values come from (``valueFrom``); others stay.
        unset: Variables and secrets that are taken away.
        command: In the place of the image's CMD.
        cpu: CPU units of the container.
        memory: Its hard limit in MiB.
    """

    name: str
    image: str = ""
    built: str = ""
    environment: Pairs = ()
    secrets: Pairs = ()
    unset: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    cpu: int = 0
    memory: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What is set in one service's task definition.

    Attributes:
        cpu: CPU units of the task; 0 leaves them.
        memory: MiB of the task; 0 leaves it.
        containers: What is set in each container, no two of one name.
        file: The file of the repository that stands in the place of the live document; empty for
            the live one.
        base: What that file says; ``None`` until it is read.
    """

    cpu: int = 0
    memory: int = 0
    containers: tuple[ContainerOverlay, ...] = ()
    file: str = ""
    base: TaskFile | None = field(default=None, repr=False)
