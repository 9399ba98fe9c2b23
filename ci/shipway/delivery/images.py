"""Every image of a delivery: made side by side, one release together.

One image alone goes the same way, in the thread that asks. Of several each is found, reused,
promoted or built by itself; what one cannot do ends the others, and nothing is rolled out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from shipway.config.environment import Environment
from shipway.config.images import ImageSettings
from shipway.delivery.attestations import Attestor
from shipway.delivery.facts import image_fact
from shipway.delivery.image import Artifact
from shipway.errors import ShipwayError, UsageError
from shipway.evidence.image_notes import NamedImageNotes, put_together
from shipway.evidence.journal import Journal
from shipway.image.publish import PublishedImage
from shipway.policy.contract import Task
from shipway.rollout.images import ReleaseImage, ReleaseImages
from shipway.util.waiting import results
from shipway.values import ImageReference

_T = TypeVar("_T")
_MOST_AT_ONCE: Final = 4
"""Builds that run at once: BuildKit itself runs steps side by side, and one machine does it all."""

Published = Mapping[str, PublishedImage]
"""The images that lie in their repositories, by key."""


@dataclass(slots=True)
class Images:
    """The images of one delivery.

    Attributes:
        artifact: Makes one image; what differs between several is put in here.
        journal: The delivery's journal.
        environment: Where they go; ``None`` where no AWS is asked.
        papers: Makes whoever attests one image, with a prefix for its files; ``None`` where nobody
            does.
    """

    artifact: Artifact
    journal: Journal
    environment: Environment | None = None
    papers: Callable[[Artifact, str], Attestor] | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _artifacts: dict[str, Artifact] = field(default_factory=dict)
    _notes: list[NamedImageNotes] = field(default_factory=list)

    def of(self, key: str) -> Artifact:
        """Whoever makes the image of that key; an empty key is the one image."""
        if key not in self._artifacts:
            artifact, prefix = self.artifact, ""
            if key:
                notes, prefix = NamedImageNotes(self.journal, key), f"{key}-"
                self._notes.append(notes)
                artifact = replace(artifact, journal=notes, stop=self._stop, subject=key)
            if self.papers is not None:
                artifact = replace(artifact, attestor=self.papers(artifact, prefix))
            self._artifacts[key] = artifact
        return self._artifacts[key]

    def build(self, wanted: Sequence[ImageSettings]) -> None:
        """Build each, whatever a registry may hold: no AWS is asked.

        Raises:
            BuildError: One could not be built; the others were ended.
        """

        def build(settings: ImageSettings) -> Callable[[], object]:
            artifact = self.of(settings.key)
            return lambda: artifact.build(settings)

        self._together({settings.key: build(settings) for settings in wanted})

    def provide(
        self, tasks: tuple[Task, ...], environment: Environment, reference: ImageReference | None
    ) -> Published | None:
        """The images that go on; ``None`` where they were built only, or none is needed.

        Raises:
            UsageError: One image was named, and there are several.
            ShipwayError: One cannot go on; nothing of any is rolled out.
        """
        require_one(environment, reference)

        def obtain(key: str) -> Callable[[], PublishedImage | None]:
            artifact, view = self.of(key), environment.about(key)
            return lambda: artifact.obtain(tasks, view, reference)

        obtained = self._together({key: obtain(key) for key in environment.keys})
        images = {key: image for key, image in obtained.items() if image is not None}
        if not images:
            return None
        for key, image in images.items():
            self.of(key).admit(image, tasks, environment.about(key))
        return images

    def look(self, images: Published, environment: Environment) -> None:
        """Note images that were released before, and what their scans say now; no gate is asked."""
        for key, image in images.items():
            artifact, view = self.of(key), environment.about(key)
            artifact.journal.about(image.reference)
            artifact.journal.note(image_fact(image))
            store = artifact.environment_context.aws.repository(view)
            artifact.scan_gate.decide(image, view, store, gate=False)
        self._put_together()

    def close(self, *, abandon: bool = False) -> None:
        """Have every image's papers noted; where ``abandon``, without waiting for them."""
        for artifact in self._artifacts.values():
            if artifact.attestor is not None:
                artifact.attestor.close(abandon=abandon)
        self._put_together()

    def _put_together(self) -> None:
        if self._notes:
            put_together(self._notes, self.journal)

    def _together(self, jobs: Mapping[str, Callable[[], _T]]) -> dict[str, _T]:
        """What each job gives; the first failure ends the others and is raised."""
        if len(jobs) == 1:
            return {key: job() for key, job in jobs.items()}
        with ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="image") as pool:
            running = {key: pool.submit(job) for key, job in jobs.items()}
            try:
                return dict(zip(running, results(list(running.values())), strict=True))
            except BaseException as error:
                # A signal, too: nothing that was begun goes on behind the delivery's end.
                self._stop.set()
                for job in running.values():
                    job.cancel()
                wait(running.values())
                if isinstance(error, ShipwayError):
                    _named(error, running)
                raise
            finally:
                self._put_together()


def _named(error: ShipwayError, running: Mapping[str, Future[_T]]) -> None:
    """Have the delivery's last word name the image that could not be made."""
    key = next(
        (
            key
            for key, job in running.items()
            if job.done() and not job.cancelled() and job.exception() is error
        ),
        "",
    )
    error.aftermath = f"image {key} could not be made, nothing was rolled out"


def require_one(environment: Environment, reference: ImageReference | None) -> None:
    """See that an image that was named on the command line is the only one there is.

    Raises:
        UsageError: There are several.
    """
    if reference is not None and len(environment.keys) > 1:
        raise UsageError(
            f"--image names one image, and {environment.name} runs {len(environment.keys)}: "
            f"{', '.join(environment.keys)}",
            where=str(reference),
            remedy="deliver the commit that the images are of, or go back to a release with "
            f"rollback -- --env {environment.name} --to …; nothing was changed",
        )


def released(images: Published) -> ReleaseImages:
    """The same as a rollout knows them."""
    return ReleaseImages(
        {
            key: ReleaseImage(
                reference=image.reference,
                platforms=image.platforms,
                processors=tuple(name for name, _ in image.named),
            )
            for key, image in images.items()
        }
    )
