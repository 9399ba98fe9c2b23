"""A delivery, from the commit to the evidence, stage by stage, in order.

trigger → release contract → environment → image → rollout → verification → hold → evidence

Jobs run before the rollout and after the verification; scheduled tasks follow what held.

Every stage takes frozen values and gives frozen values; what reaches the outside is the context's.
Whatever happens, the record is written and the last event says how it ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from shipway.config.environment import Environment
from shipway.config.job import Job
from shipway.config.schedule import Schedule
from shipway.delivery import contract, exposure, facts, identity, image_parameter, rollback
from shipway.delivery.announcing import Announcer
from shipway.delivery.attestations import Attestor
from shipway.delivery.ending import DeliveryOutcome, Ending, copiers, last_words
from shipway.delivery.image import Artifact
from shipway.delivery.images import Images, released
from shipway.delivery.jobs import Jobs
from shipway.delivery.locking import Held, locked
from shipway.delivery.order import Order, authorize, stages_of, tasks_of
from shipway.delivery.ports import Aws, DeliveryContext, EnvironmentContext
from shipway.delivery.release import Release
from shipway.delivery.run_job import run_one
from shipway.delivery.schedules import Scheduled
from shipway.delivery.stage import UNCHANGED, stage
from shipway.errors import (
    CancelledError,
    ImageParameterError,
    ShipwayError,
    TerminatedError,
)
from shipway.evidence.facts.rollout import ResumedFact
from shipway.evidence.journal import Journal
from shipway.evidence.mask import secret_variables
from shipway.observer import Noticed, Observer, Planned
from shipway.policy.contract import ROLLBACK, Task
from shipway.rollout import plan as planning
from shipway.rollout import resume as resuming
from shipway.rollout.going_back import RecordedRevision, back
from shipway.rollout.images import ReleaseImages
from shipway.rollout.resume import HookAction
from shipway.values import Commit, ImageReference


def deliver(order: Order, context: DeliveryContext, observer: Observer) -> DeliveryOutcome:
    """Walk the whole way, or as much of it as was asked for and the contract allows.

    Raises:
        GitError: There is no commit to deliver; nothing was begun, so nothing is recorded.
    """
    commit = context.git.head()
    journal = Journal(
        commit,
        clock=context.clock,
        observer=observer,
        secrets=secret_variables(context.variables),
    )
    ending = Ending(context=context, journal=journal, observer=observer)
    try:
        images = _Walk(order, context, commit, journal, ending).run()
    except ShipwayError as error:
        return ending.close(last_words(error), error)
    except KeyboardInterrupt:
        cancelled = CancelledError("interrupted", remedy=UNCHANGED)
        return ending.close(last_words(cancelled), cancelled)
    except Exception as bug:
        # Not translated, so not foreseen: recorded, then shown as it is to whoever can mend it.
        unforeseen = ShipwayError(f"{type(bug).__name__}: {bug}", remedy="report this as a bug")
        ending.close(last_words(unforeseen), unforeseen)
        raise
    return ending.close("Delivered." if images else "Done.", images=images)


class _Walk:
    """One delivery on its way."""

    def __init__(
        self,
        order: Order,
        context: DeliveryContext,
        commit: Commit,
        journal: Journal,
        ending: Ending,
    ) -> None:
        self._order = order
        self._context = context
        self._commit = commit
        self._journal = journal
        self._ending = ending

    def run(self) -> Mapping[str, ImageReference]:
        """Every stage in order; the images that were delivered, by key."""
        order, context, journal = self._order, self._context, self._journal
        authorization = authorize(order, context, self._commit, journal)
        tasks = tasks_of(order, authorization.grant.tasks)
        # A build alone reaches no AWS: it works for a developer without any account.
        alone = tasks == ("build",) and authorization.trigger.by_hand
        self._announce(tasks, authorization, alone=alone)
        environment_context = self._context.open_environment(authorization.destination)
        if alone:
            wanted = contract.images_of(authorization, context)
            self._images(authorization, environment_context).build(wanted)
            return {}
        aws = environment_context.aws
        aws.tell_waits(self._tell_wait)
        environment = identity.pass_identity(authorization, order, aws, context, journal)
        signer = environment_context.signer(environment.sign) if environment.sign else None
        self._ending.signer = signer
        self._ending.copiers = tuple(copiers(environment, aws, signer))
        if "deploy" in tasks:
            self._ending.announcer = Announcer(environment, authorization, context, journal)
        if order.resume is not None:
            with self._locked(authorization, environment, aws, ("deploy",)) as held:
                release = self._release(environment, environment_context)
                return self._resume(order.resume, environment, aws, release, held)
        if order.task == ROLLBACK:
            return self._roll_back(authorization, environment, environment_context)
        gate = self._gate(environment, aws)
        if order.job:
            authorization = contract.pass_rules(authorization, gate)
            making = self._images(authorization, environment_context)
            with self._locked(authorization, environment, aws, ("deploy",)):
                run_one(order.job, order.image, making, authorization, gate)
            return {}
        if "deploy" in tasks:
            authorization = contract.pass_rules(authorization, gate)
            self._check(environment, aws)
        with (
            self._locked(authorization, environment, aws, tasks) as held,
            self._attested(authorization, environment_context) as attested,
        ):
            published = attested.provide(tasks, environment, order.image)
            images = released(published) if published is not None else None
            release = self._release(environment, environment_context)
            jobs = Jobs(environment, aws, context, journal)
            if published is not None and images is not None and "deploy" in tasks:
                named = order.image is not None
                contract.pass_again(authorization, gate, tuple(published.values()), named=named)
                self._deploy(images, environment, aws, release, held, jobs=jobs)
            if "verify" in tasks:
                release.verify(images)
            release.run_after(jobs)
            release.hold(unheld=held.taken_over)
            if images is not None and "deploy" in tasks:
                self._after(images, environment, aws)
        return images.pinned if images is not None else {}

    def _gate(self, environment: Environment, aws: Aws) -> contract.GateContext:
        return contract.GateContext(
            environment=environment, aws=aws, context=self._context, journal=self._journal
        )

    def _roll_back(
        self,
        authorization: contract.Authorization,
        environment: Environment,
        environment_context: EnvironmentContext,
    ) -> Mapping[str, ImageReference]:
        """Deliver a release that was good once more, by the way that every release takes.

        Nothing is built or attested. The scan is looked at and told, but is no gate: it let this
        image through, and what was found since is no reason to keep a broken release in service.
        """
        aws, order, context = environment_context.aws, self._order, self._context
        with self._locked(authorization, environment, aws, ("deploy",)) as held:
            target = rollback.find(order.to, environment, aws, context, self._journal)
            self._commit = target.release.commit
            gate = self._gate(environment, aws)
            authorization = contract.pass_rules(rollback.about(authorization, target), gate)
            self._images(authorization, environment_context).look(target.images, environment)
            contract.pass_again(authorization, gate, tuple(target.images.values()), named=False)
            release = self._release(environment, environment_context)
            images = released(target.images)
            self._deploy(images, environment, aws, release, held, revisions=target.revisions)
            release.verify(images)
            release.hold(unheld=held.taken_over)
            self._after(images, environment, aws)
        return images.pinned

    @contextmanager
    def _locked(
        self,
        authorization: contract.Authorization,
        environment: Environment,
        aws: Aws,
        tasks: tuple[Task, ...],
    ) -> Iterator[Held]:
        """Hold the environment's lock where something is rolled out.

        What is only published needs none: an image is known by its digest, and the registry
        itself lets nobody move a commit's tag.
        """
        if "deploy" not in tasks:
            yield Held()
            return
        order = self._order
        what = f"to {order.to}" if order.task == ROLLBACK else self._commit.short
        reason = f"{'resume' if order.resume else order.task} {what}"
        with locked(
            environment, aws, self._context, self._journal, authorization.trigger, reason=reason
        ) as held:
            yield held

    def _tell_wait(self, text: str) -> None:
        self._journal(Noticed(stage=self._journal.stage, text=text, level="warning"))

    def _announce(
        self, tasks: tuple[Task, ...], authorization: contract.Authorization, *, alone: bool
    ) -> None:
        tables = authorization.declared.document.table["environments"]
        jobs = bool(tables[authorization.destination.name].get("jobs"))
        stages = stages_of(tasks, jobs=jobs)
        self._journal(Planned(stages=stages[1:] if alone else stages))

    def _images(
        self, authorization: contract.Authorization, environment_context: EnvironmentContext
    ) -> Images:
        artifact = Artifact(
            context=self._context,
            environment_context=environment_context,
            commit=self._commit,
            declared=authorization.declared,
            journal=self._journal,
            policy=authorization.policy,
        )
        return Images(artifact=artifact, journal=self._journal)

    @contextmanager
    def _attested(
        self, authorization: contract.Authorization, environment_context: EnvironmentContext
    ) -> Iterator[Images]:
        """The images and their papers, joined whatever happens; not where a signal came."""

        def papers(artifact: Artifact, prefix: str) -> Attestor:
            return Attestor(
                environment_context=environment_context,
                commit=self._commit,
                cache=self._context.cache.with_name("sbom"),
                journal=artifact.journal,
                prefix=prefix,
            )

        images = replace(self._images(authorization, environment_context), papers=papers)
        try:
            yield images
        except (KeyboardInterrupt, CancelledError, TerminatedError):
            images.close(abandon=True)
            raise
        finally:
            images.close()

    def _check(self, environment: Environment, aws: Aws) -> None:
        """What would stop the rollout is told before an image is built for it."""
        with stage("deploy", self._journal, self._context.clock, quiet=True):
            ports = planning.check(aws.ecs, environment)
        if self._order.image is None and not environment.promote_from:
            exposure.warn_of_each(self._context.root, environment, ports, self._journal)

    def _release(
        self, environment: Environment, environment_context: EnvironmentContext
    ) -> Release:
        return Release(
            environment,
            environment_context.aws,
            self._context,
            self._journal,
            longest_hold=environment_context.longest_hold,
        )

    def _deploy(
        self,
        images: ReleaseImages,
        environment: Environment,
        aws: Aws,
        release: Release,
        held: Held,
        *,
        jobs: Jobs | None = None,
        revisions: Mapping[str, RecordedRevision] | None = None,
    ) -> None:
        """Roll out, jobs before it included; going back runs none: nothing may be in its way."""
        with stage("deploy", self._journal, self._context.clock, quiet=True) as running:
            steps = self._steps(images, environment, aws, revisions)
            release.check_alarms(steps)
            planned = jobs.plan(images, steps) if jobs is not None else ()
            Scheduled(environment, aws, self._context, self._journal).plan(images, steps)
            held.require()
            if self._ending.announcer is not None:
                self._ending.announcer.started()
            # From here on jobs and the release tell how they fare, failures with their cause.
            running.reported = True
            if jobs is not None:
                jobs.run("before")
            if any(step.job.when == "before" and step.runs for step in planned):
                steps = self._steps(images, environment, aws, revisions)  # time has passed
                held.require()
            release.roll_out(steps)

    def _steps(
        self,
        images: ReleaseImages,
        environment: Environment,
        aws: Aws,
        revisions: Mapping[str, RecordedRevision] | None,
    ) -> tuple[planning.Step, ...]:
        steps = (
            planning.plan(aws.ecs, environment, images)
            if revisions is None
            else back(aws.ecs, environment, images, revisions)
        )
        for step in steps:
            self._journal.hide(step.secret_values)
        return steps

    def _resume(
        self,
        action: HookAction,
        environment: Environment,
        aws: Aws,
        release: Release,
        held: Held,
    ) -> Mapping[str, ImageReference]:
        """Answer every PAUSE hook of the environment, and watch what comes of it."""
        with stage("deploy", self._journal, self._context.clock) as running:
            waiting = resuming.waiting(aws.ecs, environment)
            steps = tuple(_with_platforms(paused.step, environment, aws) for paused in waiting)
            release.check_alarms(steps)
            held.require()
            for paused in waiting:
                resuming.answer(aws.ecs, paused, action)
                text = f"answered hook {paused.hook.id} at {paused.stage}: {action}"
                subject = paused.step.service.key
                self._journal(Noticed(stage="deploy", subject=subject, text=text))
                self._journal.hide(paused.step.live.secret_values)
            running.reported = True
            images = ReleaseImages({step.service.image: step.image for step in steps})
            able = _with_tasks_of(environment, steps)
            jobs = Jobs(able, aws, self._context, self._journal)
            jobs.plan(images, steps)
            for key, image in images.pinned.items():
                self._journal.about(image, key)
            self._journal.note_all(ResumedFact, map(facts.resumed_fact, waiting))
            release.roll_out(steps)
        release.run_after(jobs)
        release.hold()
        self._after(images, able, aws)
        return images.pinned

    def _after(self, images: ReleaseImages, environment: Environment, aws: Aws) -> None:
        """What follows a release that held: what the next update finds, and the clock's tasks."""
        scheduled = Scheduled(environment, aws, self._context, self._journal)
        try:
            if environment.image_parameters:
                image_parameter.keep_image(
                    environment, images.pinned, aws.parameters, self._context.clock, self._journal
                )
        except ImageParameterError:
            scheduled.follow(images)  # the release is in service all the same
            raise
        scheduled.follow(images)


def _with_platforms(step: planning.Step, environment: Environment, aws: Aws) -> planning.Step:
    """A step that waited at a hook, with the digests that its tasks may report."""
    image = step.image.pinned
    if image is None:
        return step
    platforms = aws.repository(environment.about(step.service.image)).platforms(image.digest)
    return replace(step, image=replace(step.image, platforms=platforms))


def _with_tasks_of(environment: Environment, steps: Sequence[planning.Step]) -> Environment:
    """The environment with jobs and schedules of what goes on; the others waited nowhere."""
    services = {step.service.key for step in steps}
    images = {step.service.image for step in steps}

    def goes_on(task: Job | Schedule) -> bool:
        return task.image in images and (not task.service or task.service in services)

    return replace(
        environment,
        jobs=tuple(filter(goes_on, environment.jobs)),
        schedules=tuple(filter(goes_on, environment.schedules)),
    )
