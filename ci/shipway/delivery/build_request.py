"""What BuildKit is asked for: which source, with which registry logins and secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from shipway.config.images import ImageSettings
from shipway.delivery.build_secrets import hidden, read_secrets
from shipway.delivery.ports import DeliveryContext, EnvironmentContext, ImageStore
from shipway.evidence.image_notes import ImageNotes
from shipway.evidence.mask import secret_variables
from shipway.image import build as building
from shipway.image import cache as caching
from shipway.image import content_key, source
from shipway.image.content_key import ContentKey
from shipway.image.dockerfile import missing_bases
from shipway.image.places import table_of
from shipway.image.source import Source
from shipway.observer import Noticed
from shipway.util import regular
from shipway.util.partitions import registry_home
from shipway.values import Commit

_SHOWN_PATHS: Final = 3
_RECORDS: Final = "evidence/"
"""Our own, which no image needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequests:
    """The build requests of one commit.

    Attributes:
        context: The outside.
        environment_context: The environment's outside.
        commit: What is built.
        journal: Hears what is built instead of the commit, and hides what is secret.
    """

    context: DeliveryContext
    environment_context: EnvironmentContext
    commit: Commit
    journal: ImageNotes

    @contextmanager
    def source(self, wanted: ImageSettings) -> Iterator[Source]:
        """What is built: the commit, or a work tree that differs from it; there meanwhile.

        Raises:
            GitError: The commit cannot be read.
            BuildError: Its files are not all here, or cannot be written.
        """
        if not self.commit.clean:
            shown = _some(self.commit.changes)
            text = f"the work tree is built, which differs from {self.commit.short}"
            self.journal(Noticed(stage="build", text=f"{text}: {shown}" if shown else text))
            yield source.in_work_tree(wanted, self.context.root)
            return
        with self.context.git.laid_out(self.commit.sha) as tree:
            made_from = source.of_commit(wanted, self.context.root, tree)
            self._tell(wanted, made_from)
            yield made_from

    def _tell(self, wanted: ImageSettings, made_from: Source) -> None:
        """Say what a person might take to be in the image, and is not."""
        if made_from.absent:
            text = f"not checked out, so an empty folder: the submodule {_some(made_from.absent)} "
            text += "(git submodule update, or `submodules: recursive` of actions/checkout)"
            self.journal(Noticed(stage="build", text=text, level="warning"))
        ignored = tuple(path for path in made_from.ignored if path != _RECORDS)
        if ignored:
            text = f"not in the context, for git ignores it: {_some(ignored)}; what "
            text += "the image needs of it is built in the Dockerfile or named in `artifacts` of "
            text += table_of(wanted)
            self.journal(Noticed(stage="build", text=text))

    def logins(self, wanted: ImageSettings, made_from: Source, store: ImageStore) -> dict[str, str]:
        """The passwords of ECR registries that the build takes from: its cache's, its bases'."""
        try:
            text = regular.text(made_from.dockerfile)
        except OSError:
            text = ""  # one that is not there is the build's to tell
        bases = missing_bases(text, wanted.build_args)
        cache = caching.registry_host(wanted.cache)
        own = {store.uri.partition("/")[0]} & {cache} if cache else set()
        hosts = (cache, *(base.partition("/")[0] for base in bases))
        ours = (host for host in hosts if host in own or registry_home(host))
        return {host: store.login(host) for host in dict.fromkeys(ours)}

    def request(
        self,
        wanted: ImageSettings,
        made_from: Source,
        logins: dict[str, str],
        *,
        secrets: bool = False,
    ) -> building.BuildRequest:
        """What BuildKit is asked for.

        Args:
            wanted: What delivery.toml says.
            made_from: What is built.
            logins: Passwords by registry host.
            secrets: Whether the values of secrets are looked up, and no AWS asked for them; else
                they are known by their ids alone, which is enough for a content key.
        """
        mounts = (
            self.secrets(wanted, asks_aws=False)
            if secrets
            else tuple(building.SecretMount(id=secret.id) for secret in wanted.secrets)
        )
        own = source.in_work_tree(wanted, self.context.root)
        # A build argument should never be a secret; what looks like one is told nowhere.
        self.journal.hide(secret_variables(wanted.build_args))
        self.journal.hide(login.partition(":")[2] for login in logins.values())
        return building.BuildRequest(
            context=made_from.context,
            dockerfile=made_from.dockerfile,
            copy_of=building.Place(own.context, own.dockerfile) if self.commit.clean else None,
            platforms=wanted.platforms,
            destination=self.context.cache / wanted.name / self.commit.sha,
            epoch=int(self.commit.time.timestamp()),
            build_args=wanted.build_args,
            labels=building.labels(wanted.name, self.commit),
            build_contexts={
                **self.environment_context.contexts,
                **wanted.contexts,
                **{name: str(folder) for name, folder in made_from.contexts.items()},
            },
            target=wanted.target,
            secrets=mounts,
            ssh=wanted.ssh,
            timeout=wanted.timeout,
            builder=wanted.builder,
            cache=caching.placed(wanted.cache, self.context.root, wanted.region),
            name=wanted.name,
            logins=logins,
        )

    def secrets(self, wanted: ImageSettings, *, asks_aws: bool) -> tuple[building.SecretMount, ...]:
        """The secrets of a build, each read once; from here on their values are shown nowhere."""
        aws = self.environment_context.aws.secrets if asks_aws and wanted.secrets else None
        found = read_secrets(wanted.secrets, self.context.root, self.context.variables, aws)
        self.journal.hide(text for mount in found for text in hidden(mount.value))
        return tuple(each.mount for each in found)

    def content_key(self, request: building.BuildRequest) -> tuple[ContentKey | None, str]:
        """What an image is known by that was built from the same source, or why nothing is."""
        return content_key.of(
            request,
            lambda base: self.environment_context.builder.resolve(
                base, request.builder, request.logins
            ),
        )


def _some(paths: tuple[str, ...]) -> str:
    more = len(paths) - _SHOWN_PATHS
    return ", ".join(paths[:_SHOWN_PATHS]) + (f" and {more} more" if more > 0 else "")
