"""What is held: the services whose rollouts ended well, as they were seen then. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shipway.rollout.execute import Rolled
from shipway.rollout.hold.terms import Alarm, HoldTarget
from shipway.rollout.judge.state import running_ours
from shipway.rollout.plan import Step
from shipway.rollout.watch import Watched


def alarms_of(step: Step) -> tuple[str, ...]:
    """The alarms that a service's hold watches: its own, or those that ECS watches for it."""
    service = step.service
    if not service.hold:
        return ()
    return service.alarms or (step.before.alarms if step.before.alarms_enabled else ())


def hold_targets(
    rolled: Sequence[Rolled],
    before: Mapping[str, Alarm],
    longest: float | None,
    *,
    unheld: bool = False,
) -> tuple[HoldTarget, ...]:
    """Every service that is to be held; not one that ran already, unless nobody held it.

    A delivery that is killed leaves what it rolled out in service, and no record. What ECS brought
    into service a moment ago cannot have been held to the end by anybody, either.

    Args:
        rolled: Rollouts that ended well.
        before: The alarms as they were before the rollout, by name.
        longest: The most seconds; ``None`` for as many as delivery.toml says.
        unheld: Whether the delivery before died, so that what runs already is its.
    """
    return tuple(_targets(rolled, before, longest, unheld=unheld))


def _targets(
    rolled: Sequence[Rolled],
    before: Mapping[str, Alarm],
    longest: float | None,
    *,
    unheld: bool,
) -> Iterator[HoldTarget]:
    for rollout in rolled:
        service, watched = rollout.step.service, rollout.watched
        seconds = service.hold if longest is None else min(service.hold, longest)
        if seconds <= 0:
            continue
        alarms = alarms_of(rollout.step)
        target = HoldTarget(
            subject=service.key,
            service=service.service,
            definition=replace(rollout.step.live, arn=rollout.task_definition),
            seconds=seconds,
            url=service.url,
            expected_status=service.expected_status,
            interval=service.interval,
            alarms=alarms,
            already_off=frozenset(
                name for name in alarms if name in before and before[name].state == "ALARM"
            ),
        )
        if watched is not None:
            yield _as_watched(target, watched)
        elif unheld or _just_came(rollout, seconds):
            snapshot = rollout.step.before
            known_events = frozenset(event.id for event in snapshot.events)
            yield replace(target, known_events=known_events, since=_came_at(rollout))


def _as_watched(target: HoldTarget, watched: Watched) -> HoldTarget:
    """With all that the watch saw: what it judged is not judged again."""
    return replace(
        target,
        definition=replace(watched.definition, arn=target.definition.arn),
        tasks=running_ours(watched.state, watched.state.tasks),
        targets=watched.state.live,
        known_events=watched.state.events,
        known_stops=frozenset(task.arn for task in watched.state.stopped),
        since=_ended_at(watched),
    )


def _just_came(rollout: Rolled, seconds: float) -> bool:
    """Whether what ran already came into service less than a hold ago."""
    came = _came_at(rollout)
    return came is not None and (rollout.outcome.at - came).total_seconds() < seconds


def _came_at(rollout: Rolled) -> datetime | None:
    primary = rollout.step.before.primary
    return primary.updated_at if primary is not None else None


def _ended_at(watched: Watched) -> datetime | None:
    """When the rollout ended, by ECS's clock; ``None`` where ECS did not say."""
    described, primary = watched.state.described, watched.last.primary
    finished = described.finished_at if described is not None else None
    return finished or (primary.updated_at if primary is not None else None)
