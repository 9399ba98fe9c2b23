"""The acceptance matrix: every criterion met or unmet, judged from records alone.

Pure: what lies in the evidence folder goes in, rows come out. Each row names the record, and the
place in it, that proves it (a JSON pointer, RFC 6901). A criterion whose record is missing, was
altered or says something else is unmet, and the row says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.evidence import codec
from shipway.evidence.facts import Fact
from shipway.evidence.predicate import Delivery, Statement
from shipway.image.scan import NOT_AVAILABLE
from shipway.observer import Rolling
from shipway.rehearsal.observation import Observation, TrafficFact

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One criterion: whether it is met, what proves it, and why not where it is unmet."""

    name: str
    met: bool
    file: str = ""
    pointer: str = ""
    why: str = ""


_NOWHERE: Final = CriterionProof()


class _Unmet(Exception):  # noqa: N818  # a verdict on a criterion, not an error
    """A criterion is unmet; the text says why, ``proof`` where it was looked for."""

    def __init__(self, why: str, proof: CriterionProof = _NOWHERE) -> None:
        super().__init__(why)
        self.proof = proof


ScenarioResults = Mapping[str, ScenarioResult]


def matrix(walks: ScenarioResults) -> tuple[Row, ...]:
    """Judge every criterion from what the walks left, keyed by the walk's name."""
    return tuple(_row(name, judge, walks) for name, judge in _CRITERIA)


def _row(
    name: str, judge: Callable[[ScenarioResults], CriterionProof], walks: ScenarioResults
) -> Row:
    try:
        proof, met, why = judge(walks), True, ""
    except _Unmet as unmet:
        proof, met, why = unmet.proof, False, str(unmet)
    return Row(name=name, met=met, file=proof.file, pointer=proof.pointer, why=why)


def _walk(walks: ScenarioResults, name: str) -> ScenarioResult:
    if name not in walks:
        raise _Unmet(f"there is no evidence of {name}")
    result = walks[name]
    if result.broken:
        raise _Unmet(f"the evidence of {name} does not hold: {result.broken}", result.proof(""))
    if result.record is None:
        raise _Unmet(f"{name} left no record", result.proof(""))
    return result


def _need(result: ScenarioResult, condition: object, why: str, file: str = RECORD) -> None:
    if not condition:
        raise _Unmet(why, result.proof("", file))


def _oidc(walks: ScenarioResults) -> CriterionProof:
    for name in ("01-main", "02-stable"):
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
    return _walk(walks, "02-stable").proof("/oidc/refused", WALK)


def _main(walks: ScenarioResults) -> CriterionProof:
    result = _ended(walks, "01-main")
    delivery = result.delivery
    tasks = delivery.decision.tasks if delivery.decision else ()
    _need(result, delivery.build and delivery.build.digest, "main built no image")
    _need(result, _went_to(delivery) == "staging", "not staging")
    if "publish" in tasks:
        reference = delivery.image.reference if delivery.image else ""
        _need(result, "@sha256:" in reference, "main published no digest")
    _need(result, "deploy" in tasks or not delivery.services, "main deployed unasked")
    return result.proof("/predicate/image/reference")


def _stable(walks: ScenarioResults) -> CriterionProof:
    result = _ended(walks, "02-stable")
    _need(result, _went_to(result.delivery) == "production", "not production")
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


def _updates(walks: ScenarioResults) -> CriterionProof:
    result = _ended(walks, "02-stable")
    for service in result.delivery.services:
        new, old = service.task_definition, service.previous_task_definition
        _need(result, new and new != old, f"{service.key} kept its task definition")
    return result.proof("/predicate/services/0/taskDefinition")


def _waits(walks: ScenarioResults) -> CriterionProof:
    result = _ended(walks, "02-stable")
    looks = [entry for entry in result.delivery.timeline if isinstance(entry.event, Rolling)]
    _need(result, len(looks) > 1, "the rollout was not watched")
    for service in result.delivery.services:
        succeeded = service.verdict is not None and service.verdict.name == "succeeded"
        _need(result, succeeded, f"{service.key} was not seen to succeed")
    answers = [service.answers for service in result.delivery.verification]
    _need(result, answers and all(answers), "no address was asked after the rollout")
    return result.proof("/predicate/verification/0/answers")


def _fails(walks: ScenarioResults) -> CriterionProof:
    names = [name for name in walks if name[:2] in {"06", "07", "08", "09"}]
    _at_least(names, 4, "failing releases")
    for name in names:
        result = _ended(walks, name)
        _need(result, result.walk.exit_code, f"{name} did not fail its command", WALK)
        traffic = result.walk.traffic or TrafficFact(asked=0, lost=0)
        _need(result, traffic.asked, f"nobody asked the service during {name}", WALK)
        lost = f"{traffic.lost} of {traffic.asked} requests lost in {name}"
        _need(result, traffic.lost == 0, lost, WALK)
    return _walk(walks, names[0]).proof("/predicate/verdict")


def _at_least(names: Sequence[str], count: int, what: str) -> None:
    if len(names) < count:
        raise _Unmet(f"{len(names)} of {count} {what} were walked")


def _evidence_of(name: str, *fields: str) -> Callable[[ScenarioResults], CriterionProof]:
    def judge(walks: ScenarioResults) -> CriterionProof:
        result = _ended(walks, name)
        for field in ("commit", "trigger", "contract", "identity", *fields):
            fact = getattr(result.delivery, field)
            blank = isinstance(fact, Fact) and fact == codec.read(type(fact), {})
            _need(result, fact and not blank, f"the record of {name} lacks {field}")
        return result.proof(f"/predicate/{fields[-1]}" if fields else "/predicate")

    return judge


def _refusals(walks: ScenarioResults) -> CriterionProof:
    names = [name for name in walks if name[:2] in {"03", "04", "05"}]
    _at_least(names, 3, "refused triggers")
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


def _digest_and_scan(walks: ScenarioResults) -> CriterionProof:
    result = _ended(walks, "02-stable")
    subjects = result.record.subject if result.record else ()
    digest = subjects[0].digest.get("sha256", "") if subjects else ""
    reference = result.delivery.image.reference if result.delivery.image else ""
    _need(result, digest and reference.endswith(digest), "the record is not about the image")
    platforms = result.delivery.scan.platforms if result.delivery.scan else ()
    _need(result, platforms, "the record says nothing of a scan")
    for platform in platforms:
        known = platform.status in {"COMPLETE", "ACTIVE", NOT_AVAILABLE}
        _need(result, known, f"the scan of {platform.digest} is {platform.status}")
    return result.proof("/predicate/scan/platforms")


_CRITERIA: Final[tuple[tuple[str, Callable[[ScenarioResults], CriterionProof]], ...]] = (
    ("OIDC authentication works, no long-lived keys", _oidc),
    ("push to main builds, publishes to staging ECR as configured", _main),
    ("*-stable tags deploy to production", _stable),
    ("ECS services are updated", _updates),
    ("the workflow waits for health", _waits),
    ("failed deployments fail the workflow, no request is lost", _fails),
    ("main-push run is evidenced", _evidence_of("01-main", "build", "image", "scan")),
    (
        "stable-tag run is evidenced",
        _evidence_of("02-stable", "build", "image", "scan", "services", "verification"),
    ),
    ("invalid and non-stable triggers are refused, with evidence", _refusals),
    ("image digest and scan are evidenced", _digest_and_scan),
)
