"""The matrix from deliveries as they are: Met, Partial, Unmet and Unverified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it brings no types
import pytest
from tests.unit.evidence.conftest import Clock, image, journal

from shipway.cli import audit
from shipway.cli.audit import Question
from shipway.evidence import codec
from shipway.evidence.facts import Fact
from shipway.evidence.facts.gate import (
    ClaimsFact,
    ConfigurationFact,
    ContractFact,
    DecisionFact,
    EnvironmentFact,
    IdentityFact,
    ReasonFact,
    TriggerFact,
)
from shipway.evidence.facts.image import BuildFact, ImageFact, PlatformScanFact, ScanFact
from shipway.evidence.facts.rollout import ServiceFact, VerificationFact
from shipway.evidence.journal import Journal
from shipway.evidence.predicate import CommitFact, VerdictFact
from shipway.evidence.recorder import RecordWriter
from shipway.reference import matrix_schema

SCAN = "image digest and scan are evidenced"
FAILS = "failed deployments fail the workflow"
MAIN, STABLE = (
    "push to main builds, publishes to staging ECR as configured",
    ("*-stable tags deploy to production"),
)
REFUSED = "invalid and non-stable triggers are refused, with evidence"


def fact(kind: type[Fact], **values: Any) -> Any:
    return codec.read(kind, values)


class Runs:
    """Deliveries of GitHub's, one after the other, in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._clock = Clock()

    def main(self, kind: str = "succeeded") -> None:
        new = self._begun("main", "staging", ("build", "publish"))
        self._image(new, "COMPLETE")
        self._end(new, kind)

    def stable(
        self, kind: str = "succeeded", *, scan: str = "COMPLETE", began: bool = True
    ) -> None:
        new = self._begun("stable", "production", ("build", "publish", "deploy", "verify"))
        if began:
            self._image(new, scan)
            verdict = {"name": kind, "exit_code": 0 if kind == "succeeded" else 31}
            service = {
                "key": "web",
                "deployment_id": "ecs-svc/2",
                "task_definition": "shop:2",
                "previous_task_definition": "shop:1",
                "verdict": verdict,
            }
            new.note_all(ServiceFact, (fact(ServiceFact, **service),))
        if kind == "succeeded":
            new.note_all(VerificationFact, (fact(VerificationFact, answers=[{"status": 200}]),))
        self._end(new, kind)

    def refused(self) -> None:
        new = journal(self._clock)
        new.environment = "refused"
        new.note(TriggerFact(event="push", ref="refs/tags/v1"))
        reasons = (ReasonFact(entry="stable", rule="ref", why="another tag"),)
        new.note(DecisionFact(allowed=False, reasons=reasons))
        self._end(new, "refused")

    def _begun(self, entry: str, environment: str, tasks: tuple[str, ...]) -> Journal:
        new = journal(self._clock)
        new.environment = environment
        new.note(TriggerFact(event="push", ref="refs/heads/main"))
        decision = DecisionFact(allowed=True, entry=entry, environment=environment, tasks=tasks)
        new.note(decision)
        new.note(EnvironmentFact(name=environment))
        new.note(fact(CommitFact, sha="3f9c2ab", subject="Sell more"))
        new.note(fact(ContractFact, path="ci/release.toml", sha256="1"))
        new.note(fact(ConfigurationFact, path="ci/delivery.toml", sha256="1"))
        new.note(fact(ClaimsFact, sub="repo:octo/shop:ref:refs/heads/main"))
        arn = f"arn:aws:sts::1:assumed-role/deploy-{environment}/run"
        new.note(fact(IdentityFact, arn=arn, short_lived=True))
        return new

    @staticmethod
    def _image(new: Journal, scan: str) -> None:
        new.about(image())
        new.note(fact(BuildFact, digest=str(image().digest)))
        new.note(ImageFact(reference=str(image()), pushed=None, platforms=()))
        platform = fact(PlatformScanFact, digest="sha256:1", status=scan)
        new.note(ScanFact(summary="", platforms=(platform,)))

    def _end(self, new: Journal, kind: str) -> None:
        codes = {"succeeded": 0, "refused": 20}
        verdict = VerdictFact(kind=kind, exit_code=codes.get(kind, 31), text=kind)
        RecordWriter(self.root, self._clock).write(new, verdict)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "evidence")


def judged(runs: Runs) -> tuple[int, dict[str, Any]]:
    question = Question(matrix=True, evidence=str(runs.root), offline=True)
    code = audit.run(question, json=True)
    verdict = json.loads((runs.root / "matrix.json").read_bytes())
    jsonschema.validate(verdict, matrix_schema.schema())
    return code, verdict


def states(runs: Runs) -> dict[str, str]:
    return {row["name"]: row["state"] for row in judged(runs)[1]["rows"]}


def test_what_every_kind_of_run_proves_is_met(runs: Runs) -> None:
    runs.main()
    runs.stable()
    runs.refused()
    runs.stable("rolled-back")
    code, verdict = judged(runs)
    unmet = {row["name"]: row["why"] for row in verdict["rows"] if not row["met"]}
    # The rollout was not seen to be watched: the record has no look of it.
    assert unmet == {"the workflow waits for health": "the rollout was not watched"}
    assert (code, verdict["ready"], verdict["judged"]) == (60, False, "deliveries")
    assert {row["type"] for row in verdict["rows"]} == {"AC", "DoD"}
    row = next(row for row in verdict["rows"] if row["name"] == STABLE)
    record = runs.root / row["file"]
    assert json.loads(record.read_bytes())["predicate"]["environment"]["name"] == "production"
    assert row["pointer"] == "/predicate/services/0/verdict"
    assert row["sha256"]


def test_what_no_run_is_about_is_unverified(runs: Runs) -> None:
    runs.main()
    found = states(runs)
    assert found[MAIN] == "Met"
    assert {found[name] for name in (STABLE, FAILS, REFUSED, SCAN)} == {"Unverified"}


def test_an_image_that_was_not_scanned_is_evidenced_in_part(runs: Runs) -> None:
    runs.stable(scan="not available here")
    assert states(runs)[SCAN] == "Partial"


def test_a_run_that_never_went_well_leaves_its_row_unmet(runs: Runs) -> None:
    runs.main("build-failed")
    assert states(runs)[MAIN] == "Unmet"
    runs.main()
    assert states(runs)[MAIN] == "Met"


def test_a_rollout_that_never_began_is_no_failed_deployment(runs: Runs) -> None:
    runs.stable("image-not-found", began=False)
    assert states(runs)[FAILS] == "Unverified"
    runs.stable("rolled-back")
    assert states(runs)[FAILS] == "Met"


def test_a_record_that_was_changed_proves_nothing(runs: Runs) -> None:
    runs.main()
    (record,) = runs.root.glob("staging/*/record.json")
    record.write_bytes(record.read_bytes().replace(b"Sell more", b"Sell less"))
    code, verdict = judged(runs)
    assert (code, verdict["chain"]["holds"]) == (50, False)
    assert next(row for row in verdict["rows"] if row["name"] == MAIN)["state"] == "Unmet"


def test_the_matrix_is_judged_anew_each_time(runs: Runs) -> None:
    runs.main()
    head = judged(runs)[1]["chain"]["head"]
    runs.refused()
    assert judged(runs)[1]["chain"]["head"] != head
    assert sorted(path.name for path in runs.root.glob("matrix.*")) == ["matrix.json", "matrix.md"]


def test_a_bucket_is_no_place_for_a_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.run(Question(matrix=True, evidence="s3://octo/shop"), json=True) == 2
    assert "leave --evidence out" in capsys.readouterr().out
