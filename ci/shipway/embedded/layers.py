"""One environment of delivery.toml as a layer of the embedded world: what stands there. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from shipway.config.load import DeliveryFile
from shipway.config.models import ComputeTable, ServiceTable
from shipway.config.references import Reference
from shipway.policy.compile import resources
from shipway_sandbox.plan import Layer, ServicePlan, SidecarPlan

REGION: Final = "eu-west-1"
"""Where an environment is whose region only a variable says."""
_BALANCER_LENGTH: Final = 32
"""Elastic Load Balancing API Reference, CreateLoadBalancer: Name."""


def compute_tables(
    tables: Mapping[str, Any], sandboxes: tuple[str, ...], port: int
) -> dict[str, ComputeTable]:
    """What the sandbox runs for each service, by its key: said once, for every environment."""
    found: dict[str, ComputeTable] = {}
    for name in sandboxes:
        for key, table in tables[name]["services"].items():
            service = ServiceTable.model_validate(table)
            compute = service.compute
            if "port" not in compute.model_fields_set:
                compute = compute.model_copy(update={"port": port if service.url else 0})
            found.setdefault(key, compute)
    return found


def layer_of(
    delivery: DeliveryFile, name: str, *, account: str, compute: Mapping[str, ComputeTable]
) -> Layer:
    """The compute layer of an environment; its deploy role is added by :mod:`.access`.

    Args:
        delivery: What delivery.toml says.
        name: The environment.
        account: Its account: twelve digits.
        compute: What the sandbox runs for each service, by its key.
    """
    table = delivery.document.table["environments"][name]
    own = f"{delivery.name}-{name}"
    held = dict(_held(delivery, name))
    stacks: dict[str, dict[str, str]] = {}
    for reference, value in held.items():
        if reference.scheme == "cfn":
            stacks.setdefault(reference.stack, {})[reference.output] = value
    services = _balanced(
        own,
        [
            _service(delivery.name, name, key, service, compute.get(key) or ComputeTable())
            for key, service in table["services"].items()
        ],
    )
    region = str(table["region"])
    return Layer(
        environment=name,
        account=account,
        region=region if Reference.parse(region) is None else REGION,
        repository=named(table["repository"], own, resources.name_of),
        cluster=named(table["cluster"], own, resources.last_of),
        stack=own if own in stacks or not stacks else next(iter(stacks)),
        execution_role=f"{own}-execution",
        task_role=f"{own}-task",
        services=services,
        parameters={ref.name: value for ref, value in held.items() if ref.scheme == "ssm"},
        outputs=stacks,
        stand_ins={
            parameter: value
            for service in services
            for parameter, value in _stand_ins(service, compute.get(service.key))
        },
        buckets=_buckets(delivery),
    )


def named(text: str, own: str, shape: Any) -> str:
    """The name that a key spells out, or ours where it is looked up."""
    return str(shape(text)) if Reference.parse(text) is None else own


def _service(
    project: str, environment: str, key: str, table: Mapping[str, Any], compute: ComputeTable
) -> ServicePlan:
    own = f"{project}-{environment}-{key}"
    return ServicePlan(
        key=key,
        name=named(table["service"], key, resources.last_of),
        family=own,
        container=named(table["container"], key, str),
        port=compute.port if table.get("url") else 0,
        health_path=str(table.get("path") or "/"),
        matcher=compute.matcher or str(table.get("expected_status", 200)),
        balancer="",
        cpu=compute.cpu,
        memory=compute.memory,
        count=compute.count,
        log_group=f"/{project}/{environment}/{key}",
        environment=compute.environment,
        command=tuple(compute.command),
        secrets={name: f"/{project}/{environment}/{key}/{name}" for name in compute.secrets},
        sidecars=tuple(
            SidecarPlan(name=name, command=tuple(side.command), essential=side.essential)
            for name, side in compute.sidecars.items()
        ),
    )


def _balanced(own: str, services: list[ServicePlan]) -> tuple[ServicePlan, ...]:
    """Each service with its load balancer; the first one's is called as the environment."""
    first = next((service.key for service in services if service.port), "")
    return tuple(
        replace(
            service,
            balancer=_balancer(own if service.key == first else f"{own}-{service.key}"),
        )
        for service in services
    )


def _balancer(own: str) -> str:
    """A load balancer's name: at most 32 letters, digits and hyphens."""
    name = re.sub(r"[^A-Za-z0-9-]+", "-", own).strip("-")
    if len(name) <= _BALANCER_LENGTH:
        return name
    digest = hashlib.sha256(own.encode()).hexdigest()[:6]
    return f"{name[: _BALANCER_LENGTH - 7].rstrip('-')}-{digest}"


def _stand_ins(service: ServicePlan, compute: ComputeTable | None) -> Iterator[tuple[str, str]]:
    for name, parameter in service.secrets.items():
        yield parameter, (compute.secrets[name] if compute else "")


def _buckets(delivery: DeliveryFile) -> tuple[str, ...]:
    s3 = str(delivery.document.table.get("evidence", {}).get("s3", ""))
    written = s3 and Reference.parse(s3) is None
    return (resources.place_of(s3).partition("/")[0],) if written else ()


def _held(delivery: DeliveryFile, name: str) -> Iterator[tuple[Reference, str]]:
    """Every reference of an environment that AWS answers, and what the world publishes there."""
    declared = delivery.environment(name)
    for path, text in declared.leaves():
        reference = Reference.parse(text)
        if reference is None or reference.scheme == "env":
            continue
        match path[len(declared.path) :] if path[: len(declared.path)] == declared.path else ():
            case ("cluster",):
                yield reference, "cluster"
            case ("repository",):
                yield reference, "repository"
            case ("services", key, "service"):
                yield reference, f"service:{key}"
            case ("services", key, "container"):
                yield reference, f"text:{key}"
            case ("services", key, "url"):
                yield reference, f"url:{key}"
            case _:
                yield reference, "text:stand-in"
