"""An embedded AWS with two accounts' repositories, a real BuildKit, and the artifact's own code."""

from __future__ import annotations

import json
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

import boto3  # the tests play the part of the infrastructure
import pytest
from tests.sandbox.server import serving

from shipway.adapters.docker import Buildx
from shipway.adapters.syft import Syft
from shipway.aws.account import AwsAccount
from shipway.aws.session import Session
from shipway.config import load as delivery_file
from shipway.config.document import TomlDocument
from shipway.config.environment import Environment, Scanning, Service
from shipway.config.images import ImageSettings
from shipway.config.load import DeliveryFile
from shipway.delivery.attestations import Attestor
from shipway.delivery.image import Artifact
from shipway.delivery.ports import DeliveryContext, EnvironmentContext
from shipway.evidence.canonical_json import to_json
from shipway.evidence.journal import Journal
from shipway.image.publish import PublishedImage
from shipway.image.source import TreeFile, make_folder
from shipway.observer import Event, Noticed
from shipway.policy.compile import elsewhere
from shipway.util.clock import SystemClock
from shipway.values import Commit, ImageReference
from shipway.wiring import signer
from shipway_sandbox import compute
from shipway_sandbox.engine.engine import Engine

STAGING, PRODUCTION = "111122223333", "444455556666"
REGION = "eu-west-1"
ALL = ("build", "publish", "deploy", "verify")
_numbers = count(1)
DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "touch", "/made"]
COPY page /www/index.html
CMD ["/bin/busybox", "httpd", "-f", "-h", "/www"]
"""


@dataclass
class Aws:
    """The embedded AWS, its root users, and repositories made as they are needed."""

    state: dict[str, Any]

    def client(self, service: str, account: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.state["endpoint"],
            region_name=REGION,
            aws_access_key_id=account,
            aws_secret_access_key=self.state["root_secret_access_key"],
        )

    def repository(self, account: str, mutability: str = "IMMUTABLE") -> str:
        name = f"shop-{next(_numbers)}"
        self.client("ecr", account).create_repository(
            repositoryName=name, imageTagMutability=mutability
        )
        return name

    def share(self, name: str, owner: str, reader: str, *actions: str) -> None:
        """The repository policy that lets another account read."""
        # What docs/image.md tells the other account to allow.
        allowed = actions or elsewhere.PROMOTED
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{reader}:root"},
            "Action": list(allowed),
        }
        text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client("ecr", owner).set_repository_policy(repositoryName=name, policyText=text)

    def set_scan(self, digest: str, outcome: str, **more: Any) -> None:
        compute.call(self.state, "/_shipway/scans", {"digest": digest, "outcome": outcome, **more})

    def images(self, name: str, account: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client("ecr", account).describe_images(
            repositoryName=name
        )["imageDetails"]
        return found


@dataclass
class Told:
    """A delivery's image, and what was said and noted of it."""

    image: PublishedImage | None
    facts: dict[str, Any]
    lines: list[str]
    events: list[Event] = field(repr=False)


@dataclass
class Dock:
    """Delivers images: the artifact's code between a context and a repository."""

    aws: Aws
    root: Path
    monkeypatch: pytest.MonkeyPatch
    contexts: Mapping[str, str] = field(default_factory=dict)

    def _declared(self) -> DeliveryFile:
        """What delivery.toml says, where a test wrote one: a promotion asks it for its origin."""
        file = self.root / "ci" / "delivery.toml"
        if file.is_file():
            return delivery_file.load(file)
        nothing = TomlDocument(path=str(file), sha256="", table={}, lines={})
        return DeliveryFile(document=nothing)

    def environment(self, account: str, repository: str, **more: Any) -> Environment:
        image = ImageSettings(
            name="shop",
            context="context",
            dockerfile="Dockerfile",
            platforms=("linux/amd64",),
            build_args={},
            **more.pop("image", {}),
        )
        return Environment(
            name="production" if account == PRODUCTION else "staging",
            account=account,
            region=REGION,
            registry=self.aws.state["registry"],
            repository=repository,
            cluster="shop",
            role="",
            image=image,
            services=(Service(key="web", service="web", container="web"),),
            **more,
        )

    def deliver(
        self,
        environment: Environment,
        *,
        commit: Commit,
        tasks: tuple[Any, ...] = ALL,
        asked: ImageReference | None = None,
        folder: str = "context",
        cache: str = "cache",
    ) -> Told:
        """What a delivery does up to the rollout; errors are the test's."""
        for name, value in {
            "AWS_ENDPOINT_URL": self.aws.state["endpoint"],
            "AWS_ACCESS_KEY_ID": environment.account,
            "AWS_SECRET_ACCESS_KEY": self.aws.state["root_secret_access_key"],
        }.items():
            self.monkeypatch.setenv(name, value)
        events: list[Event] = []
        clock = SystemClock()
        journal = Journal(commit, clock=clock, observer=events.append)
        aws = AwsAccount(REGION)
        environment_context = EnvironmentContext(
            account=lambda: aws,
            builder=Buildx(),
            contexts=self.contexts,
            cataloguer=Syft(),
            signer=partial(signer, aws=lambda: aws),
        )
        nothing = cast("Any", None)
        context = DeliveryContext(
            root=self.root,
            variables={},
            cache=self.root / cache,
            git=cast("Any", Git(self.root)),
            proof=nothing,
            open_environment=lambda _place: environment_context,
            prober=nothing,
            clock=clock,
        )
        attestor = Attestor(
            environment_context=environment_context,
            commit=commit,
            cache=self.root / cache / "sbom",
            journal=journal,
        )
        artifact = Artifact(
            context=context,
            environment_context=environment_context,
            commit=commit,
            declared=self._declared(),
            journal=journal,
            attestor=attestor,
        )
        wanted = replace(environment, image=replace(environment.image, context=folder))
        try:
            image = artifact.provide(tasks, wanted, asked)
        finally:
            attestor.close()
            facts: dict[str, Any] = to_json(journal.contents().facts)
            self.events = events
            self.facts = facts
        lines = [one.text for one in events if isinstance(one, Noticed)]
        return Told(image=image, facts=facts, lines=lines, events=events)


@dataclass(frozen=True)
class CommittedFiles:
    """A commit that has every file of a folder, as it is when it is asked."""

    root: Path
    folder: Path

    def files(self) -> tuple[TreeFile, ...]:
        found = (path for path in self.root.rglob("*") if path.is_file())
        return tuple(TreeFile(path.relative_to(self.root).as_posix()) for path in sorted(found))

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def lay_out(self, paths: Sequence[str]) -> None:
        for path in paths:
            target = self.folder / path
            make_folder(target.parent, self.folder)
            target.write_bytes(self.read(path))
            target.chmod(0o755 if (self.root / path).stat().st_mode & stat.S_IXUSR else 0o644)

    def filters(self, _: Sequence[str]) -> dict[str, str]:
        return {}

    def others(self) -> tuple[str, ...]:
        return ()

    def other_files(self) -> tuple[str, ...]:
        return ()

    def large_file(self, oid: str) -> Path:
        return self.root / oid


@dataclass(frozen=True)
class Git:
    """Git, where every commit is what the folder holds."""

    root: Path

    @contextmanager
    def laid_out(self, _: str) -> Iterator[CommittedFiles]:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            yield CommittedFiles(self.root, Path(folder))


def commit(number: int = 1, **more: Any) -> Commit:
    return Commit(
        sha=f"{number:040x}",
        time=datetime(2026, 11, 22, 10, number, tzinfo=UTC),
        clean=more.pop("clean", True),
        remote="https://github.com/octo/shop",
        **more,
    )


@pytest.fixture(scope="module")
def aws(docker_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """One server for a module; it ends with it, and at the latest with this process."""
    folder = tmp_path_factory.mktemp("serve")
    with serving(folder, docker_engine.host, ready=20.0) as (state, _):
        yield Aws(state)


@pytest.fixture
def dock(
    aws: Aws,
    docker_engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    busybox_program: bytes,
) -> Dock:
    """A repository's folder with one context, on the engine that all tests share."""
    for name, value in docker_engine.env.items():
        monkeypatch.setenv(name, value)
    made = Dock(aws=aws, root=tmp_path, monkeypatch=monkeypatch)
    write_context(tmp_path / "context", busybox_program)
    return made


def write_context(folder: Path, program: bytes, page: str = "hello\n") -> Path:
    folder.mkdir(parents=True)
    (folder / "busybox").write_bytes(program)
    (folder / "busybox").chmod(0o755)
    (folder / "page").write_text(page)
    (folder / "page").chmod(0o644)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "Dockerfile").chmod(0o644)
    folder.chmod(0o755)
    return folder


@pytest.fixture
def policy() -> Scanning:
    """A scan is required, nothing critical may be there, and nobody waits long."""
    return Scanning(required=True, most={"critical": 0, "high": 1}, wait=2)


def session() -> Session:
    return Session(REGION)
