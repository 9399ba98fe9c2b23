"""What going back to a release that was good will do to each service, decided before a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from shipway.config.environment import Environment, Service
from shipway.errors import AwsError, ConfigurationError, UsageError
from shipway.rollout.containers import require_containers
from shipway.rollout.images import ReleaseImage, ReleaseImages
from shipway.rollout.judge.state import label
from shipway.rollout.plan import Step, live_services, next_step, settled, step_to
from shipway.rollout.ports import Ecs
from shipway.rollout.snapshot import Snapshot
from shipway.rollout.task_definition import TaskDefinition
from shipway.util.side_by_side import look_up


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRevision:
    """What a service ran by a release's record.

    Attributes:
        name: Its task definition, ``family:revision``; empty where the record does not say it.
        container: The one of its containers that took the image; empty for delivery.toml's.
    """

    name: str = ""
    container: str = ""


def back(
    ecs: Ecs,
    environment: Environment,
    images: ReleaseImages,
    recorded: Mapping[str, RecordedRevision],
) -> tuple[Step, ...]:
    """The steps to a release that was good before: its own revisions, as they were.

    What delivery.toml says of a task definition by now counts for none of them. Where one was
    deregistered since, what runs gets the image, as in any delivery.

    Args:
        ecs: Looks.
        environment: Where it goes; nothing is set in its task definitions.
        images: The images of that release.
        recorded: What its services ran, by ECS's names of them.

    Raises:
        RolloutError: A service is missing, inactive, or of a kind that cannot be watched.
        ConfigurationError: The image is to be put into what runs, which lacks the container that
            delivery.toml names.
    """
    lives = live_services(ecs, environment)
    wanted = [recorded.get(service.service, RecordedRevision()) for service, _, _ in lives]
    others = [
        revision.name
        for revision, (_, _, live) in zip(wanted, lives, strict=True)
        if revision.name != label(live.arn)
    ]
    registered = look_up(partial(_registered, ecs), others)
    steps = tuple(
        _again(
            replace(service, container=revision.container or service.container),
            snapshot,
            live,
            images.of(service.image),
            again=registered.get(revision.name, live),
        )
        or _with_image(environment, service, snapshot, live, images)
        for revision, (service, snapshot, live) in zip(wanted, lives, strict=True)
    )
    return settled(ecs, environment, steps)


def _again(
    service: Service,
    snapshot: Snapshot,
    live: TaskDefinition,
    image: ReleaseImage,
    *,
    again: TaskDefinition | None,
) -> Step | None:
    """The revision as it was registered; ``None`` where it cannot be taken."""
    if again is None or not again.pins(service.container, image.reference):
        return None
    if again.arn == live.arn:  # ECS begins no deployment of what a service has already
        return next_step(service, snapshot, live, image, revision=live)
    return Step(
        service=service, before=snapshot, live=live, revision=None, image=image, again=again
    )


def _with_image(
    environment: Environment,
    service: Service,
    snapshot: Snapshot,
    live: TaskDefinition,
    images: ReleaseImages,
) -> Step:
    require_containers(environment, service, live)
    return step_to(environment, service, snapshot, live, images)


def _registered(ecs: Ecs, name: str) -> TaskDefinition | None:
    """A revision by its name, where a service can still be updated to it."""
    if not name:
        return None
    try:
        definition = ecs.task_definition(name)
    except (AwsError, UsageError, ConfigurationError):  # deleted: ECS describes it no more
        return None
    return definition if definition.active else None
