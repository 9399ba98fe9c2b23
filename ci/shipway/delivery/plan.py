"""The plan: what a delivery or a way back would do, found out on the same way, and nothing done.

contract → identity → rules → image → steps → jobs → alarms

The gate, the identity and the steps of the rollout are those of :mod:`.deliver`, not a second
version of them; the image is looked for where a delivery would look before it builds. Nothing is
built, pushed, tagged, registered, updated or recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from shipway.config.environment import Environment
from shipway.delivery import contract, exposure, identity, image_plan, maintenance, rollback
from shipway.delivery.contract import Authorization, GateContext
from shipway.delivery.hold import alarms_before
from shipway.delivery.image import Artifact
from shipway.delivery.image_plan import PlannedImage
from shipway.delivery.images import released, require_one
from shipway.delivery.jobs import Jobs
from shipway.delivery.order import Order, authorize, tasks_of
from shipway.delivery.planned import DeliveryPlan
from shipway.delivery.ports import Aws, DeliveryContext, EnvironmentContext
from shipway.delivery.schedules import Scheduled
from shipway.delivery.stage import stage
from shipway.errors import AccessDeniedError, ConfigurationError, RefusedError, ShipwayError
from shipway.evidence.good import GoodRelease
from shipway.evidence.journal import Journal
from shipway.evidence.mask import secret_variables
from shipway.lock.log import Standing
from shipway.observer import Concluded, Noticed, Observer
from shipway.policy.contract import ROLLBACK, Task
from shipway.rollout import plan as planning
from shipway.rollout.going_back import RecordedRevision, back
from shipway.rollout.images import ReleaseImage, ReleaseImages
from shipway.rollout.jobs.plan import JobStep
from shipway.rollout.plan import Step
from shipway.rollout.schedules.plan import ScheduleStep
from shipway.values import Commit

REFUSED: Final = "It would be refused. Nothing was changed."


def plan_delivery(order: Order, context: DeliveryContext, observer: Observer) -> DeliveryPlan:
    """Find out what a delivery would do.

    Args:
        order: What would be ordered; its task is ``deploy`` or ``rollback``.
        context: The outside.
        observer: Is told what is found out on the way.

    Raises:
        GitError: There is no commit here; nothing was told.
        RefusedError: The contract does not allow it, whatever AWS says. This and all below were
            told, with the last word of the run.
        IdentityError: The credentials are not those that it asks for.
        ShipwayError: What would end the delivery before there is anything to show.
    """
    commit = context.git.head()
    journal = Journal(
        commit,
        clock=context.clock,
        observer=observer,
        secrets=secret_variables(context.variables),
    )
    try:
        return _Look(order, context, commit, journal).plan()
    except ShipwayError as error:
        told = journal.reported
        journal(
            Concluded(
                text=REFUSED if isinstance(error, RefusedError) else "There is no plan.",
                kind=error.kind,
                exit_code=error.exit_code,
                remedy="" if told else error.remedy,
                details=() if told else (str(error), *error.details),
            )
        )
        raise


class _Look:
    """One plan on its way."""

    def __init__(
        self, order: Order, context: DeliveryContext, commit: Commit, journal: Journal
    ) -> None:
        self._order = order
        self._context = context
        self._commit = commit
        self._journal = journal
        self._refusals: list[ShipwayError] = []

    def plan(self) -> DeliveryPlan:
        """Every stage of a delivery in order, as far as it changes nothing."""
        order, context, journal = self._order, self._context, self._journal
        authorization = authorize(order, context, self._commit, journal)
        tasks = tasks_of(order, authorization.grant.tasks)
        environment_context = context.open_environment(authorization.destination)
        aws = environment_context.aws
        environment = identity.pass_identity(authorization, order, aws, context, journal)
        gate = GateContext(environment=environment, aws=aws, context=context, journal=journal)
        if order.task == ROLLBACK:
            return self._back(authorization, gate, environment_context)
        refused_before = False
        if "deploy" in tasks:
            with self._refusable(RefusedError):
                authorization = contract.pass_rules(authorization, gate)
            refused_before = bool(self._refusals)
        artifact = self._artifact(authorization, environment_context)
        require_one(environment, order.image)
        images = {
            key: image
            for key in environment.keys
            if (image := self._foresee(artifact, tasks, environment.about(key))) is not None
        }
        there = [image.image for image in images.values() if image.there and image.image]
        if there and len(there) == len(images) and "deploy" in tasks and not refused_before:
            with self._refusable(RefusedError):
                named = order.image is not None
                contract.pass_again(authorization, gate, there, named=named)
        steps: tuple[Step, ...] = ()
        jobs: tuple[JobStep, ...] = ()
        schedules: tuple[ScheduleStep, ...] = ()
        if images and "deploy" in tasks:
            release = ReleaseImages(
                {key: ReleaseImage(reference=image.reference) for key, image in images.items()}
            )
            steps = self._steps(images, release, environment, aws)
            with stage("job", journal, context.clock, quiet=True):
                jobs = Jobs(environment, aws, context, journal).plan(release, steps)
            schedules = self._schedules(release, steps, environment, aws)
        return self._planned(
            gate,
            authorization=authorization,
            tasks=tasks,
            images=images,
            steps=steps,
            jobs=jobs,
            schedules=schedules,
        )

    def _back(
        self,
        authorization: Authorization,
        gate: GateContext,
        environment_context: EnvironmentContext,
    ) -> DeliveryPlan:
        """The way of ``rollback``: a release by its record, its own revisions, and no job."""
        environment, aws = gate.environment, gate.aws
        target = rollback.find(self._order.to, environment, aws, self._context, self._journal)
        self._commit = target.release.commit
        images = {
            key: image_plan.of_record(image, target.release) for key, image in target.images.items()
        }
        authorization = rollback.about(authorization, target)
        with self._refusable(RefusedError):
            authorization = contract.pass_rules(authorization, gate)
        artifact = self._artifact(authorization, environment_context)
        for key, image in images.items():
            view = environment.about(key)
            self._scan(replace(artifact, subject=key), image, view, gate=False)
        if not self._refusals:
            with self._refusable(RefusedError):
                contract.pass_again(authorization, gate, list(target.images.values()), named=False)
        release = released(target.images)
        steps = self._steps(images, release, environment, aws, revisions=target.revisions)
        schedules = self._schedules(release, steps, environment, aws)
        return self._planned(
            gate,
            authorization=authorization,
            tasks=tasks_of(self._order, authorization.grant.tasks),
            images=images,
            steps=steps,
            schedules=schedules,
            back_to=target.release,
        )

    def _planned(
        self,
        gate: GateContext,
        *,
        authorization: Authorization,
        tasks: tuple[Task, ...],
        images: Mapping[str, PlannedImage],
        steps: tuple[Step, ...],
        schedules: tuple[ScheduleStep, ...],
        jobs: tuple[JobStep, ...] = (),
        back_to: GoodRelease | None = None,
    ) -> DeliveryPlan:
        return DeliveryPlan(
            authorization=authorization,
            tasks=tasks,
            environment=gate.environment,
            images=images,
            steps=steps,
            jobs=jobs,
            schedules=schedules,
            refusals=tuple(self._refusals),
            broken=self._broken(),
            commit=self._commit,
            lock=_lock(gate.environment, gate.aws) if steps else None,
            mask=self._journal.contents().mask,
            back_to=back_to,
        )

    def _artifact(
        self, authorization: Authorization, environment_context: EnvironmentContext
    ) -> Artifact:
        return Artifact(
            context=self._context,
            environment_context=environment_context,
            commit=self._commit,
            declared=authorization.declared,
            journal=self._journal,
            policy=authorization.policy,
        )

    def _schedules(
        self, release: ReleaseImages, steps: tuple[Step, ...], environment: Environment, aws: Aws
    ) -> tuple[ScheduleStep, ...]:
        with stage("schedule", self._journal, self._context.clock, quiet=True):
            scheduled = Scheduled(environment, aws, self._context, self._journal)
            return scheduled.plan(release, steps)

    def _broken(self) -> tuple[str, ...]:
        """The rules that a refusal named; the journal keeps each with its reason."""
        decision = self._journal.contents().facts.decision
        reasons = decision.reasons if decision is not None and not decision.allowed else ()
        return tuple(reason.rule for reason in reasons)

    def _foresee(
        self, artifact: Artifact, tasks: tuple[Task, ...], view: Environment
    ) -> PlannedImage | None:
        """One image that would go on, and what the gate says of it."""
        artifact = replace(artifact, subject=view.image.key)
        image = image_plan.foresee(artifact, tasks, view, self._order.image)
        if image is not None and image.image is not None and image.there:
            self._scan(artifact, image, view, gate="deploy" in tasks)
        return image

    def _steps(
        self,
        images: Mapping[str, PlannedImage],
        release: ReleaseImages,
        environment: Environment,
        aws: Aws,
        revisions: Mapping[str, RecordedRevision] | None = None,
    ) -> tuple[Step, ...]:
        with stage("deploy", self._journal, self._context.clock, quiet=True):
            steps = (
                planning.plan(aws.ecs, environment, release)
                if revisions is None
                else back(aws.ecs, environment, release, revisions)
            )
            for step in steps:
                self._journal.hide(step.secret_values)
                if left := planning.left_behind(step):
                    subject = step.service.key
                    told = Noticed(stage="deploy", subject=subject, text=left, level="warning")
                    self._journal(told)
        if any(image.how in {"built", "reused"} for image in images.values()):
            ports = {
                step.service.key: step.next.container(step.service.container).ports
                for step in steps
            }
            exposure.warn_of_each(self._context.root, environment, ports, self._journal)
        with self._refusable(ConfigurationError):
            alarms_before(steps, environment, aws.alarms, self._journal)
        return steps

    def _scan(
        self, artifact: Artifact, planned: PlannedImage, environment: Environment, *, gate: bool
    ) -> None:
        """What the gate says of the scan as it is now; a delivery would wait for one that runs."""
        if planned.image is None:
            return
        store = artifact.environment_context.aws.repository(environment)
        decision = artifact.scan_gate.decide(planned.image, environment, store, gate=False)
        if gate and not decision.allowed:
            self._refusals.append(decision.error())

    @contextmanager
    def _refusable(self, kind: type[ShipwayError]) -> Iterator[None]:
        """Keep what would refuse the delivery, and go on: the rest of the plan is worth seeing."""
        try:
            yield
        except kind as refusal:
            self._refusals.append(refusal)


def _lock(environment: Environment, aws: Aws) -> Standing | None:
    """Whoever holds it may be done by then: it is shown, and refuses nothing."""
    try:
        return maintenance.seen(environment, aws)
    except (AccessDeniedError, ConfigurationError):
        return None
