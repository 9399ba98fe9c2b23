"""Carry a rollout plan out: register what is new, update every service, watch all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shipway.errors import ShipwayError
from shipway.observer import Observer
from shipway.rollout.difference import differences
from shipway.rollout.judge.terms import DeploymentRef, Outcome
from shipway.rollout.judge.verdict import ALREADY_RUNNING
from shipway.rollout.plan import Step
from shipway.rollout.ports import Ecs, Logs, Updated
from shipway.rollout.snapshot import Deployment
from shipway.rollout.task_definition import TaskDefinition
from shipway.rollout.watch import Watch, Watched, begin
from shipway.util.clock import Clock
from shipway.util.side_by_side import in_waves, look_up

# "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/…", as ECS says it of the
# deployment that it goes back to.
_ROLLING_BACK: Final = "rolling back to"
_REGISTRATIONS: Final = 4
"""At once. ECS takes one a second; those that wait for their turn are what an end waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """How one service's rollout ended.

    Attributes:
        step: What was planned.
        task_definition: ARN of the revision that was to run.
        outcome: The verdict and its reasons.
        watched: What was seen on the way; ``None`` where there was nothing to do.
    """

    step: Step
    task_definition: str
    outcome: Outcome
    watched: Watched | None = None


def roll(
    steps: Sequence[Step],
    *,
    ecs: Ecs,
    logs: Logs,
    cluster: str,
    clock: Clock,
    observer: Observer,
    began: list[Watched],
    refused: dict[str, ShipwayError] | None = None,
) -> tuple[Rolled, ...]:
    """Roll out and watch to the end.

    Every task definition is registered before the first service is updated, so that a refusal
    half-way leaves all services as they were.

    Services are updated in their order, ever more at once (:func:`.side_by_side.in_waves`). Where
    they are delivered together, one that fails has the others taken back while they are under way.
    One that cannot be updated ends the beginning: those begun are taken back, those after it are
    not begun, and neither they nor it are in the result.

    Args:
        steps: The plan.
        ecs: Changes and looks.
        logs: Container logs.
        cluster: The cluster of all services.
        clock: The time.
        observer: Is told of everything.
        began: Receives what is being watched as soon as it is, so that a record can be written
            when this is interrupted.
        refused: Receives why services after the first could not be updated, by their keys.
            ``None`` where each service stands for itself.

    Raises:
        AccessDeniedError: IAM refused to register, or to update the first service.
        CancelledError: Ctrl-C was pressed twice.
    """
    registered = _registered(steps, ecs)
    by_step: dict[str, Watched] = {}
    together = refused is not None
    watch = Watch(
        ecs=ecs, logs=logs, cluster=cluster, clock=clock, observer=observer, together=together
    )

    def start(rollout: tuple[Step, str]) -> tuple[datetime, Updated | None]:
        step, arn = rollout
        at = clock.now()
        if step.adopt is not None:
            return at, None
        return at, ecs.update(cluster, step.service.service, arn)

    def begun(rollout: tuple[Step, str], started: tuple[datetime, Updated | None]) -> None:
        step, arn = rollout
        at, updated = started
        watched = _watched(step, arn, at=at, updated=updated)
        by_step[step.service.key] = watched
        began.append(watched)

    changing = [(step, arn) for step, arn in registered if step.changes]
    failures = in_waves(start, changing, begun)
    if failures:
        if refused is None or not began:
            raise failures[min(failures)]
        refused |= {changing[index][0].service.key: error for index, error in failures.items()}
        watch.recall(began, f"{next(iter(refused))} could not be updated")
    watch.follow(began)
    return tuple(
        _rolled(step, arn, by_step.get(step.service.key), clock)
        for step, arn in registered
        if step.service.key in by_step or not step.changes
    )


def _registered(steps: Sequence[Step], ecs: Ecs) -> list[tuple[Step, str]]:
    """Each step with the ARN of what it will run; two services of one family share a revision.

    Families are registered side by side, the revisions of one after another: ECS refuses several
    registrations of one family at a time (ECS API Reference, RegisterTaskDefinition). What was
    registered before this release, the plan knows already.
    """
    families: dict[str, list[TaskDefinition]] = {}
    for step in steps:
        revision = step.revision
        if revision is None:
            continue
        different = families.setdefault(revision.family, [])
        if all(differences(other, revision) for other in different):
            different.append(revision)

    def register(family: str) -> list[tuple[TaskDefinition, str]]:
        return [(revision, ecs.register(revision)) for revision in families[family]]

    arns = look_up(register, families, _REGISTRATIONS)
    return [(step, _arn(step, arns)) for step in steps]


def _arn(step: Step, arns: Mapping[str, Sequence[tuple[TaskDefinition, str]]]) -> str:
    """The ARN of what a step runs."""
    revision = step.revision
    if revision is None:
        return _standing(step)
    registered = arns[revision.family]
    return next(arn for other, arn in registered if not differences(other, revision))


def _standing(step: Step) -> str:
    """The ARN of a revision that needs no registration."""
    return step.again.arn if step.again is not None else step.live.arn


def _watched(
    step: Step,
    arn: str,
    *,
    at: datetime,
    updated: Updated | None,
) -> Watched:
    """What is watched of a service that was updated, or ``None`` for one that is to be adopted."""
    back = _completed(step)
    target = DeploymentRef(
        subject=step.service.key,
        service=step.service.service,
        task_definition=arn,
        container=step.service.container,
        digest=step.image.digest,
        platforms=frozenset(digest.value for digest in step.image.platforms),
        known_events=frozenset(event.id for event in step.before.events),
    )
    if updated is None:
        adopted = step.adopt.id if step.adopt is not None else ""
        target = replace(
            target,
            deployment_id=adopted,
            earlier=frozenset(deployment.id for deployment in step.before.deployments) - {adopted},
            service_deployment=step.before.current_service_deployment or "",
            previous_task_definition=_earlier(step),
        )
        return begin(target, step.policy, step.live, at)
    target = replace(
        target,
        deployment_id=updated.deployment_id,
        service_deployment=updated.service_deployment,
        earlier=updated.earlier,
        previous_task_definition=back.task_definition if back else "",
        previous_deployment=back.id if back else "",
        replaced_service_deployment=step.before.current_service_deployment or "",
    )
    return begin(target, step.policy, step.coming or step.live, at)


def _rolled(step: Step, arn: str, watched: Watched | None, clock: Clock) -> Rolled:
    if watched is None or watched.outcome is None:
        outcome = Outcome(
            verdict=ALREADY_RUNNING,
            at=clock.now(),
            text=f"{step.service.service} runs this image already; nothing was changed",
        )
        return Rolled(step=step, task_definition=arn, outcome=outcome)
    return Rolled(step=step, task_definition=arn, outcome=watched.outcome, watched=watched)


def _completed(step: Step) -> Deployment | None:
    """What ECS can go back to: the newest deployment that was completed, PRIMARY or not.

    A service whose first version never came up has none (Amazon ECS Developer Guide, "Deployment
    circuit breaker"); behind a Classic Load Balancer there is no rolloutState to tell. While ECS
    goes back to a completed deployment that one is in progress again.
    """
    newest_first = sorted(
        step.before.deployments, key=lambda deployment: deployment.status != "PRIMARY"
    )
    return next((deployment for deployment in newest_first if _was_completed(deployment)), None)


def _was_completed(deployment: Deployment) -> bool:
    """Whether it is completed, or was once: where we err, ECS refuses to go back, and says so."""
    if deployment.rollout_state != "IN_PROGRESS":
        return deployment.rollout_state in {"COMPLETED", None}
    return deployment.status == "PRIMARY" and (
        deployment.running >= deployment.desired > 0
        or _ROLLING_BACK in deployment.rollout_state_reason
    )


def _earlier(step: Step) -> str:
    others = (
        deployment for deployment in step.before.deployments if deployment.status != "PRIMARY"
    )
    return next((deployment.task_definition for deployment in others), "")
