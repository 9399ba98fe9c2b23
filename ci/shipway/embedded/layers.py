"""One environment of delivery.toml as a layer of the embedded world: what stands there. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from shipway.config.compute_table import ComputeTable
from shipway.config.images import declared_repositories
from shipway.config.job_table import JobTable
from shipway.config.load import Declared, DeliveryFile
from shipway.config.positions import KeyPath
from shipway.config.references import Reference
from shipway.config.schedule import DEFAULT, rule_path, schedule_path
from shipway.config.service_table import ServiceTable
from shipway.embedded.stand_ins import stand_ins
from shipway.policy.compile import resources
from shipway.policy.compile.trust import camel
from shipway_sandbox.plan import (
    JobPlan,
    Layer,
    OwnTemplate,
    SchedulePlan,
    ServicePlan,
    SidecarPlan,
)

REGION: Final = "eu-west-1"
"""Where an environment is whose region only a variable says."""
_STACK: Final = r"[A-Za-z][A-Za-z0-9-]{0,127}"
"""CloudFormation API Reference, CreateStack: StackName."""
_CLOCK: Final = "-clock"
_AS_JOBS: Final = ("task_definition", "container")
_BALANCER_LENGTH: Final = 32
"""Elastic Load Balancing API Reference, CreateLoadBalancer: Name."""


def compute_tables(
    tables: Mapping[str, Any], sandboxes: tuple[str, ...], port_of: Callable[[str], int]
) -> dict[str, ComputeTable]:
    """What the sandbox runs for each service, by its key: said once, for every environment.

    Args:
        tables: ``[environments.NAME]`` by name.
        sandboxes: The environments that the sandbox itself serves.
        port_of: What an image listens on, by its key, where the service does not say it.
    """
    found: dict[str, ComputeTable] = {}
    for name in sandboxes:
        for key, table in tables[name]["services"].items():
            service = ServiceTable.model_validate(table)
            compute = service.compute
            if "port" not in compute.model_fields_set:
                compute = compute.model_copy(
                    update={"port": port_of(service.image) if service.url else 0}
                )
            found.setdefault(key, compute)
    return found


def layer_of(
    delivery: DeliveryFile,
    name: str,
    *,
    account: str,
    compute: Mapping[str, ComputeTable],
    templates: Mapping[str, str],
) -> Layer:
    """The compute layer of an environment; its deploy role is added by :mod:`.access`.

    Args:
        delivery: What delivery.toml says.
        name: The environment.
        account: Its account: twelve digits.
        compute: What the sandbox runs for each service, by its key.
        templates: The environment's own templates: file → text.
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
        repositories={
            key: named(text, f"{own}-{key}" if key else own, resources.name_of)
            for key, text in declared_repositories(table).items()
        },
        cluster=named(table["cluster"], own, resources.last_of),
        stack=own if own in stacks or not stacks else next(iter(stacks)),
        execution_role=f"{own}-execution",
        task_role=f"{own}-task",
        services=services,
        jobs=tuple(
            _job(delivery.name, name, key, job)
            for key, job in (*table.get("jobs", {}).items(), *_own_schedules(table))
            if job.get("task_definition")
        ),
        schedules=tuple(
            _schedule(delivery.name, name, key, schedule)
            for key, schedule in table.get("schedules", {}).items()
        ),
        parameters={plain(ref): value for ref, value in held.items() if ref.scheme == "ssm"},
        outputs=stacks,
        stand_ins=stand_ins(services, table["services"], compute),
        buckets=_buckets(delivery),
        templates=tuple(_own(templates, stacks, own)),
        template_parameters=dict(table.get("template_parameters", {})),
        image_parameters=resources.image_parameters(table),
        selectors=_selectors(held),
        lookups=_lookups(table),
    )


def _selectors(held: Mapping[Reference, str]) -> dict[str, tuple[str, ...]]:
    """Parameters of which a version or a label is asked for."""
    selected: dict[str, tuple[str, ...]] = {}
    for reference in held:
        if reference.scheme == "ssm" and reference.selector:
            name = plain(reference)
            selected[name] = (*selected.get(name, ()), reference.selector)
    return selected


def _own(
    templates: Mapping[str, str], stacks: Mapping[str, object], own: str
) -> Iterator[OwnTemplate]:
    """Templates with the names of their stacks.

    ``cdk synth`` names a file as its stack; of another one, the stack is what delivery.toml refers
    to, where that is one stack alone.
    """
    for file, text in templates.items():
        name = file.rpartition("/")[2]
        stem = name.partition(".")[0]
        if name.endswith(".template.json") or stem in stacks:
            stack = stem
        else:
            stack = next(iter(stacks)) if len(stacks) == 1 and len(templates) == 1 else ""
        if not re.fullmatch(_STACK, stack):
            stack = own if len(templates) == 1 else re.sub(r"[^A-Za-z0-9]+", "-", f"{own}-{stem}")
        yield OwnTemplate(stack=stack, file=file, text=text)


def _lookups(table: Mapping[str, Any]) -> dict[str, str]:
    """What an environment says of the things that a deploy role is about."""
    named = {
        **{f"Repository{camel(key)}": text for key, text in declared_repositories(table).items()},
        "Cluster": str(table["cluster"]),
    }
    for key, service in table["services"].items():
        named[f"Service{camel(key)}"] = str(service["service"])
    for key, job in table.get("jobs", {}).items():
        if job.get("task_definition"):
            named[f"JobFamily{camel(key)}"] = str(job["task_definition"])
    return {name: _as_asked(text) for name, text in named.items()}


def _as_asked(text: str) -> str:
    """A reference as AWS is asked for it; anything else as it is."""
    reference = Reference.parse(text)
    if reference is None or reference.scheme != "ssm":
        return text
    return f"ssm:{reference.parameter}"


def plain(reference: Reference) -> str:
    """A parameter's name as PutParameter takes it: no ARN, no version, no label."""
    name = reference.unversioned.rpartition(":parameter")[2]
    return name.removeprefix("/") if name.count("/") == 1 else name


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


def _job(project: str, environment: str, key: str, table: Mapping[str, Any]) -> JobPlan:
    """A job's own task definition, which a platform team makes at AWS; one revision is made."""
    compute = JobTable.model_validate(table).compute
    return JobPlan(
        key=key,
        family=named(
            table["task_definition"],
            f"{project}-{environment}-{key.removesuffix(_CLOCK)}",
            resources.family_of,
        ),
        container=named(table.get("container") or key, key, str),
        cpu=compute.cpu,
        memory=compute.memory,
        log_group=f"/{project}/{environment}/jobs/{key}",
        environment=compute.environment,
    )


def _own_schedules(table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Schedules with a task definition of their own: it is made as a job's is."""
    for key, schedule in table.get("schedules", {}).items():
        if schedule.get("task_definition"):
            named = {each: schedule[each] for each in _AS_JOBS if each in schedule}
            yield f"{key}{_CLOCK}", {**named, "when": "by-hand"}


def _schedule(project: str, environment: str, key: str, table: Mapping[str, Any]) -> SchedulePlan:
    """A rule or a schedule as a platform team makes it; here it never goes off."""
    own = f"{project}-{environment}-{key}"
    kind = "rule" if table.get("rule") else "schedule"
    path = (
        rule_path(named(table["rule"], own, str))
        if kind == "rule"
        else schedule_path(
            named(table["schedule"], own, str), named(table.get("group", DEFAULT), DEFAULT, str)
        )
    )
    family = (
        named(table["task_definition"], own, resources.family_of)
        if table.get("task_definition")
        else f"{project}-{environment}-{table['service']}"
    )
    group, _, name = path.rpartition("/")
    return SchedulePlan(key=key, kind=kind, group=group or DEFAULT, name=name, family=family)


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


def _buckets(delivery: DeliveryFile) -> tuple[str, ...]:
    s3 = str(delivery.document.table.get("evidence", {}).get("s3", ""))
    written = s3 and Reference.parse(s3) is None
    return (resources.place_of(s3).partition("/")[0],) if written else ()


def _held(delivery: DeliveryFile, name: str) -> Iterator[tuple[Reference, str]]:
    """Every reference of an environment that AWS answers, and what the world publishes there."""
    declared = delivery.environment(name)
    for parameter in resources.image_parameters(delivery.document.table["environments"][name]):
        yield Reference("ssm", parameter), "text:no-release-yet"
    for path, text in declared.leaves():
        reference = Reference.parse(text)
        if reference is None or reference.scheme == "env":
            continue
        yield reference, _published(path, declared)


def _published(path: KeyPath, declared: Declared) -> str:
    """What the world publishes for one key; see :attr:`shipway_sandbox.plan.Layer.parameters`."""
    below = len(declared.path)
    own = f"{declared.document.table['name']}-{declared.name}"
    match path[below:] if path[:below] == declared.path else ():
        case ("cluster",) | ("repository",):
            held = str(path[-1])
        case ("images", key, "repository"):
            held = f"repository:{key}"
        case ("services", key, "service" | "url" as what):
            held = f"{what}:{key}"
        case ("services" | "jobs" | "schedules", key, "container"):
            held = f"text:{key}"
        case ("jobs" | "schedules", key, "task_definition" | "rule" | "schedule"):
            held = f"text:{own}-{key}"
        case ("schedules", _, "group"):
            held = f"text:{DEFAULT}"
        case _:
            held = "text:stand-in"
    return held
