"""What a world is to be made of, as a value: whoever starts one decides it and hands it in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

STAND_IN: Final = "A stand-in of the sandbox's"
"""How a parameter is described that stands in for a secret of the user's own: a task gets it
whatever its execution role says, for the role knows the secret and not the stand-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarPlan:
    """A container beside the one that takes the image; it runs the sandbox's own busybox.

    Attributes:
        name: Its name in the task definition.
        command: What it runs, as busybox's words; empty to wait for the task's end.
        essential: Whether its end ends the task.
    """

    name: str
    command: tuple[str, ...] = ()
    essential: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """One ECS service.

    Attributes:
        key: Its name in delivery.toml.
        name: Its name in ECS.
        family: Of its task definition.
        container: The container that takes the image.
        port: What that container listens on; 0 for a worker without a load balancer.
        health_path: What the target group asks.
        matcher: The HTTP status codes that count as healthy, as ELB writes them: ``200-299``.
        balancer: The load balancer's name.
        cpu: CPU units, 1024 for a core.
        memory: MiB; the engine ends what takes more.
        count: How many tasks are to run.
        environment: The container's variables.
        command: What the container runs in the place of the image's CMD; empty for that.
        secrets: Variable → SSM parameter; each holds a stand-in.
        log_group: Where its containers log.
        sidecars: Its other containers.
    """

    key: str
    name: str
    family: str
    container: str
    port: int
    health_path: str
    matcher: str
    balancer: str
    cpu: int
    memory: int
    count: int
    log_group: str
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    sidecars: tuple[SidecarPlan, ...] = ()

    def answers_well(self, status: int) -> bool:
        """Whether its target group takes a status for healthy."""
        return matches(self.matcher, status)


def matches(matcher: str, status: int) -> bool:
    """Whether a target group's matcher takes a status: ``200``, ``200,302`` or ``200-299``."""
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if low.isdigit() and int(low) <= status <= int(high if high.isdigit() else low):
            return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """The task definition of a job that has one of its own.

    Attributes:
        key: The job's name in delivery.toml.
        family: Of the task definition.
        container: Its one container.
        cpu: CPU units, 1024 for a core.
        memory: MiB; the engine ends what takes more.
        log_group: Where it logs.
        environment: The container's variables.
    """

    key: str
    family: str
    container: str
    cpu: int
    memory: int
    log_group: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePlan:
    """A rule or a schedule that starts a task.

    Attributes:
        key: Its name in delivery.toml.
        kind: ``rule`` or ``schedule``.
        group: The rule's event bus, or the schedule's group.
        name: Its name there.
        family: The task definition family that it starts.
    """

    key: str
    kind: str
    group: str
    name: str
    family: str

    @property
    def path(self) -> str:
        """What stands behind ``rule/`` or ``schedule/`` in its ARN."""
        plain = self.kind == "rule" and self.group == "default"
        return self.name if plain else f"{self.group}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTemplate:
    """A template of the user's own, run instead of a drawn one.

    Attributes:
        stack: The name of the stack that it makes.
        file: Where it lies, from the repository's root.
        text: What it says: CloudFormation, as YAML or JSON.
    """

    stack: str
    file: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The compute layer of one environment, and who may deliver to it.

    Attributes:
        environment: Its name in delivery.toml.
        account: Twelve digits.
        region: Such as ``eu-west-1``.
        repositories: The name of each image's repository, by the image's key; empty for one alone.
        cluster: The cluster's name.
        stack: The name of the stack that makes all of it.
        execution_role: The name of the tasks' execution role.
        task_role: The name of the tasks' own role.
        services: At least one.
        jobs: Jobs with a task definition of their own.
        schedules: Rules and schedules that start tasks.
        parameters: SSM parameters that delivery.toml refers to → what they hold: ``cluster``,
            ``repository:KEY``, ``service:KEY``, ``url:KEY``, or ``text:…``.
        outputs: Stack → output → what it holds, likewise.
        stand_ins: SSM parameters of secrets, with a slash before their names, and ARNs of Secrets
            Manager → the stand-in that they hold.
        buckets: Buckets that records are copied to.
        guests: Other accounts that may use them.
        readers: Other accounts that may read its images, to promote them.
        role: The path and the name of the deploy role; empty where nobody but root delivers.
        access: The template of that role, as ``nox -s bootstrap`` renders it.
        access_stack: The name of the stack that makes it.
        access_parameters: What that template asks for.
        templates: The user's own templates in the order in which they are made; with one, nothing
            of the compute layer is drawn.
        template_parameters: What their parameters hold here.
        image_parameters: SSM parameters that name the delivered image.
        selectors: SSM parameters of ``parameters`` → the versions and labels that are asked for.
        lookups: ``RepositoryKEY``, ``Cluster`` and ``ServiceKEY`` → what delivery.toml says
            there: a name, ``ssm:…`` or ``cfn:…``; asked once the templates are up.
    """

    environment: str
    account: str
    region: str
    repositories: Mapping[str, str]
    cluster: str
    stack: str
    execution_role: str
    task_role: str
    services: tuple[ServicePlan, ...]
    jobs: tuple[JobPlan, ...] = ()
    schedules: tuple[SchedulePlan, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stand_ins: Mapping[str, str] = field(default_factory=dict, repr=False)
    buckets: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    role: str = ""
    access: str = field(default="", repr=False)
    access_stack: str = ""
    access_parameters: Mapping[str, str] = field(default_factory=dict)
    templates: tuple[OwnTemplate, ...] = ()
    template_parameters: Mapping[str, str] = field(default_factory=dict)
    image_parameters: tuple[str, ...] = ()
    selectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lookups: Mapping[str, str] = field(default_factory=dict)

    @property
    def repository(self) -> str:
        """The first image's repository, where what stands in for each image lies at first."""
        return next(iter(self.repositories.values()))

    @property
    def balancers(self) -> Mapping[str, str]:
        """Key of each service behind a load balancer → that load balancer's name."""
        return {service.key: service.balancer for service in self.services if service.port}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldPlan:
    """The environments of a world, and who delivers to it by hand.

    Attributes:
        layers: The compute layer of each environment, with its deploy role's template.
        person: The claims by which a person at a keyboard gets a role, by environment.
        variables: What ``env:`` references of account and region stand for.
    """

    layers: tuple[Layer, ...]
    person: Mapping[str, Mapping[str, str]]
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def accounts(self) -> dict[str, str]:
        """The account of each environment."""
        return {layer.environment: layer.account for layer in self.layers}

    @property
    def registries(self) -> dict[str, str]:
        """Loopback address → ``ACCOUNT/REGION`` of each registry that needs one of its own.

        Everything is pushed to ``localhost``, until two accounts or regions have a repository of
        one name; then only an address can tell them apart, as Amazon's hosts do.
        """
        own: list[str] = []
        holders: dict[str, str] = {}
        for layer in self.layers:
            scope = f"{layer.account}/{layer.region}"
            for repository in layer.repositories.values():
                holder = holders.setdefault(repository, scope)
                if scope != holder and scope not in own:
                    own.append(scope)
        return {f"127.0.0.{number}": scope for number, scope in enumerate(own, start=2)}

    @property
    def by_hand(self) -> tuple[Layer, ...]:
        """The layers to which a person at a keyboard delivers."""
        return tuple(layer for layer in self.layers if layer.environment in self.person)

    def written(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def read_plan(content: bytes) -> WorldPlan:
    """What :meth:`WorldPlan.written` gave.

    Raises:
        ValueError: It is no JSON.
        LookupError: Something lacks.
        TypeError: Something is there that no plan has.
    """
    document = json.loads(content)
    layers = tuple(layer_from(layer) for layer in document["layers"])
    return WorldPlan(layers=layers, person=document["person"], variables=document["variables"])


def layer_from(document: Mapping[str, Any]) -> Layer:
    """A layer as JSON holds it.

    Raises:
        LookupError: Something lacks.
        TypeError: Something is there that no layer has.
    """
    further = {
        "services": tuple(_service(service) for service in document["services"]),
        "jobs": tuple(JobPlan(**job) for job in document["jobs"]),
        "schedules": tuple(SchedulePlan(**each) for each in document["schedules"]),
        "buckets": tuple(document["buckets"]),
        "guests": tuple(document["guests"]),
        "readers": tuple(document["readers"]),
        "templates": tuple(OwnTemplate(**template) for template in document["templates"]),
        "image_parameters": tuple(document["image_parameters"]),
        "selectors": {name: tuple(each) for name, each in document["selectors"].items()},
    }
    return Layer(**{**document, **further})


def _service(document: Mapping[str, Any]) -> ServicePlan:
    sidecars = tuple(
        SidecarPlan(**{**sidecar, "command": tuple(sidecar["command"])})
        for sidecar in document["sidecars"]
    )
    return ServicePlan(**{**document, "command": tuple(document["command"]), "sidecars": sidecars})
