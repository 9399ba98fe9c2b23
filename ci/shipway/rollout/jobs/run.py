"""Run one job to its end: the hands around its judge.

A task is looked for before one is started, and a request that was sent twice starts one task
(:func:`.terms.client_token`): whatever was interrupted, one task runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from shipway.errors import AccessDeniedError, AwsError, CredentialsError, ShipwayError
from shipway.observer import Noticed, Observer, Output
from shipway.redact import redact_lines
from shipway.rollout.diagnosis.diagnosis import (
    LOG_LINES,
    Block,
    DiagnosedImages,
    LogTail,
    diagnose,
)
from shipway.rollout.jobs import judge
from shipway.rollout.jobs.plan import JobStep
from shipway.rollout.jobs.ports import Tasks
from shipway.rollout.jobs.terms import JobOutcome, JobRequest, NotPlaced, client_token
from shipway.rollout.judge.terms import Cause, DeploymentRef
from shipway.rollout.log_tails import place_of
from shipway.rollout.ports import Ecs
from shipway.rollout.registering import registered
from shipway.rollout.snapshot import Task
from shipway.util.clock import Clock

STAGE: Final = "job"
_AWSVPC: Final = "awsvpc"
_PLACE_AGAIN: Final = 10.0
"""Seconds until a place is looked for again: capacity comes and goes."""
_UNSEEN: Final = 30.0
"""Seconds for which a task that was just started may be unknown (ECS API Reference, RunTask: ECS
follows an eventual consistency model)."""
_STOP_SECONDS: Final = 150.0
"""So long a stopped task is waited for: ``stopTimeout`` is 120 s at most (ECS API Reference)."""
_PACES: Final = ((10.0, 1.0), (60.0, 2.0))
_SLOWEST: Final = 5.0
_LAST_LINES: Final = 6
"""Looks for the last lines, which CloudWatch shows some seconds after they were written."""
_LINE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """Where jobs run and who is told."""

    ecs: Ecs
    tasks: Tasks
    cluster: str
    clock: Clock
    observer: Observer


@dataclass(slots=True, kw_only=True)
class _Log:
    """A job's log as far as it was read."""

    place: tuple[str, str] | None
    token: str = ""
    kept: list[tuple[datetime, str]] = field(default_factory=list)


def run_job(step: JobStep, context: JobContext, *, again: str = "") -> JobOutcome:
    """Start the job's task, or follow the one that runs, to its end; its log is told meanwhile.

    Args:
        step: What was planned; nothing is done where it is not due.
        context: Where it runs.
        again: Sets apart an attempt that a person asked for.

    Raises:
        AccessDeniedError: IAM refused to register, to run or to look.
        ShipwayError: ECS refused to start it.
    """
    return _Run(step, context, again).run()


class _Run:
    def __init__(self, step: JobStep, context: JobContext, again: str) -> None:
        self._step = step
        self._context = context
        self._again = again
        self._began = context.clock.now()
        self._arn = step.definition.arn

    def run(self) -> JobOutcome:
        step = self._step
        if step.due.what == "follow" and step.due.task is not None:
            self._arn = step.due.task.task_definition
            return replace(self._follow(step.due.task), began_before=True)
        self._arn = step.definition.arn or registered(self._context.ecs, step.definition)
        started = self._start()
        return started if isinstance(started, JobOutcome) else self._follow(started)

    def _seconds(self) -> float:
        return (self._context.clock.now() - self._began).total_seconds()

    def _start(self) -> Task | JobOutcome:
        """One task, as soon as there is a place for it."""
        earlier = list(self._step.earlier)
        while True:
            answer = self._context.tasks.run(self._request(tuple(earlier)))
            if isinstance(answer, Task):
                if answer.last_status != judge.STOPPED:
                    return answer
                # ECS remembers the token of an attempt that it lists no more.
                earlier.append(answer)
                continue
            if self._seconds() + _PLACE_AGAIN > self._step.job.timeout:
                return self._not_placed(answer)
            self._tell(f"no place to run it yet: {answer.reason}")
            self._context.clock.sleep(_PLACE_AGAIN)

    def _request(self, earlier: tuple[Task, ...]) -> JobRequest:
        step = self._step
        return JobRequest(
            cluster=self._context.cluster,
            task_definition=self._arn,
            container=step.container,
            command=step.job.command,
            started_by=step.started_by,
            client_token=client_token(step.started_by, earlier, self._began, self._again),
            placement=step.placement,
            has_own_address=step.definition.network_mode == _AWSVPC,
        )

    def _not_placed(self, answer: NotPlaced) -> JobOutcome:
        return JobOutcome(
            end="not-placed",
            text=f"no place to run it within {self._step.job.timeout} s: {answer.reason}",
            task_definition=self._arn,
            seconds=self._seconds(),
            remedy="add capacity, or ask for less CPU and memory; then deliver again",
        )

    def _follow(self, task: Task) -> JobOutcome:
        log = _Log(place=place_of(self._step.definition, task.id, self._step.container))
        self._tell(f"task {task.id} of {label(self._arn)}")
        stopping: float | None = None
        while task.last_status != judge.STOPPED:
            now = self._seconds()
            if stopping is None and now >= self._step.job.timeout:
                stopping = now
                self._stop(task)
            if stopping is not None and now >= stopping + _STOP_SECONDS:
                break
            self._context.clock.sleep(self._pause(now, stopping))
            seen = self._look(task)
            if seen is None and self._seconds() > _UNSEEN:
                return self._lost(task)
            task = seen or task
            self._read(log)
        self._read_to_the_end(log)
        return self._outcome(task, log, timed_out=stopping is not None)

    def _pause(self, now: float, stopping: float | None) -> float:
        pace = next((pause for until, pause in _PACES if now < until), _SLOWEST)
        left = self._step.job.timeout - now
        return min(pace, left) if stopping is None else 1.0

    def _look(self, task: Task) -> Task | None:
        """The task now; as it was where ECS does not answer, for that passes."""
        try:
            return self._context.tasks.task(self._context.cluster, task.arn)
        except AwsError as error:
            self._tell(f"ECS does not show it: {error.what}")
            return task

    def _stop(self, task: Task) -> None:
        timeout = self._step.job.timeout
        self._tell(f"is stopped: its {timeout} s are over")
        try:
            reason = f"shipway: job {self._step.job.key} took longer than its {timeout} s"
            self._context.tasks.stop(self._context.cluster, task.arn, reason)
        except ShipwayError as error:
            self._tell(f"could not be stopped: {error.what}")

    def _lost(self, task: Task) -> JobOutcome:
        return JobOutcome(
            end="lost",
            text=f"ECS knows nothing of task {task.id} any more",
            task=task,
            task_definition=self._arn,
            seconds=self._seconds(),
            remedy="see its log in CloudWatch whether it did its work",
        )

    def _outcome(self, task: Task, log: _Log, *, timed_out: bool) -> JobOutcome:
        code = judge.exit_code(task, self._step.container)
        seconds = self._seconds()
        outcome = JobOutcome(
            end="succeeded",
            text=f"{judge.ended(task, self._step.container)} after {seconds:.0f} s",
            task=task,
            task_definition=self._arn,
            exit_code=code,
            seconds=seconds,
        )
        if timed_out:
            blocks = self._diagnosis(task, log)
            text = f"did not end within {self._step.job.timeout} s, and was stopped"
            remedy = "see its log, or raise its `timeout` in ci/delivery.toml"
            return replace(outcome, end="timed-out", text=text, diagnosis=blocks, remedy=remedy)
        if code == 0:
            return outcome
        return replace(outcome, end="failed", diagnosis=self._diagnosis(task, log))

    def _diagnosis(self, task: Task, log: _Log) -> tuple[Block, ...]:
        step = self._step
        tail = LogTail(task_id=task.id, container=step.container, lines=tuple(log.kept))
        target = DeploymentRef(
            subject=step.job.key,
            service=step.job.key,
            task_definition=self._arn,
            container=step.container,
            digest="",
        )
        said = judge.ended(task, step.container)
        return diagnose(
            (task,),
            (),
            (tail,),
            target=target,
            now=step.definition,
            before=None,
            images=DiagnosedImages(now=step.definition.container(step.container).image),
            secrets=step.secret_values,
            cause=Cause(kind="unknown", text=said, ecs=task.stopped_reason),
        )

    def _read(self, log: _Log) -> bool:
        """Tell the lines that are new; whether there were any."""
        if log.place is None:
            return False
        try:
            page = self._context.tasks.read_log(*log.place, log.token)
        except (AccessDeniedError, CredentialsError) as error:
            log.place = None
            self._tell(f"its log cannot be read: {error.what}")
            return False
        except ShipwayError:
            return False  # the next look reads on from the same place
        log.token = page.token
        texts = redact_lines([text for _, text in page.lines], self._step.secret_values)
        for text in texts:
            self._context.observer(Output(stage=STAGE, line=text))
        log.kept = [*log.kept, *page.lines][-LOG_LINES:]
        return bool(page.lines)

    def _read_to_the_end(self, log: _Log) -> None:
        quiet = 0
        for _ in range(_LAST_LINES):
            quiet = 0 if self._read(log) else quiet + 1
            if quiet > 1 and log.kept:
                return
            if log.place is None:
                return
            self._context.clock.sleep(_LINE_SECONDS)

    def _tell(self, text: str) -> None:
        self._context.observer(Noticed(stage=STAGE, subject=self._step.job.key, text=text))


def label(arn: str) -> str:
    """``family:revision`` of a task definition's ARN."""
    return arn.rpartition("/")[2]
