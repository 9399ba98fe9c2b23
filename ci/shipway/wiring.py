"""The composition root: the one place where stages meet the adapters that serve them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from shipway import git
from shipway.aws.ecr import EcrRepository
from shipway.aws.ecs import AwsEcs
from shipway.aws.kms import KmsSigner
from shipway.aws.logs import Logs
from shipway.aws.published import Published
from shipway.aws.s3 import Objects
from shipway.aws.session import Session
from shipway.aws.stacks import Stacks
from shipway.clock import SystemClock
from shipway.config.environment import Environment, Origin, Place
from shipway.console import Console
from shipway.docker import Buildx
from shipway.errors import SandboxError
from shipway.git_history import GitHistory
from shipway.http import HttpProber
from shipway.image.signing import Signer
from shipway.keyfile import KeyFile
from shipway.oidc import GithubTokens
from shipway.paths import cache_folder
from shipway.ports import Site, Yard
from shipway.syft import Syft
from shipway.values import Commit, Identity


class AwsAccount:
    """One account's AWS in one region; implements :class:`shipway.ports.Aws`."""

    def __init__(self, region: str) -> None:
        self._session = Session(region)
        self.ecs = AwsEcs(self._session)
        self.logs = Logs(self._session)
        self.published = Published(self._session)
        self.objects = Objects(self._session)
        self.stacks = Stacks(self._session)
        self._repositories: dict[tuple[str, str], EcrRepository] = {}

    def identity(self) -> Identity:
        """Who AWS says we are."""
        return self._session.identity()

    def access_key_id(self) -> str:
        """The key id in use."""
        return self._session.access_key_id()

    def repository(self, environment: Environment) -> EcrRepository:
        """The repository that holds the environment's images; one adapter each."""
        # A registry's host begins with its account: a repository may live in a shared one.
        owner = environment.registry.partition(".")[0]
        registry_id = owner if owner.isdigit() else environment.account
        key = (environment.repository, registry_id)
        if key not in self._repositories:
            self._repositories[key] = EcrRepository(self._session, *key)
        return self._repositories[key]

    def repository_at(self, place: Place, name: str) -> EcrRepository:
        """A repository of another environment, read with the credentials of this one."""
        return EcrRepository(Session(place.region), name, place.account)

    def origin(self, origin: Origin) -> EcrRepository:
        """The repository that promoted images come from; its URI is known, never asked for."""
        return EcrRepository(self._session, origin.repository, origin.account, uri=origin.uri)

    def signer(self, setting: str) -> Signer:
        """What an environment's ``sign`` names."""
        kind, _, rest = setting.partition(":")
        return KmsSigner(self._session, rest) if kind == "kms" else KeyFile(Path(rest))


class Checkout(GitHistory):
    """The repository this runs in; implements :class:`shipway.ports.Git`."""

    def head(self) -> Commit:
        """The commit that is checked out."""
        return git.head(self.root)

    def user(self) -> str:
        """Who works here."""
        return git.user(self.root)


def yard(console: Console, start: Path | None = None) -> Yard:
    """Everything a delivery reaches the outside with, for the repository around ``start``.

    Raises:
        GitError: There is no repository here.
    """
    # From where the person stands, so that every path in a message is short and can be opened.
    root = Path(os.path.relpath(git.root(start or Path.cwd())))

    def site(place: Place) -> Site:
        if place.sandbox:
            _enter_sandbox(root, console)
        account = AwsAccount(place.region)
        return Site(
            aws=account,
            cataloguer=Syft(),
            signer=account.signer,
            builder=Buildx(),
            contexts=_pairs(os.environ, "SHIPWAY_BUILD_CONTEXTS"),
            stand_ins=_pairs(os.environ, "SHIPWAY_STAND_INS"),
        )

    return Yard(
        root=root,
        variables=os.environ,
        cache=cache_folder(os.environ) / "images",
        git=Checkout(root, os.environ),
        proof=GithubTokens(os.environ),
        site=site,
        prober=HttpProber(),
        clock=SystemClock(),
    )


def _enter_sandbox(root: Path, console: Console) -> None:
    """Make this process's environment that of the embedded sandbox, starting it where needed."""
    try:
        from shipway.sandbox import command, world  # noqa: PLC0415  # an extra: only if asked for
    except ImportError as error:
        raise SandboxError(
            f"the embedded sandbox needs {error.name}", remedy="pip install 'shipway[sandbox]'"
        ) from error
    found = world.background(cache_folder(os.environ), command.dockerfiles(root), console.say)
    found.enter(os.environ)
    os.environ.update(found.person().variables())


def _pairs(variables: Mapping[str, str], name: str) -> dict[str, str]:
    """``NAME=VALUE`` lines of an environment variable.

    ``SHIPWAY_BUILD_CONTEXTS`` holds named build contexts, for machines that reach no hub: a base
    image is taken from the named place instead. ``SHIPWAY_STAND_INS`` says which base images the
    engine holds under a name that is not theirs; it is for the record alone.
    """
    lines = variables.get(name, "").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}
