"""An AWS account: who we are there, what it keeps, and what it publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.unit.delivery.fakes.ecs import Alarms, Ecs, NoLogs, Revisions
from tests.unit.delivery.fakes.images import Store
from tests.unit.delivery.fakes.names import ACCOUNT, ROLE, URI
from tests.unit.fake_clock import Clock
from tests.unit.fake_lock_log import LockLog
from tests.unit.rollout.jobs.fakes import Tasks
from tests.unit.rollout.schedules.fakes import FakeSchedules

from shipway.config.environment import Environment, EnvironmentRef, Origin
from shipway.config.references import Found, Missing, Reference, Resolution
from shipway.errors import AccessDeniedError
from shipway.values import Identity


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """Whose keys are to be renewed, and what hears of it."""

    token: Callable[[], str]
    tell: Callable[[str, str], None]
    hide: Callable[[Iterable[str]], None]
    renewed: Callable[[datetime], None]
    role: str
    arn: str


@dataclass
class Buckets:
    """S3, where nothing is overwritten."""

    contents: dict[str, bytes] = field(default_factory=dict)
    fails: BaseException | None = None

    def put(self, bucket: str, key: str, content: bytes) -> None:
        if self.fails is not None:
            raise self.fails
        assert self.create(bucket, key, content) or self.get(bucket, key) == content

    def create(self, bucket: str, key: str, content: bytes) -> bool:
        if self.fails is not None:
            raise self.fails
        return self.contents.setdefault(f"s3://{bucket}/{key}", content) is content

    def get(self, bucket: str, key: str) -> bytes | None:
        return self.contents.get(f"s3://{bucket}/{key}")

    def keys(self, bucket: str, prefix: str) -> tuple[str, ...]:
        if self.fails is not None:
            raise self.fails
        above = f"s3://{bucket}/"
        names = (name.removeprefix(above) for name in self.contents if name.startswith(above))
        return tuple(sorted(name for name in names if name.startswith(prefix)))


@dataclass
class Parameters:
    """What a stack takes its image from: how often each was written, and what it holds."""

    written: list[tuple[str, str]] = field(default_factory=list)
    fails: BaseException | None = None

    def write(self, name: str, value: str) -> int:
        if self.fails is not None:
            raise self.fails
        self.written.append((name, value))
        return len(self.written) + 1


@dataclass
class Infrastructure:
    """Publishes the repository."""

    values: dict[str, str] = field(default_factory=lambda: {"ssm:/shop/repository": URI})
    secret: set[str] = field(default_factory=set)

    def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        return {
            reference: Found(text=self.values[str(reference)], secret=str(reference) in self.secret)
            if str(reference) in self.values
            else Missing(published=("/shop/repo",))
            for reference in references
        }


@dataclass
class Secrets:
    """Secrets that builds read."""

    values: dict[str, bytes] = field(default_factory=dict)

    def read(self, source: str) -> bytes:
        return self.values[source]


@dataclass
class Cloud:
    """An AWS account."""

    ecs: Ecs
    store: Store = field(default_factory=Store)
    stores: dict[str, Store] = field(default_factory=dict)
    elsewhere: Store = field(default_factory=Store)
    origins: list[Origin] = field(default_factory=list)
    logs: NoLogs = field(default_factory=NoLogs)
    parameters: Parameters = field(default_factory=Parameters)
    alarms: Alarms = field(default_factory=Alarms)
    published: Infrastructure = field(default_factory=Infrastructure)
    objects: Buckets = field(default_factory=Buckets)
    locks: LockLog = field(default_factory=lambda: LockLog(Clock()))
    secrets: Secrets = field(default_factory=Secrets)
    schedules: FakeSchedules = field(default_factory=FakeSchedules)
    revisions: Revisions = field(default_factory=Revisions)
    arn: str = ROLE
    account: str = ACCOUNT
    key: str = "ASIAEXAMPLE"
    fails: BaseException | None = None
    trusts: bool = True
    assumed: list[tuple[str, str]] = field(default_factory=list)
    renewals: list[Renewal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tasks = Tasks(self.ecs.clock)

    def identity(self) -> Identity:
        if self.fails is not None:
            raise self.fails
        return Identity(account=self.account, arn=self.arn)

    def assume(self, role: str, session: str) -> None:
        if not self.trusts:
            raise AccessDeniedError(
                "sts:AssumeRole is not allowed: User: x is not authorized to perform: "
                f"sts:AssumeRole on resource: {role}",
                where=role,
            )
        self.assumed.append((role, session))
        self.key, self.account = "ASIAEXAMPLE", role.split(":")[4]
        name = role.rpartition("/")[2]
        self.arn = f"arn:aws:sts::{self.account}:assumed-role/{name}/{session}"

    def tell_waits(self, tell: Callable[[str], None]) -> None:
        self.waits = tell

    def renew_by(self, token: Callable[[], str], **more: Any) -> None:
        self.renewals.append(Renewal(token=token, **more))

    def access_key_id(self) -> str:
        return self.key

    def origin(self, origin: Origin) -> Store:
        self.origins.append(origin)
        return self.elsewhere

    def repository(self, environment: Environment) -> Store:
        assert environment.name == "staging"
        return self.stores.get(environment.repository, self.store)

    def repository_at(self, destination: EnvironmentRef, name: str) -> Store:
        assert (destination.name, name) == ("before", "shop")
        return self.elsewhere
