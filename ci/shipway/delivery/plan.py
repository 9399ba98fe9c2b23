"""The plan: what ``deploy`` would do, found out on the same way, and nothing done of it.

contract → identity → rules → image → steps → jobs → alarms

The gate, the identity and the steps of the rollout are those of :mod:`.deliver`, not a second
version of them; the image is looked for where a delivery would look before it builds. Nothing is
built, pushed, tagged, registered, updated or recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from shipway.config.environment import Environment
from shipway.delivery import contract, exposure, identity, image_plan, maintenance
from shipway.delivery.contract import Authorization, GateContext
from shipway.delivery.hold import alarms_before
from shipway.delivery.image import Artifact
from shipway.delivery.image_plan import PlannedImage
from shipway.delivery.images import require_one
from shipway.delivery.jobs import Jobs
from shipway.delivery.order import Order, authorize, tasks_of
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.schedules import Scheduled
from shipway.delivery.stage import stage
from shipway.errors import AccessDeniedError, ConfigurationError, RefusedError, ShipwayError
from shipway.evidence.journal import Journal
from shipway.evidence.mask import Mask, secret_variables
from shipway.lock.log import Standing
from shipway.observer import Concluded, Noticed, Observer
from shipway.policy.asked import rules_asked
from shipway.policy.contract import Task
from shipway.rollout import plan as planning
from shipway.rollout.hold.targets import alarms_of
from shipway.rollout.images import ReleaseImage, ReleaseImages
from shipway.rollout.jobs.plan import JobStep
from shipway.rollout.judge.state import label
from shipway.rollout.plan import CHANGES, NO_CHANGE, Step
from shipway.rollout.schedules.plan import ScheduleStep
from shipway.values import Commit

DOCUMENT_VERSION = 1
"""Counts what was changed in the plan's JSON."""
REFUSED = "It would be refused. Nothing was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPlan:
    """What a delivery would do.

    Attributes:
        authorization: What the contract allows.
        tasks: What would run, in order.
        environment: Where it would go.
        images: What would go on, by key; empty where no image is needed.
        steps: What would be done to each service; empty where nothing is rolled out.
        jobs: What would be done about each job, in the order in which they run.
        schedules: What would be done about each task that the clock starts.
        refusals: What would end it before anything is rolled out.
        broken: The contract's rules that are broken, by name.
        commit: What would be delivered.
        lock: How the environment's lock stands; ``None`` where there is none, or it was not looked
            at.
        mask: Hides what must be seen nowhere.
    """

    authorization: Authorization
    tasks: tuple[Task, ...]
    environment: Environment
    images: Mapping[str, PlannedImage]
    steps: tuple[Step, ...]
    jobs: tuple[JobStep, ...]
    schedules: tuple[ScheduleStep, ...]
    refusals: tuple[ShipwayError, ...]
    broken: tuple[str, ...]
    commit: Commit
    lock: Standing | None
    mask: Mask

    @property
    def image(self) -> PlannedImage | None:
        """The first image, which mostly is the only one."""
        return next(iter(self.images.values()), None)

    @property
    def changes(self) -> int:
        """How many things would change: images that are not there, services, jobs, schedules."""
        images = sum(not image.there for image in self.images.values())
        jobs = sum(step.runs for step in self.jobs)
        schedules = sum(step.changes for step in self.schedules)
        return images + sum(step.changes for step in self.steps) + jobs + schedules

    @property
    def kind(self) -> str:
        """How the plan ends, as machines read it: a refusal's kind, ``changes``, ``no-change``."""
        if self.refusals:
            return self.refusals[0].kind
        return (CHANGES if self.changes else NO_CHANGE).name

    @property
    def exit_code(self) -> int:
        """What the command ends with: a refusal's own code, 3 for changes, 0 for none."""
        if self.refusals:
            return self.refusals[0].exit_code
        return (CHANGES if self.changes else NO_CHANGE).exit_code

    def document(self) -> Mapping[str, object]:
        """The plan as a JSON object; what is secret is hidden in it."""
        grant = self.authorization.grant
        images = [_image(key, image) for key, image in self.images.items()]
        document: dict[str, object] = {
            "schema_version": DOCUMENT_VERSION,
            "environment": self.environment.name,
            "account": self.environment.account,
            "region": self.environment.region,
            "commit": self.commit.sha,
            "tasks": list(self.tasks),
            "decision": {
                "entry": grant.entry.name,
                "text": grant.text,
                "rules": list(_rules(self.authorization, self.broken)),
            },
            # The first one alone, for readers that know no other.
            "image": next(iter(images), None),
            "images": images,
            "services": [_service(step) for step in self.steps],
            "jobs": [_job(step) for step in self.jobs],
            "schedules": [_schedule(step) for step in self.schedules],
            "together": self.environment.together,
            "image_parameters": list(self.environment.image_parameters) if self.steps else [],
            "refusals": [
                {
                    "kind": refusal.kind,
                    "exit_code": refusal.exit_code,
                    "what": refusal.what,
                    "where": refusal.where,
                    "details": list(refusal.details),
                    "remedy": refusal.remedy,
                }
                for refusal in self.refusals
            ],
            "lock": None
            if self.lock is None
            else maintenance.document(self.environment, self.lock),
            "changes": self.changes,
        }
        masked: Mapping[str, object] = self.mask.deep(document)
        return masked


def _image(key: str, image: PlannedImage) -> Mapping[str, object]:
    return {
        "name": key,
        "how": image.how,
        "reference": "" if image.image is None else str(image.image.reference),
        "repository": image.repository,
        "there": image.there,
        "text": image.text,
    }


def _lock(environment: Environment, aws: Aws) -> Standing | None:
    """Whoever holds it may be done by then: it is shown, and refuses nothing."""
    try:
        return maintenance.seen(environment, aws)
    except (AccessDeniedError, ConfigurationError):
        return None


def _rules(authorization: Authorization, broken: Sequence[str]) -> Iterator[Mapping[str, object]]:
    """Every rule that is asked, and whether it holds."""
    asked = rules_asked(authorization.contract, authorization.grant, authorization.trigger)
    for rule in dict.fromkeys((*asked, *broken)):
        yield {"rule": rule, "holds": rule not in broken}


def _service(step: Step) -> Mapping[str, object]:
    service, before = step.service, step.before
    if step.again is not None:
        action = "known-revision"
    elif step.revision is not None:
        action = "new-revision"
    else:
        action = "watch" if step.adopt is not None else "none"
    return {
        "key": service.key,
        "service": service.service,
        "container": service.container,
        "task_definition": step.live.arn,
        "action": action,
        "again": step.again.arn if step.again is not None else "",
        "changes": [
            {"field": change.field, "before": change.before, "after": change.after}
            for change in step.differences
        ],
        "strategy": before.strategy or "ROLLING",
        "desired": before.desired,
        "running": before.running,
        "circuit_breaker": bool(before.breaker_enabled),
        "timeout": service.timeout,
        "on_failure": service.on_failure,
        "hold": service.hold,
        "alarms": list(alarms_of(step)),
        "url": service.url,
    }


def _job(step: JobStep) -> Mapping[str, object]:
    job = step.job
    return {
        "key": job.key,
        "when": job.when,
        "action": step.due.what,
        "why": step.due.why,
        "task_definition": step.definition.arn or step.live.arn,
        "new_revision": not step.definition.arn,
        "container": step.container,
        "command": list(job.command),
        "timeout": job.timeout,
        "after": list(job.after),
        "started_by": step.started_by,
    }


def _schedule(step: ScheduleStep) -> Mapping[str, object]:
    schedule = step.schedule
    return {
        "key": schedule.key,
        "kind": schedule.kind,
        "name": schedule.name,
        "group": schedule.group,
        "service": schedule.service,
        "family": step.definition.family,
        "task_definitions": [target.task_definition for target in step.targets],
        "action": "update" if step.changes else "none",
        "becomes": label(step.definition.arn) if step.definition.arn else "",
    }


def plan_delivery(order: Order, context: DeliveryContext, observer: Observer) -> DeliveryPlan:
    """Find out what a delivery would do.

    Args:
        order: What would be ordered; its task is ``deploy``.
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
        environment = identity.pass_identity(authorization, aws, context, journal)
        gate = GateContext(environment=environment, aws=aws, context=context, journal=journal)
        refused_before = False
        if "deploy" in tasks:
            with self._refusable(RefusedError):
                authorization = contract.pass_rules(authorization, gate)
            refused_before = bool(self._refusals)
        artifact = Artifact(
            context=context,
            environment_context=environment_context,
            commit=self._commit,
            declared=authorization.declared,
            journal=journal,
            policy=authorization.policy,
        )
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
            with stage("schedule", journal, context.clock, quiet=True):
                scheduled = Scheduled(environment, aws, context, journal)
                schedules = scheduled.plan(release, steps)
        return DeliveryPlan(
            authorization=authorization,
            tasks=tasks,
            environment=environment,
            images=images,
            steps=steps,
            jobs=jobs,
            schedules=schedules,
            refusals=tuple(self._refusals),
            broken=self._broken(),
            commit=self._commit,
            lock=_lock(environment, aws) if steps else None,
            mask=journal.contents().mask,
        )

    def _broken(self) -> tuple[str, ...]:
        """The rules that a refusal named; the journal keeps each with its reason."""
        decision = self._journal.contents().facts.decision
        reasons = decision.reasons if decision is not None and not decision.allowed else ()
        return tuple(reason.rule for reason in reasons)

    def _foresee(
        self, artifact: Artifact, tasks: tuple[Task, ...], view: Environment
    ) -> PlannedImage | None:
        """One image that would go on, and what the gate says of it."""
        key = view.image.key
        image = image_plan.foresee(replace(artifact, subject=key), tasks, view, self._order.image)
        if image is not None and image.image is not None and image.there:
            self._scan(artifact, image, view, gate="deploy" in tasks)
        return image

    def _steps(
        self,
        images: Mapping[str, PlannedImage],
        release: ReleaseImages,
        environment: Environment,
        aws: Aws,
    ) -> tuple[Step, ...]:
        with stage("deploy", self._journal, self._context.clock, quiet=True):
            steps = planning.plan(aws.ecs, environment, release)
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
        decision = artifact.scan(planned.image, environment, store, gate=False)
        if gate and not decision.allowed:
            self._refusals.append(decision.error())

    @contextmanager
    def _refusable(self, kind: type[ShipwayError]) -> Iterator[None]:
        """Keep what would refuse the delivery, and go on: the rest of the plan is worth seeing."""
        try:
            yield
        except kind as refusal:
            self._refusals.append(refusal)
