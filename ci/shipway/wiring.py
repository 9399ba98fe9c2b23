"""The composition root: the one place where stages meet the adapters that serve them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from shipway.adapters.http import HttpProber
from shipway.adapters.keyfile import KeyFile
from shipway.adapters.syft import Syft
from shipway.adapters.syft import installed as syft_installed
from shipway.adapters.uv import Uv
from shipway.adapters.webhook import HttpPoster
from shipway.config.environment import EnvironmentRef, Profile
from shipway.console import Console
from shipway.delivery.ports import DeliveryContext, EnvironmentContext
from shipway.doctor.tools import Tools
from shipway.errors import UsageError
from shipway.git import checkout, tree
from shipway.git.history import GitHistory
from shipway.github.deployments import GithubDeployments
from shipway.github.oidc import GithubTokens
from shipway.image.signing import Signer
from shipway.image.source import Tree
from shipway.util.clock import SystemClock
from shipway.util.loopback import aws_is_here, bound_endpoint
from shipway.util.paths import cache_folder
from shipway.values import Commit

if TYPE_CHECKING:
    from shipway.aws.account import AwsAccount
    from shipway.aws.inventory import AwsInventory


def account(region: str, profile: Profile | None = None) -> AwsAccount:
    """One account's AWS in one region, as whoever the SDK finds, or as a profile.

    boto3 is loaded when this is called and not before: neither a build nor a refusal needs it.
    """
    from shipway.aws.account import AwsAccount  # noqa: PLC0415

    return AwsAccount(region, profile, bound_endpoint(os.environ))


def examined_account(destination: EnvironmentRef) -> AwsAccount:
    """The account of an environment, with a session of its own."""
    return account(destination.region, destination.profile)


def signer(setting: str, aws: Callable[[], AwsAccount]) -> Signer:
    """The signer for ``kms:ARN`` or ``file:PATH``; ``aws`` is called for a key of KMS alone."""
    kind, _, key = setting.partition(":")
    return aws().kms(key) if kind == "kms" else KeyFile(Path(key))


def resolver() -> Uv:
    """What finds versions that go together, for the lock files."""
    return Uv()


def inventory(region: str) -> AwsInventory:
    """What there is in the account of the credentials at hand.

    boto3 is loaded when this is called and not before.
    """
    from shipway.aws.inventory import open_inventory  # noqa: PLC0415

    # The SDK for Python reads AWS_DEFAULT_REGION alone; every other tool reads AWS_REGION first.
    known = region or os.environ.get("AWS_REGION", "")
    return open_inventory(known, bound_endpoint(os.environ))


class LocalMachine:
    """This machine; implements :class:`shipway.doctor.ports.Machine`."""

    def tools(self) -> Tools:
        """Its programs; what it takes to build is loaded when this is called and not before."""
        from shipway.adapters.docker import Buildx  # noqa: PLC0415

        buildx, engine = Buildx().versions()
        return Tools(buildx=buildx, engine=engine, syft=syft_installed())


class LocalRepository(GitHistory):
    """The repository this runs in; implements :class:`shipway.delivery.ports.Git`."""

    def head(self) -> Commit:
        """The commit that is checked out."""
        return checkout.head(self.root)

    def user(self) -> str:
        """``user.email`` of git's configuration, or an empty text."""
        return checkout.user(self.root)

    def laid_out(self, sha: str) -> AbstractContextManager[Tree]:
        """A commit's files."""
        return tree.laid_out(self.root, sha)


def delivery_context(console: Console, start: Path | None = None) -> DeliveryContext:
    """Everything a delivery reaches the outside with, for the repository around ``start``.

    Raises:
        GitError: There is no repository here.
    """
    # From where the person stands, so that every path in a message is short and can be opened.
    root = Path(os.path.relpath(checkout.root(start or Path.cwd())))

    def open_environment(destination: EnvironmentRef) -> EnvironmentContext:
        if destination.sandbox:
            _enter_sandbox(root, destination, console)
        # Buildx too takes its time to load; nothing gets here that was refused.
        from shipway.adapters.docker import Buildx  # noqa: PLC0415

        aws = cache(partial(account, destination.region, destination.profile))
        return EnvironmentContext(
            account=aws,
            cataloguer=Syft(),
            signer=partial(signer, aws=aws),
            builder=Buildx(),
            contexts=_pairs(os.environ, "SHIPWAY_BUILD_CONTEXTS"),
            stand_ins=_pairs(os.environ, "SHIPWAY_STAND_INS"),
            longest_hold=_seconds(os.environ, "SHIPWAY_LONGEST_HOLD"),
        )

    return DeliveryContext(
        root=root,
        variables=os.environ,
        cache=cache_folder(os.environ) / "images",
        git=LocalRepository(root, os.environ),
        proof=GithubTokens(os.environ),
        open_environment=open_environment,
        prober=HttpProber(),
        clock=SystemClock(),
        poster=HttpPoster(os.environ),
        deployments=partial(GithubDeployments, os.environ),
    )


def _enter_sandbox(root: Path, destination: EnvironmentRef, console: Console) -> None:
    """Make this process's environment that of the embedded sandbox, starting it where needed."""
    from shipway.embedded import entry  # noqa: PLC0415  # no delivery to AWS needs it

    world = entry.embedded(root, cache_folder(os.environ)).background(console.say)
    world.enter(os.environ)
    os.environ.update(world.person(destination.name).variables())


def _of_the_sandbox(variables: Mapping[str, str], name: str) -> str:
    """A variable that changes what is built or watched: the embedded sandbox sets it, for itself.

    Set for anything else it would put a stranger's base image into a release, or cut its hold.

    Raises:
        UsageError: It is set, and AWS is not the embedded one.
    """
    text = variables.get(name, "").strip()
    if text and not aws_is_here(variables):
        raise UsageError(
            f"{name} is for the embedded sandbox alone, and this delivery goes elsewhere",
            where=name,
            remedy="unset it; nothing was built or changed",
        )
    return text


def _seconds(variables: Mapping[str, str], name: str) -> float | None:
    """A number of seconds in a variable of the sandbox; ``None`` where it holds none.

    ``SHIPWAY_LONGEST_HOLD`` is for rehearsals, which deliver many times: a release is then held for
    no longer than it says, which is told and recorded.

    Raises:
        UsageError: It is no number of seconds.
    """
    text = _of_the_sandbox(variables, name)
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(
            f"{text!r} is no number of seconds", where=name, remedy="give 0 or more, or unset it"
        )
    return seconds


def _pairs(variables: Mapping[str, str], name: str) -> dict[str, str]:
    """``NAME=VALUE`` lines of a variable of the sandbox.

    ``SHIPWAY_BUILD_CONTEXTS`` holds named build contexts, for machines that reach no hub: a base
    image is taken from the named place instead. ``SHIPWAY_STAND_INS`` says which base images the
    engine holds under a name that is not theirs; it is for the record alone.
    """
    lines = _of_the_sandbox(variables, name).splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}
