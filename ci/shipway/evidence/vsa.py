"""The gate's decision as a SLSA Verification Summary Attestation, v1.

Whoever consumes the image may trust the gate's decision without reading the whole record, which it
names by its SHA-256. A rollout that failed afterwards does not change what the gate decided.
(slsa.dev, "Verification Summary Attestation (VSA)"; type https://slsa.dev/verification_summary/v1.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from shipway import __version__
from shipway.evidence.ledger import RECORD

NAME: Final = "vsa.json"
TYPE: Final = "https://slsa.dev/verification_summary/v1"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_VERIFIER: Final = "https://shipway.dev/gate/v1"


def statement(record: Mapping[str, Any], sha256: str) -> dict[str, Any]:
    """The summary of what a record says the gate decided.

    Args:
        record: The record, an in-toto Statement.
        sha256: Of the record's bytes.
    """
    predicate = record["predicate"]
    passed = _passed(predicate)
    contract = predicate.get("contract") or {}
    subject = record["subject"][0]
    return {
        "_type": _STATEMENT,
        "subject": record["subject"],
        "predicateType": TYPE,
        "predicate": {
            "verifier": {"id": _VERIFIER, "version": {"shipway": __version__}},
            "timeVerified": predicate["finishedOn"],
            "resourceUri": subject["name"],
            "policy": {
                "uri": contract.get("path", "ci/release.toml"),
                "digest": {"sha256": contract.get("sha256", "")},
            },
            "inputAttestations": [{"uri": RECORD, "digest": {"sha256": sha256}}],
            "verificationResult": "PASSED" if passed else "FAILED",
            # The gate checks who may release and what the scan found; no SLSA level is claimed.
            "verifiedLevels": ["SLSA_BUILD_LEVEL_UNEVALUATED"] if passed else ["FAILED"],
            "slsaVersion": "1.0",
        },
    }


def follows(record: Mapping[str, Any], sha256: str, summary: bytes) -> bool:
    """Whether a summary is what this record leads to; whichever version of us wrote it."""
    try:
        found = json.loads(summary)
        wanted = statement(record, sha256)
        for one in (found, wanted):
            one["predicate"]["verifier"].pop("version")
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
    return bool(found == wanted)


def _passed(predicate: Mapping[str, Any]) -> bool:
    decision = predicate.get("decision") or {}
    scan = predicate.get("scan") or {}
    image = (predicate.get("image") or {}).get("reference")
    return bool(decision.get("allowed") and scan.get("allowed") is not False and image)
