"""``run``: one job by hand, through the same gate, with the image that its service runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from shipway.config.environment import Environment, Service
from shipway.config.job import Job
from shipway.delivery import contract
from shipway.delivery.contract import Authorization, GateContext
from shipway.delivery.facts import image_fact
from shipway.delivery.images import Images
from shipway.delivery.jobs import Jobs, named
from shipway.delivery.ports import Aws
from shipway.delivery.stage import stage
from shipway.errors import ConfigurationError
from shipway.rollout import plan as planning
from shipway.rollout.images import ReleaseImage, ReleaseImages
from shipway.rollout.task_definition import UnbuiltImage
from shipway.values import ImageReference


def run_one(
    key: str,
    wanted: ImageReference | None,
    images: Images,
    authorization: Authorization,
    gate: GateContext,
) -> None:
    """Run it to its end.

    Args:
        key: The job's name in delivery.toml.
        wanted: The image; ``None`` for what runs.
        images: Finds the image.
        authorization: What the contract allows.
        gate: Where its rules look.

    Raises:
        ConfigurationError: There is no such job, or its service runs no image of ours.
        RefusedError: A rule of the contract is broken.
        JobError: It did not end well.
    """
    environment, aws, journal = gate.environment, gate.aws, gate.journal
    clock = gate.context.clock
    with stage("job", journal, clock, quiet=True):
        job = named(environment, key)
        view = environment.about(job.image)
        store = aws.repository(view)
        reference = wanted or _running(view, aws, job, ours=(store.uri,))
        image = images.artifact.existing(reference, view, store)
    journal.about(image.reference)
    journal.note(image_fact(image))
    contract.pass_again(authorization, replace(gate, environment=view), (image,), named=True)
    with stage("job", journal, clock, quiet=True):
        running = dict(_others(environment, aws, job))
        one = ReleaseImages({**running, job.image: ReleaseImage(reference=image.reference)})
        steps = planning.plan(aws.ecs, environment, one)
        for step in steps:
            journal.hide(step.secret_values)
    Jobs(environment, aws, gate.context, journal).run_by_hand(key, one, steps)


def _others(environment: Environment, aws: Aws, job: Job) -> Iterator[tuple[str, ReleaseImage]]:
    """The other images, as services run them now: a job by hand moves nothing."""
    for key in environment.keys:
        if key == job.image:
            continue
        view = environment.about(key)
        ours = {view.repository_uri, aws.repository(view).uri}
        for service in environment.services:
            reference = _pinned(environment, aws, service)
            if reference is not None and reference.repository in ours:
                yield key, ReleaseImage(reference=reference)
                break
        else:
            yield key, ReleaseImage(reference=UnbuiltImage(view.repository_uri))


def _running(environment: Environment, aws: Aws, job: Job, ours: tuple[str, ...]) -> ImageReference:
    """The image that the job's service runs, or that of the service whose network it takes.

    ``ours`` are further names of the environment's repository.
    """
    key = job.service or job.network
    service = next(each for each in environment.services if each.key == key)
    if service.image != job.image:  # another service runs what the job does
        same = (each for each in environment.services if each.image == job.image)
        service = next(same, service)
    reference = _pinned(environment, aws, service)
    if reference is not None and reference.repository in {*ours, environment.repository_uri}:
        return reference
    raise ConfigurationError(
        f"{service.service} runs no image of {environment.repository_uri} that is pinned by digest",
        where=f"{environment.cluster}/{service.service}",
        remedy="name one with --image REPOSITORY@sha256:…; nothing was run",
    )


def _pinned(environment: Environment, aws: Aws, service: Service) -> ImageReference | None:
    """The image that a service is to run; ``None`` where none is pinned."""
    seen = aws.ecs.services(environment.cluster, [service.service])[service.service]
    if not seen.task_definition:
        return None
    return aws.ecs.task_definition(seen.task_definition).container(service.container).reference
