"""A whole outside in memory: git, BuildKit, a repository, ECS, an address, and a clock."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import botocore.session  # the SDK's own model says what it can send
import pytest
from tests.unit.fake_clock import Clock
from tests.unit.fake_lock_log import LockLog
from tests.unit.rollout.jobs.fakes import Tasks
from tests.unit.rollout.schedules.fakes import FakeSchedules

from shipway.aws import registrable
from shipway.config.environment import Environment, EnvironmentRef, Origin
from shipway.config.references import Found, Missing, Reference, Resolution
from shipway.delivery.deliver import deliver
from shipway.delivery.ending import DeliveryOutcome
from shipway.delivery.order import Order as Ordered
from shipway.delivery.ports import DeliveryContext, EnvironmentContext
from shipway.errors import AccessDeniedError
from shipway.image.build import BuildRequest, Stop
from shipway.image.publish import Pushed, StoredImage
from shipway.image.referrers import AttachedDocument, Referrer
from shipway.image.scan import Scan
from shipway.image.source import TreeFile
from shipway.observer import Event, Holding, Observer, Rolling
from shipway.policy.facts import Order, Signature, Standing, Tag
from shipway.rollout.hold.terms import Alarm
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.ports import LogPage, Updated
from shipway.rollout.prune import Objection
from shipway.rollout.snapshot import Container, Deployment, Snapshot, Task, Trouble
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition
from shipway.values import Commit, Digest, HttpAnswer, Identity

if TYPE_CHECKING:
    from tests.conftest import MadeLayout, MakeLayout

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
ACCOUNT = "111122223333"
URI = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/shop"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/shop-deploy-staging/ci"
URL = "https://staging.shop.example/health"
_TD = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:task-definition/shop"

CONTRACT = """\
schema = 1
[[allow]]
name = "main"
event = "push"
ref = "refs/heads/main"
environment = "staging"
tasks = ["build", "publish"]
[[allow]]
name = "stable"
event = "push"
ref = "refs/tags/*-stable"
environment = "staging"
tasks = ["build", "publish", "deploy", "verify"]
[[allow]]
name = "by-hand"
event = "by-hand"
environments = ["staging"]
tasks = ["build", "publish", "deploy", "verify"]
[github]
repository = "octo/shop"
repository_id = 123
owner_id = 45
workflow = ".github/workflows/deploy.yml"
[environments.staging]
role = "shop-deploy-staging"
by_hand_role = "*"
"""
DELIVERY = """\
schema = 1
name = "shop"
[environments.staging]
account = "111122223333"
region = "eu-west-1"
repository = "ssm:/shop/repository"
cluster = "shop"
[environments.staging.services.web]
service = "shop-web"
container = "web"
url = "https://staging.shop.example"
path = "/health"
consecutive = 2
verify_timeout = 5
"""


@dataclass
class CommitFiles:
    """The files of a repository in memory that its commit has."""

    root: Path
    folder: Path
    unkept: tuple[str, ...] = ()

    def files(self) -> tuple[TreeFile, ...]:
        kept = ("ci", "Dockerfile", ".dockerignore", "app.py")
        paths = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        return tuple(TreeFile(str(path)) for path in sorted(paths) if path.parts[0] in kept)

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def lay_out(self, paths: Sequence[str]) -> None:
        for path in paths:
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(self.read(path))

    def filters(self, paths: Sequence[str]) -> Mapping[str, str]:
        assert paths is not None
        return {}

    def others(self) -> tuple[str, ...]:
        return self.unkept

    def other_files(self) -> tuple[str, ...]:
        return tuple(path for path in self.unkept if not path.endswith("/"))

    def large_file(self, oid: str) -> Path:
        return self.root / ".git" / "lfs" / oid


@dataclass
class Repo:
    """The commit that is checked out, and what git and origin know of others."""

    commit: Commit
    stands: Standing = "on"
    orders: dict[str, Order] = field(default_factory=dict)
    tags: dict[str, Tag | BaseException] = field(default_factory=dict)
    signed: Signature | BaseException | None = None
    begins: tuple[str, ...] = ()
    branches: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    root: Path = Path("nowhere")
    unkept: tuple[str, ...] = ()

    def commits(self, prefix: str) -> tuple[str, ...]:
        return tuple(sha for sha in self.begins if sha.startswith(prefix))

    def standing(self, sha: str, branch: str) -> Standing:
        self.questions.append(f"standing {sha} {branch}")
        return self.stands

    def order(self, other: str, ours: str) -> Order:
        return "same" if other == ours else self.orders.get(other, "unknown")

    def tag(self, name: str) -> Tag | None:
        self.questions.append(f"tag {name}")
        answer = self.tags.get(name)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def origin_branch(self, branch: str) -> str:
        return self.branches.get(branch, "")

    def file(self, commit: str, path: str) -> bytes | None:
        return self.files.get(f"{commit}:{path}")

    def signature(
        self, tag: Tag, name: str, keys: Sequence[str], commit: str = "HEAD"
    ) -> Signature | None:
        where = "" if commit == "HEAD" else f" in {commit}"
        self.questions.append(f"signature {tag.object} {name} {','.join(keys)}{where}")
        if isinstance(self.signed, BaseException):
            raise self.signed
        return self.signed

    def head(self) -> Commit:
        return self.commit

    def user(self) -> str:
        return "mona@example.org"

    @contextmanager
    def laid_out(self, sha: str) -> Iterator[CommitFiles]:
        assert sha == self.commit.sha
        # A folder for each of several at once, as git's is one for each build.
        folder = self.root / ".laid-out"
        try:
            folder.mkdir()
        except FileExistsError:
            folder = Path(tempfile.mkdtemp(prefix=".laid-out-", dir=self.root))
        yield CommitFiles(self.root, folder, self.unkept)


@dataclass
class Github:
    """What GitHub signs of this job."""

    signs: dict[str, Any] | BaseException | None = None
    issuers: list[str] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)

    def claims(self, issuer: str) -> Mapping[str, object] | None:
        self.issuers.append(issuer)
        if isinstance(self.signs, BaseException):
            raise self.signs
        return self.signs

    def token(self, issuer: str, audience: str) -> str:
        self.tokens.append((issuer, audience))
        return "a token"


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """Whose keys are to be renewed, and what hears of it."""

    token: Callable[[], str]
    tell: Callable[[str, str], None]
    hide: Callable[[Iterable[str]], None]
    role: str
    arn: str


@dataclass
class Buildkit:
    """Exports a made-up layout."""

    make: MakeLayout
    requests: list[BuildRequest] = field(default_factory=list)
    fails: BaseException | None = None
    says: Digest | None = None
    layout: MadeLayout | None = None
    content: bytes = b"one"
    bases: dict[str, str] = field(default_factory=dict)
    resolved_with: list[Mapping[str, str]] = field(default_factory=list)

    def build(
        self,
        request: BuildRequest,
        tell: Callable[[str], None],
        stop: Stop | None = None,  # noqa: ARG002  # the port has it
    ) -> Digest:
        self.requests.append(request)
        for line in ("#5 [1/2] FROM scratch", "#5 CACHED", "#6 [2/2] COPY . /"):
            tell(line)
        if self.fails is not None:
            raise self.fails
        self.layout = self.make(request.destination, content=self.content)
        return self.says or self.layout.root

    def resolve(self, reference: str, builder: str, logins: Mapping[str, str]) -> str:
        assert builder == "default"
        self.resolved_with.append(logins)
        return self.bases.get(reference, "")


@dataclass
class Store:
    """One ECR repository."""

    uri: str = URI
    images: dict[str, StoredImage] = field(default_factory=dict)
    pushes: list[str] = field(default_factory=list)
    fails: BaseException | None = None
    answers: Digest | None = None
    finds: BaseException | None = None
    built_by: dict[Digest, dict[str, str]] = field(default_factory=dict)
    full: bool = False
    taken: list[tuple[Origin, Digest, str]] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)
    beside: list[Referrer] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)

    def tags(self, digest: Digest) -> tuple[str, ...]:
        names = (name for name, image in self.images.items() if image.digest == digest)
        return tuple(sorted(name for name in names if name != digest.value))

    def find(self, reference: str) -> StoredImage | None:
        if self.finds is not None:
            raise self.finds
        return self.images.get(reference)

    def platforms(self, digest: Digest) -> frozenset[Digest]:
        image = self.images.get(digest.value)
        return image.platforms if image else frozenset()

    def keep(self, tag: str, digest: Digest, *platforms: Digest) -> None:
        self.images[tag] = self.images[digest.value] = StoredImage(
            digest=digest, platforms=frozenset(platforms)
        )

    def push(self, folder: Path, tag: str) -> Pushed:
        if self.fails is not None:
            raise self.fails
        self.pushes.append(tag)
        root = json.loads((folder / "index.json").read_text())["manifests"][0]["digest"]
        blobs = folder / "blobs" / "sha256"
        children = json.loads((blobs / root.removeprefix("sha256:")).read_text())["manifests"]
        digest = self.answers or Digest(root)
        self.keep(tag, digest, Digest(children[0]["digest"]))
        return Pushed(digest=Digest(root), blobs=2, bytes=1_500_000)

    def tag(self, digest: Digest, tag: str) -> Digest | None:
        if self.full and tag not in self.images:
            return None
        standing = self.images.setdefault(tag, self.images[digest.value])
        return standing.digest

    def labels(self, digest: Digest) -> Mapping[str, str]:
        return self.built_by.get(digest, {})

    def take(self, origin: Origin, digest: Digest, tag: str) -> Pushed:
        if self.fails is not None:
            raise self.fails
        self.taken.append((origin, digest, tag))
        self.keep(tag, self.answers or digest, digest)
        return Pushed(digest=digest, blobs=3, bytes=2_000_000)

    def referrers(self, digest: Digest) -> tuple[Referrer, ...]:
        assert digest.value in self.images
        return tuple(self.beside)

    def attach(
        self, subject: Digest, documents: Sequence[AttachedDocument]
    ) -> tuple[Referrer, ...]:
        assert subject.value in self.images
        attached = [
            Referrer(
                digest=document.digest,
                artifact_type=document.artifact_type,
                annotations=document.annotations,
            )
            for document in documents
        ]
        self.beside += attached
        return tuple(attached)

    def login(self, host: str = "") -> str:
        self.signed_in.append(host)
        return "AWS:canary-password"

    def scan(self, digest: Digest) -> Scan:
        if self.scans:
            return replace(
                self.scans.pop(0) if len(self.scans) > 1 else self.scans[0], digest=digest
            )
        return Scan(digest=digest, status="not available here", findings={})


Outcomes = Literal["good", "rolled-back", "stuck"]


@dataclass
class Ecs:
    """One service without service deployments: ``deployments[]`` tells how its rollout ends."""

    clock: Clock
    ends: Outcomes = "good"
    definitions: dict[str, TaskDefinition] = field(default_factory=dict)
    primary: str = f"{_TD}:41"
    updates: list[str] = field(default_factory=list)
    looks: int = 0
    fails: dict[str, BaseException] = field(default_factory=dict)
    at_look: dict[int, BaseException] = field(default_factory=dict)
    trouble: Trouble | None = None

    def __post_init__(self) -> None:
        old = f"{URI}@sha256:{'0' * 64}"
        self.definitions[self.primary] = self._definition(self.primary, old)

    def _definition(self, arn: str, image: str) -> TaskDefinition:
        web = ContainerDefinition(name="web", image=image, ports=(8080,))
        document = {"family": "shop", "containerDefinitions": [{"name": "web", "image": image}]}
        return TaskDefinition(arn=arn, family="shop", containers=(web,), document=document)

    def _fail(self, operation: str) -> None:
        if operation in self.fails:
            raise self.fails[operation]

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        old = Deployment(
            id="ecs-svc/1",
            status="PRIMARY",
            task_definition=f"{_TD}:41",
            rollout_state="COMPLETED",
            desired=1,
            running=1,
        )
        if not self.updates:
            return (old,)
        new = Deployment(
            id="ecs-svc/2",
            status="PRIMARY",
            task_definition=self.updates[-1],
            rollout_state="IN_PROGRESS",
            desired=1,
            pending=1,
        )
        if self.looks < 3 or self.ends == "stuck":
            return (new, replace(old, status="ACTIVE"))
        if self.ends == "good":
            return (replace(new, rollout_state="COMPLETED", running=1, pending=0),)
        reason = "ECS deployment circuit breaker: tasks failed to start."
        failed = replace(
            new, status="ACTIVE", rollout_state="FAILED", rollout_state_reason=reason, failed=3
        )
        return (replace(old, rollout_state_reason="rolled back"), failed)

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        assert (cluster, list(names)) == ("shop", ["shop-web"])
        if self.trouble is not None:
            return {"shop-web": Snapshot(answered=False, troubles=(self.trouble,))}
        if self.updates:
            self.looks += 1
            if self.looks in self.at_look:
                raise self.at_look.pop(self.looks)
        deployments = self.deployments
        return {
            "shop-web": Snapshot(
                task_definition=deployments[0].task_definition,
                desired=1,
                running=1,
                deployments=deployments,
                breaker_enabled=True,
                breaker_rollback=True,
            )
        }

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        assert (cluster, name) == ("shop", "shop-web")
        if not fetch.tasks:
            return glance
        primary = glance.deployments[0]
        image = self.definitions[primary.task_definition].container("web").image
        running = Task(
            arn="arn:aws:ecs:eu-west-1:111122223333:task/shop/t1",
            task_definition=primary.task_definition,
            started_by=primary.id,
            last_status="RUNNING",
            desired_status="RUNNING",
            started_at=self.clock.now() - timedelta(hours=1),
            containers=(
                Container(name="web", last_status="RUNNING", image_digest=image.partition("@")[2]),
            ),
        )
        return replace(glance, tasks=(running,))

    def service_names(self, cluster: str) -> tuple[str, ...]:
        return (cluster,)

    def task_definition(self, arn: str) -> TaskDefinition:
        if arn == "shop":  # the family: its newest revision
            return list(self.definitions.values())[-1]
        full = f"{_TD.removesuffix('/shop')}/{arn}"
        return self.definitions[arn if arn in self.definitions else full]

    def register(self, definition: TaskDefinition) -> str:
        self._fail("register")
        arn = f"{_TD}:{41 + len(self.definitions)}"
        self.definitions[arn] = replace(definition, arn=arn)
        return arn

    def update(self, cluster: str, service: str, task_definition: str) -> Updated:
        assert (cluster, service) == ("shop", "shop-web")
        self._fail("update")
        self.updates.append(task_definition)
        self.looks = 0
        return Updated(deployment_id="ecs-svc/2", earlier=frozenset({"ecs-svc/1"}))

    def resume(self, arn: str, hook: str, action: Literal["CONTINUE", "ROLLBACK"]) -> None:
        raise AssertionError(arn, hook, action)

    def stop(self, arn: str, stop_type: Literal["ROLLBACK", "ABORT"]) -> Trouble | None:
        raise AssertionError(arn, stop_type)


class NoLogs:
    """Nothing was ever logged."""

    def tail(self, group: str, stream: str, lines: int) -> tuple[tuple[datetime, str], ...]:
        assert lines, (group, stream)
        return ()

    def page(self, group: str, stream: str, since: datetime | None, token: str) -> LogPage:
        raise AssertionError((group, stream, since, token))


@dataclass
class Alarms:
    """CloudWatch's alarms, and how they change from one question to the next."""

    now: dict[str, list[str]] = field(default_factory=dict)
    fails: BaseException | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def states(self, names: Sequence[str]) -> Mapping[str, Alarm]:
        self.asked.append(tuple(names))
        if self.fails is not None:
            raise self.fails
        found = {}
        for name in names:
            if name in self.now:
                states = self.now[name]
                state = states.pop(0) if len(states) > 1 else states[0]
                found[name] = Alarm(name=name, state=state, reason="Threshold Crossed")
        return found


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
class Revisions:
    """The revisions of the families, the newest first, and what uses them."""

    families: dict[str, tuple[str, ...]] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    fails: BaseException | None = None

    def active(self, family: str) -> tuple[str, ...]:
        return tuple(arn for arn in self.families.get(family, ()) if arn not in self.gone)

    def objections(self, request: Mapping[str, object]) -> tuple[Objection, ...]:
        model = (
            botocore.session.get_session()
            .get_service_model("ecs")
            .operation_model("RegisterTaskDefinition")
        )
        return tuple(registrable.objections(model.input_shape, request))

    def uses(self) -> dict[str, str]:
        if self.fails is not None:
            raise self.fails
        return self.used

    def deregister(self, arn: str) -> None:
        self.gone.append(arn)


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


@dataclass
class Address:
    """The service's address."""

    answers: list[int | BaseException] = field(default_factory=lambda: [200])
    requests: int = 0

    def get(self, url: str, seconds: float) -> HttpAnswer:
        assert url == URL
        assert seconds == 5
        self.requests += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return HttpAnswer(status=answer)


@dataclass
class World:
    """Everything, with what was told in it and what was changed in it."""

    root: Path
    variables: dict[str, str]
    git: Repo
    github: Github
    builder: Buildkit
    cloud: Cloud
    address: Address
    clock: Clock
    events: list[Event] = field(default_factory=list)
    opened: int = 0
    opening: BaseException | None = None
    longest_hold: float | None = None

    @property
    def context(self) -> DeliveryContext:
        return DeliveryContext(
            root=self.root,
            variables=self.variables,
            cache=self.root / ".cache",
            git=self.git,
            proof=self.github,
            open_environment=self.open_environment,
            prober=self.address,
            clock=self.clock,
        )

    def open_environment(self, destination: EnvironmentRef) -> EnvironmentContext:
        assert replace(destination, sandbox=False) == EnvironmentRef(
            name="staging", account=ACCOUNT, region="eu-west-1"
        )
        self.opened += 1
        if self.opening is not None:
            raise self.opening
        return EnvironmentContext(
            account=lambda: self.cloud,
            builder=self.builder,
            contexts={"base": "/elsewhere"},
            stand_ins={"python": "assembled"},
            longest_hold=self.longest_hold,
        )

    def deliver(
        self, task: Any = "deploy", env: str | None = "staging", **more: Any
    ) -> DeliveryOutcome:
        return deliver(
            Ordered(task=task, environment=env, **more), self.context, self.events.append
        )

    def deliver_to(self, observer: Observer, env: str | None = "staging") -> DeliveryOutcome:
        """Deliver, with an observer that meddles."""
        return deliver(Ordered(task="deploy", environment=env), self.context, observer)

    @property
    def claims(self) -> dict[str, Any]:
        """What GitHub signs."""
        assert isinstance(self.github.signs, dict)
        return self.github.signs

    def write(self, name: str, text: str) -> None:
        (self.root / "ci").mkdir(exist_ok=True)
        (self.root / "ci" / name).write_text(text, encoding="utf-8")

    def change(self, name: str, old: str, new: str, more: str = "") -> None:
        """Put one text of a file in ``ci/`` in another's place, and more at its end."""
        text = (self.root / "ci" / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new, 1) + more)

    def dockerfile(self) -> None:
        """Have something to build, over a base that the registry knows."""
        (self.root / "Dockerfile").write_text("FROM python:3.13-slim\n")
        (self.root / ".dockerignore").write_text(".cache\nevidence\n")
        self.builder.bases["python:3.13-slim"] = f"sha256:{'b' * 64}"

    def push(self, ref: str = "refs/tags/v1-stable") -> None:
        """Be GitHub Actions, for a push of this ref."""
        self.payload = {
            "ref": ref,
            "after": SHA,
            "before": "0" * 40,
            "created": True,
            "deleted": False,
        }
        kind = "tag" if "/tags/" in ref else "branch"
        self.github.signs = {
            "event_name": "push",
            "ref": ref,
            "ref_type": kind,
            "sha": SHA,
            "repository": "octo/shop",
            "repository_id": "123",
            "repository_owner_id": "45",
            "run_id": "42",
            "run_attempt": "1",
            "workflow_ref": f"octo/shop/.github/workflows/deploy.yml@{ref}",
            "job_workflow_ref": f"octo/shop/.github/workflows/deploy.yml@{ref}",
            "runner_environment": "github-hosted",
            "environment": "staging",
        }
        self.variables |= {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_EVENT_PATH": str(self.root / ".event.json"),
            "GITHUB_REF": ref,
            "GITHUB_REF_TYPE": kind,
            "GITHUB_SHA": SHA,
            "GITHUB_REPOSITORY": "octo/shop",
            "GITHUB_REPOSITORY_ID": "123",
            "GITHUB_REPOSITORY_OWNER_ID": "45",
            "GITHUB_ACTOR": "mona",
            "GITHUB_RUN_ID": "42",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_WORKFLOW_REF": f"octo/shop/.github/workflows/deploy.yml@{ref}",
            "RUNNER_ENVIRONMENT": "github-hosted",
        }

    @property
    def payload(self) -> dict[str, Any]:
        """The event that lies beside the variables."""
        event: dict[str, Any] = json.loads((self.root / ".event.json").read_text())
        return event

    @payload.setter
    def payload(self, value: dict[str, Any]) -> None:
        (self.root / ".event.json").write_text(json.dumps(value))

    @property
    def changed(self) -> tuple[int, int, int]:
        """How often the repository, the task definitions and the service were changed."""
        ecs = self.cloud.ecs
        return len(self.cloud.store.pushes), len(ecs.definitions) - 1, len(ecs.updates)

    def of(self, *kinds: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kinds)]

    def story(self) -> list[str]:
        """Every event but progress and output, in a few words."""
        words = []
        for event in self.events:
            if not isinstance(event, (Rolling, Holding)):
                stage = getattr(event, "stage", "")
                words.append(f"{type(event).__name__} {stage}".strip())
        return [word for word in words if not word.startswith(("Output", "Noticed", "Evidenced"))]

    def record(self, outcome: DeliveryOutcome) -> dict[str, Any]:
        assert outcome.evidence is not None
        document: dict[str, Any] = json.loads((outcome.evidence / "record.json").read_text())
        return document


@pytest.fixture
def world(tmp_path: Path, make_layout: MakeLayout) -> World:
    clock = Clock()
    new_world = World(
        root=tmp_path,
        variables={},
        git=Repo(
            Commit(
                sha=SHA,
                time=datetime(2026, 11, 22, tzinfo=UTC),
                clean=True,
                remote="https://github.com/octo/shop",
            ),
            root=tmp_path,
        ),
        builder=Buildkit(make_layout),
        cloud=Cloud(ecs=Ecs(clock), locks=LockLog(clock)),
        address=Address(),
        clock=clock,
        github=Github(),
    )
    new_world.write("release.toml", CONTRACT)
    new_world.write("delivery.toml", DELIVERY)
    return new_world
