"""The gate's decision as a SLSA Verification Summary Attestation, v1.

Whoever consumes the image may trust the gate's decision without reading the whole record, which it
names by its SHA-256. A rollout that failed afterwards does not change what the gate decided.
(slsa.dev, "Verification Summary Attestation (VSA)"; type https://slsa.dev/verification_summary/v1.)
"""

from __future__ import annotations

import json
from typing import Any, Final

from shipway import __version__
from shipway.evidence.canonical_json import to_json
from shipway.evidence.facts.gate import ContractFact
from shipway.evidence.ledger import RECORD
from shipway.evidence.predicate import Delivery, Statement

NAME: Final = "vsa.json"
TYPE: Final = "https://slsa.dev/verification_summary/v1"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_VERIFIER: Final = "https://shipway.dev/gate/v1"


def statement(record: Statement, sha256: str) -> dict[str, Any]:
    """The summary of what a record says the gate decided.

    Args:
        record: The record, an in-toto Statement.
        sha256: Of the record's bytes.
    """
    delivery = record.predicate
    passed = _passed(delivery)
    contract = delivery.contract or ContractFact(path="ci/release.toml", sha256="")
    return {
        "_type": _STATEMENT,
        "subject": to_json(record.subject),
        "predicateType": TYPE,
        "predicate": {
            "verifier": {"id": _VERIFIER, "version": {"shipway": __version__}},
            "timeVerified": delivery.finished_on,
            "resourceUri": record.subject[0].name,
            "policy": {
                "uri": contract.path,
                "digest": {"sha256": contract.sha256},
            },
            "inputAttestations": [{"uri": RECORD, "digest": {"sha256": sha256}}],
            "verificationResult": "PASSED" if passed else "FAILED",
            # The gate checks who may release and what the scan found; no SLSA level is claimed.
            "verifiedLevels": ["SLSA_BUILD_LEVEL_UNEVALUATED"] if passed else ["FAILED"],
            "slsaVersion": "1.0",
        },
    }


def follows(record: Statement, sha256: str, summary: bytes) -> bool:
    """Whether a summary is what this record leads to; whichever version of us wrote it."""
    try:
        actual = json.loads(summary)
        wanted = statement(record, sha256)
        for document in (actual, wanted):
            document["predicate"]["verifier"].pop("version")
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
    return bool(actual == wanted)


def _passed(delivery: Delivery) -> bool:
    let = delivery.decision is not None and delivery.decision.allowed
    return bool(let) and all(
        image.image is not None
        and bool(image.image.reference)
        and not (image.scan is not None and image.scan.allowed is False)
        for image in delivery.released
    )
