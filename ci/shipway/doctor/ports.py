"""What the doctor asks of the outside beside what deliveries ask. All of it only reads."""

from __future__ import annotations

from typing import Protocol

from shipway.config.environment import Environment
from shipway.doctor.execution_role import Need
from shipway.doctor.finding import Looked
from shipway.doctor.github import GithubFacts
from shipway.doctor.repository import RepositorySettings
from shipway.doctor.role import LiveRole
from shipway.doctor.tools import Tools
from shipway.policy.requirements import Source


class Inspection(Protocol):
    """One account's settings. Each raises a ShipwayError where it cannot be read."""

    def repository(self, environment: Environment) -> RepositorySettings | None:
        """The repository of an environment; ``None`` where there is none."""
        ...

    def role(self, name: str) -> LiveRole | None:
        """A role with all its policies; ``None`` where there is none."""
        ...

    def refused(self, role: str, need: Need) -> tuple[tuple[str, str], ...]:
        """The actions of a need that IAM's simulation does not allow a role, by its ARN."""
        ...

    def has_log_group(self, name: str) -> bool:
        """Whether a log group is there."""
        ...


class Machine(Protocol):
    """This machine."""

    def tools(self) -> Tools:
        """Its programs."""
        ...


class Github(Protocol):
    """GitHub's API."""

    def facts(self, source: Source, environment: str) -> Looked[GithubFacts]:
        """What it says of a repository and one of its environments; empty for none."""
        ...
