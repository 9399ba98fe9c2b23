"""What a delivery would do, as a value: shown to a person, written as JSON, compared by tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shipway.config.environment import Environment
from shipway.delivery import maintenance
from shipway.delivery.contract import Authorization
from shipway.delivery.image_plan import PlannedImage
from shipway.errors import ShipwayError
from shipway.evidence.good import GoodRelease
from shipway.evidence.mask import Mask
from shipway.lock.log import Standing
from shipway.policy.asked import rules_asked
from shipway.policy.contract import Task
from shipway.rollout.hold.targets import alarms_of
from shipway.rollout.jobs.plan import JobStep
from shipway.rollout.judge.state import label
from shipway.rollout.plan import CHANGES, NO_CHANGE, Step
from shipway.rollout.schedules.plan import ScheduleStep
from shipway.values import Commit

DOCUMENT_VERSION = 1
"""Counts what was changed in the plan's JSON."""


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
        back_to: The release that would be gone back to; ``None`` for a delivery.
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
    back_to: GoodRelease | None = None

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
            "back_to": None if self.back_to is None else _back_to(self.back_to),
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


def _rules(authorization: Authorization, broken: Sequence[str]) -> Iterator[Mapping[str, object]]:
    """Every rule that is asked, and whether it holds."""
    asked = rules_asked(authorization.contract, authorization.grant, authorization.trigger)
    for rule in dict.fromkeys((*asked, *broken)):
        yield {"rule": rule, "holds": rule not in broken}


def _back_to(release: GoodRelease) -> Mapping[str, object]:
    return {
        "record": release.record,
        "at": release.at,
        "by": release.by,
        "commit": release.commit.sha,
        "digest": release.digest,
    }


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
