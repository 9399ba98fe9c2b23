"""The acceptance matrix: every criterion judged from records alone.

A criterion is Met where a record proves it, Partial where a record proves some of it, Unmet where a
record says otherwise or does not hold, Unverified where no record is about it. It is of type AC
(acceptance criterion: what the pipeline does) or DoD (definition of done: what is evidenced of it).

Pure: what lies in the evidence folder goes in, rows come out. Each row names the record, and the
place in it, that proves it (a JSON pointer, RFC 6901). A criterion whose record is missing, was
altered or says something else is not met, and the row says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from shipway.evidence import codec
from shipway.evidence.facts import Fact
from shipway.evidence.predicate import Delivery, Statement
from shipway.observer import Rolling
from shipway.rehearsal.observation import Observation, PlannedFact, TrafficFact

RECORD: Final = "record.json"
WALK: Final = "walk.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """What one walk left: the delivery's record, and what was seen from outside while it ran.

    Attributes:
        folder: Where it lies, below the evidence folder.
        record: ``record.json``: an in-toto Statement; ``None`` where it is gone.
        walk: ``walk.json``: exit code, expected exit code, OIDC, requests asked and lost.
        broken: Why the chain does not hold here; empty where it does.
    """

    folder: str
    record: Statement | None
    walk: Observation
    broken: str = ""

    @property
    def delivery(self) -> Delivery:
        """What the record says of the delivery; nothing at all where there is no record."""
        return (self.record or codec.read(Statement, {})).predicate

    def proof(self, pointer: str, file: str = RECORD) -> CriterionProof:
        """A place in one of the two files."""
        return CriterionProof(file=f"{self.folder}/{file}", pointer=pointer)


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionProof:
    """What proves a row: a file below the evidence folder, and the place in it."""

    file: str = ""
    pointer: str = ""


State = Literal["Met", "Partial", "Unmet", "Unverified"]
Type = Literal["AC", "DoD"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One criterion: its state, what proves it, and why it is not met."""

    name: str
    type: Type
    state: State
    file: str = ""
    pointer: str = ""
    why: str = ""

    @property
    def met(self) -> bool:
        """Whether it is proven whole."""
        return self.state == "Met"


_NOWHERE: Final = CriterionProof()


class _Unmet(Exception):  # noqa: N818  # a verdict on a criterion, not an error
    """A criterion is not met; the text says why, ``proof`` where it was looked for."""

    def __init__(self, why: str, proof: CriterionProof = _NOWHERE, state: State = "Unmet") -> None:
        super().__init__(why)
        self.proof = proof
        self.state: State = state


ScenarioResults = Mapping[str, ScenarioResult]
Judge = Callable[[ScenarioResults], CriterionProof]
OidcJudge = Callable[[Sequence[PlannedFact], ScenarioResults], CriterionProof]

_BEFORE: Final = (
    PlannedFact(
        name="01-main",
        role="publish",
        criterion="push to main builds, publishes to staging ECR as configured",
        entry="main-push",
        environment="staging",
    ),
    PlannedFact(
        name="02-stable",
        role="deploy",
        criterion="*-stable tags deploy to production",
        entry="stable-tag",
        environment="production",
        asked=True,
    ),
    *(
        PlannedFact(name=name, role="refused")
        for name in ("03-tag", "04-branch", "05-pull-request")
    ),
    *(
        PlannedFact(name=name, role="failing", asked=True)
        for name in ("06-crash", "07-answers-500", "08-deaf", "09-no-image")
    ),
)
"""What a rehearsal walked before its observations said so."""


def matrix(walks: ScenarioResults) -> tuple[Row, ...]:
    """Judge every criterion from what a rehearsal's walks left, keyed by the walk's name."""
    planned = next((result.walk.planned for result in walks.values() if result.walk.planned), ())
    return _rows(planned or _BEFORE, _oidc, walks)


def delivered(planned: Sequence[PlannedFact], deliveries: ScenarioResults) -> tuple[Row, ...]:
    """Judge every criterion from deliveries as they are, keyed as what is planned is named.

    Args:
        planned: What the release contract allows, and one name each for what was refused and for
            what failed.
        deliveries: What there is of them.
    """
    return _rows(planned, _signed_in, deliveries)


def _rows(
    planned: Sequence[PlannedFact], oidc: OidcJudge, walks: ScenarioResults
) -> tuple[Row, ...]:
    return tuple(_row(kind, name, judge, walks) for kind, name, judge in _criteria(planned, oidc))


def _criteria(planned: Sequence[PlannedFact], oidc: OidcJudge) -> Iterator[tuple[Type, str, Judge]]:
    """The acceptance criteria of what was planned, in the order of a delivery."""
    allowed = [scenario for scenario in planned if scenario.role in {"publish", "deploy"}]
    deploying = [scenario for scenario in allowed if scenario.role == "deploy"]
    refused = [scenario.name for scenario in planned if scenario.role == "refused"]
    failing = [scenario for scenario in planned if scenario.role == "failing"]
    blocked = [scenario for scenario in planned if scenario.role == "blocked"]
    yield "AC", "OIDC authentication works, no long-lived keys", partial(oidc, allowed)
    for scenario in allowed:
        judge = _deployed if scenario.role == "deploy" else _published
        yield "AC", scenario.criterion, partial(judge, scenario)
    if deploying:
        yield "AC", "ECS services are updated", partial(_updates, deploying[-1].name)
        yield "AC", "the workflow waits for health", partial(_waits, deploying[-1])
        lost = ", no request is lost" if any(scenario.asked for scenario in failing) else ""
        fails = f"failed deployments fail the workflow{lost}"
        yield "AC", fails, partial(_fails, failing)
    for scenario in failing:
        if scenario.cause:
            yield "AC", scenario.criterion, partial(_caused, scenario)
    for scenario in blocked:
        yield "AC", "what the scan gate blocks is not rolled out", partial(_blocked, scenario)
    for scenario in allowed:
        yield "DoD", f"{scenario.entry} run is evidenced", partial(_evidenced, scenario)
    near = (deploying or allowed)[-1].entry.rpartition("-")[0] if allowed else "contract"
    yield (
        "DoD",
        f"invalid and non-{near} triggers are refused, with evidence",
        partial(_refusals, refused),
    )
    if allowed:
        last = (deploying or allowed)[-1].name
        yield "DoD", "image digest and scan are evidenced", partial(_digest_and_scan, last)


def _row(kind: Type, name: str, judge: Judge, walks: ScenarioResults) -> Row:
    state: State = "Met"
    try:
        proof, why = judge(walks), ""
    except _Unmet as unmet:
        proof, state, why = unmet.proof, unmet.state, str(unmet)
    return Row(name=name, type=kind, state=state, file=proof.file, pointer=proof.pointer, why=why)


def _walk(walks: ScenarioResults, name: str) -> ScenarioResult:
    if name not in walks:
        raise _Unmet(f"there is no evidence of {name}", state="Unverified")
    result = walks[name]
    if result.broken:
        raise _Unmet(f"the evidence of {name} does not hold: {result.broken}", result.proof(""))
    if result.record is None:
        raise _Unmet(f"{name} left no record", result.proof(""))
    return result


def _need(
    result: ScenarioResult,
    condition: object,
    why: str,
    file: str = RECORD,
    state: State = "Unmet",
) -> None:
    if not condition:
        raise _Unmet(why, result.proof("", file), state)


def _oidc(allowed: Sequence[PlannedFact], walks: ScenarioResults) -> CriterionProof:
    names = [scenario.name for scenario in allowed]
    _at_least(names, 1, "allowed events")
    for name in names:
        result = _walk(walks, name)
        identity = result.delivery.identity
        arn = identity.arn if identity else ""
        _need(result, ":assumed-role/" in arn, f"{name} ran as {arn or 'nobody'}, no assumed role")
        oidc = result.walk.oidc
        short = oidc.access_key_id.startswith("ASIA")
        _need(result, short, f"{name} used a long-lived key", WALK)
        _need(result, oidc.claims, f"{name} shows no signed token", WALK)
        _need(result, oidc.refused, f"{name} tried no token that must be refused", WALK)
        accepted = [token.what for token in oidc.refused if not token.refused]
        _need(result, not accepted, f"STS accepted {', '.join(accepted)}", WALK)
    return _walk(walks, names[-1]).proof("/oidc/refused", WALK)


def _signed_in(allowed: Sequence[PlannedFact], walks: ScenarioResults) -> CriterionProof:
    """The same of deliveries as they are: nobody tried tokens that must be refused."""
    names = [scenario.name for scenario in allowed if scenario.name in walks]
    if not names:
        raise _Unmet("no delivery of GitHub's reached AWS", state="Unverified")
    for name in names:
        result = _walk(walks, name)
        identity, claims = result.delivery.identity, result.delivery.claims
        arn = identity.arn if identity else ""
        _need(result, ":assumed-role/" in arn, f"{name} ran as {arn or 'nobody'}, no assumed role")
        _need(result, identity and identity.short_lived, f"{name} used a long-lived key")
        _need(result, claims and claims.extra, f"{name} shows no signed token", state="Partial")
    lacking = [scenario.name for scenario in allowed if scenario.name not in walks]
    if lacking:
        proof = walks[names[-1]].proof("/predicate/identity")
        raise _Unmet(f"there is no evidence of {', '.join(lacking)}", proof, "Partial")
    return _walk(walks, names[-1]).proof("/predicate/identity")


def _published(scenario: PlannedFact, walks: ScenarioResults) -> CriterionProof:
    name = scenario.name
    result = _ended(walks, name)
    delivery = result.delivery
    tasks = delivery.decision.tasks if delivery.decision else ()
    _need(result, delivery.build and delivery.build.digest, f"{name} built no image")
    _need(result, _went_to(delivery) == scenario.environment, f"not {scenario.environment}")
    if "publish" in tasks:
        reference = delivery.image.reference if delivery.image else ""
        _need(result, "@sha256:" in reference, f"{name} published no digest")
    _need(result, "deploy" in tasks or not delivery.services, f"{name} deployed unasked")
    return result.proof("/predicate/image/reference")


def _deployed(scenario: PlannedFact, walks: ScenarioResults) -> CriterionProof:
    result = _ended(walks, scenario.name)
    right = _went_to(result.delivery) == scenario.environment
    _need(result, right, f"not {scenario.environment}")
    _need(result, result.delivery.services, "no service was rolled out")
    return result.proof("/predicate/services/0/verdict")


def _went_to(delivery: Delivery) -> str:
    return delivery.environment.name if delivery.environment else ""


def _ended(walks: ScenarioResults, name: str) -> ScenarioResult:
    result = _walk(walks, name)
    walk, kind = result.walk, result.delivery.verdict.kind
    ended = f"{name} ended with {walk.exit_code} where {walk.expected_exit_code} is right"
    _need(result, walk.as_expected, ended, WALK)
    right = f"{name} ended as {kind} where {walk.expected_kind} is right"
    _need(result, kind == walk.expected_kind, right)
    return result


def _updates(name: str, walks: ScenarioResults) -> CriterionProof:
    result = _ended(walks, name)
    for service in result.delivery.services:
        new, old = service.task_definition, service.previous_task_definition
        _need(result, new and new != old, f"{service.key} kept its task definition")
    return result.proof("/predicate/services/0/taskDefinition")


def _waits(scenario: PlannedFact, walks: ScenarioResults) -> CriterionProof:
    result = _ended(walks, scenario.name)
    looks = [entry for entry in result.delivery.timeline if isinstance(entry.event, Rolling)]
    _need(result, len(looks) > 1, "the rollout was not watched")
    for service in result.delivery.services:
        succeeded = service.verdict is not None and service.verdict.name == "succeeded"
        _need(result, succeeded, f"{service.key} was not seen to succeed")
    answers = [service.answers for service in result.delivery.verification]
    _need(result, answers, "nothing was verified after the rollout")
    if scenario.asked:
        _need(result, any(answers), "no address was asked after the rollout")
    return result.proof("/predicate/verification/0/answers")


def _fails(failing: Sequence[PlannedFact], walks: ScenarioResults) -> CriterionProof:
    """Only a rollout that began can fail: what was refused before is no failed deployment."""
    names = [scenario.name for scenario in failing]
    _at_least(names, 1, "failing releases")
    begun = []
    for scenario in failing:
        name = scenario.name
        result = _ended(walks, name)
        _need(result, result.walk.exit_code, f"{name} did not fail its command", WALK)
        if any(service.deployment_id or service.verdict for service in result.delivery.services):
            begun.append(name)
        if scenario.asked:
            _nothing_lost(result, name)
    if not begun:
        why = f"{', '.join(names)} ended before a rollout began: that is no failed deployment"
        raise _Unmet(why, walks[names[0]].proof(""), "Unverified")
    return _walk(walks, begun[0]).proof("/predicate/verdict")


def _caused(scenario: PlannedFact, walks: ScenarioResults) -> CriterionProof:
    result = _ended(walks, scenario.name)
    services = result.delivery.services
    _need(result, services, f"{scenario.name} rolled nothing out")
    for service in services:
        cause = service.conclusion.cause if service.conclusion else None
        named = cause.kind if cause else "nothing"
        right = f"{service.key} names {named} as the cause where {scenario.cause} is right"
        _need(result, named == scenario.cause, right)
    return result.proof("/predicate/services/0/conclusion/cause")


def _nothing_lost(result: ScenarioResult, name: str) -> None:
    traffic = result.walk.traffic or TrafficFact(asked=0, lost=0)
    _need(result, traffic.asked, f"nobody asked the service during {name}", WALK)
    lost = f"{traffic.lost} of {traffic.asked} requests lost in {name}"
    _need(result, traffic.lost == 0, lost, WALK)


def _blocked(scenario: PlannedFact, walks: ScenarioResults) -> CriterionProof:
    name = scenario.name
    result = _ended(walks, name)
    scan = result.delivery.scan
    _need(result, scan is not None and scan.allowed is False, f"the gate let {name} pass")
    _need(result, scan and scan.reasons, f"{name} was blocked without a reason")
    services = result.delivery.services
    begun = any(service.deployment_id or service.verdict for service in services)
    _need(result, not begun, f"{name} was rolled out")
    if scenario.asked:
        _nothing_lost(result, name)
    return result.proof("/predicate/scan/reasons")


def _at_least(names: Sequence[str], count: int, what: str) -> None:
    if len(names) < count:
        raise _Unmet(f"{len(names)} of {count} {what} were walked", state="Unverified")


def _evidenced(scenario: PlannedFact, walks: ScenarioResults) -> CriterionProof:
    name = scenario.name
    result = _ended(walks, name)
    fields = ["commit", "trigger", "contract", "identity", "build", "image", "scan"]
    if scenario.role == "deploy":
        fields += ["services", "verification"]
    decision = result.delivery.decision
    if decision and "publish" not in decision.tasks:
        fields = fields[: fields.index("build") + 1]
    for field in fields:
        fact = getattr(result.delivery, field)
        blank = isinstance(fact, Fact) and fact == codec.read(type(fact), {})
        lacks = f"the record of {name} lacks {field}"
        _need(result, fact and not blank, lacks, state="Partial")
    return result.proof(f"/predicate/{fields[-1]}")


def _refusals(names: Sequence[str], walks: ScenarioResults) -> CriterionProof:
    _at_least(names, 1, "refused triggers")
    for name in names:
        result = _ended(walks, name)
        decision = result.delivery.decision
        refused = decision is not None and decision.allowed is False
        _need(result, refused, f"{name} was not refused by the contract")
        _need(result, decision and decision.reasons, f"{name} was refused without a reason")
        later = ("build", "image", "services")
        touched = [field for field in later if getattr(result.delivery, field)]
        _need(result, not touched, f"{name} was refused after {', '.join(touched)}")
    return _walk(walks, names[0]).proof("/predicate/decision/reasons")


def _digest_and_scan(name: str, walks: ScenarioResults) -> CriterionProof:
    result = _ended(walks, name)
    subjects = result.record.subject if result.record else ()
    digest = subjects[0].digest.get("sha256", "") if subjects else ""
    reference = result.delivery.image.reference if result.delivery.image else ""
    _need(result, digest and reference.endswith(digest), "the record is not about the image")
    platforms = result.delivery.scan.platforms if result.delivery.scan else ()
    _need(result, platforms, "the record says nothing of a scan", state="Partial")
    for platform in platforms:
        scanned = platform.status in {"COMPLETE", "ACTIVE"}
        # The digest is evidenced; what was not scanned is not.
        why = f"the scan of {platform.digest} is {platform.status}"
        _need(result, scanned, why, state="Partial")
    return result.proof("/predicate/scan/platforms")
