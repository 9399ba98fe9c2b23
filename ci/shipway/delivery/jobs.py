"""The jobs of a delivery: those before anything moves, those after it is verified, one by hand."""

from __future__ import annotations

from collections.abc import Sequence

from shipway.config.environment import Environment
from shipway.config.job import Job, When
from shipway.delivery import facts
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.stage import stage
from shipway.errors import ConfigurationError, JobError
from shipway.evidence.facts.rollout import JobFact
from shipway.evidence.journal import Journal
from shipway.observer import Detail, Failed, Finished, Skipped
from shipway.rollout.images import ReleaseImages
from shipway.rollout.jobs.plan import JobStep, plan_by_hand, plan_jobs
from shipway.rollout.jobs.run import STAGE, JobContext, label, run_job
from shipway.rollout.jobs.terms import JobOutcome
from shipway.rollout.plan import Step

GOES_ON = "the job's task goes on in ECS: the same command again follows it, and starts no other"
"""What is true after Ctrl-C while a job runs: half a migration would be worse than a whole one."""


class Jobs:
    """The jobs of one delivery.

    Args:
        environment: Where it goes.
        aws: Its AWS.
        context: The outside.
        journal: Is told of everything.
    """

    def __init__(
        self, environment: Environment, aws: Aws, context: DeliveryContext, journal: Journal
    ) -> None:
        self._environment = environment
        self._aws = aws
        self._context = context
        self._journal = journal
        self._steps: tuple[JobStep, ...] = ()
        self._notes: list[JobFact] = []

    def plan(self, images: ReleaseImages, steps: Sequence[Step]) -> tuple[JobStep, ...]:
        """Decide what is to be run; nothing is changed.

        Raises:
            ConfigurationError: A task definition does not have what a job needs.
            ShipwayError: AWS does not answer.
        """
        if not self._environment.jobs:
            return ()
        self._steps = plan_jobs(
            self._aws.ecs,
            self._aws.tasks,
            self._environment,
            images=images,
            steps=steps,
            now=self._context.clock.now(),
        )
        for step in self._steps:
            self._journal.hide(step.secret_values)
        return self._steps

    def run(self, when: When) -> None:
        """Run those of one moment, one after the other; the first that fails ends it.

        Raises:
            JobError: One did not end well.
            CancelledError: Ctrl-C; the task goes on.
            ShipwayError: AWS refused.
        """
        for step in self._steps:
            if step.job.when == when:
                self._run(step)

    def run_by_hand(self, key: str, images: ReleaseImages, steps: Sequence[Step]) -> None:
        """Run one, whenever a delivery would; one that runs already is followed.

        Raises:
            JobError: It did not end well.
            ShipwayError: AWS refused.
        """
        job = next(job for job in self._environment.jobs if job.key == key)
        step = plan_by_hand(
            self._aws.ecs, self._aws.tasks, self._environment, job, images=images, steps=steps
        )
        self._journal.hide(step.secret_values)
        self._run(step, again=self._context.clock.now().isoformat())

    def _run(self, step: JobStep, again: str = "") -> None:
        key = step.job.key
        if not step.runs:
            self._journal(Skipped(stage=STAGE, subject=key, text=step.due.why))
            self._note(facts.job_fact(step, None))
            return
        clock = self._context.clock
        with stage(STAGE, self._journal, clock, key, interrupted=GOES_ON) as running:
            outcome = run_job(step, self._job_context(), again=again)
            running.reported = True
            self._note(facts.job_fact(step, outcome))
            self._tell(step, outcome)
            if not outcome.good:
                raise self._error(step, outcome)

    def _job_context(self) -> JobContext:
        return JobContext(
            ecs=self._aws.ecs,
            tasks=self._aws.tasks,
            cluster=self._environment.cluster,
            clock=self._context.clock,
            observer=self._journal,
        )

    def _note(self, fact: JobFact) -> None:
        self._notes.append(fact)
        self._journal.note_all(JobFact, self._notes)

    def _tell(self, step: JobStep, outcome: JobOutcome) -> None:
        key, revision = step.job.key, label(outcome.task_definition)
        text = f"{revision}  {outcome.text}"
        if outcome.good:
            followed = ", started before and followed" if outcome.began_before else ""
            text = f"{text}{followed}"
            self._journal(Finished(stage=STAGE, subject=key, text=text, seconds=outcome.seconds))
            return
        details = [
            detail for block in outcome.diagnosis for detail in block.details if detail.lines
        ]
        if outcome.remedy:
            details = [detail for detail in details if detail.label != "next"]
            details.append(Detail(label="next", lines=(outcome.remedy,)))
        self._journal(
            Failed(
                stage=STAGE,
                subject=key,
                text=text,
                details=tuple(details),
                seconds=outcome.seconds,
            )
        )

    def _error(self, step: JobStep, outcome: JobOutcome) -> JobError:
        error = JobError(
            f"job {step.job.key} {outcome.text}",
            where=outcome.task.arn if outcome.task else step.job.key,
            remedy=outcome.remedy or "see the cause above",
        )
        if step.job.when == "before":
            error.aftermath = f"job {step.job.key} failed, nothing was rolled out"
        return error


def named(environment: Environment, key: str) -> Job:
    """The job of that name.

    Raises:
        ConfigurationError: There is none; the remedy names those there are.
    """
    for job in environment.jobs:
        if job.key == key:
            return job
    names = ", ".join(job.key for job in environment.jobs)
    raise ConfigurationError(
        f'there is no job "{key}" in {environment.name}',
        where=f"ci/delivery.toml  environments.{environment.name}.jobs",
        remedy=f"name one of {names}; nothing was run"
        if names
        else f"write [environments.{environment.name}.jobs.{key}] first; nothing was run",
    )
