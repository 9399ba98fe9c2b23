"""A task definition as a value: what a rollout, a verification and a diagnosis ask of it.

The adapter makes it of what DescribeTaskDefinition answered. That answer is kept whole beside it,
for one purpose: to be registered again with one image replaced, so that fields which AWS adds
tomorrow, empty strings and empty lists go through as they came. Other tools rebuild the request
from the fields they know and so drop the rest.

Names are those of the ECS API. Values of variables and the whole answer may hold a secret: neither
is shown by ``repr`` nor kept in a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Final

from shipway.errors import ConfigurationError, UsageError
from shipway.redact import secret_values
from shipway.values import Digest, ImageReference, Json

READ_ONLY: Final = frozenset(
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsLogs:
    """Where a container's ``awslogs`` driver writes (ECS API Reference, LogConfiguration)."""

    group: str
    region: str = ""
    stream_prefix: str = ""

    def stream(self, container: str, task_id: str) -> str:
        """The stream of one task's container; empty without a prefix: it cannot be known then.

        It is ``prefix/container/task-id`` (ECS Developer Guide, "Send Amazon ECS logs to
        CloudWatch").
        """
        return f"{self.stream_prefix}/{container}/{task_id}" if self.stream_prefix else ""


@dataclass(frozen=True, slots=True)
class UnbuiltImage:
    """The image of a plan that would be built: its repository is known, its digest is not."""

    repository: str

    def __str__(self) -> str:
        return f"{self.repository}@(to be built)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerDefinition:
    """One of ``containerDefinitions[]`` (ECS API Reference, ContainerDefinition).

    Attributes:
        essential: Whether its end stops the task; so it is unless the definition says otherwise.
        ports: ``containerPort`` of each port mapping.
        memory: Its hard limit in MiB, as ECS writes it; empty where only the task's holds.
        health_command: The command of its health check.
        environment: Names and values of its variables; a value may be a secret.
        secrets: Names of further variables, and the ARN or parameter that each comes from.
        logs: ``None`` where it does not use the ``awslogs`` driver.
        log_driver: The driver that its log goes through; empty where the definition names none.
    """

    name: str
    image: str = ""
    essential: bool = True
    ports: tuple[int, ...] = ()
    memory: str = ""
    health_command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secrets: tuple[tuple[str, str], ...] = ()
    logs: AwsLogs | None = None
    log_driver: str = ""

    @property
    def reference(self) -> ImageReference | None:
        """Its image; ``None`` where that is not pinned by digest."""
        try:
            return ImageReference.parse(self.image)
        except UsageError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """``taskDefinition`` (ECS API Reference, TaskDefinition).

    Attributes:
        arn: Empty for a revision that is not registered yet.
        memory: The task's limit in MiB, as ECS writes it.
        network_mode: ``awsvpc``, ``bridge``, ``host`` or ``none``; empty for the default.
        execution_role: ARN of the role that ECS pulls images, reads secrets and logs with.
        task_role: ARN of the role that the containers act as.
        registered_by: ARN of whoever registered it; empty where ECS does not say.
        active: Whether a service can be updated to it; not where somebody deregistered it.
        region: Where it is registered, or its next revision will be.
        processor: ``cpuArchitecture`` of ``runtimePlatform``: ``X86_64`` or ``ARM64``; empty where
            the definition says none.
        document: What DescribeTaskDefinition answered, ``tags`` merged in. Only the adapter that
            made it, :mod:`shipway.rollout.difference` and :mod:`shipway.rollout.overlay` read it.
    """

    arn: str = ""
    family: str = ""
    containers: tuple[ContainerDefinition, ...] = ()
    memory: str = ""
    network_mode: str = ""
    execution_role: str = ""
    task_role: str = ""
    registered_by: str = ""
    active: bool = True
    region: str = ""
    processor: str = ""
    document: Json = field(default_factory=dict, repr=False, hash=False)

    def container(self, name: str) -> ContainerDefinition:
        """The container of that name; where there is none, one of which nothing is known."""
        same = (each for each in self.containers if each.name == name)
        return next(same, ContainerDefinition(name=name))

    def pins(self, container: str, image: ImageReference | UnbuiltImage) -> bool:
        """Whether that container has exactly this image already."""
        return self.container(container).image == str(image)

    def with_image(self, container: str, image: ImageReference | UnbuiltImage) -> TaskDefinition:
        """The next revision: this one with one image replaced and nothing else touched.

        Args:
            container: Name of the container whose image is replaced.
            image: The image, pinned by digest; in a plan alone one that is not built yet.

        Raises:
            ConfigurationError: No container has that name; the remedy names the nearest.
        """
        self.require(container)
        containers = list(self.containers)
        at = [each.name for each in containers].index(container)
        containers[at] = replace(containers[at], image=str(image))
        return replace(self, arn="", containers=tuple(containers))

    @property
    def helpers(self) -> frozenset[str]:
        """The containers that are not essential: their end is not the task's."""
        return frozenset(each.name for each in self.containers if not each.essential)

    @property
    def digests(self) -> frozenset[Digest]:
        """What its containers' images are pinned to."""
        references = (each.reference for each in self.containers)
        return frozenset(each.digest for each in references if each is not None)

    @property
    def roles(self) -> tuple[str, ...]:
        """ARNs of its execution role and its task role, as far as it has them."""
        return tuple(filter(None, (self.execution_role, self.task_role)))

    @property
    def secret_values(self) -> frozenset[str]:
        """Values of its variables that must never be shown."""
        return secret_values(pair for each in self.containers for pair in each.environment)

    def require(self, name: str) -> None:
        """See that it has a container of that name.

        Raises:
            ConfigurationError: It has none; the remedy names the nearest.
        """
        names = [each.name for each in self.containers]
        if name not in names:
            raise self._no_container(name, names)

    def _no_container(self, name: str, names: Sequence[str]) -> ConfigurationError:
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        family = self.family or "the task definition"
        return ConfigurationError(
            f'task definition {family} has no container "{name}"',
            where=self.arn,
            remedy=(
                f'did you mean "{near[0]}"?'
                if near
                else f"it has {', '.join(map(repr, names)) or 'no containers at all'}"
            ),
        )
