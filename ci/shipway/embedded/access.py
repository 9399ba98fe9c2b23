"""The deploy role of an environment in the embedded world, rendered by what renders ``ci/iam``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from shipway.config.images import declared_repositories
from shipway.config.load import Declared
from shipway.embedded.layers import REGION, named
from shipway.embedded.people import LAPTOP_REF
from shipway.policy.compile import bootstrap_template, elsewhere, resources, trust
from shipway.policy.compile.permissions import statement
from shipway.policy.compile.trust import camel
from shipway.policy.contract import Contract
from shipway_sandbox.plan import Layer

SESSION_SECONDS: Final = 3600
"""How long a session of a deploy role may last."""

# What a person may look at when something is misspelt; no run in CI needs it.
_PERSON: Final = (
    statement("SayWhatIsThere", ["ecs:ListServices", "ssm:GetParametersByPath"], ["*"]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
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
        # The world is of one partition, whose STS its issuer's tokens are for.
        wanted = replace(
            bootstrap_template.needed(self.contract, declared), audience=trust.AUDIENCE
        )
        entries = trust.leading_to(self.contract, layer.environment)
        by_hand = any(entry.ref == LAPTOP_REF for entry in entries)
        further = _PERSON if by_hand else ()
        access = bootstrap_template.compose(
            self.contract, wanted, session=SESSION_SECONDS, further=further
        )
        values = {
            **dict(self._of_layer(layer)),
            **dict(self._of_other(elsewhere.SOURCE, wanted.source, declared)),
            **dict(self._of_other(elsewhere.VERIFIED, wanted.after, declared)),
        }
        environment_policy = self.contract.environment_policy(layer.environment)
        return replace(
            layer,
            role=f"{environment_policy.role_path}{environment_policy.role}".removeprefix("/"),
            access=access,
            access_stack=bootstrap_template.stack_name(self.contract, layer.environment),
            access_parameters={
                name: value
                for name, value in values.items()
                if bootstrap_template.takes(access, name)
            },
            lookups={
                name: text
                for name, text in layer.lookups.items()
                if name.startswith("Repository") or bootstrap_template.takes(access, name)
            },
        )

    def _of_layer(self, layer: Layer) -> Iterator[tuple[str, str]]:
        roles = (layer.execution_role, layer.task_role)
        yield "CreateProvider", "true" if self.provider else "false"
        for key, repository in layer.repositories.items():
            yield f"Repository{camel(key)}", repository
        yield "Cluster", layer.cluster
        yield "TaskRoles", ",".join(f"arn:aws:iam::{layer.account}:role/{role}" for role in roles)
        for service in layer.services:
            yield f"Service{camel(service.key)}", service.name
            yield f"Family{camel(service.key)}", service.family
            yield f"LogGroup{camel(service.key)}", service.log_group
        for job in layer.jobs:
            yield f"JobFamily{camel(job.key)}", job.family
            yield f"JobLogGroup{camel(job.key)}", job.log_group

        for schedule in layer.schedules:
            yield f"ScheduleFamily{camel(schedule.key)}", schedule.family
            kind = "Rule" if schedule.kind == "rule" else "Timer"
            yield f"{kind}{camel(schedule.key)}", schedule.path
        for name in ("RuleRoles", "TimerRoles"):
            yield name, f"arn:aws:iam::{layer.account}:role/{layer.task_role}"
        here = f"{layer.region}:{layer.account}"
        yield "RuleClusters", f"arn:aws:ecs:{here}:cluster/{layer.cluster}"

    def _of_other(self, prefix: str, source: str, declared: Declared) -> Iterator[tuple[str, str]]:
        """Where another environment's images lie, where delivery.toml only refers to it."""
        if source not in self.accounts:
            return
        table = declared.document.table
        own = f"{table['name']}-{source}"
        yield f"{prefix}Account", self.accounts[source]
        yield f"{prefix}Region", REGION
        for key, repository in declared_repositories(table["environments"][source]).items():
            name = f"{own}-{key}" if key else own
            yield f"{prefix}Repository{camel(key)}", named(repository, name, resources.name_of)
