"""What a delivery needs from the outside, gathered: the composition root fills this in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from shipway.config.environment import Environment, EnvironmentRef, Origin
from shipway.config.references import References
from shipway.evidence.shared import ObjectStore
from shipway.image.build import Builder
from shipway.image.publish import ImageRepository, PromotionTarget
from shipway.image.referrers import Attachments
from shipway.image.sbom import Cataloguer, NoCataloguer
from shipway.image.scan import Scans
from shipway.image.signing import Signer, no_signer
from shipway.image.source import Tree
from shipway.lock.ports import LockLog
from shipway.notify.github import Deployments
from shipway.notify.ports import NoPoster, Poster
from shipway.policy.facts import History, TokenSource
from shipway.rollout.jobs.ports import Tasks
from shipway.rollout.ports import Alarms, Ecs, LogStreams, Prober
from shipway.rollout.prune import Revisions
from shipway.rollout.schedules.ports import Schedules
from shipway.util.clock import Clock
from shipway.values import Commit, Digest, Identity


class ImageStore(PromotionTarget, Scans, Attachments, Protocol):
    """An ECR repository: images, their scans, and the documents beside them."""

    def login(self, host: str = "") -> str:
        """``USER:PASSWORD`` for its registry, or for another host of ECR's; a secret."""
        ...

    def tags(self, digest: Digest) -> tuple[str, ...]:
        """The tags of an image, sorted; none where it is not there."""
        ...


class ImageParameters(Protocol):
    """SSM parameters that a stack takes its image from."""

    def write(self, name: str, value: str) -> int:
        """Give a parameter that is there another value; the answer is its new version.

        Raises:
            ShipwayError: It cannot be written.
        """
        ...


class SecretValues(Protocol):
    """Secrets that a build reads."""

    def read(self, source: str) -> bytes:
        """The value of a secret of Secrets Manager, or of a parameter.

        Args:
            source: Its ARN, or the parameter's name.

        Raises:
            ShipwayError: It cannot be read.
        """
        ...


class Aws(Protocol):
    """One account's AWS in one region, seen through the stages' own ports."""

    @property
    def ecs(self) -> Ecs:
        """Its services."""
        ...

    @property
    def revisions(self) -> Revisions:
        """Its task definitions, and what uses them."""
        ...

    @property
    def tasks(self) -> Tasks:
        """Its tasks that no service runs."""
        ...

    @property
    def schedules(self) -> Schedules:
        """What starts tasks by the clock."""
        ...

    @property
    def logs(self) -> LogStreams:
        """Its container logs."""
        ...

    @property
    def alarms(self) -> Alarms:
        """Its alarms."""
        ...

    @property
    def objects(self) -> ObjectStore:
        """Its buckets."""
        ...

    @property
    def parameters(self) -> ImageParameters:
        """The parameters that name the delivered image."""
        ...

    @property
    def secrets(self) -> SecretValues:
        """The secrets that its builds read."""
        ...

    @property
    def locks(self) -> LockLog:
        """The locks of its environments."""
        ...

    @property
    def published(self) -> References:
        """What its infrastructure publishes."""
        ...

    def identity(self) -> Identity:
        """Who AWS says we are."""
        ...

    def access_key_id(self) -> str:
        """The key id in use."""
        ...

    def tell_waits(self, tell: Callable[[str], None]) -> None:
        """Tell of each call that is made again, as AWS throttled it, failed or broke off."""
        ...

    def renew_by(
        self,
        token: Callable[[], str],
        *,
        tell: Callable[[str, str], None],
        hide: Callable[[Iterable[str]], None],
        renewed: Callable[[datetime], None],
        role: str,
        arn: str,
    ) -> None:
        """Have the keys of an OIDC step renewed before they end; any others are left alone.

        Args:
            token: Gives a token of GitHub's for STS; may raise an error of ours.
            tell: Takes a line for each renewal and each new trouble, and its level.
            hide: Takes the new keys, which must appear nowhere.
            renewed: Takes the end of each renewal's keys, in UTC; called from any thread.
            role: The role's ARN.
            arn: Who we are now; keys of anybody else are not used.
        """
        ...

    def assume(self, role: str, session: str) -> None:
        """Go on as another role, by its ARN, for every later call.

        Args:
            role: The role's ARN.
            session: What the session is to be called: 2 to 64 of ``A-Za-z0-9+=,.@_-``.
        """
        ...

    def repository(self, environment: Environment) -> ImageStore:
        """The repository that holds the environment's images."""
        ...

    def repository_at(self, destination: EnvironmentRef, name: str) -> ImageStore:
        """A repository of another environment, by its name without the host."""
        ...

    def origin(self, origin: Origin) -> ImageRepository:
        """The repository of another environment that promoted images come from."""
        ...


class Git(History, Protocol):
    """What commit is checked out, and what git and origin know of others."""

    def head(self) -> Commit:
        """The commit."""
        ...

    def user(self) -> str:
        """Who works here, for the record."""
        ...

    def laid_out(self, sha: str) -> AbstractContextManager[Tree]:
        """A commit's files, for as long as they are needed.

        Raises:
            GitError: It cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentContext:
    """One environment's outside: its AWS, and the BuildKit that builds for it.

    Attributes:
        account: Opens its account and region; nothing of AWS is loaded or asked before.
        builder: BuildKit.
        contexts: Named build contexts for base images that this machine cannot pull.
        stand_ins: Base images that are not what their name says, and what they are; recorded.
        cataloguer: Finds out what is in an image.
        signer: Opens what the environment's ``sign`` names.
        longest_hold: The most seconds of ``hold``, for rehearsals; ``None`` where delivery.toml
            alone says it.
    """

    account: Callable[[], Aws]
    builder: Builder
    contexts: Mapping[str, str] = field(default_factory=dict)
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    cataloguer: Cataloguer = field(default_factory=NoCataloguer)
    signer: Callable[[str], Signer] = no_signer
    longest_hold: float | None = None

    @property
    def aws(self) -> Aws:
        """Its AWS."""
        return self.account()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryContext:
    """Everything a delivery reaches the outside with.

    Attributes:
        root: The repository's top.
        variables: The process's environment variables.
        cache: Where images that were built lie.
        git: The commit.
        proof: What GitHub signed of this job.
        open_environment: Opens the environment that the contract led to; nothing outside is
            touched before.
        prober: Asks addresses.
        clock: The time.
        poster: Tells whoever delivery.toml names.
        deployments: Opens GitHub's deployments of a repository; ``None`` where GitHub is not told.
    """

    root: Path
    variables: Mapping[str, str]
    cache: Path
    git: Git
    proof: TokenSource
    open_environment: Callable[[EnvironmentRef], EnvironmentContext]
    prober: Prober
    clock: Clock
    poster: Poster = field(default_factory=NoPoster)
    deployments: Callable[[str], Deployments] | None = None

    @property
    def contract_file(self) -> Path:
        """The release contract."""
        return self.root / "ci" / "release.toml"

    @property
    def delivery_file(self) -> Path:
        """The environments."""
        return self.root / "ci" / "delivery.toml"

    @property
    def waivers_file(self) -> Path:
        """Vulnerabilities that somebody answers for; it need not be there."""
        return self.root / "ci" / "waivers.toml"
