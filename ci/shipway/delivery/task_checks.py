"""What a service and its tasks must show, from before the first request to after the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shipway.config.environment import Service
from shipway.delivery.addresses import EARLIER
from shipway.errors import VerificationError
from shipway.rollout.diagnosis.reasons import read
from shipway.rollout.snapshot import Snapshot, Task
from shipway.rollout.task_definition import TaskDefinition
from shipway.values import Digest, ImageReference

LastLines = Callable[[Sequence[Task]], tuple[str, ...]]
"""Reads what tasks said last, as people read it."""


def in_service(glance: Snapshot, service: Service) -> None:
    """The service can be seen and is there; before anything is said of what it runs.

    Raises:
        VerificationError: It cannot be seen, or is not active.
    """
    if not glance.answered:
        trouble = glance.troubles[0].text if glance.troubles else "ECS gave no answer"
        raise VerificationError(
            f"{service.key} cannot be looked at: {trouble}",
            where=service.service,
            remedy="mend that, then verify again",
        )
    if not glance.exists or glance.status != "ACTIVE":
        state = glance.status if glance.exists else "not in the cluster"
        raise VerificationError(
            f"service {service.service} is {state}",
            where=service.service,
            remedy="see `cluster` and `service` in ci/delivery.toml",
        )


def pinned(
    definition: TaskDefinition, service: Service, shipped: ImageReference | None
) -> ImageReference:
    """The image that the service's task definition names, which must be what was shipped.

    Raises:
        VerificationError: It names none by digest, or another one.
    """
    container = definition.container(service.container)
    pinned = container.reference
    if pinned is None:
        raise VerificationError(
            f"{service.key} runs {container.image or 'no image'}, which is not pinned by digest",
            where=definition.arn or service.service,
            remedy="what runs cannot be proven; deploy it with shipway",
        )
    if shipped is not None and pinned.digest != shipped.digest:
        raise VerificationError(
            f"{service.key} runs {pinned.digest} where {shipped.digest} was shipped",
            where=definition.arn or service.service,
            remedy="somebody else deployed in between; see the service's deployments in ECS",
        )
    return pinned


def same_digest(
    snapshot: Snapshot,
    service: Service,
    image: ImageReference,
    platforms: frozenset[Digest],
    *,
    named: bool,
) -> list[Task]:
    """The running tasks, each of which carries the image.

    Args:
        snapshot: The service with its tasks.
        service: The service.
        image: What its task definition pins.
        platforms: The manifests that belong to the image.
        named: Whether the image was shipped just now; else only the task definition is known.

    Raises:
        VerificationError: One carries another image, none runs, or they cannot be seen.
    """
    _seen(snapshot, service)
    running = [task for task in snapshot.tasks if task.last_status == "RUNNING"]
    if not running and snapshot.desired:
        raise VerificationError(
            f"no task of {service.key} is running where {snapshot.desired} should be",
            where=service.service,
            subject=service.key,
            at_fault=True,
            remedy="see the service's events in ECS",
        )
    good = {image.digest.value, *(digest.value for digest in platforms)}
    strays = [
        (task, digest)
        for task in running
        if (digest := _digest_of(task, service.container)) not in good
        # What a revision pins is what ECS pulls for it, also where it reports no digest.
        and (digest or task.task_definition != snapshot.task_definition)
    ]
    if strays:
        task, digest = strays[0]
        # Without an image that was shipped just now, only the task definition is known.
        due, label = ("what was shipped", "shipped") if named else ("what is pinned", "pinned")
        raise VerificationError(
            f"{len(strays)} of {len(running)} tasks of {service.key} do not run {due}",
            where=service.service,
            subject=service.key,
            at_fault=True,
            details=(f"task {task.id} runs {digest or 'an unknown digest'}", f"{label}: {image}"),
            remedy="an older deployment may still be draining; verify again, then see the tasks",
        )
    return running


def _seen(snapshot: Snapshot, service: Service) -> None:
    if snapshot.troubles:
        raise VerificationError(
            f"the tasks of {service.key} cannot be looked at: {snapshot.troubles[0].text}",
            where=service.service,
            remedy="allow ecs:ListTasks and ecs:DescribeTasks, then verify again",
        )


def stayed_up(
    later: Snapshot, service: Service, running: Sequence[Task], last_lines: LastLines
) -> None:
    """None of the tasks that ran when it began has failed by now.

    One that ECS stopped to scale or to replace it has not failed.

    Args:
        later: The service with its stopped tasks, seen after its address was asked.
        service: The service.
        running: The tasks that ran when it began.
        last_lines: Reads what tasks said last; asked only about those that failed.

    Raises:
        VerificationError: One failed, or the tasks cannot be seen.
    """
    _seen(later, service)
    before = {task.arn for task in running}
    stopped = [(task, read(task)) for task in later.stopped if task.arn in before]
    failed = [(task, why) for task, why in stopped if why and why.weight != "ignored"]
    if failed:
        raise VerificationError(
            f"{len(failed)} of {len(before)} tasks of {service.key} failed while it was verified",
            where=service.service,
            subject=service.key,
            at_fault=True,
            log=last_lines([task for task, _ in failed]),
            details=tuple(f"task {task.id}: {why.text} ({why.ecs})" for task, why in failed),
            remedy=f"it came up and does not stay up: see its logs; {EARLIER}",
        )


def _digest_of(task: Task, container: str) -> str | None:
    """What a task's container runs; where ECS reports none, what its pinned image is known by."""
    state = next((state for state in task.containers if state.name == container), None)
    if state is None:
        return None
    return state.image_digest or state.image.partition("@")[2] or None
