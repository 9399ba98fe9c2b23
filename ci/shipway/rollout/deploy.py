"""The deploy stage: carry the plan out, tell how each service fared, and explain a failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from shipway.errors import CancelledError, RolloutError, ShipwayError
from shipway.observer import Detail, Event, Failed, Finished, Noticed, Skipped, Started
from shipway.rollout.diagnosis.diagnosis import Block, DiagnosedImages, diagnose
from shipway.rollout.execute import Rolled, roll
from shipway.rollout.judge.verdict import ROLLBACK_FAILED, ROLLED_BACK, STOPPED
from shipway.rollout.plan import Step, left_behind
from shipway.rollout.ports import Ecs, Logs
from shipway.rollout.put_back import (
    PutBackContext,
    Return,
    aftermath,
    asked_too_late,
    moved,
    put_back,
    returned_by_ecs,
    unwell,
)
from shipway.rollout.report import ServiceReport
from shipway.rollout.watch import Watched
from shipway.util.clock import Clock

# ECS API Reference, RuntimePlatform; OCI image-spec, image index, "platform".
_PLATFORMS: Final = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}


class RolloutJournal(Protocol):
    """Takes events, and keeps reports for the record."""

    def __call__(self, event: Event) -> None:
        """Take an event."""
        ...

    def keep(self, reports: Sequence[ServiceReport]) -> None:
        """Keep how every service's rollout went."""
        ...

    def went_back(self, returns: Sequence[Return]) -> None:
        """Keep what became of the services that were to go back to what ran before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutContext:
    """Where a rollout happens and what watches it.

    ``together`` is whether services that moved go back where another fails.
    """

    ecs: Ecs
    logs: Logs
    cluster: str
    clock: Clock
    journal: RolloutJournal
    together: bool = False

    @property
    def put_back(self) -> PutBackContext:
        """The same, for putting back what ran before."""
        return PutBackContext(
            ecs=self.ecs,
            logs=self.logs,
            cluster=self.cluster,
            clock=self.clock,
            observer=self.journal,
        )


def release(steps: Sequence[Step], rollout_context: RolloutContext) -> tuple[Rolled, ...]:
    """Roll out to every service and tell how each ended.

    Raises:
        RolloutError: A service did not take the image; what happened was told, with its cause.
        AccessDeniedError: IAM refused to register or to update.
        CancelledError: Ctrl-C was pressed twice.
    """
    for step in steps:
        rollout_context.journal(Started(stage="deploy", subject=step.service.key))
        _doubt(step, rollout_context)
    began: list[Watched] = []
    refused: dict[str, ShipwayError] = {}
    try:
        rolled = roll(
            steps,
            ecs=rollout_context.ecs,
            logs=rollout_context.logs,
            cluster=rollout_context.cluster,
            clock=rollout_context.clock,
            observer=rollout_context.journal,
            began=began,
            refused=refused if rollout_context.together else None,
        )
    except ShipwayError as error:
        rollout_context.journal.keep([_unfinished(watched) for watched in began])
        rollout_context.journal(Failed(stage="deploy", text=error.what, details=_details(error)))
        raise
    except KeyboardInterrupt as error:
        # Before the watch began, which takes the first Ctrl-C as a wish to roll back.
        cancelled = CancelledError(
            "interrupted while services were being updated",
            remedy="what was updated goes on in ECS; run verify to see what runs",
        )
        rollout_context.journal.keep([_unfinished(watched) for watched in began])
        rollout_context.journal(
            Failed(stage="deploy", text=cancelled.what, details=_details(cancelled))
        )
        raise cancelled from error
    reports = []
    for rollout in rolled:
        blocks = _explained(rollout)
        reports.append(_report(rollout, blocks))
        _tell(rollout, blocks, rollout_context)
    rollout_context.journal.keep(reports)
    if refused:
        raise _begun_in_part(refused, steps, rolled, rollout_context)
    bad = [rollout for rollout in rolled if not rollout.outcome.verdict.good]
    if bad:
        raise _failed(bad, rolled, rollout_context)
    returns = _back_at_request(rolled, rollout_context)
    if any(each.end != "left" for each in returns):
        raise _too_late(returns)
    return rolled


def _doubt(step: Step, rollout_context: RolloutContext) -> None:
    """Say before anything is changed what speaks against it.

    A roll-back that would not lead to anything good, an image of another processor's, a container
    that stays behind.
    """
    if left := left_behind(step):
        rollout_context.journal(
            Noticed(stage="deploy", subject=step.service.key, text=left, level="warning")
        )
    wanted = _PLATFORMS.get(step.next.processor, "")
    held = step.image.processors
    if step.revision is not None and wanted and held and wanted not in held:
        text = f"its task definition asks for {step.next.processor}, and the image holds "
        text += f"{', '.join(held)} alone: its tasks will not start"
        rollout_context.journal(
            Noticed(stage="deploy", subject=step.service.key, text=text, level="warning")
        )
    objection = unwell(step.before) if step.service.on_failure == "rollback" else ""
    if objection and step.coming is not None:
        rollout_context.journal(
            Noticed(
                stage="deploy",
                subject=step.service.key,
                text=f"a roll-back would lead to {short(step.before.task_definition)}, "
                f"which is not well itself: {objection}",
                level="warning",
            )
        )


def _failed(
    bad: Sequence[Rolled], rolled: Sequence[Rolled], rollout_context: RolloutContext
) -> RolloutError:
    """The error about the service that failed first, once the others are back."""
    worst = next((rollout for rollout in bad if not _is_recalled(rollout)), bad[0])
    service, outcome = worst.step.service, worst.outcome
    if rollout_context.together and outcome.verdict.fails_release:
        returns = _back_together(rolled, f"{service.key} failed", rollout_context)
    else:
        returns = _back_at_request(rolled, rollout_context)
    verdict = outcome.verdict
    if any(each.end == "not put back" for each in returns):
        verdict = ROLLBACK_FAILED
    error = RolloutError(
        outcome.text, verdict=verdict, where=service.service, remedy=outcome.remedy
    )
    if returns:
        error.aftermath = aftermath(f"{service.key} {verdict_words(outcome.verdict.name)}", returns)
    return error


def _begun_in_part(
    refused: Mapping[str, ShipwayError],
    steps: Sequence[Step],
    rolled: Sequence[Rolled],
    rollout_context: RolloutContext,
) -> ShipwayError:
    """The error about the first that could not be updated, once those before it are back."""
    first = next(iter(refused))
    begun = {rollout.step.service.key for rollout in rolled}
    for subject in (step.service.key for step in steps if step.service.key not in begun):
        if subject in refused:
            error = refused[subject]
            rollout_context.journal(
                Failed(stage="deploy", subject=subject, text=error.what, details=_details(error))
            )
            continue
        text = f"not begun: {first} could not be updated"
        rollout_context.journal(Skipped(stage="deploy", subject=subject, text=text))
    returns = _back_together(rolled, f"{first} could not be updated", rollout_context)
    error = refused[first]
    error.aftermath = aftermath(f"{first} could not be updated", returns)
    return error


def _back_together(
    rolled: Sequence[Rolled], why: str, rollout_context: RolloutContext
) -> tuple[Return, ...]:
    returns = (
        *returned_by_ecs(rolled, why),
        *put_back(moved(rolled), why, rollout_context.put_back),
    )
    rollout_context.journal.went_back(returns)
    return returns


def _back_at_request(
    rolled: Sequence[Rolled], rollout_context: RolloutContext
) -> tuple[Return, ...]:
    """Put back what a person wished to have back when ECS had finished with it already.

    ECS rolls back nothing that it has called successful; what was asked for is done all the same.
    """
    late = asked_too_late(rolled)
    if not late:
        return ()
    candidates = moved(rolled) if rollout_context.together else late
    returns = put_back(candidates, "you asked for it", rollout_context.put_back, wished=True)
    rollout_context.journal.went_back(returns)
    return returns


def _too_late(returns: Sequence[Return]) -> RolloutError:
    """The error about a release that came into service before a person's wish reached ECS."""
    lost = next((each for each in returns if each.end == "not put back"), None)
    error = RolloutError(
        lost.text if lost else "put back at your request, which came after ECS had finished",
        verdict=ROLLBACK_FAILED if lost else ROLLED_BACK,
        where=(lost or returns[0]).service,
        remedy="look at its tasks at once: neither revision may serve" if lost else "",
    )
    error.aftermath = aftermath("", returns)
    return error


def _is_recalled(rollout: Rolled) -> bool:
    return rollout.watched is not None and bool(rollout.watched.state.recalled)


def verdict_words(name: str) -> str:
    """A verdict's name as people read it."""
    return name.replace("-", " ")


def _explained(rollout: Rolled) -> tuple[Block, ...]:
    watched = rollout.watched
    if watched is None or rollout.outcome.verdict.good:
        return ()
    state = watched.state
    live, revision = rollout.step.live, rollout.step.coming
    return diagnose(
        state.stopped,
        state.targets,
        tuple(watched.tails.values()),
        target=watched.target,
        now=revision or live,
        before=live if revision is not None else None,
        images=DiagnosedImages(
            now=str(rollout.step.image.reference),
            before=_previous_image(rollout.step),
            processors=rollout.step.image.processors,
        ),
        secrets=rollout.step.secret_values,
        # Nothing failed where somebody stopped it: that is told as it is.
        cause=None if rollout.outcome.verdict is STOPPED else rollout.outcome.cause,
    )


def _previous_image(step: Step) -> str:
    return step.live.container(step.service.container).image


def _tell(rollout: Rolled, blocks: Sequence[Block], rollout_context: RolloutContext) -> None:
    subject = rollout.step.service.key
    outcome = rollout.outcome
    seconds = None
    if rollout.watched is not None:
        seconds = (outcome.at - rollout.watched.state.started).total_seconds()
    if outcome.verdict.good:
        rollout_context.journal(
            Finished(
                stage="deploy",
                subject=subject,
                text=f"{_moved(rollout)}  {outcome.text}",
                seconds=seconds,
            )
        )
        return
    details = [detail for block in blocks for detail in block.details]
    if outcome.by:
        details.append(Detail(label="by", lines=(outcome.by,)))
    if outcome.last_seen and not outcome.rolled_back:
        details.append(Detail(label="last", lines=(outcome.last_seen,)))
    if outcome.remedy and not any(detail.label == "next" for detail in details):
        details.append(Detail(label="next", lines=(outcome.remedy,)))
    if outcome.rolled_back and outcome.proof:
        proven = f"rolled back to {outcome.proof}"
        details.append(Detail(label="rollback", lines=(proven,)))
    rollout_context.journal(
        Failed(
            stage="deploy",
            subject=subject,
            text=f"{short(rollout.task_definition)}  {outcome.text}",
            details=tuple(details),
            seconds=seconds,
        )
    )


def _moved(rollout: Rolled) -> str:
    old, new = short(rollout.step.before.task_definition), short(rollout.task_definition)
    return new if old == new else f"{old} → {new}"


def short(arn: str) -> str:
    """``family:revision`` of a task definition's ARN."""
    return arn.rpartition("/")[2]


def _report(rollout: Rolled, blocks: tuple[Block, ...]) -> ServiceReport:
    watched = rollout.watched
    return ServiceReport(
        key=rollout.step.service.key,
        service=rollout.step.service.service,
        task_definition=rollout.task_definition,
        previous_task_definition=rollout.step.before.task_definition,
        previous_image=_previous_image(rollout.step),
        image=str(rollout.step.image.reference),
        deployment_id=watched.target.deployment_id if watched else "",
        service_deployment=(watched.state.service_deployment or "") if watched else "",
        outcome=rollout.outcome,
        looks=watched.looks if watched else 0,
        diagnosis=blocks,
    )


def _unfinished(watched: Watched) -> ServiceReport:
    return ServiceReport(
        key=watched.target.subject,
        service=watched.target.service,
        task_definition=watched.target.task_definition,
        deployment_id=watched.target.deployment_id,
        service_deployment=watched.state.service_deployment or "",
        outcome=watched.outcome,
        last_seen=watched.last,
    )


def _details(error: ShipwayError) -> tuple[Detail, ...]:
    parts = (("said", error.details), ("next", (error.remedy,) if error.remedy else ()))
    return tuple(Detail(label=label, lines=lines) for label, lines in parts if lines)
