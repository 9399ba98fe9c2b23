"""Put an earlier revision back where ECS has finished with ours: UpdateService, watched to its end.

ECS rolls back a deployment that is under way. One that it has called successful it keeps, whatever
becomes of it: then the task definition that ran before is rolled out again, as any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from shipway.errors import ShipwayError
from shipway.observer import Detail, Failed, Noticed, Observer, PutBack
from shipway.rollout.execute import Rolled
from shipway.rollout.judge.state import label
from shipway.rollout.judge.terms import DeploymentRef, Outcome, Policy
from shipway.rollout.judge.verdict import NO_CAPACITY, ROLLED_BACK, TIMED_OUT, Verdict
from shipway.rollout.ports import Ecs, Logs
from shipway.rollout.snapshot import Snapshot
from shipway.rollout.watch import Watch, Watched, begin
from shipway.util.clock import Clock
from shipway.util.side_by_side import look_up

_NO_WAY_FORTH: Final = "what ran before is being put back, and that goes on"
_SECONDS: Final = 600.0
"""For one such rollout, as for a roll-back of ECS's own (``Policy.rollback_timeout``)."""
_GOES_ON: Final[tuple[Verdict, ...]] = (TIMED_OUT, NO_CAPACITY)
"""Rollouts that ECS still works on after their verdict: they too could come into service."""
_DIGEST_SHOWN: Final = 4
_NAMED: Final = 2

ReturnEnd = Literal["put back", "left", "not put back"]
"""The earlier revision is in service; ours stays, as is right; it stays though it should not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBackContext:
    """What putting back reaches; as :class:`shipway.rollout.deploy.RolloutContext`."""

    ecs: Ecs
    logs: Logs
    cluster: str
    clock: Clock
    observer: Observer


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What became of one service that was to go back.

    Attributes:
        subject: Its name in delivery.toml.
        service: Its name in ECS.
        left: ARN of the task definition that it was to leave.
        task_definition: ARN of what was to be put back; empty where there is nothing.
        why: Why it was to go back.
        end: Which revision is in service now.
        text: How it ended, in one line.
        outcome: The verdict of that rollout, where there was one.
        deployment_id: The entry of ``deployments[]``.
    """

    subject: str
    service: str
    left: str
    task_definition: str
    why: str
    end: ReturnEnd
    text: str
    outcome: Outcome | None = None
    deployment_id: str = ""


def moved(rolled: Sequence[Rolled]) -> tuple[Rolled, ...]:
    """What of a release is in service; nothing, or with it what may still come into service."""
    changed = [rollout for rollout in rolled if rollout.watched is not None]
    if not any(rollout.outcome.verdict.good for rollout in changed):
        return ()
    return tuple(
        rollout
        for rollout in changed
        if rollout.outcome.verdict.good or rollout.outcome.verdict in _GOES_ON
    )


def asked_too_late(rolled: Sequence[Rolled]) -> tuple[Rolled, ...]:
    """What a person wished to have back while it was rolled out, and which came into service."""
    return tuple(
        rollout
        for rollout in rolled
        if rollout.watched is not None
        and rollout.watched.state.interrupted is not None
        and not rollout.watched.state.recalled
        and rollout.outcome.verdict.good
    )


def returned_by_ecs(rolled: Sequence[Rolled], why: str) -> tuple[Return, ...]:
    """Services whose rollout was recalled before it had ended, and which ECS took back itself."""
    return tuple(
        Return(
            subject=rollout.step.service.key,
            service=rollout.step.service.service,
            left=rollout.task_definition,
            task_definition=rollout.watched.target.previous_task_definition,
            why=why,
            end="put back",
            text=rollout.outcome.proof or rollout.outcome.text,
            outcome=rollout.outcome,
        )
        for rollout in rolled
        if rollout.watched is not None
        and rollout.watched.state.recalled
        and rollout.outcome.verdict is ROLLED_BACK
    )


def aftermath(began: str, returns: Sequence[Return]) -> str:
    """What a person reads first: ``web rolled back, worker put back``.

    Args:
        began: How the service that failed fared.
        returns: What became of the others, or of all.
    """
    ends: dict[str, list[str]] = {}
    for each in returns:
        ends.setdefault(each.end, []).append(each.subject)
    parts = [began] if began else []
    for end, subjects in ends.items():
        many = len(subjects) > _NAMED
        parts.append(f"{len(subjects) if many else ' and '.join(subjects)} {end}")
    return ", ".join(parts)


def unwell(before: Snapshot) -> str:
    """What speaks against the revision that ran before; empty where nothing does."""
    primary = before.primary
    if primary is not None and primary.rollout_state == "FAILED":
        return "its own rollout had failed"
    if before.running < before.desired:
        return f"{before.running} of {before.desired} of its tasks ran before this release"
    return ""


def put_back(
    rolled: Sequence[Rolled], why: str, context: PutBackContext, *, wished: bool = False
) -> tuple[Return, ...]:
    """Put back what ran before, all at once, and watch each to its end.

    A service with ``on_failure = "leave"`` is left, one that somebody else deployed to meanwhile
    too; both are told. Nothing is raised for a service that cannot be put back: its result says so.

    Args:
        rolled: The services, as their rollouts ended.
        why: The reason, for people: ``web did not hold``.
        context: What it reaches.
        wished: Whether a person asks for it: then ``on_failure`` has no say.

    Raises:
        CancelledError: Ctrl-C was pressed twice; ECS goes on by itself.
    """
    if not rolled:
        return ()
    names = [rollout.step.service.service for rollout in rolled]
    seen = context.ecs.services(context.cluster, names)
    returns: dict[str, Return] = {}
    going: dict[str, Rolled] = {}
    for rollout in rolled:
        key = rollout.step.service.key
        objection = _objection(rollout, seen, wished=wished)
        if objection:
            returns[key] = _left(rollout, why, objection, context)
        else:
            going[key] = rollout
            _tell_way(rollout, why, context)

    def begin_back(key: str) -> Watched | ShipwayError:
        try:
            return _begin(going[key], seen, context)
        except ShipwayError as error:
            return error

    under_way: list[tuple[Rolled, Watched]] = []
    for key, begun in look_up(begin_back, going).items():
        if isinstance(begun, ShipwayError):
            returns[key] = _failed(going[key], why, str(begun), context)
        else:
            under_way.append((going[key], begun))
    watch = Watch(
        ecs=context.ecs,
        logs=context.logs,
        cluster=context.cluster,
        clock=context.clock,
        observer=context.observer,
    )
    watch.follow([watched for _, watched in under_way])
    for rollout, watched in under_way:
        returns[rollout.step.service.key] = _returned(rollout, watched, why, context)
    return tuple(returns[rollout.step.service.key] for rollout in rolled)


def _back(rollout: Rolled) -> str:
    return rollout.watched.target.previous_task_definition if rollout.watched else ""


def _objection(rollout: Rolled, seen: Mapping[str, Snapshot], *, wished: bool) -> str:
    """Why a service stays as it is; empty where it goes back."""
    service = rollout.step.service
    now = label(rollout.task_definition)
    if service.on_failure == "leave" and not wished:
        return f"{now} is left in service, as on_failure says"
    if not _back(rollout):
        return f"{now} stays: no earlier revision ever came up, there is nothing to put back"
    primary = seen[service.service].primary
    if primary is not None and primary.task_definition != rollout.task_definition:
        return f"somebody else deployed {label(primary.task_definition)} meanwhile, which stays"
    return ""


def _tell_way(rollout: Rolled, why: str, context: PutBackContext) -> None:
    service, back = rollout.step.service, _back(rollout)
    objection = unwell(rollout.step.before)
    doubt = f"; it was not well itself: {objection}" if objection else ""
    context.observer(
        Noticed(
            stage="deploy",
            subject=service.key,
            text=f"puts {label(back)} back, because {why}{doubt}",
            level="warning",
        )
    )


def _begin(rollout: Rolled, seen: Mapping[str, Snapshot], context: PutBackContext) -> Watched:
    service, back = rollout.step.service, _back(rollout)
    definition = context.ecs.task_definition(back)
    image = definition.container(service.container).reference
    primary = seen[service.service].primary
    updated = context.ecs.update(context.cluster, service.service, back)
    target = DeploymentRef(
        subject=service.key,
        service=service.service,
        task_definition=back,
        container=service.container,
        digest=image.digest.value if image is not None else "",
        deployment_id=updated.deployment_id,
        service_deployment=updated.service_deployment,
        previous_task_definition=rollout.task_definition,
        previous_deployment=primary.id if primary is not None else "",
        earlier=updated.earlier,
        replaced_service_deployment=seen[service.service].current_service_deployment or "",
        known_events=frozenset(event.id for event in seen[service.service].events),
    )
    # There is no way back from the way back: what fails here is left for a person to look at.
    policy = Policy(
        timeout=_SECONDS,
        rollback_timeout=_SECONDS,
        on_failure="leave",
        on_pause="wait",
        require_breaker=False,
        require_alarms=False,
    )
    watched = begin(target, policy, definition, context.clock.now())
    watched.state = replace(watched.state, refusal=_NO_WAY_FORTH)
    return watched


def _returned(rollout: Rolled, watched: Watched, why: str, context: PutBackContext) -> Return:
    outcome = watched.outcome
    if outcome is None or not outcome.verdict.good:
        return _failed(rollout, why, outcome.text if outcome else "it was not watched", context)
    service = rollout.step.service
    digest = watched.target.digest.partition(":")[2][:_DIGEST_SHOWN]
    image = f" ({digest}…)" if digest else ""
    text = f"put back to {label(_back(rollout))}{image}, {outcome.text}"
    seconds = (outcome.at - watched.state.started).total_seconds()
    context.observer(PutBack(subject=service.key, text=text, seconds=seconds))
    return _return(rollout, why, text, end="put back", watched=watched)


def _failed(rollout: Rolled, why: str, reason: str, context: PutBackContext) -> Return:
    back, service = label(_back(rollout)), rollout.step.service
    text = f"{back} could not be put back: {reason}"
    step = (
        f"look at the tasks of {service.service}; {label(rollout.task_definition)} may still serve"
    )
    details = (Detail(label="next", lines=(step,)),)
    context.observer(Failed(stage="deploy", subject=service.key, text=text, details=details))
    return _return(rollout, why, text, end="not put back")


def _left(rollout: Rolled, why: str, objection: str, context: PutBackContext) -> Return:
    subject = rollout.step.service.key
    context.observer(Noticed(stage="deploy", subject=subject, text=objection, level="warning"))
    return _return(rollout, why, objection, end="left")


def _return(
    rollout: Rolled, why: str, text: str, *, end: ReturnEnd, watched: Watched | None = None
) -> Return:
    service = rollout.step.service
    return Return(
        subject=service.key,
        service=service.service,
        left=rollout.task_definition,
        task_definition=_back(rollout),
        why=why,
        end=end,
        text=text,
        outcome=watched.outcome if watched else None,
        deployment_id=watched.target.deployment_id if watched else "",
    )
