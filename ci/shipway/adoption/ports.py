"""What adoption asks of the outside world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from shipway.config.inventory import LiveService
from shipway.values import Identity


class Resolver(Protocol):
    """Finds versions that go together; implemented by :class:`shipway.adapters.uv.Uv`."""

    def resolve(self, requirements: Sequence[str]) -> str:
        """Every package that is needed, on every platform, as a requirements file with hashes."""
        ...


class Inventory(Protocol):
    """What there is in one account; implemented by :class:`shipway.aws.inventory.AwsInventory`."""

    @property
    def region(self) -> str:
        """The region that is looked at."""
        ...

    def identity(self) -> Identity:
        """Who AWS says we are.

        Raises:
            CredentialsError: There are no credentials, or they ran out.
        """
        ...

    def services(self) -> Sequence[tuple[str, str]]:
        """Every ECS service, as the names of its cluster and its own."""
        ...

    def service(self, cluster: str, service: str) -> LiveService:
        """One service with what it runs and who balances it.

        Raises:
            ConfigurationError: It is not there, or another controller than ECS rolls it out.
        """
        ...

    def published(self) -> Mapping[str, str]:
        """Values by the reference that delivery.toml would hold: ``ssm:…`` and ``cfn:…``."""
        ...
