"""Answer a PAUSE hook: find the deployment that waits, and what is to be watched afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shipway.config.environment import Environment, Service
from shipway.errors import AwsError, UsageError
from shipway.rollout.images import ReleaseImage
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.plan import Step
from shipway.rollout.ports import Ecs
from shipway.rollout.snapshot import Deployment, LifecycleHook, Snapshot
from shipway.values import ImageReference

HookAction = Literal["CONTINUE", "ROLLBACK"]
_WAITS = ("PAUSE", "AWAITING_ACTION")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One service whose deployment waits at a PAUSE hook.

    Attributes:
        step: How it is to be watched once the hook is answered.
        deployment: The service deployment's ARN.
        hook: The hook that waits.
        stage: The lifecycle stage it waits in.
        image: What is being rolled out.
    """

    step: Step
    deployment: str
    hook: LifecycleHook
    stage: str
    image: ImageReference


def waiting(ecs: Ecs, environment: Environment) -> tuple[Waiting, ...]:
    """Every service of the environment whose deployment waits for somebody; nothing is changed.

    Raises:
        UsageError: None waits.
        AwsError: ECS did not say what a service's deployment does.
    """
    names = [service.service for service in environment.services]
    seen = ecs.services(environment.cluster, names)
    fetch = FetchPlan(service_deployment="current", revisions=True)
    paused = []
    for service in environment.services:
        glance = seen[service.service]
        snapshot = ecs.complete(environment.cluster, service.service, glance, fetch)
        for trouble in snapshot.troubles:
            raise AwsError(trouble.text, where=f"{environment.cluster}/{service.service}")
        paused_service = _waiting(ecs, service, snapshot)
        if paused_service is not None:
            paused.append(paused_service)
    if not paused:
        raise UsageError(
            f"no deployment of {environment.name} waits at a PAUSE hook",
            remedy="see the services' deployments in ECS; a hook that timed out acted by itself",
        )
    return tuple(paused)


def answer(ecs: Ecs, paused: Waiting, action: HookAction) -> None:
    """ContinueServiceDeployment.

    Raises:
        AccessDeniedError: IAM does not allow it.
        AwsError: ECS refused, because the hook was answered or timed out in between.
    """
    ecs.resume(paused.deployment, paused.hook.id, action)


def _waiting(ecs: Ecs, service: Service, snapshot: Snapshot) -> Waiting | None:
    deployment = snapshot.service_deployment
    hooks = deployment.hooks if deployment else ()
    hook = next((hook for hook in hooks if (hook.type, hook.status) == _WAITS), None)
    if deployment is None or hook is None:
        return None
    target = deployment.target.arn if deployment.target else ""
    rolled = next(
        (revision.task_definition for revision in snapshot.revisions if revision.arn == target), ""
    )
    live = ecs.task_definition(rolled or snapshot.task_definition)
    image = ImageReference.parse(live.container(service.container).image)
    step = Step(
        service=service,
        before=snapshot,
        live=live,
        revision=None,
        image=ReleaseImage(reference=image),
        adopt=_ours(snapshot, rolled or snapshot.task_definition),
    )
    return Waiting(
        step=step,
        deployment=deployment.arn,
        hook=hook,
        stage=deployment.lifecycle_stage or "",
        image=image,
    )


def _ours(snapshot: Snapshot, task_definition: str) -> Deployment | None:
    same = (
        deployment
        for deployment in snapshot.deployments
        if deployment.task_definition == task_definition
    )
    return next(same, None) or snapshot.primary
