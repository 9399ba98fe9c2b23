"""The environment that a delivery goes to, as the stages use it: frozen, every value a literal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, Literal

from shipway.config.images import ONE, EnvironmentImage, ImageSettings
from shipway.config.job import Job
from shipway.config.notify import Receiver
from shipway.config.overlay import Overlay
from shipway.config.schedule import Schedule

OnFailure = Literal["rollback", "leave"]
OnPause = Literal["wait", "leave"]
Sbom = Literal["off", "if-available", "required"]
Severity = Literal["critical", "high", "medium", "low", "informational", "undefined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One ECS service that runs the image.

    Attributes:
        key: Its name in delivery.toml, the subject of every line a person reads about it.
        service: The ECS service's name.
        container: The container of its task definition that takes our image.
        image: Key of the image that it runs; empty where there is one image alone.
        same_image: Further containers of it that do.
        url: The address that is asked, path included; empty where nothing is asked.
        expected_status: The HTTP status that counts as an answer.
        consecutive: How many such answers in a row prove the release.
        interval: Seconds between two requests.
        verify_timeout: Seconds within which ``consecutive`` answers must have come.
        timeout: Seconds that the rollout may take.
        on_failure: Whether a failing rollout is rolled back or left for a person to look at.
        fail_fast_tasks: Waves of tasks that must fail in the same way before a rollout is called
            failing.
        require_circuit_breaker: Whether a service without a deployment circuit breaker is refused.
        require_alarms: Whether a service is refused whose deployment alarms are switched off.
        on_pause: Whether ``deploy`` waits at a PAUSE hook or leaves with its own exit code.
        hold: Seconds for which the release must stay good once it is in service; 0 for none.
        alarms: Names of CloudWatch alarms that must not go off meanwhile; without any, those of the
            service's deployment configuration.
    """

    key: str
    service: str
    container: str
    image: str = ONE
    same_image: tuple[str, ...] = ()
    url: str = ""
    expected_status: int = 200
    consecutive: int = 5
    interval: float = 1.0
    verify_timeout: int = 60
    timeout: int = 900
    on_failure: OnFailure = "rollback"
    fail_fast_tasks: int = 2
    require_circuit_breaker: bool = True
    require_alarms: bool = True
    on_pause: OnPause = "wait"
    hold: float = 60.0
    alarms: tuple[str, ...] = ()

    @property
    def containers(self) -> tuple[str, ...]:
        """Every container that takes our image, the one that is verified first."""
        return tuple(dict.fromkeys((self.container, *self.same_image)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanning:
    """What an environment asks of an image's vulnerability scan.

    Attributes:
        required: Whether an image without a finished, fresh scan is refused.
        most: The most findings of a severity that may be there; a severity not named has no limit.
        only_fixable: Whether findings that no version mends yet are left out of the count.
        wait: Seconds that a scan may still take.
        max_age: Days after which a finished scan is stale; continuous scanning never is.
    """

    required: bool = False
    most: Mapping[Severity, int] = field(default_factory=dict)
    only_fixable: bool = False
    wait: int = 300
    max_age: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class LockSettings:
    """How deliveries to an environment keep out of each other's way.

    Attributes:
        parameter: The SSM parameter that holds the lock; empty where none is taken.
        wait: Seconds to wait for whoever holds it; ``None`` where that depends on who waits.
        expiry: Seconds after the last sign of life from which on a dead owner's lock may be taken.
    """

    parameter: str = ""
    wait: int | None = None
    expiry: int = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A finding that somebody answers for, for a while.

    Attributes:
        id: Such as ``CVE-2026-1234``.
        package: The package it is waived in.
        digest: An image's or a platform's ``sha256:…``, or ``all``.
        owner: Who answers for it.
        reason: Why it may be.
        expires: The last day it holds, in UTC.
    """

    id: str
    package: str
    digest: str
    owner: str
    reason: str
    expires: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile of the AWS configuration, and the place that names it, for messages."""

    name: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRef:
    """What must be known before AWS can be asked anything.

    ``sandbox`` says that this environment is the embedded one, which is started for it; ``profile``
    is who a person is there where nothing else says it.
    """

    name: str
    account: str
    region: str
    sandbox: bool = False
    profile: Profile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSettings:
    """Where records are copied to, beside their own folder.

    Attributes:
        s3: ``s3://BUCKET/PREFIX``; empty where no bucket keeps them.
        referrer: Whether a record is attached to its image in the registry.
    """

    s3: str = ""
    referrer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One environment of delivery.toml with every reference resolved and every value checked.

    Attributes:
        name: Its name in delivery.toml.
        account: Twelve digits.
        region: Such as ``eu-west-1``.
        registry: The registry's host, ``ACCOUNT.dkr.ecr.REGION.amazonaws.com`` unless the published
            repository URI names another.
        repository: The repository's name in that registry, without the host.
        cluster: The ECS cluster's name.
        role: The IAM role's name that a delivery must have assumed; empty where none is asked for.
        image: What is built for it; of several images the one that this view is about.
        images: Every image that its services and jobs run, by key, where there is ``[images]``;
            ``registry``, ``repository`` and ``image`` are the first one's then.
        services: At least one; no two name the same ECS service.
        jobs: Tasks that run to their end, in the file's order.
        schedules: What starts tasks by the clock and follows a release, in the file's order.
        overlays: Key of a service → what a release sets in its task definition.
        together: Whether services that moved go back where another fails.
        sandbox: Whether the embedded sandbox is started for it.
        promote_from: The environment whose image is taken as it is; empty where it is built.
        promote_repository: That environment's repository as it is known here; empty where
            delivery.toml says it there.
        scan: What is asked of the image's scan.
        sbom: Whether a bill of materials is made, and whether there must be one.
        image_parameters: SSM parameters that name the image of the last release; each takes the
            new one once that is verified.
        parameter_images: The key of the image that each of them takes, where there are several.
        sign: What signs attestations: ``file:PATH``, ``kms:ARN``, or empty for nothing.
        evidence: Where records are copied to.
        lock: How deliveries to it keep out of each other's way.
        notify: Whom a delivery tells how it goes.
    """

    name: str
    account: str
    region: str
    registry: str
    repository: str
    cluster: str
    role: str
    image: ImageSettings
    services: tuple[Service, ...]
    images: Mapping[str, EnvironmentImage] = field(default_factory=dict)
    jobs: tuple[Job, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    overlays: Mapping[str, Overlay] = field(default_factory=dict)
    together: bool = True
    sandbox: bool = False
    promote_from: str = ""
    promote_repository: str = ""
    scan: Scanning = field(default_factory=Scanning)
    sbom: Sbom = "if-available"
    image_parameters: tuple[str, ...] = ()
    parameter_images: Mapping[str, str] = field(default_factory=dict)
    sign: str = ""
    evidence: EvidenceSettings = field(default_factory=EvidenceSettings)
    lock: LockSettings = field(default_factory=LockSettings)
    notify: tuple[Receiver, ...] = ()

    def overlay(self, key: str) -> Overlay:
        """What a release sets in a service's task definition beside the image."""
        return self.overlays.get(key, Overlay())

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of each image, in the file's order; :data:`.images.ONE` alone for one image."""
        return tuple(self.images) or (ONE,)

    def about(self, key: str) -> Environment:
        """The same as one of its images sees it: what is built, and where that lies."""
        if not self.images:
            return self
        image = self.images[key]
        return replace(
            self,
            image=image.settings,
            registry=image.registry,
            repository=image.repository,
            promote_repository=image.promote_repository,
        )

    @property
    def repository_uri(self) -> str:
        """``registry/repository``, as ``docker push`` and a task definition name it."""
        return f"{self.registry}/{self.repository}"

    @property
    def place(self) -> EnvironmentRef:
        """Name, account and region: what is known of it before AWS is asked."""
        return EnvironmentRef(
            name=self.name, account=self.account, region=self.region, sandbox=self.sandbox
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The repository that a promoted image comes from.

    Attributes:
        environment: Whose it is.
        account: Twelve digits.
        region: Such as ``eu-west-1``.
        registry: The registry's host.
        repository: The repository's name in it.
    """

    environment: str
    account: str
    region: str
    registry: str
    repository: str

    @property
    def uri(self) -> str:
        """``registry/repository``."""
        return f"{self.registry}/{self.repository}"


RUNS_WAIT: Final = 600
"""Seconds for which a run of GitHub Actions waits for a lock where delivery.toml does not say it: a
run that is refused must be started again by a person, one that waits need not be."""


def lock_parameter(name: str, environment: str) -> str:
    """The SSM parameter that holds an environment's lock, by ``name`` at the top of delivery.toml.

    Two repositories of one ``name`` and one environment's name in one account share it: that errs
    on the safe side.
    """
    return f"/shipway/{name}/{environment}/lock"
