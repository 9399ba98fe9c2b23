"""The image of a delivery: found, promoted, reused or built, and passed by the scan gate.

What comes first is what costs least: an image that was named, one that another environment
verified, one that was built from the same source; only then a build.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from shipway.config import origin as origins
from shipway.config.environment import Environment, Origin
from shipway.config.images import ImageSettings
from shipway.config.load import DeliveryFile
from shipway.delivery import governing
from shipway.delivery.attestations import Attestor
from shipway.delivery.build_secrets import hidden, read_secrets
from shipway.delivery.facts import image_fact, scan_fact, waiver_fact
from shipway.delivery.governing import PolicyPlace
from shipway.delivery.ports import DeliveryContext, EnvironmentContext, ImageStore
from shipway.delivery.stage import Stage, stage
from shipway.errors import ImageNotFoundError
from shipway.evidence.facts.image import (
    BuildFact,
    CacheFact,
    PromotionFact,
    WaiverFact,
    WaiversFileFact,
)
from shipway.evidence.image_notes import ImageNotes
from shipway.evidence.mask import secret_variables
from shipway.image import build as building
from shipway.image import cache as caching
from shipway.image import content_key, promotion, source
from shipway.image import publish as publishing
from shipway.image import scan as scanning
from shipway.image.build import Stop
from shipway.image.content_key import ContentKey
from shipway.image.dockerfile import missing_bases
from shipway.image.places import table_of
from shipway.image.publish import PublishedImage
from shipway.image.source import Source
from shipway.observer import Noticed
from shipway.policy.contract import Task
from shipway.util.partitions import registry_home
from shipway.values import Commit, ImageReference

_SHOWN_ROWS: Final = 12
_SHOWN_PATHS: Final = 3
_RECORDS: Final = "evidence/"
"""Our own, which no image needs."""
_WORK_TREE: Final = PolicyPlace()


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One delivery's image, on its way from a source to a digest.

    Attributes:
        context: The outside.
        environment_context: The environment's outside.
        commit: What is delivered.
        declared: ``ci/delivery.toml``, which says where a promoted image comes from.
        journal: Where everything is noted.
        attestor: Makes the image's papers, where somebody will join them.
        policy: Where the waivers are read.
        stop: Ends the build where another image cannot be made; ``None`` for one alone.
        subject: The image's key, where there are several.
    """

    context: DeliveryContext
    environment_context: EnvironmentContext
    commit: Commit
    declared: DeliveryFile
    journal: ImageNotes
    attestor: Attestor | None = None
    policy: PolicyPlace = _WORK_TREE
    stop: Stop | None = None
    subject: str = ""

    def provide(
        self, tasks: tuple[Task, ...], environment: Environment, reference: ImageReference | None
    ) -> PublishedImage | None:
        """The image that goes on, let through; ``None`` where it was built only, or none is needed.

        Raises:
            ScanError: The gate does not let it pass.
            ShipwayError: As :meth:`obtain` and :meth:`admit`.
        """
        image = self.obtain(tasks, environment, reference)
        if image is not None:
            self.admit(image, tasks, environment)
        return image

    def obtain(
        self, tasks: tuple[Task, ...], environment: Environment, reference: ImageReference | None
    ) -> PublishedImage | None:
        """The image that goes on; ``None`` where it was built only, or none is needed.

        Raises:
            ImageNotFoundError: The image asked for, or the one to promote, is not there.
            BuildError: It could not be built.
            PublishError: It could not be published.
            DigestError: A tag stands for something else.
        """
        if reference is None and "build" not in tasks:
            return None
        store = self.environment_context.aws.repository(environment)
        if reference is not None:
            image: PublishedImage | None = self.existing(reference, environment, store)
        elif environment.promote_from:
            image = self._promote(environment, store) if "publish" in tasks else None
            if image is None:
                text = f"nothing is built: {environment.name} takes what was built for "
                text += environment.promote_from
                self.journal(Noticed(stage="build", text=text))
        else:
            image = self._make(tasks, environment, store)
        if image is not None:
            self.journal.about(image.reference)
            self.journal.note(image_fact(image))
        return image

    def admit(
        self, image: PublishedImage, tasks: tuple[Task, ...], environment: Environment
    ) -> None:
        """Have its papers attached, and let it pass the gate.

        Raises:
            AccessDeniedError: The role may not see what is beside the image.
            ScanError: The gate does not let it pass.
            EvidenceError: The environment insists on a bill of materials, and there is none.
        """
        store = self.environment_context.aws.repository(environment)
        if self.attestor is not None:
            self.attestor.attach(image, environment, store)
        self.scan(image, environment, store, gate="deploy" in tasks)
        if self.attestor is not None and "deploy" in tasks:
            self.attestor.require(environment)

    def build(self, wanted: ImageSettings) -> building.BuiltImage:
        """Build, whatever a registry may hold: no AWS is asked."""
        with (
            stage("build", self.journal, self.context.clock, self.subject) as running,
            self.source(wanted) as made_from,
        ):
            request = self.request(wanted, made_from, {}, secrets=True)
            return self._built(wanted, made_from, request, None, running)

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

    def _make(
        self, tasks: tuple[Task, ...], environment: Environment, store: ImageStore
    ) -> PublishedImage | None:
        wanted = environment.image
        key: ContentKey | None = None
        with (
            stage("build", self.journal, self.context.clock, self.subject) as running,
            self.source(wanted) as made_from,
        ):
            request = self.request(wanted, made_from, self._logins(wanted, made_from, store))
            if "publish" in tasks and wanted.reuse:
                key, why = self.content_key(request)
                image = publishing.reuse(store, key, self.commit) if key else None
                if key and image:
                    running.text = self._reused(image, key, wanted)
                    return image
                if why:
                    text = f"not looked for an earlier build: {why}"
                    self.journal(Noticed(stage="build", text=text))
            request = replace(request, secrets=self._secrets(wanted, asks_aws=True))
            built = self._built(wanted, made_from, request, key, running)
        if "publish" not in tasks:
            self._attest(built, environment)
            return None
        with stage("publish", self.journal, self.context.clock, self.subject) as running:
            standing = publishing.standing(built, store, self.commit, key)
            if standing is not None:
                running.text = self._standing(standing, built, wanted)
                return standing
            self._attest(built, environment)
            image = publishing.publish(built, store)
            if key:
                publishing.remember(store, image, key, self.commit)
            moved = image.pushed
            transfer = (
                f"{moved.bytes / 1e6:.1f} MB pushed" if moved else "nothing pushed: it is there"
            )
            running.text = f"{short(image.reference)}  tag {_short_tag(image.tag)}  {transfer}"
        return image

    def _attest(self, built: building.BuiltImage, environment: Environment) -> None:
        if self.attestor is not None:
            self.attestor.begin(built, environment.image.name, environment.sbom)

    def _standing(
        self, image: PublishedImage, built: building.BuiltImage, wanted: ImageSettings
    ) -> str:
        """Say that the commit has an image, and that what was built now is not it."""
        text = f"this commit was published before as {image.reference.digest.short}; that is "
        text += f"taken, and what was built now ({built.digest.short}) is left: its Dockerfile "
        text += "gives other bytes each time, or what it fetches has moved"
        self.journal(Noticed(stage="publish", text=text))
        # No content key: nobody knows which bases that image was built from.
        self._note_reused(image, "", self.commit.sha)
        done = "nothing pushed: it is there"
        return f"{wanted.name}  {short(image.reference)}  tag {_short_tag(image.tag)}  {done}"

    def _logins(
        self, wanted: ImageSettings, made_from: Source, store: ImageStore
    ) -> dict[str, str]:
        """The passwords of ECR registries that the build takes from: its cache's, its bases'."""
        try:
            text = made_from.dockerfile.read_text("utf-8", "replace")
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
            self._secrets(wanted, asks_aws=False)
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

    def _secrets(
        self, wanted: ImageSettings, *, asks_aws: bool
    ) -> tuple[building.SecretMount, ...]:
        """The secrets of a build, each read once; from here on their values are shown nowhere."""
        aws = self.environment_context.aws.secrets if asks_aws and wanted.secrets else None
        found = read_secrets(wanted.secrets, self.context.root, self.context.variables, aws)
        self.journal.hide(text for mount in found for text in hidden(mount.value))
        return tuple(each.mount for each in found)

    def _built(
        self,
        wanted: ImageSettings,
        made_from: Source,
        request: building.BuildRequest,
        key: ContentKey | None,
        running: Stage,
    ) -> building.BuiltImage:
        builder, journal = self.environment_context.builder, self.journal
        built = building.build(builder, request, self.commit, journal, self.stop)
        steps, cached = built.steps
        running.text = f"{wanted.name}  {built.digest.short}  {cached} of {steps} steps from cache"
        for trouble in built.cache_troubles:
            text = f"the cache at {wanted.cache} was of no use: {trouble}"
            self.journal(Noticed(stage="build", text=text))
        self.journal.note(
            BuildFact(
                digest=str(built.digest),
                platforms={name: str(digest) for name, digest in dict(built.platforms).items()},
                steps=steps,
                cached_steps=cached,
                bytes=built.size,
                stand_ins={
                    **self.environment_context.contexts,
                    **self.environment_context.stand_ins,
                },
                builder=wanted.builder,
                cache=CacheFact(reference=wanted.cache, troubles=tuple(built.cache_troubles)),
                content_key=key.value if key else "",
                source_date_epoch=request.epoch,
                reused=False,
                built_by=self.commit.sha,
                artifacts=made_from.artifacts or None,
            )
        )
        return built

    def _reused(self, image: PublishedImage, key: ContentKey, wanted: ImageSettings) -> str:
        built_by = image.built_by or "an earlier delivery"
        # The image's own labels name this commit too, not the one that is delivered.
        self._note_reused(image, key.value, image.built_by)
        if self.commit.clean and image.tag != self.commit.sha:
            text = "the image has as many tags as the registry allows, so it did not get this "
            text += "commit's: it goes on by its digest, but promote_from finds it by other "
            text += "commits alone. Take old commits' tags from it"
            self.journal(Noticed(stage="build", text=text))
        whose = "this commit" if built_by == self.commit.sha else built_by[:7]
        return (
            f"{wanted.name}  {image.reference.digest.short}  nothing built, nothing pushed: "
            f"the same source was built by {whose}"
        )

    def _note_reused(self, image: PublishedImage, key: str, built_by: str) -> None:
        self.journal.note(
            BuildFact(
                digest=str(image.reference.digest),
                platforms={name: str(digest) for name, digest in image.named},
                steps=0,
                cached_steps=0,
                content_key=key,
                reused=True,
                built_by=built_by,
            ),
        )

    def origin(self, environment: Environment) -> Origin:
        """Where the image comes from that ``promote_from`` names; see :mod:`.config.origin`."""
        return origins.origin(
            self.declared,
            environment,
            variables=self.context.variables,
            published=self.environment_context.aws.published,
        )

    def content_key(self, request: building.BuildRequest) -> tuple[ContentKey | None, str]:
        """What an image is known by that was built from the same source, or why nothing is."""
        return content_key.of(
            request,
            lambda base: self.environment_context.builder.resolve(
                base, request.builder, request.logins
            ),
        )

    def _promote(self, environment: Environment, store: ImageStore) -> PublishedImage:
        with stage("publish", self.journal, self.context.clock, self.subject) as running:
            origin = self.origin(environment)
            source = self.environment_context.aws.origin(origin)
            image = promotion.promote(self.commit, origin, source, store)
            moved = image.pushed
            blobs, size = (moved.blobs, moved.bytes) if moved else (0, 0)
            self.journal.note(
                PromotionFact(
                    from_environment=origin.environment,
                    source=image.promoted_from,
                    digest=str(image.reference.digest),
                    blobs=blobs,
                    bytes=size,
                    already_there=moved is None,
                    method="copy" if blobs else "manifest",
                )
            )
            transfer = f"{blobs} layers, {size / 1e6:.1f} MB copied" if blobs else "no layer moved"
            running.text = (
                f"{short(image.reference)}  promoted from {origin.environment}  {transfer}"
            )
        return image

    def existing(
        self, reference: ImageReference, environment: Environment, store: ImageStore
    ) -> PublishedImage:
        """The image that ``--image`` names, which must be in the environment's own repository."""
        with stage("publish", self.journal, self.context.clock, self.subject) as running:
            names = {store.uri, environment.repository_uri, environment.repository}
            if reference.repository not in names:
                raise ImageNotFoundError(
                    f"{reference.repository} is not the repository of {environment.name}",
                    where=str(reference),
                    remedy=f"give {store.uri}@{reference.digest}; nothing was changed",
                )
            stored = store.find(reference.digest.value)
            if stored is None:
                raise ImageNotFoundError(
                    f"there is no image {reference.digest} in {store.uri}",
                    where=str(reference),
                    details=where_digests_are(environment),
                    remedy="give the whole digest of one that is there; nothing was changed, what "
                    "ran before still runs",
                )
            running.text = f"{short(reference)}  nothing built, nothing pushed: it is there"
        return PublishedImage(
            reference=ImageReference(store.uri, stored.digest),
            tag="",
            pushed=None,
            platforms=stored.platforms,
        )

    def scan(
        self, image: PublishedImage, environment: Environment, store: ImageStore, *, gate: bool
    ) -> scanning.Decision:
        """Ask what the scan found; where a rollout follows, nothing that is refused goes on.

        Args:
            image: The image.
            environment: Says what is asked of it.
            store: Where it lies.
            gate: Whether a rollout hangs on it: a scan is then waited for.

        Raises:
            ScanError: The gate does not let it pass.
        """
        policy, clock = environment.scan, self.context.clock
        platforms = sorted(image.platforms)
        with stage("scan", self.journal, clock, self.subject, quiet=True) as running:
            waivers = governing.waivers(self.context, self.policy, clock.now().date())
            if gate:
                scans = scanning.await_scans(
                    store,
                    platforms,
                    policy,
                    clock,
                    self._say,
                )
            else:
                scans = scanning.scans(store, platforms)
            decision = scanning.decide(
                scans, policy, waivers.entries, clock.now(), image.reference.digest
            )
            self.journal.note(scan_fact(scans, decision, image, policy, gate=gate))
            used = (waiver_fact(waiver, decision) for waiver in waivers.entries)
            self.journal.note_all(WaiverFact, used)
            if waivers.sha256:
                file = WaiversFileFact(path="ci/waivers.toml", sha256=waivers.sha256)
                self.journal.note(file)
            if gate and not decision.allowed:
                raise decision.error()
            running.reported = True
        self._say(decision.text)
        for row in decision.rows[:_SHOWN_ROWS]:
            self._say("  ".join(part for part in row if part))
        if len(decision.rows) > _SHOWN_ROWS:
            text = f"and {len(decision.rows) - _SHOWN_ROWS} more, all in the record"
            self._say(text)
        return decision

    def _say(self, text: str) -> None:
        """One line about the scan of this image, which is named where there are several."""
        self.journal(Noticed(stage="scan", text=text, subject=self.subject))


def where_digests_are(environment: Environment) -> tuple[str, ...]:
    """The commands that show which images there are; a deploy role may run each of them."""
    delivered = (
        f"delivered before: nox -s audit -- --env {environment.name} (--digest shows one whole)"
    )
    if environment.sandbox:
        return (delivered,)  # an aws command line does not find the embedded registry by itself
    command = f"aws ecr describe-images --repository-name {environment.repository}"
    home = registry_home(environment.registry) or (environment.account, environment.region)
    if home[0] != environment.account:
        command += f" --registry-id {home[0]}"
    return f"in the registry: {command} --region {home[1]}", delivered


def _some(paths: tuple[str, ...]) -> str:
    more = len(paths) - _SHOWN_PATHS
    return ", ".join(paths[:_SHOWN_PATHS]) + (f" and {more} more" if more > 0 else "")


def short(reference: ImageReference) -> str:
    """An image as a person reads it."""
    return f"{reference.repository}@{reference.digest.short}"


def _short_tag(tag: str) -> str:
    sha, dash, rest = tag.partition("-")
    return f"{sha[:7]}{dash}{rest}"
