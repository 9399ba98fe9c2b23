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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from shipway.config.convention import published
from shipway.config.load import DeliveryFile
from shipway.config.references import Reference
from shipway.embedded.access import Access
from shipway.embedded.layers import REGION, compute_tables, layer_of
from shipway.embedded.people import claims_of, with_people
from shipway.errors import ConfigurationError
from shipway.image.dockerfile_words import UnsureError
from shipway.image.final_stage import FinalStage, final_stage
from shipway.policy.compile import trust
from shipway.policy.contract import Contract, Source
from shipway_sandbox.github import GithubRepository, Run
from shipway_sandbox.plan import Layer, WorldPlan

_PORT: Final = 8080
_NAMED_ACCOUNT: Final = re.compile(
    r"arn:aws[a-z-]*:[a-z]+:[a-z0-9-]*:([0-9]{12}):|([0-9]{12})\.dkr\.ecr\."
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
        scan_limits: Environment → severity → the most findings of it that may be there.
    """

    plan: WorldPlan
    repository: GithubRepository
    sandboxes: tuple[str, ...]
    written_addresses: Mapping[int, tuple[str, str, str]]
    contract: Contract
    scan_limits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

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


def draw(
    contract: Contract,
    delivery: DeliveryFile,
    *,
    dockerfiles: Mapping[str, tuple[str, str]] | None = None,
    templates: Mapping[str, Mapping[str, str]] | None = None,
) -> Blueprint:
    """Plan the world for a repository.

    Args:
        contract: The release contract.
        delivery: What delivery.toml says.
        dockerfiles: Each image's Dockerfile, by the image's key, and the stage of it that is built:
            its EXPOSE is the port where none is written.
        templates: Environment → file → text of the templates that it runs instead of a layer of
            the sandbox's own.

    Raises:
        ConfigurationError: Something in delivery.toml cannot stand in the sandbox, or contradicts
            the Dockerfile; ``details`` names each place.
    """
    source = contract.source or _source(delivery.name)
    tables = delivery.document.table["environments"]
    sandboxes = tuple(name for name in delivery.names if tables[name].get("sandbox"))
    led_to = tuple(name for name in trust.environments(contract) if name in delivery.names)
    names = tuple(dict.fromkeys((*sandboxes, *led_to)))
    _check(delivery, sandboxes)
    accounts = dict(_accounts(tables, names))
    rendered = with_people(contract, source, sandboxes, delivery.name)
    stages = {key: _stage(*each) for key, each in (dockerfiles or {}).items()}
    _check_ports(delivery, sandboxes, stages)
    layers: list[Layer] = []
    for name in names:
        drawn = layer_of(
            delivery,
            name,
            account=accounts[name],
            compute=compute_tables(
                tables, sandboxes, lambda key: _stage_of(key, stages).port or _PORT
            ),
            templates=(templates or {}).get(name, {}),
        )
        first = all(layer.account != drawn.account for layer in layers)
        access = Access(contract=rendered, accounts=accounts, provider=first)
        layers.append(access.added(drawn, delivery.environment(name)))
    return Blueprint(
        plan=WorldPlan(
            layers=_with_readers(_with_one_bucket(layers), tables, contract),
            person={name: claims_of(source, name) for name in sandboxes},
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
        scan_limits={name: tables[name].get("scan", {}).get("max", {}) for name in names},
    )


def _with_one_bucket(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Every environment copies its records to one bucket: one layer has it, for all."""
    holder = next((layer for layer in layers if layer.buckets and not layer.templates), None)
    accounts = dict.fromkeys(layer.account for layer in layers)
    guests = tuple(account for account in accounts if holder and account != holder.account)
    return tuple(
        replace(layer, guests=guests) if layer is holder else replace(layer, buckets=())
        for layer in layers
    )


def _with_readers(
    layers: Sequence[Layer], tables: Mapping[str, Mapping[str, Any]], contract: Contract
) -> tuple[Layer, ...]:
    """Who promotes an image, or asks whether it was verified, reads it where it lies.

    The repository there lets their account in; who of them may, their own roles say.
    """

    def readers(source: Layer) -> tuple[str, ...]:
        reading = (
            layer.account
            for layer in layers
            if source.environment
            in {
                tables[layer.environment].get("promote_from"),
                contract.environment_policy(layer.environment).after,
            }
        )
        return tuple(dict.fromkeys(each for each in reading if each != source.account))

    return tuple(replace(layer, readers=readers(layer)) for layer in layers)


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
                    f'known beforehand; write "{published(delivery.name, name, key, "url")}"'
                )
    if wrong:
        raise ConfigurationError(
            "an address is written out where the sandbox must be asked for it",
            details=tuple(wrong),
            remedy="refer to a parameter: the sandbox publishes what delivery.toml refers to",
        )


def _stage_of(key: str, stages: Mapping[str, FinalStage]) -> FinalStage:
    """What an image runs; a service that names none runs the only one there is."""
    only = next(iter(stages.values()), FinalStage()) if len(stages) == 1 else FinalStage()
    return stages.get(key, only)


def _stage(dockerfile: str, target: str) -> FinalStage:
    """What runs; one that BuildKit would refuse says nothing, for the build tells it better."""
    try:
        return final_stage(dockerfile, target)
    except UnsureError:
        return FinalStage()


def _check_ports(
    delivery: DeliveryFile, sandboxes: tuple[str, ...], stages: Mapping[str, FinalStage]
) -> None:
    """A port that the image does not expose is told now, not by a health check that fails."""
    document = delivery.document
    wrong = []
    for name in sandboxes:
        for key, service in document.table["environments"][name]["services"].items():
            port = service.get("compute", {}).get("port", 0)
            stage = _stage_of(service.get("image", ""), stages)
            if port and service.get("url") and not stage.serves(port):
                path = ("environments", name, "services", key, "compute", "port")
                line = document.lines.get(path, 0)
                wrong.append(
                    f"{document.path}:{line}  {'.'.join(path)}: it is {port}, and the Dockerfile "
                    f"has EXPOSE {' '.join(stage.exposed)}"
                )
    if wrong:
        raise ConfigurationError(
            "a service's port is not one that its Dockerfile exposes",
            details=tuple(wrong),
            remedy="correct the one that is wrong; without `port` the first EXPOSE holds",
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
            own = (named[1] or named[2]) if named else stand_in_account(text)
            yield name, given.setdefault(text, own)


def stand_in_account(text: str) -> str:
    """Twelve digits that are the same in every run, and nobody's (they begin with 000)."""
    return f"000{int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10**9:09}"


def _variables(
    tables: Mapping[str, Any], names: tuple[str, ...], accounts: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """What ``env:`` references stand for in the world."""
    for name in names:
        for key, value in (("account", accounts[name]), ("region", REGION)):
            reference = Reference.parse(str(tables[name][key]))
            if reference is not None:
                yield reference.name, value
