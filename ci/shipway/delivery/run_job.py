"""``run``: one job by hand, through the same gate, with the image that its service runs."""

from __future__ import annotations

from shipway.config.environment import Environment
from shipway.config.job import Job
from shipway.delivery import contract
from shipway.delivery.contract import Authorization, GateContext
from shipway.delivery.facts import image_fact
from shipway.delivery.image import Artifact
from shipway.delivery.jobs import Jobs, named
from shipway.delivery.ports import Aws
from shipway.delivery.stage import stage
from shipway.errors import ConfigurationError
from shipway.rollout import plan as planning
from shipway.values import ImageReference


def run_one(
    key: str,
    wanted: ImageReference | None,
    artifact: Artifact,
    authorization: Authorization,
    gate: GateContext,
) -> None:
    """Run it to its end.

    Args:
        key: The job's name in delivery.toml.
        wanted: The image; ``None`` for what runs.
        artifact: Finds the image.
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
        store = aws.repository(environment)
        reference = wanted or _running(environment, aws, job, ours=(store.uri,))
        image = artifact.existing(reference, environment, store)
    journal.about(image.reference)
    journal.note(image_fact(image))
    contract.pass_again(authorization, gate, image, named=True)
    with stage("job", journal, clock, quiet=True):
        steps = planning.plan(aws.ecs, environment, image.reference)
        for step in steps:
            journal.hide(step.secret_values)
    Jobs(environment, aws, gate.context, journal).run_by_hand(key, image.reference, steps)


def _running(environment: Environment, aws: Aws, job: Job, ours: tuple[str, ...]) -> ImageReference:
    """The image that the job's service runs, or that of the service whose network it takes.

    ``ours`` are further names of the environment's repository.
    """
    key = job.service or job.network
    service = next(each for each in environment.services if each.key == key)
    seen = aws.ecs.services(environment.cluster, [service.service])[service.service]
    if seen.task_definition:
        live = aws.ecs.task_definition(seen.task_definition)
        reference = live.container(service.container).reference
        if reference is not None and reference.repository in {*ours, environment.repository_uri}:
            return reference
    raise ConfigurationError(
        f"{service.service} runs no image of {environment.repository_uri} that is pinned by digest",
        where=f"{environment.cluster}/{service.service}",
        remedy="name one with --image REPOSITORY@sha256:…; nothing was run",
    )
