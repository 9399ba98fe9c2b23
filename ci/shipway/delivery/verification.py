"""Verify: does what answers run what we shipped?

Three questions, all asked of the world and not of our memory of it: does every running task carry
the digest that its task definition pins, does the service's address answer as expected, several
times in a row, and did the tasks stay up meanwhile? Behind a load balancer an address answers well
while every second task dies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from shipway.config.environment import Environment, Service
from shipway.delivery import task_checks
from shipway.delivery.addresses import ask
from shipway.errors import VerificationError
from shipway.observer import Finished, Noticed, Observer, Started
from shipway.rollout.images import ReleaseImages
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.log_tails import last_lines
from shipway.rollout.ports import Ecs, Logs, Prober
from shipway.rollout.snapshot import PASSING, Snapshot, Task
from shipway.rollout.task_definition import TaskDefinition
from shipway.util.clock import Clock
from shipway.util.side_by_side import look_up
from shipway.values import Digest, HttpAnswer, ImageReference

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
    cluster = environment.cluster
    seen = ecs.services(cluster, [service.service for service in environment.services])
    observed = []
    for service in environment.services:
        observer(Started(stage="verify", subject=service.key))
        eyes = _Eyes(ecs, cluster, service, clock, observer)
        observed.append(_Observed(service, eyes, clock.now(), seen[service.service]))
    _look_at_tasks(observed)
    _compare(observed, ecs, images, shipped)
    reading = {
        each.service.key: _LogReader(logs, each.definition, each.service.container, clock)
        for each in observed
    }
    _ask_addresses(observed, prober, clock, observer)
    _look_whether_they_stayed_up([each for each in observed if each.answers], reading)
    for each in observed:
        if each.silent is not None:
            each.silent.log = reading[each.service.key].last_lines(each.running)
            raise each.silent
    verified = tuple(each.verified() for each in observed)
    for result in verified:
        observer(
            Finished(
                stage="verify",
                subject=result.service.key,
                text=_describe(result, named=shipped is not None),
                seconds=result.seconds,
            )
        )
    return verified


@dataclass(slots=True)
class _Observed:
    """One service, and what was seen of it so far."""

    service: Service
    eyes: _Eyes
    began: datetime
    glance: Snapshot
    tasks: Snapshot = field(default_factory=Snapshot)
    definition: TaskDefinition = field(default_factory=TaskDefinition)
    image: ImageReference | None = None
    running: Sequence[Task] = ()
    answers: tuple[HttpAnswer, ...] = ()
    silent: VerificationError | None = None
    seconds: float = 0.0

    def verified(self) -> VerifiedService:
        """The same as a result."""
        return VerifiedService(
            service=self.service,
            image=self.image,
            tasks=len(self.running),
            answers=self.answers,
            seconds=self.seconds,
        )


def _look_at_tasks(observed: Sequence[_Observed]) -> None:
    """Look at every service's tasks, side by side."""
    for each in observed:
        each.glance = each.eyes.glance(each.glance)
        task_checks.in_service(each.glance, each.service)
    fetch = FetchPlan(tasks=True)
    seen = _side_by_side(observed, fetch)
    for each in observed:
        each.tasks = each.eyes.complete(each.glance, fetch, seen[each.service.key])


def _side_by_side(observed: Sequence[_Observed], fetch: FetchPlan) -> Mapping[str, Snapshot]:
    by_key = {each.service.key: each for each in observed}

    def look(key: str) -> Snapshot:
        return by_key[key].eyes.look(by_key[key].glance, fetch)

    return look_up(look, by_key)


def _compare(
    observed: Sequence[_Observed],
    ecs: Ecs,
    images: Callable[[Service], PlatformIndex],
    shipped: ReleaseImages | None,
) -> None:
    """See that each running task carries what its service's task definition pins."""
    arns = (each.glance.task_definition for each in observed)
    definitions = look_up(ecs.task_definition, filter(None, arns))
    platforms: dict[tuple[str, Digest], frozenset[Digest]] = {}
    for each in observed:
        service = each.service
        each.definition = definitions.get(each.glance.task_definition, TaskDefinition())
        due = shipped.of(service.image).pinned if shipped is not None else None
        image = task_checks.pinned(each.definition, service, due)
        known = (service.image, image.digest)
        if known not in platforms:
            platforms[known] = images(service).platforms(image.digest)
        each.running = task_checks.same_digest(
            each.tasks, service, image, platforms[known], named=shipped is not None
        )
        each.image = image
        each.seconds = each.eyes.since(each.began)


def _ask_addresses(
    observed: Sequence[_Observed], prober: Prober, clock: Clock, observer: Observer
) -> None:
    asked = {
        each.service.key: each for each in observed if each.glance.desired and each.service.url
    }
    services = [each.service for each in asked.values()]
    for key, (answers, silent) in ask(services, prober, clock, observer).items():
        each = asked[key]
        each.answers, each.silent = answers, silent
        each.seconds = each.eyes.since(each.began)


def _look_whether_they_stayed_up(
    observed: Sequence[_Observed], reading: Mapping[str, _LogReader]
) -> None:
    """Look at what stopped while the addresses were asked, side by side."""
    fetch = FetchPlan(stopped=True)
    seen = _side_by_side(observed, fetch)
    for each in observed:
        later = each.eyes.complete(each.glance, fetch, seen[each.service.key])
        later = later.with_helpers(each.definition.helpers)
        task_checks.stayed_up(
            later, each.service, each.running, reading[each.service.key].last_lines
        )


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

    def look(self, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        """``glance`` with what ``fetch`` asks for, as it comes."""
        return self.ecs.complete(self.cluster, self.service.service, glance, fetch)

    def complete(self, glance: Snapshot, fetch: FetchPlan, first: Snapshot) -> Snapshot:
        """The same; ``first`` where that was not spoilt."""
        return self._clear(first, lambda: self.look(glance, fetch))

    def since(self, began: datetime) -> float:
        """Seconds since a moment."""
        return (self.clock.now() - began).total_seconds()

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
