"""What stages found out, as facts of the record. Pure.

A stage's values are made for deciding and may change; a fact is made for whoever reads the record
in years. Here the one becomes the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, get_args

from shipway.config.environment import Environment, Scanning, Severity, Waiver
from shipway.delivery.verification import VerifiedService
from shipway.evidence import codec
from shipway.evidence.canonical_json import to_json
from shipway.evidence.facts import Fact
from shipway.evidence.facts.gate import (
    BeforeBuildFact,
    DecisionFact,
    EnvironmentFact,
    LiveReleaseFact,
    TriggerFact,
    VerifiedReleaseFact,
)
from shipway.evidence.facts.image import (
    ImageFact,
    PlatformScanFact,
    PushedFact,
    ScanFact,
    ScanFindingFact,
    WaiverFact,
)
from shipway.evidence.facts.rollout import (
    CauseFact,
    ConclusionFact,
    DiagnosisFact,
    HoldFact,
    JobFact,
    LastSeenFact,
    PutBackFact,
    ResumedFact,
    RolloutVerdictFact,
    ServiceFact,
    VerificationFact,
)
from shipway.image import scan as scanning
from shipway.image.publish import PublishedImage
from shipway.image.scan import Decision, Scan
from shipway.policy.contract import Grant, Refused
from shipway.policy.facts import BeforeBuild, LiveRelease, VerifiedRelease
from shipway.policy.trigger import Trigger
from shipway.rollout.diagnosis.diagnosis import Block
from shipway.rollout.hold.judge import HoldState
from shipway.rollout.jobs.plan import JobStep
from shipway.rollout.jobs.terms import JobOutcome
from shipway.rollout.put_back import Return
from shipway.rollout.report import ServiceReport
from shipway.rollout.resume import Waiting

_RECORDED: Final = 500
"""Findings that the record lists."""

_F = TypeVar("_F", bound=Fact)


def same(kind: type[_F], value: object) -> _F:
    """A value as a fact that has the same fields."""
    return codec.read(kind, to_json(value))


def trigger_fact(trigger: Trigger) -> TriggerFact:
    """Who asks."""
    return same(TriggerFact, trigger)


def before_build_fact(facts: BeforeBuild) -> BeforeBuildFact:
    """What the rules know before AWS is asked."""
    return same(BeforeBuildFact, facts)


def allowed_fact(grant: Grant) -> DecisionFact:
    """What the contract allows."""
    return DecisionFact(
        allowed=True,
        entry=grant.entry.name,
        environment=grant.environment,
        tasks=tuple(grant.tasks),
    )


def refused_fact(refused: Refused) -> DecisionFact:
    """Why the contract does not allow it."""
    return same(DecisionFact, {"allowed": False, "reasons": refused.reasons})


def running_facts(releases: Sequence[LiveRelease]) -> Iterator[LiveReleaseFact]:
    """What runs now."""
    return (same(LiveReleaseFact, release) for release in releases)


def verified_facts(releases: Sequence[VerifiedRelease]) -> Iterator[VerifiedReleaseFact]:
    """What the environment before has verified."""
    return (same(VerifiedReleaseFact, release) for release in releases)


def environment_fact(environment: Environment) -> EnvironmentFact:
    """Where it goes."""
    return EnvironmentFact(
        name=environment.name,
        account=environment.account,
        region=environment.region,
        cluster=environment.cluster,
        repository=environment.repository_uri,
        services={service.key: service.service for service in environment.services},
    )


def image_fact(image: PublishedImage) -> ImageFact:
    """The image that goes on."""
    return ImageFact(
        reference=str(image.reference),
        tag=image.tag,
        pushed=same(PushedFact, image.pushed) if image.pushed else None,
        platforms=tuple(sorted(str(digest) for digest in image.platforms)),
        built_by=image.built_by,
        promoted_from=image.promoted_from,
        named=tuple((name, str(digest)) for name, digest in image.named),
    )


def scan_fact(
    scans: Sequence[Scan],
    decision: Decision,
    image: PublishedImage,
    policy: Scanning,
    *,
    gate: bool,
) -> ScanFact:
    """What the scan found and what the gate says; ``gate`` is whether a rollout hangs on it."""
    names = {digest: name for name, digest in image.named}
    return ScanFact(
        summary=decision.text,
        gate=gate,
        allowed=decision.allowed,
        reasons=decision.reasons,
        required=policy.required,
        thresholds={name.upper(): policy.most.get(name) for name in get_args(Severity)},
        fix_available_only=policy.only_fixable,
        counted=decision.counted,
        platforms=tuple(_platform_scan(scan, names) for scan in scans),
        findings=tuple(_findings(decision)),
        columns=scanning.COLUMNS,
        rows=decision.rows[:_RECORDED],
    )


def _platform_scan(scan: Scan, names: Mapping[Any, str]) -> PlatformScanFact:
    return PlatformScanFact(
        digest=str(scan.digest),
        platform=names.get(scan.digest, ""),
        status=scan.status,
        type=scan.kind,
        completed_at=to_json(scan.completed),
        findings=scan.findings,
        reason=scan.reason,
    )


def _findings(decision: Decision) -> Iterator[ScanFindingFact]:
    for finding, platform, waiver in decision.judged[:_RECORDED]:
        yield ScanFindingFact(
            id=finding.id,
            severity=finding.severity.upper(),
            package=finding.package,
            version=finding.version,
            fixed_in=finding.fixed_in,
            fix_available=finding.fixable,
            exploit_available=finding.exploitable,
            platform=str(platform),
            waiver=f"{waiver.owner}, until {waiver.expires}" if waiver else None,
            url=finding.url,
        )


def waiver_fact(waiver: Waiver, decision: Decision) -> WaiverFact:
    """A waiver, and whether it was needed."""
    return WaiverFact(
        id=waiver.id,
        package=waiver.package,
        digest=waiver.digest,
        owner=waiver.owner,
        reason=waiver.reason,
        expires=waiver.expires.isoformat(),
        used=waiver in decision.waived,
    )


def service_fact(report: ServiceReport) -> ServiceFact:
    """How one service's rollout went, or stood when it was seen last."""
    outcome, seen = report.outcome, report.last_seen
    verdict = outcome.verdict if outcome and seen is None else None
    return ServiceFact(
        key=report.key,
        service=report.service,
        task_definition=report.task_definition,
        previous_task_definition=report.previous_task_definition,
        previous_image=report.previous_image,
        image=report.image,
        deployment_id=report.deployment_id,
        service_deployment=report.service_deployment,
        verdict=same(RolloutVerdictFact, verdict) if verdict else None,
        conclusion=same(ConclusionFact, outcome) if outcome else None,
        announced_at=to_json(outcome.announced) if outcome and seen is None else None,
        looks=report.looks,
        diagnosis=_diagnosis_facts(report.diagnosis),
        last_seen=same(
            LastSeenFact,
            {"running": seen.running, "pending": seen.pending, "deployments": seen.deployments},
        )
        if seen
        else None,
    )


def _diagnosis_facts(blocks: Sequence[Block]) -> tuple[DiagnosisFact, ...]:
    return tuple(
        DiagnosisFact(kind=block.kind, title=block.title, details=block.details) for block in blocks
    )


def job_fact(step: JobStep, outcome: JobOutcome | None) -> JobFact:
    """What became of a job; without an outcome it had nothing to do, and that is why."""
    job, task = step.job, step.due.task if outcome is None else outcome.task
    return JobFact(
        key=job.key,
        when=job.when,
        container=step.container,
        command=job.command,
        task_definition=outcome.task_definition if outcome else "",
        task=task.arn if task else "",
        started_by=step.started_by,
        end=outcome.end if outcome else "not run",
        text=outcome.text if outcome else step.due.why,
        exit_code=outcome.exit_code if outcome else None,
        seconds=round(outcome.seconds, 1) if outcome else 0.0,
        began_before=outcome.began_before if outcome else False,
        diagnosis=_diagnosis_facts(outcome.diagnosis) if outcome else (),
    )


def hold_fact(state: HoldState, asked: float, blocks: Sequence[Block]) -> HoldFact:
    """Whether a service stayed good; ``asked`` is for how many seconds delivery.toml wants it."""
    outcome = state.outcome
    return HoldFact(
        key=state.target.subject,
        asked=asked,
        seconds=state.target.seconds,
        held=round(state.held, 1),
        end=outcome.end if outcome else "",
        text=outcome.text if outcome else "",
        cause=same(CauseFact, outcome.cause) if outcome and outcome.cause else None,
        alarms=state.target.alarms,
        looks=state.looks,
        diagnosis=_diagnosis_facts(blocks),
    )


def put_back_fact(returned: Return) -> PutBackFact:
    """What became of a service that was to go back."""
    return PutBackFact(
        key=returned.subject,
        service=returned.service,
        left=returned.left,
        task_definition=returned.task_definition,
        why=returned.why,
        end=returned.end,
        text=returned.text,
        deployment_id=returned.deployment_id,
        conclusion=same(ConclusionFact, returned.outcome) if returned.outcome else None,
    )


def resumed_fact(waiting: Waiting) -> ResumedFact:
    """A deployment whose hook is answered."""
    return ResumedFact(
        key=waiting.step.service.key,
        deployment=waiting.deployment,
        hook=waiting.hook.id,
        stage=waiting.stage,
        image=str(waiting.image),
    )


def verification_fact(verified: VerifiedService) -> VerificationFact:
    """What was found of one service."""
    return same(VerificationFact, verified)
