"""The cluster and one of its services, as a rollout needs them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from shipway.config.environment import Environment, Service
from shipway.doctor.finding import (
    Finding,
    Looked,
    Unseen,
    looked,
    needed,
    not_checked,
    ok,
    wrong,
)
from shipway.errors import ConfigurationError
from shipway.rollout.hold.terms import Alarm
from shipway.rollout.overlay import base_of
from shipway.rollout.snapshot import Snapshot
from shipway.rollout.task_definition import TaskDefinition

# ECS API Reference, RuntimePlatform; OCI image-spec, image index, "platform".
_PLATFORMS: Final = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """What was seen of one service.

    Attributes:
        snapshot: The service.
        definition: The task definition that it runs.
        alarms: The alarms that a delivery asks, by name; those that are not there are left out.
        names: Further services of the cluster, as far as they may be listed.
    """

    snapshot: Looked[Snapshot]
    definition: Looked[TaskDefinition]
    alarms: Looked[Mapping[str, Alarm]] = field(default_factory=dict)
    names: tuple[str, ...] = ()


def judge(facts: ServiceFacts, service: Service, environment: Environment) -> Iterator[Finding]:
    """The service, how it rolls out, and what it runs."""
    key = f"environments.{environment.name}.services.{service.key}"
    snapshot = facts.snapshot
    if isinstance(snapshot, Unseen):
        yield needed("service", snapshot)
        return
    if not snapshot.exists or snapshot.status != "ACTIVE":
        near = get_close_matches(service.service, facts.names, n=1)
        suggestion = f'; did you mean "{near[0]}"?' if near else ""
        why = "there is no active service" if snapshot.exists else "there is no service"
        yield wrong(
            "service",
            f"{why} {service.service} in cluster {environment.cluster}{suggestion}",
            f"make it with your infrastructure, or correct {key}.service in ci/delivery.toml",
        )
        return
    tasks = f"{snapshot.running} of {snapshot.desired} tasks run"
    yield ok("service", f"{environment.cluster}/{service.service}, {tasks}")
    yield _controller(snapshot)
    yield _breaker(snapshot, service, key)
    yield _alarms(facts, snapshot, service, key)
    definition = facts.definition
    if isinstance(definition, Unseen):
        yield needed("task definition", definition)
        return
    overlay = environment.overlay(service.key)
    live = definition
    next_definition = looked(lambda: base_of(live, overlay))
    if isinstance(next_definition, Unseen):
        yield needed("task definition", next_definition)
        return
    definition = next_definition
    further = [container.name for container in overlay.containers]
    yield from _containers(definition, service, further, key)
    yield _platform(definition, environment.about(service.image).image.platforms)


def _controller(snapshot: Snapshot) -> Finding:
    if snapshot.controller == "ECS":
        return ok("controller", f"ECS, {snapshot.strategy or 'ROLLING'}")
    return wrong(
        "controller",
        f"{snapshot.controller} controls its deployments, and shipway watches those of ECS",
        "make the service one with the deployment controller ECS",
    )


def _breaker(snapshot: Snapshot, service: Service, key: str) -> Finding:
    if snapshot.breaker_enabled:
        rolls_back = "rolls back" if snapshot.breaker_rollback else "does not roll back by itself"
        return ok("circuit breaker", f"on, {rolls_back}")
    if service.require_circuit_breaker:
        return wrong(
            "circuit breaker",
            "the service has none, and require_circuit_breaker asks for it",
            "switch deploymentCircuitBreaker on with your infrastructure, or say "
            f"{key}.require_circuit_breaker = false",
        )
    return ok("circuit breaker", "none, and none is asked for")


def asked_alarms(service: Service, snapshot: Snapshot) -> tuple[str, ...]:
    """The alarms that a hold asks: those of delivery.toml, else the service's own."""
    return service.alarms or snapshot.alarms


def _alarms(facts: ServiceFacts, snapshot: Snapshot, service: Service, key: str) -> Finding:
    if service.require_alarms and snapshot.alarms and snapshot.alarms_enabled is False:
        return wrong(
            "alarms",
            "its deployment alarms are switched off, and require_alarms asks for them",
            f"switch them on with your infrastructure, or say {key}.require_alarms = false",
        )
    names = asked_alarms(service, snapshot)
    if not names:
        return ok("alarms", "none are named")
    if isinstance(facts.alarms, Unseen):
        return needed("alarms", facts.alarms)
    missing = [name for name in names if name not in facts.alarms]
    if missing:
        where = f"{key}.alarms" if service.alarms else "the service's deployment configuration"
        return wrong(
            "alarms",
            f"there is no alarm {', '.join(missing)}, which {where} names",
            "make it with your infrastructure, or correct the name",
        )
    loud = [name for name in names if facts.alarms[name].state == "ALARM"]
    if loud:
        return wrong(
            "alarms",
            f"{', '.join(loud)} {'is' if len(loud) == 1 else 'are'} in ALARM now: a release "
            "would not hold",
            "see what it is about; a delivery waits for no alarm",
            *(facts.alarms[name].reason for name in loud if facts.alarms[name].reason),
        )
    return ok("alarms", ", ".join(names))


def _containers(
    definition: TaskDefinition, service: Service, further: Sequence[str], key: str
) -> Iterator[Finding]:
    """Those that take the image, and those of which something else is set."""
    keys = {
        **dict.fromkeys(further, "containers"),
        **dict.fromkeys(service.same_image, "same_image"),
        service.container: "container",
    }
    for name in dict.fromkeys((*service.containers, *further)):
        where = f"{key}.{keys[name]}"
        try:
            definition.require(name)
        except ConfigurationError as error:
            yield wrong(f"container {name}", error.what, f"correct {where}: {error.remedy}")
        else:
            place = definition.arn.rpartition("/")[2] or f"the file of {definition.family}"
            yield ok(f"container {name}", f"in {place}")


def _platform(definition: TaskDefinition, platforms: Sequence[str]) -> Finding:
    shown = ", ".join(platforms) or "the builder's own platform"
    processor = definition.processor
    asked = _PLATFORMS.get(processor or "X86_64", "")
    if platforms and asked in platforms:
        said = processor or "no processor, which is X86_64 on Fargate"
        return ok("platform", f"{shown} is built; the task definition says {said}")
    if not processor:
        return not_checked(
            "platform",
            f"{shown} is built, and the task definition says no runtimePlatform",
            "on Fargate that is X86_64: say runtimePlatform.cpuArchitecture there",
        )
    if not platforms or not asked:
        return not_checked("platform", f"{shown} is built, and {processor} runs")
    return wrong(
        "platform",
        f"{shown} is built, and the task definition asks for {processor}: its tasks would not "
        "start",
        f'add "{asked}" to image.platforms in ci/delivery.toml, or change runtimePlatform',
    )
