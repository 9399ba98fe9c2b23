"""The image of a delivery: found, promoted, reused or built, and passed by the scan gate.

What comes first is what costs least: an image that was named, one that another environment
verified, one that was built from the same source; only then a build.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from shipway.config import origin as origins
from shipway.config.environment import Environment, Origin
from shipway.config.images import ImageSettings
from shipway.config.load import DeliveryFile
from shipway.delivery.attestations import Attestor
from shipway.delivery.build_request import BuildRequests
from shipway.delivery.facts import image_fact
from shipway.delivery.governing import PolicyPlace
from shipway.delivery.ports import DeliveryContext, EnvironmentContext, ImageStore
from shipway.delivery.scan_gate import ScanGate
from shipway.delivery.stage import Stage, stage
from shipway.errors import ImageNotFoundError
from shipway.evidence.facts.image import (
    BuildFact,
    CacheFact,
    PromotionFact,
)
from shipway.evidence.image_notes import ImageNotes
from shipway.image import build as building
from shipway.image import promotion
from shipway.image import publish as publishing
from shipway.image.build import Stop
from shipway.image.content_key import ContentKey
from shipway.image.publish import PublishedImage
from shipway.image.source import Source
from shipway.observer import Noticed
from shipway.policy.contract import Task
from shipway.util.partitions import registry_home
from shipway.values import Commit, ImageReference

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

    @property
    def requests(self) -> BuildRequests:
        """What BuildKit is asked for."""
        return BuildRequests(
            context=self.context,
            environment_context=self.environment_context,
            commit=self.commit,
            journal=self.journal,
        )

    @property
    def scan_gate(self) -> ScanGate:
        """What lets the image pass."""
        return ScanGate(
            context=self.context, journal=self.journal, policy=self.policy, subject=self.subject
        )

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
        self.scan_gate.decide(image, environment, store, gate="deploy" in tasks)
        if self.attestor is not None and "deploy" in tasks:
            self.attestor.require(environment)

    def build(self, wanted: ImageSettings) -> building.BuiltImage:
        """Build, whatever a registry may hold: no AWS is asked."""
        requests = self.requests
        with (
            stage("build", self.journal, self.context.clock, self.subject) as running,
            requests.source(wanted) as made_from,
        ):
            request = requests.request(wanted, made_from, {}, secrets=True)
            return self._built(wanted, made_from, request, None, running)

    def _make(
        self, tasks: tuple[Task, ...], environment: Environment, store: ImageStore
    ) -> PublishedImage | None:
        wanted, requests = environment.image, self.requests
        key: ContentKey | None = None
        with (
            stage("build", self.journal, self.context.clock, self.subject) as running,
            requests.source(wanted) as made_from,
        ):
            request = requests.request(wanted, made_from, requests.logins(wanted, made_from, store))
            if "publish" in tasks and wanted.reuse:
                key, why = requests.content_key(request)
                image = publishing.reuse(store, key, self.commit) if key else None
                if key and image:
                    running.text = self._reused(image, key, wanted)
                    return image
                if why:
                    text = f"not looked for an earlier build: {why}"
                    self.journal(Noticed(stage="build", text=text))
            request = replace(request, secrets=requests.secrets(wanted, asks_aws=True))
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


def short(reference: ImageReference) -> str:
    """An image as a person reads it."""
    return f"{reference.repository}@{reference.digest.short}"


def _short_tag(tag: str) -> str:
    sha, dash, rest = tag.partition("-")
    return f"{sha[:7]}{dash}{rest}"
