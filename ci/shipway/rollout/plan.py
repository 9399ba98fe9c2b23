"""What a rollout will do to each service, decided before anything is changed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from shipway.config.environment import Environment, Service
from shipway.errors import (
    AccessDeniedError,
    AwsError,
    ConfigurationError,
    CredentialsError,
    RolloutError,
)
from shipway.rollout.containers import require_containers
from shipway.rollout.difference import FieldChange, differences
from shipway.rollout.images import ReleaseImage, ReleaseImages
from shipway.rollout.judge.judge import objections
from shipway.rollout.judge.terms import FetchPlan, Policy
from shipway.rollout.judge.verdict import SERVICE_MISSING, Verdict
from shipway.rollout.overlay import base_of, with_overlay
from shipway.rollout.ports import Ecs
from shipway.rollout.registering import newest_of, says_the_same
from shipway.rollout.snapshot import Deployment, Snapshot
from shipway.rollout.task_definition import TaskDefinition
from shipway.util.side_by_side import look_up

NO_CHANGE: Final = Verdict("no-change", 0, "`plan`: everything is as it would be delivered.")
CHANGES: Final = Verdict(
    "changes", 3, "`plan`: a delivery would build, copy or roll out something; no failure."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What will be done to one service.

    Attributes:
        service: Its entry in delivery.toml.
        before: How it stood when the plan was made.
        live: Its task definition then.
        revision: The next revision, to be registered; ``None`` where it runs the image already,
            with all that delivery.toml sets.
        adopt: The deployment that is already rolling this image out, to be watched to its end.
        again: A revision that was registered and good before, to be rolled out again as it is.
        image: What its container runs then.
    """

    service: Service
    before: Snapshot
    live: TaskDefinition
    revision: TaskDefinition | None
    image: ReleaseImage
    adopt: Deployment | None = None
    again: TaskDefinition | None = None

    @property
    def coming(self) -> TaskDefinition | None:
        """What the service is updated to; ``None`` where it is not updated."""
        return self.again or self.revision

    @property
    def next(self) -> TaskDefinition:
        """What the service runs then."""
        return self.coming or self.live

    @property
    def changes(self) -> bool:
        """Whether anything is to be done: a service updated, or a rollout watched."""
        return self.coming is not None or self.adopt is not None

    @property
    def differences(self) -> tuple[FieldChange, ...]:
        """Every field in which the next revision differs; none where there is no next one."""
        return () if self.coming is None else differences(self.live, self.coming)

    @property
    def secret_values(self) -> frozenset[str]:
        """Values of its variables, now and then, that must never be shown."""
        after = self.coming.secret_values if self.coming is not None else frozenset()
        return self.live.secret_values | after

    @property
    def policy(self) -> Policy:
        """How this service's rollout is judged."""
        return policy_of(self.service)


def left_behind(step: Step) -> str:
    """Which containers keep an older image of the same repository, in words; empty for none.

    A service often runs one image twice, to migrate a database and to serve: who names one of the
    containers alone may not know that the other stays.
    """
    if step.coming is None:
        return ""
    taken = step.service.containers
    ours = _repository(step.live.container(step.service.container).image)
    delivered = step.coming.container(step.service.container).image
    left = [
        each
        for each in step.coming.containers
        if each.name not in taken
        and ours
        and each.image != delivered
        and _repository(each.image) == ours
    ]
    names = " and ".join(f'"{each.name}"' for each in left)
    if not left:
        return ""
    return (
        f"container {names} {'keep' if len(left) > 1 else 'keeps'} {left[0].image}, "
        "an older image of the same repository: name it in `same_image` to move it too"
    )


def _repository(image: str) -> str:
    """The repository of an image, without tag and digest."""
    name = image.partition("@")[0]
    place, slash, last = name.rpartition("/")
    return f"{place}{slash}{last.partition(':')[0]}"


def policy_of(service: Service) -> Policy:
    """The judge's policy from the service's entry in delivery.toml."""
    return Policy(
        timeout=service.timeout,
        same_failure=service.fail_fast_tasks,
        on_failure=service.on_failure,
        on_pause=service.on_pause,
        require_breaker=service.require_circuit_breaker,
        require_alarms=service.require_alarms,
    )


def plan(ecs: Ecs, environment: Environment, images: ReleaseImages) -> tuple[Step, ...]:
    """Look at every service and decide; nothing is changed.

    The task ``plan`` shows these very steps; ``deploy`` carries them out.

    Args:
        ecs: Looks.
        environment: Where it goes.
        images: What is to run; one that is not built yet where the steps are only to be shown.

    Raises:
        RolloutError: A service is missing, inactive, or of a kind that cannot be watched.
        ConfigurationError: A task definition lacks the container that delivery.toml names.
    """
    steps = tuple(
        step_to(environment, service, snapshot, live, images)
        for service, snapshot, live in _fitting(ecs, environment)
    )
    return settled(ecs, environment, steps)


def settled(ecs: Ecs, environment: Environment, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The same steps, once nothing speaks against them, with what is registered already.

    A family's newest revision may be the very one to be registered: somebody registered it and was
    killed before the service was updated, or it failed before.
    """
    families = (step.revision.family for step in steps if step.revision is not None)
    newest = look_up(partial(newest_of, ecs), families)
    known = tuple(_known(step, newest) for step in steps)
    _can_be_watched(ecs, environment, [step for step in known if step.coming is not None])
    return known


def _known(step: Step, newest: Mapping[str, TaskDefinition | None]) -> Step:
    if step.revision is None:
        return step
    revision = newest[step.revision.family]
    if revision is None or not says_the_same(revision, step.revision, step.live.arn):
        return step
    return replace(step, revision=None, again=revision)


def check(ecs: Ecs, environment: Environment) -> Mapping[str, tuple[int, ...]]:
    """See that every service can take a release, before an image is built for it.

    Returns:
        Key of each service → the ports that its container maps, live or in its file.

    Raises:
        RolloutError: A service is missing, inactive, or of a kind that cannot be watched.
        ConfigurationError: A task definition lacks the container that delivery.toml names.
    """
    return {
        service.key: base_of(live, environment.overlay(service.key))
        .container(service.container)
        .ports
        for service, _, live in _fitting(ecs, environment)
    }


def _fitting(
    ecs: Ecs, environment: Environment
) -> tuple[tuple[Service, Snapshot, TaskDefinition], ...]:
    """The same with every container that delivery.toml speaks of; the first without one raises."""
    standing = live_services(ecs, environment)
    for service, _, live in standing:
        require_containers(environment, service, live)
    return standing


def live_services(
    ecs: Ecs, environment: Environment
) -> tuple[tuple[Service, Snapshot, TaskDefinition], ...]:
    """Every service as it stands, with its task definition, which is read once where it is shared.

    Raises:
        RolloutError: A service is missing, inactive, or of a kind that cannot be watched.
    """
    names = [service.service for service in environment.services]
    seen = ecs.services(environment.cluster, names)
    _answered(seen, environment)
    for service in environment.services:
        _fit(ecs, environment, service, seen[service.service])
    lives = look_up(ecs.task_definition, (seen[name].task_definition for name in names))
    return tuple(
        (service, seen[service.service], lives[seen[service.service].task_definition])
        for service in environment.services
    )


def _can_be_watched(ecs: Ecs, environment: Environment, steps: Sequence[Step]) -> None:
    """Ask once for all that a watch asks for: a right that is lacking is told before the update.

    IAM lets or does not let somebody see a service's deployments for each service, their tasks and
    targets for all of a cluster alike (Service Authorization Reference, Amazon ECS): those of one
    service with a load balancer tell.
    """
    before = {step.service.service: step.before for step in steps}
    own = FetchPlan(service_deployment="current", revisions=True)
    shared = replace(own, tasks=True, targets=True)
    telling = next((name for name, each in before.items() if each.balanced), next(iter(before), ""))

    def look(name: str) -> Snapshot:
        fetch = shared if name == telling else own
        return ecs.complete(environment.cluster, name, before[name], fetch)

    seen = look_up(look, before)
    for name, snapshot in seen.items():
        for trouble in snapshot.troubles:
            if trouble.kind == "access-denied":
                raise AccessDeniedError(
                    trouble.text,
                    where=f"{environment.cluster}/{name}",
                    remedy="nothing was changed; add the statement to the role's policy",
                )


def step_to(
    environment: Environment,
    service: Service,
    snapshot: Snapshot,
    live: TaskDefinition,
    images: ReleaseImages,
) -> Step:
    """The step to these images, with all that delivery.toml sets."""
    overlay = environment.overlay(service.key)
    taken = dict.fromkeys(service.containers, service.image)
    taken |= {each.name: each.built for each in overlay.containers if each.built}
    revision = base_of(live, overlay)
    for name, key in taken.items():
        revision = revision.with_image(name, images.of(key).reference)
    revision = with_overlay(revision, overlay)
    return next_step(service, snapshot, live, images.of(service.image), revision)


def next_step(
    service: Service,
    snapshot: Snapshot,
    live: TaskDefinition,
    image: ReleaseImage,
    revision: TaskDefinition,
) -> Step:
    """The step to a revision; none but a watch where that runs already and has not failed."""
    primary = snapshot.primary
    runs = not differences(live, revision)
    if not runs or primary is None or primary.rollout_state == "FAILED":
        return Step(service=service, before=snapshot, live=live, revision=revision, image=image)
    adopt = primary if primary.rollout_state == "IN_PROGRESS" else None
    return Step(
        service=service, before=snapshot, live=live, revision=None, image=image, adopt=adopt
    )


def _answered(seen: Mapping[str, Snapshot], environment: Environment) -> None:
    where = f"{environment.account} {environment.region} {environment.cluster}"
    for trouble in (trouble for snapshot in seen.values() for trouble in snapshot.troubles):
        if trouble.kind == "missing":
            raise RolloutError(
                f"cluster {environment.cluster} does not exist",
                verdict=SERVICE_MISSING,
                where=where,
                remedy="nothing was changed; see `cluster` and `region` in ci/delivery.toml",
            )
        kind = {"access-denied": AccessDeniedError, "credentials": CredentialsError}
        raise kind.get(trouble.kind, AwsError)(
            trouble.text,
            where=where,
            remedy="nothing was changed; mend the reason above, then run the same again",
        )


def _fit(ecs: Ecs, environment: Environment, service: Service, snapshot: Snapshot) -> None:
    where = f"{environment.account} {environment.region} {environment.cluster}/{service.service}"
    if not snapshot.exists or snapshot.status != "ACTIVE":
        state = "does not exist" if not snapshot.exists else f"is {snapshot.status}"
        raise RolloutError(
            f"service {service.service} {state} in cluster {environment.cluster}",
            verdict=SERVICE_MISSING,
            where=where,
            remedy=_nearest(service.service, ecs.service_names(environment.cluster)),
        )
    against = objections(snapshot, policy_of(service))
    if against:
        raise ConfigurationError(
            f"service {service.service} cannot be rolled out: {against[0]}",
            where=where,
            details=tuple(against[1:]),
            remedy="nothing was changed; mend the service's deployment configuration, or say "
            "otherwise in ci/delivery.toml",
        )


def _nearest(name: str, published: Sequence[str]) -> str:
    if not published:
        return "nothing was changed; see `cluster` and `service` in ci/delivery.toml"
    near = difflib.get_close_matches(name, published, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f"nothing was changed; services there: {', '.join(published[:12])}{hint}"
