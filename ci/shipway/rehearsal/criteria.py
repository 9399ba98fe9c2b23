"""The acceptance matrix: every criterion met or unmet, judged from records alone.

Pure: what lies in the evidence folder goes in, rows come out. Each row names the record, and the
place in it, that proves it (a JSON pointer, RFC 6901). A criterion whose record is missing, was
altered or says something else is unmet, and the row says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shipway.image.scan import NOT_AVAILABLE

Fact = Mapping[str, Any]
RECORD: Final = "record.json"
WALK: Final = "walk.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """What one walk left: the delivery's record, and what was seen from outside while it ran.

    Attributes:
        folder: Where it lies, below the evidence folder.
        record: ``record.json``: an in-toto Statement; empty where it is gone.
        walk: ``walk.json``: exit code, expected exit code, OIDC, requests asked and lost.
        broken: Why the chain does not hold here; empty where it does.
    """

    folder: str
    record: Fact
    walk: Fact
    broken: str = ""

    @property
    def predicate(self) -> Fact:
        """What the record says of the delivery."""
        return dict(self.record.get("predicate") or {})

    @property
    def verdict(self) -> Fact:
        """How it ended."""
        return dict(self.predicate.get("verdict") or {})

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
    found = walks[name]
    if found.broken:
        raise _Unmet(f"the evidence of {name} does not hold: {found.broken}", found.proof(""))
    if not found.record:
        raise _Unmet(f"{name} left no record", found.proof(""))
    return found


def _need(found: ScenarioResult, condition: object, why: str, file: str = RECORD) -> None:
    if not condition:
        raise _Unmet(why, found.proof("", file))


def _oidc(walks: ScenarioResults) -> CriterionProof:
    for name in ("01-main", "02-stable"):
        found = _walk(walks, name)
        arn = str((found.predicate.get("identity") or {}).get("arn", ""))
        _need(found, ":assumed-role/" in arn, f"{name} ran as {arn or 'nobody'}, no assumed role")
        oidc = found.walk.get("oidc") or {}
        key = str(oidc.get("accessKeyId", ""))
        _need(found, key.startswith("ASIA"), f"{name} used a long-lived key", WALK)
        _need(found, oidc.get("claims"), f"{name} shows no signed token", WALK)
        refused = oidc.get("refused") or []
        _need(found, refused, f"{name} tried no token that must be refused", WALK)
        wrong = [one["what"] for one in refused if not one.get("refused")]
        _need(found, not wrong, f"STS accepted {', '.join(wrong)}", WALK)
    return _walk(walks, "02-stable").proof("/oidc/refused", WALK)


def _main(walks: ScenarioResults) -> CriterionProof:
    found = _ended(walks, "01-main")
    tasks = (found.predicate.get("decision") or {}).get("tasks", [])
    _need(found, (found.predicate.get("build") or {}).get("digest"), "main built no image")
    _need(found, found.predicate.get("environment", {}).get("name") == "staging", "not staging")
    if "publish" in tasks:
        reference = (found.predicate.get("image") or {}).get("reference", "")
        _need(found, "@sha256:" in reference, "main published no digest")
    _need(found, "deploy" in tasks or not found.predicate.get("services"), "main deployed unasked")
    return found.proof("/predicate/image/reference")


def _stable(walks: ScenarioResults) -> CriterionProof:
    found = _ended(walks, "02-stable")
    _need(
        found, found.predicate.get("environment", {}).get("name") == "production", "not production"
    )
    _need(found, found.predicate.get("services"), "no service was rolled out")
    return found.proof("/predicate/services/0/verdict")


def _ended(walks: ScenarioResults, name: str) -> ScenarioResult:
    found = _walk(walks, name)
    code, expected = found.walk.get("exitCode"), found.walk.get("expectedExitCode")
    _need(found, code == expected, f"{name} ended with {code} where {expected} is right", WALK)
    kind = found.verdict.get("kind")
    wanted = found.walk.get("expectedKind")
    _need(found, kind == wanted, f"{name} ended as {kind} where {wanted} is right")
    return found


def _updates(walks: ScenarioResults) -> CriterionProof:
    found = _ended(walks, "02-stable")
    for service in found.predicate.get("services") or ():
        new, old = service.get("taskDefinition"), service.get("previousTaskDefinition")
        _need(found, new and new != old, f"{service.get('key')} kept its task definition")
    return found.proof("/predicate/services/0/taskDefinition")


def _waits(walks: ScenarioResults) -> CriterionProof:
    found = _ended(walks, "02-stable")
    timeline = [entry.get("event") for entry in found.predicate.get("timeline") or ()]
    _need(found, timeline.count("rolling") > 1, "the rollout was not watched")
    for service in found.predicate.get("services") or ():
        _need(
            found,
            (service.get("verdict") or {}).get("name") == "succeeded",
            f"{service.get('key')} was not seen to succeed",
        )
    answers = [one.get("answers") for one in found.predicate.get("verification") or ()]
    _need(found, answers and all(answers), "no address was asked after the rollout")
    return found.proof("/predicate/verification/0/answers")


def _fails(walks: ScenarioResults) -> CriterionProof:
    names = [name for name in walks if name[:2] in {"06", "07", "08", "09"}]
    _at_least(names, 4, "failing releases")
    for name in names:
        found = _ended(walks, name)
        _need(found, found.walk.get("exitCode"), f"{name} did not fail its command", WALK)
        traffic = found.walk.get("traffic") or {}
        _need(found, traffic.get("asked"), f"nobody asked the service during {name}", WALK)
        lost = traffic.get("lost")
        _need(found, lost == 0, f"{lost} of {traffic.get('asked')} requests lost in {name}", WALK)
    return _walk(walks, names[0]).proof("/predicate/verdict")


def _at_least(names: Sequence[str], count: int, what: str) -> None:
    if len(names) < count:
        raise _Unmet(f"{len(names)} of {count} {what} were walked")


def _evidence_of(name: str, *fields: str) -> Callable[[ScenarioResults], CriterionProof]:
    def judge(walks: ScenarioResults) -> CriterionProof:
        found = _ended(walks, name)
        for field in ("commit", "trigger", "contract", "identity", *fields):
            _need(found, found.predicate.get(field), f"the record of {name} lacks {field}")
        return found.proof(f"/predicate/{fields[-1]}" if fields else "/predicate")

    return judge


def _refusals(walks: ScenarioResults) -> CriterionProof:
    names = [name for name in walks if name[:2] in {"03", "04", "05"}]
    _at_least(names, 3, "refused triggers")
    for name in names:
        found = _ended(walks, name)
        decision = found.predicate.get("decision") or {}
        _need(found, decision.get("allowed") is False, f"{name} was not refused by the contract")
        _need(found, decision.get("reasons"), f"{name} was refused without a reason")
        touched = [one for one in ("build", "image", "services") if found.predicate.get(one)]
        _need(found, not touched, f"{name} was refused after {', '.join(touched)}")
    return _walk(walks, names[0]).proof("/predicate/decision/reasons")


def _digest_and_scan(walks: ScenarioResults) -> CriterionProof:
    found = _ended(walks, "02-stable")
    subject = (found.record.get("subject") or [{}])[0]
    digest = (subject.get("digest") or {}).get("sha256", "")
    reference = str((found.predicate.get("image") or {}).get("reference", ""))
    _need(found, digest and reference.endswith(digest), "the record is not about the image")
    scan = found.predicate.get("scan") or {}
    platforms = scan.get("platforms") or []
    _need(found, platforms, "the record says nothing of a scan")
    for one in platforms:
        known = one.get("status") in {"COMPLETE", "ACTIVE", NOT_AVAILABLE}
        _need(found, known, f"the scan of {one.get('digest')} is {one.get('status')}")
    return found.proof("/predicate/scan/platforms")


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
