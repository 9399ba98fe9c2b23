"""From ``ci/delivery.toml`` and the release contract to a plan of the embedded world. Pure.

What delivery.toml names is what stands there: every environment that the embedded sandbox serves
and every one that an event of the contract leads to, each in its account, with its services,
containers, parameters and stack outputs under the names by which the file looks them up. The world
itself knows no contract: the roles of CI are rendered here by what renders ``ci/iam``, to the
letter, so that a rehearsal proves what will be applied.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from shipway.config.load import Declared, DeliveryFile
from shipway.config.models import ComputeTable, ServiceTable
from shipway.config.references import Reference
from shipway.errors import ConfigurationError
from shipway.policy.compile import bootstrap_template, resources, trust
from shipway.policy.compile.permissions import statement
from shipway.policy.compile.trust import camel
from shipway.policy.contract import (
    TASKS,
    Contract,
    ContractEntry,
    EnvironmentPolicy,
    Source,
)
from shipway.policy.requirements import ANYBODY
from shipway_sandbox.github import GithubRepository, Run
from shipway_sandbox.plan import Layer, ServicePlan, SidecarPlan, WorldPlan

SESSION_SECONDS: Final = 3600
"""How long a session of a deploy role may last."""
_REGION: Final = "eu-west-1"
_LAPTOP_REF: Final = "refs/heads/laptop"
_EXPOSE: Final = re.compile(r"(?im)^\s*EXPOSE\s+([0-9]{1,5})\b")
_PORT: Final = 8080
_NAMED_ACCOUNT: Final = re.compile(
    r"arn:aws[a-z-]*:[a-z]+:[a-z0-9-]*:([0-9]{12}):|([0-9]{12})\.dkr\.ecr\."
)
_BALANCER_LENGTH: Final = 32
"""Elastic Load Balancing API Reference, CreateLoadBalancer: Name."""

# What a person may look at when something is misspelt; no run in CI needs it.
_PERSON: Final = (
    statement("SayWhatIsThere", ["ecs:ListServices", "ssm:GetParametersByPath"], ["*"]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A world's plan, and what a rehearsal must know of it.

    Attributes:
        plan: What the world is made of.
        repository: The repository that the world's GitHub speaks for.
        sandboxes: The environments that the world itself serves, in the file's order.
        written_addresses: Line of delivery.toml → environment, service and address, for every
            address that is written out there.
        contract: The release contract as it was read.
    """

    plan: WorldPlan
    repository: GithubRepository
    sandboxes: tuple[str, ...]
    written_addresses: Mapping[int, tuple[str, str, str]]
    contract: Contract

    @property
    def port(self) -> int:
        """What the first service with an address listens on; 0 where there is none."""
        services = (service for layer in self.plan.layers for service in layer.services)
        return next((service.port for service in services if service.port), 0)

    def layer(self, environment: str) -> Layer:
        """The layer of an environment.

        Raises:
            LookupError: The world has none.
        """
        return next(layer for layer in self.plan.layers if layer.environment == environment)


def draw(contract: Contract, delivery: DeliveryFile, *, dockerfile: str = "") -> Blueprint:
    """Plan the world for a repository.

    Args:
        contract: The release contract.
        delivery: What delivery.toml says.
        dockerfile: The Dockerfile's text, whose EXPOSE is the port where none is written.

    Raises:
        ConfigurationError: Something in delivery.toml cannot stand in the sandbox; ``details``
            names each place.
    """
    source = contract.source or _source(delivery.name)
    tables = delivery.document.table["environments"]
    sandboxes = tuple(name for name in delivery.names if tables[name].get("sandbox"))
    led_to = tuple(name for name in trust.environments(contract) if name in delivery.names)
    names = tuple(dict.fromkeys((*sandboxes, *led_to)))
    _check(delivery, sandboxes)
    accounts = dict(_accounts(tables, names))
    rendered = _with_people(contract, source, sandboxes, delivery.name)
    exposed = _EXPOSE.search(dockerfile)
    port = int(exposed[1]) if exposed else _PORT
    layers: list[Layer] = []
    for name in names:
        drawn = _layer(
            delivery,
            name,
            account=accounts[name],
            compute=_compute_tables(tables, sandboxes, port),
        )
        first = all(layer.account != drawn.account for layer in layers)
        access = _Access(contract=rendered, accounts=accounts, provider=first)
        layers.append(access.added(drawn, delivery.environment(name)))
    return Blueprint(
        plan=WorldPlan(
            layers=tuple(layers),
            person={name: _claims(source, name) for name in sandboxes},
            variables=dict(_variables(tables, names, accounts)),
        ),
        repository=GithubRepository(
            owner=source.owner,
            name=source.name,
            owner_id=source.owner_id,
            id=source.repository_id,
        ),
        sandboxes=sandboxes,
        written_addresses=dict(_written_addresses(delivery, names)),
        contract=contract,
    )


def _source(name: str) -> Source:
    """Who GitHub speaks for where the contract names nobody."""
    made = GithubRepository(name=name)
    return Source(
        repository=made.full_name,
        repository_id=made.id,
        owner_id=made.owner_id,
        workflow=Run().path,
    )


def _check(delivery: DeliveryFile, sandboxes: tuple[str, ...]) -> None:
    """An address of the sandbox is known only once it runs: it must be looked up."""
    document = delivery.document
    wrong = []
    for name in sandboxes:
        for key, service in document.table["environments"][name]["services"].items():
            url = service.get("url", "")
            if url and Reference.parse(url) is None:
                path = ("environments", name, "services", key, "url")
                line = document.lines.get(path, 0)
                wrong.append(
                    f"{document.path}:{line}  {'.'.join(path)}: the sandbox's address is not "
                    f'known beforehand; write "ssm:/{delivery.name}/{name}/{key}/url"'
                )
    if wrong:
        raise ConfigurationError(
            "an address is written out where the sandbox must be asked for it",
            details=tuple(wrong),
            remedy="refer to a parameter: the sandbox publishes what delivery.toml refers to",
        )


def _written_addresses(
    delivery: DeliveryFile, names: tuple[str, ...]
) -> Iterator[tuple[int, tuple[str, str, str]]]:
    document = delivery.document
    for name in names:
        for key, service in document.table["environments"][name]["services"].items():
            url = service.get("url", "")
            if url and Reference.parse(url) is None:
                yield (
                    document.lines[("environments", name, "services", key, "url")],
                    (name, key, url),
                )


def _accounts(tables: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The account of each environment: as written, or one that stands in for a variable.

    Where an ARN or a registry's host of the environment names an account, it is that one.
    """
    given: dict[str, str] = {}
    for name in names:
        text = str(tables[name]["account"])
        if Reference.parse(text) is None:
            yield name, text
        else:
            named = _NAMED_ACCOUNT.search(str(tables[name]))
            own = (named[1] or named[2]) if named else _stand_in_account(text)
            yield name, given.setdefault(text, own)


def _stand_in_account(text: str) -> str:
    """Twelve digits that are the same in every run, and nobody's (they begin with 000)."""
    return f"000{int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10**9:09}"


def _variables(
    tables: Mapping[str, Any], names: tuple[str, ...], accounts: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """What ``env:`` references stand for in the world."""
    for name in names:
        for key, value in (("account", accounts[name]), ("region", _REGION)):
            reference = Reference.parse(str(tables[name][key]))
            if reference is not None:
                yield reference.name, value


def _compute_tables(
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


def _layer(
    delivery: DeliveryFile, name: str, *, account: str, compute: Mapping[str, ComputeTable]
) -> Layer:
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
        region=region if Reference.parse(region) is None else _REGION,
        repository=_named(table["repository"], own, resources.name_of),
        cluster=_named(table["cluster"], own, resources.last_of),
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


def _named(text: str, own: str, shape: Any) -> str:
    """The name that a key spells out, or ours where it is looked up."""
    return str(shape(text)) if Reference.parse(text) is None else own


def _service(
    project: str, environment: str, key: str, table: Mapping[str, Any], compute: ComputeTable
) -> ServicePlan:
    own = f"{project}-{environment}-{key}"
    return ServicePlan(
        key=key,
        name=_named(table["service"], key, resources.last_of),
        family=own,
        container=_named(table["container"], key, str),
        port=compute.port if table.get("url") else 0,
        health_path=str(table.get("path") or "/"),
        matcher=compute.matcher or str(table.get("expected_status", 200)),
        balancer="",
        cpu=compute.cpu,
        memory=compute.memory,
        count=compute.count,
        log_group=f"/{project}/{environment}/{key}",
        environment=compute.environment,
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


def _with_people(
    contract: Contract, source: Source, sandboxes: tuple[str, ...], project: str
) -> Contract:
    """The contract with an event for each person at a keyboard.

    There is no GitHub on a laptop: the sandbox's stands for how people sign in at AWS.
    """
    people = tuple(
        ContractEntry(
            name=f"laptop-{name}",
            event="push",
            ref=_LAPTOP_REF,
            environments=(name,),
            tasks=TASKS,
        )
        for name in sandboxes
    )
    policies = {policy.environment: policy for policy in contract.environment_policies}
    for name in sandboxes:
        asked = policies.get(name, EnvironmentPolicy(environment=name))
        by_hand = "" if asked.by_hand_role == ANYBODY else asked.by_hand_role
        role = by_hand or asked.role or f"{project}-deploy-{name}"
        policies[name] = replace(asked, role=role, github_environment=name)
    return replace(
        contract,
        source=source,
        entries=(*contract.entries, *people),
        environment_policies=tuple(policies.values()),
    )


def _claims(source: Source, environment: str) -> dict[str, str]:
    """The claims by which a person at a keyboard gets the role of an environment."""
    return {
        "sub": f"repo:{source.repository}:environment:{environment}",
        "repository": source.repository,
        "repository_id": str(source.repository_id),
        "repository_owner_id": str(source.owner_id),
        "environment": environment,
        "ref": _LAPTOP_REF,
        "job_workflow_ref": f"{source.repository}/{source.workflow}@{_LAPTOP_REF}",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Access:
    """Who may deliver: for CI's environments the committed roles to the letter.

    Attributes:
        contract: The contract, people included.
        accounts: The account of each environment.
        provider: Whether the account's OIDC provider is still to be made.
    """

    contract: Contract
    accounts: Mapping[str, str]
    provider: bool

    def added(self, layer: Layer, declared: Declared) -> Layer:
        """The layer with its deploy role."""
        wanted = resources.resources_of(declared)
        entries = trust.leading_to(self.contract, layer.environment)
        by_hand = any(entry.ref == _LAPTOP_REF for entry in entries)
        further = _PERSON if by_hand else ()
        access = bootstrap_template.compose(
            self.contract, wanted, session=SESSION_SECONDS, further=further
        )
        values = {
            **dict(self._of_layer(layer)),
            **dict(self._of_source(wanted.source, declared)),
        }
        role = self.contract.environment_policy(layer.environment).role
        return replace(
            layer,
            role=role,
            access=access,
            access_stack=bootstrap_template.stack_of(role),
            access_parameters={
                name: value
                for name, value in values.items()
                if bootstrap_template.takes(access, name)
            },
        )

    def _of_layer(self, layer: Layer) -> Iterator[tuple[str, str]]:
        roles = (layer.execution_role, layer.task_role)
        yield "CreateProvider", "true" if self.provider else "false"
        yield "Repository", layer.repository
        yield "Cluster", layer.cluster
        yield "TaskRoles", ",".join(f"arn:aws:iam::{layer.account}:role/{role}" for role in roles)
        for service in layer.services:
            yield f"Service{camel(service.key)}", service.name
            yield f"Family{camel(service.key)}", service.family
            yield f"LogGroup{camel(service.key)}", service.log_group

    def _of_source(self, source: str, declared: Declared) -> Iterator[tuple[str, str]]:
        """Where promoted images lie, where delivery.toml only refers to it."""
        if source not in self.accounts:
            return
        table = declared.document.table
        own = f"{table['name']}-{source}"
        repository = table["environments"][source]["repository"]
        yield "SourceAccount", self.accounts[source]
        yield "SourceRegion", _REGION
        yield "SourceRepository", _named(repository, own, resources.name_of)
