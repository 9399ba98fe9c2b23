"""What is to be written, decided from what was seen, said and answered. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shipway.adoption.facts import Cloud, Dockerfile, Remote
from shipway.config.convention import published
from shipway.config.inventory import LiveService
from shipway.errors import UsageError

UNSEEN_ACCOUNT: Final = "env:AWS_ACCOUNT_ID"
UNSEEN_REGION: Final = "env:AWS_REGION"
"""What the workflow sets from variables of the GitHub environment."""
SANDBOX_ACCOUNT: Final = "123456789012"
SANDBOX_REGION: Final = "eu-west-1"
_HIGHEST_PORT: Final = 65535
_NAME: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
# An IAM role is called NAME-deploy-production, in 64 characters (IAM API Reference, CreateRole).
_LONGEST: Final = 40
_KEY: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOptions:
    """What flags say; empty where they say nothing."""

    name: str = ""
    port: str = ""
    health_path: str = ""
    dockerfile: str = ""
    context: str = ""
    production_tags: str = ""
    repository: str = ""
    repository_id: str = ""
    owner_id: str = ""
    branch: str = ""
    region: str = ""
    staging_account: str = ""
    production_account: str = ""
    from_service: str = ""
    worker: str = ""

    def check(self) -> None:
        """See that each flag can be.

        Raises:
            UsageError: One cannot; ``where`` names it.
        """
        if self.name and not (_NAME.fullmatch(self.name) and len(self.name) <= _LONGEST):
            raise UsageError(
                f"{self.name!r} is no name",
                where="--name",
                remedy=f'say up to {_LONGEST} small letters, digits and "-" between them',
            )
        for flag, value in (
            ("--staging-account", self.staging_account),
            ("--production-account", self.production_account),
        ):
            if value and not _ACCOUNT.fullmatch(value):
                raise UsageError(f"{value!r} is no account", where=flag, remedy="say 12 digits")
        for flag, value in (
            ("--repository-id", self.repository_id),
            ("--owner-id", self.owner_id),
        ):
            if value and not (value.isascii() and value.isdigit() and int(value)):
                raise UsageError(f"{value!r} is no number", where=flag, remedy="say GitHub's own")
        if self.port and not (
            self.port.isascii() and self.port.isdigit() and 0 < int(self.port) <= _HIGHEST_PORT
        ):
            raise UsageError(f"{self.port!r} is no port", where="--port", remedy="say 1 to 65535")
        if self.health_path and not re.fullmatch(r"/[!-~]*", self.health_path):
            raise UsageError(
                f"{self.health_path!r} is no path", where="--health-path", remedy="begin with /"
            )
        worker_of(self.worker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A second service that runs the same image, and that nobody asks.

    Attributes:
        key: Its key in delivery.toml.
        command: What it runs in the place of the image's CMD.
    """

    key: str
    command: tuple[str, ...]


def worker_of(flag: str) -> Worker | None:
    """What ``--worker`` says, ``NAME=COMMAND``; ``None`` where it says nothing.

    Raises:
        UsageError: It cannot be.
    """
    if not flag:
        return None
    key, _, text = flag.partition("=")
    try:
        command = tuple(shlex.split(text))
    except ValueError:
        command = ()
    if not (_KEY.fullmatch(key) and command):
        raise UsageError(
            f"{flag!r} is no worker",
            where="--worker",
            remedy='say its name and what it runs: --worker "mailer=python mailer.py"',
        )
    return Worker(key=key, command=command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One environment as delivery.toml will name it; each value written out or a reference."""

    account: str
    region: str
    repository: str
    cluster: str
    service: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Everything that the files are made of.

    Attributes:
        name: What is delivered.
        key: The service's key in delivery.toml.
        container: The container that takes the image.
        port: What it listens on; 0 where it serves nobody.
        health_path: What it answers when it is well.
        dockerfile: The Dockerfile.
        remote: Where the repository lies.
        repository_id: GitHub's number for it.
        owner_id: GitHub's number for its owner.
        production_tags: The pattern of tags that release to production.
        local: The embedded sandbox.
        staging: Where the default branch publishes to.
        production: Where tags release to.
        live: The service at AWS that it was taken from.
        worker: A second service that runs the image.
    """

    name: str
    key: str
    container: str
    port: int
    health_path: str
    dockerfile: Dockerfile
    remote: Remote
    repository_id: int
    owner_id: int
    production_tags: str
    local: Place
    staging: Place
    production: Place
    live: LiveService | None = None
    worker: Worker | None = None


Ask = Callable[[str, str], str]
"""Takes a question and the default; gives the answer."""
Numbers = Callable[[], tuple[int, int]]
"""Gives the numbers of the repository and of its owner."""


def decide(
    wanted: InitOptions,
    dockerfile: Dockerfile,
    remote: Remote,
    cloud: Cloud | None,
    *,
    ask: Ask,
    numbers: Numbers,
) -> Answers:
    """Flags win over what was seen; only what neither says is asked."""
    live = cloud.live if cloud else None
    name = wanted.name or ask("it is called", name_of(remote.repository))
    port = int(wanted.port or (live and live.port) or dockerfile.port)
    seen = wanted.health_path or (live and live.health_path) or dockerfile.health_path
    path = (seen or ask("its health is asked at", "/")) if port else ""
    tags = wanted.production_tags or ask("production goes out on tags", "*-stable")
    staging = wanted.staging_account or (cloud and cloud.account)
    staging = staging or ask("the AWS account of staging", UNSEEN_ACCOUNT)
    production = wanted.production_account
    production = production or ask("the AWS account of production", UNSEEN_ACCOUNT)
    region = wanted.region or (cloud.region if cloud else UNSEEN_REGION)
    known = (int(wanted.repository_id or 0), int(wanted.owner_id or 0))
    repository_id, owner_id = known if all(known) else numbers()
    key = _key(live.service if live else name)
    worker = worker_of(wanted.worker)
    if worker is not None and worker.key == key:
        raise UsageError(
            f"the service is called {key} already", where="--worker", remedy="name it otherwise"
        )
    place = _staging(name, str(staging), region, cloud, served=bool(port))
    return Answers(
        name=name,
        key=key,
        container=live.container if live else _key(name),
        port=port,
        health_path=path,
        dockerfile=dockerfile,
        remote=remote,
        repository_id=repository_id,
        owner_id=owner_id,
        production_tags=tags,
        local=convention(name, "local", SANDBOX_ACCOUNT, SANDBOX_REGION, served=bool(port)),
        staging=place,
        production=_production(name, production, region, place, served=bool(port)),
        live=live,
        worker=worker,
    )


def convention(name: str, environment: str, account: str, region: str, *, served: bool) -> Place:
    """What the infrastructure is asked to publish where nothing was seen of it."""
    return Place(
        account=account,
        region=region,
        repository=published(name, environment, "repository"),
        cluster=published(name, environment, "cluster"),
        service=published(name, environment, "service"),
        url=published(name, environment, "url") if served else "",
    )


def _staging(name: str, account: str, region: str, cloud: Cloud | None, *, served: bool) -> Place:
    usual = convention(name, "staging", account, region, served=served)
    if cloud is None or cloud.live is None:
        return usual
    live = cloud.live
    return Place(
        account=account,
        region=region,
        repository=cloud.named(live.repository, "staging")
        or cloud.beside((live.cluster, live.service), "repositor")
        or usual.repository,
        cluster=cloud.named(live.cluster, "staging"),
        service=cloud.named(live.service, "staging"),
        url=cloud.named(live.url, "staging") if served and live.url else "",
    )


def _production(name: str, account: str, region: str, staging: Place, *, served: bool) -> Place:
    """As staging is published, under its own name; else by the convention."""
    usual = convention(name, "production", account, region, served=served)

    def moved(reference: str, otherwise: str) -> str:
        known = reference.startswith(("ssm:", "cfn:")) and "staging" in reference
        return reference.replace("staging", "production") if known else otherwise

    return Place(
        account=account,
        region=region,
        repository=moved(staging.repository, usual.repository),
        cluster=moved(staging.cluster, usual.cluster),
        service=moved(staging.service, usual.service),
        url=moved(staging.url, usual.url) if staging.url else "",
    )


def name_of(repository: str) -> str:
    """The repository's name as an image may be called."""
    name = re.sub(r"[^a-z0-9]+", "-", repository.rpartition("/")[2].lower())
    return name.strip("-")[:_LONGEST].rstrip("-") or "service"


def _key(name: str) -> str:
    """A service's name as a key of delivery.toml."""
    key = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:32].rstrip("-")
    return key if key[:1].isalpha() else f"s-{key}"[:32].rstrip("-")
