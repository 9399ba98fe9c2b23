"""Verify: does what answers run what we shipped?

Three questions, all asked of the world and not of our memory of it: does every running task carry
the digest that its task definition pins, does the service's address answer as expected, several
times in a row, and did the tasks stay up meanwhile? Behind a load balancer an address answers well
while every second task dies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from shipway.config.environment import Environment, Service
from shipway.errors import VerificationError
from shipway.observer import Finished, Noticed, Observer, Started
from shipway.rollout.diagnosis.reasons import read
from shipway.rollout.images import ReleaseImages
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.log_tails import last_lines
from shipway.rollout.ports import Ecs, Logs, Prober
from shipway.rollout.snapshot import PASSING, Snapshot, Task
from shipway.rollout.task_definition import TaskDefinition
from shipway.util.clock import Clock
from shipway.values import Digest, HttpAnswer, ImageReference

_EARLIER: Final = "where the earlier revision is not put back, deploy its image with --image"
_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 15.0


class PlatformIndex(Protocol):
    """Knows which manifests belong to an image."""

    def platforms(self, digest: Digest) -> frozenset[Digest]:
        """Digests of the platforms' manifests of an index; empty where it is not there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedService:
    """What was found for one service."""

    service: Service
    image: ImageReference | None
    tasks: int
    answers: tuple[HttpAnswer, ...]
    seconds: float


def verify(
    environment: Environment,
    *,
    ecs: Ecs,
    images: Callable[[Service], PlatformIndex],
    prober: Prober,
    clock: Clock,
    observer: Observer,
    shipped: ReleaseImages | None = None,
    logs: Logs | None = None,
) -> tuple[VerifiedService, ...]:
    """Verify every service of an environment.

    Args:
        environment: Where.
        ecs: What runs.
        images: What the repository of a service's image holds.
        prober: Asks the services' addresses.
        clock: The time.
        observer: Is told of every service.
        shipped: What must run; without it, what each service's task definition pins.
        logs: Where the reason may stand; without it none is told.

    Raises:
        VerificationError: A task carries another digest, nothing is pinned, a task failed while
            the address was asked, or the address does not answer as expected within its time.
    """
    names = [service.service for service in environment.services]
    seen = ecs.services(environment.cluster, names)
    verified = []
    for service in environment.services:
        observer(Started(stage="verify", subject=service.key))
        began = clock.now()
        eyes = _Eyes(ecs, environment.cluster, service, clock, observer)
        glance = eyes.glance(seen[service.service])
        _in_service(glance, service)
        snapshot = eyes.complete(glance, FetchPlan(tasks=True))
        arn = glance.task_definition
        definition = ecs.task_definition(arn) if arn else TaskDefinition()
        due = shipped.of(service.image) if shipped is not None else None
        image = _pinned(definition, service, due.pinned if due is not None else None)
        platforms = images(service).platforms(image.digest)
        running = _same_digest(snapshot, service, image, platforms, named=shipped is not None)
        answers: tuple[HttpAnswer, ...] = ()
        if snapshot.desired:
            reading = _LogReader(logs, definition, service.container, clock)
            answers, silent = _answers(service, prober, clock, observer)
            if answers:
                later = eyes.complete(glance, FetchPlan(stopped=True))
                later = later.with_helpers(definition.helpers)
                _stayed_up(later, service, running, reading)
            if silent is not None:
                silent.log = reading.last_lines(running)
                raise silent
        seconds = (clock.now() - began).total_seconds()
        verified.append(
            VerifiedService(
                service=service, image=image, tasks=len(running), answers=answers, seconds=seconds
            )
        )
        text = _describe(verified[-1], named=shipped is not None)
        observer(Finished(stage="verify", subject=service.key, text=text, seconds=seconds))
    return tuple(verified)


@dataclass(frozen=True, slots=True)
class _Eyes:
    """Look at one service, again while AWS's weather spoils the look.

    For no longer than the service's ``verify_timeout``; the last look is given as it is.
    """

    ecs: Ecs
    cluster: str
    service: Service
    clock: Clock
    observer: Observer

    def glance(self, first: Snapshot) -> Snapshot:
        """What DescribeServices shows; ``first`` where that was not spoilt."""
        name = self.service.service
        return self._clear(first, lambda: self.ecs.services(self.cluster, [name])[name])

    def complete(self, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        """``glance`` with what ``fetch`` asks for."""

        def look() -> Snapshot:
            return self.ecs.complete(self.cluster, self.service.service, glance, fetch)

        return self._clear(look(), look)

    def _clear(self, snapshot: Snapshot, look: Callable[[], Snapshot]) -> Snapshot:
        end = self.clock.now() + timedelta(seconds=self.service.verify_timeout)
        pause = _PAUSE
        while spoilt := [each for each in snapshot.troubles if each.kind in PASSING]:
            if self.clock.now() + timedelta(seconds=pause) > end:
                break
            text = f"{spoilt[0].text}; looks again in {pause:g} s"
            subject = self.service.key
            self.observer(Noticed(stage="verify", subject=subject, text=text, level="warning"))
            self.clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            snapshot = look()
        return snapshot


@dataclass(frozen=True, slots=True)
class _LogReader:
    """Reads what the tasks of one service said last."""

    logs: Logs | None
    definition: TaskDefinition
    container: str
    clock: Clock

    def last_lines(self, tasks: Sequence[Task]) -> tuple[str, ...]:
        """As people read them; none where there are none, or no log to read."""
        if self.logs is None:
            return ()
        return last_lines(self.logs, self.definition, self.container, tasks, self.clock)


def _in_service(glance: Snapshot, service: Service) -> None:
    """The service can be seen and is there; before anything is said of what it runs."""
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


def _pinned(
    definition: TaskDefinition, service: Service, shipped: ImageReference | None
) -> ImageReference:
    """The image that the service's task definition names, which must be what was shipped."""
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


def _same_digest(
    snapshot: Snapshot,
    service: Service,
    image: ImageReference,
    platforms: frozenset[Digest],
    *,
    named: bool,
) -> list[Task]:
    """The running tasks, each of which carries the image."""
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


def _stayed_up(
    later: Snapshot, service: Service, running: Sequence[Task], reading: _LogReader
) -> None:
    """None of the tasks that ran when it began has failed by now.

    One that ECS stopped to scale or to replace it has not failed.
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
            log=reading.last_lines([task for task, _ in failed]),
            details=tuple(f"task {task.id}: {why.text} ({why.ecs})" for task, why in failed),
            remedy=f"it came up and does not stay up: see its logs; {_EARLIER}",
        )


def _digest_of(task: Task, container: str) -> str | None:
    """What a task's container runs; where ECS reports none, what its pinned image is known by."""
    state = next((state for state in task.containers if state.name == container), None)
    if state is None:
        return None
    return state.image_digest or state.image.partition("@")[2] or None


def _answers(
    service: Service, prober: Prober, clock: Clock, observer: Observer
) -> tuple[tuple[HttpAnswer, ...], VerificationError | None]:
    """Ask until it answered as expected so many times in a row, or its time is over.

    Returns:
        Every answer, and what is wrong with them.
    """
    if not service.url:
        return (), None
    end = clock.now() + timedelta(seconds=service.verify_timeout)
    answers: list[HttpAnswer] = []
    in_a_row = 0
    while True:
        answer = prober.get(service.url, min(5.0, service.verify_timeout))
        answers.append(answer)
        in_a_row = in_a_row + 1 if answer.status == service.expected_status else 0
        if in_a_row >= service.consecutive:
            return tuple(answers), None
        if not in_a_row and (len(answers) == 1 or answers[-2] != answer):
            observer(
                Noticed(
                    stage="verify",
                    subject=service.key,
                    text=f"GET {service.url} answered {answer}",
                    level="warning",
                )
            )
        if clock.now() >= end:
            return tuple(answers), VerificationError(
                f"{service.key} did not answer {service.expected_status} "
                f"{service.consecutive} times in a row within {service.verify_timeout} s",
                where=service.url,
                subject=service.key,
                at_fault=True,
                details=_counted(answers),
                remedy=f"the new revision came up and answers wrongly: see its logs; {_EARLIER}",
            )
        clock.sleep(service.interval)


def _counted(answers: Sequence[HttpAnswer]) -> tuple[str, ...]:
    words = [str(answer) for answer in answers]
    return tuple(f"{words.count(word)} × {word}" for word in dict.fromkeys(words))


def _describe(verified: VerifiedService, *, named: bool) -> str:
    tasks = f"{verified.tasks} task{'s' * (verified.tasks != 1)} of "
    if named or verified.image is None:
        tasks += "the shipped digest"
    else:
        # Nothing was shipped here: the service's own task definition is all that is known.
        tasks += f"{verified.image.digest.short}, the service's task definition"
    if not verified.answers:
        unasked = "desired count 0: not asked" if verified.service.url else "no url to ask"
        return f"{tasks}; {unasked}"
    return (
        f"{tasks}; GET {verified.service.url} {verified.service.expected_status}, "
        f"{verified.service.consecutive} in a row"
    )
