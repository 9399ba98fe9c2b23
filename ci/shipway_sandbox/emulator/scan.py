"""ECR's scan and referrer calls, answered in recorded shapes.

What a scan found is set for each digest by an admin call. A digest for which nothing was set is
scanned where its repository scans on push, by a scanner that knows no vulnerability and says so;
elsewhere it has no scan, as at ECR (ECR API Reference, DescribeImageScanFindings).
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import json
from typing import Any

from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
    request_scope,
)
from ministack.services import ecr

from shipway_sandbox.emulator import ecr as corrected
from shipway_sandbox.emulator import registry, state
from shipway_sandbox.emulator.corrections import corrects, original
from shipway_sandbox.emulator.iam import PERMISSION_OF

Record = dict[str, Any]

OUTCOMES = (
    "ACTIVE",
    "CLEAN",
    "COMPLETE",
    "FAILED",
    "FINDINGS_UNAVAILABLE",
    "IMAGE_ARCHIVED",
    "IMAGE_SIZE_EXCEEDED",
    "IN_PROGRESS",
    "LIMIT_EXCEEDED",
    "NOT_FOUND",
    "PENDING",
    "SCAN_ELIGIBILITY_EXPIRED",
    "UNSUPPORTED_IMAGE",
)
_REASONS = {
    "COMPLETE": "The scan was completed successfully.",
    "ACTIVE": "Continuous scan is selected for image.",
    "PENDING": "Scan is pending.",
    "IN_PROGRESS": "Scan in progress.",
    "FAILED": "The scan failed: an internal error occurred.",
    "UNSUPPORTED_IMAGE": "UnsupportedImageError: The operating system and/or package manager are "
    "not supported.",
    "FINDINGS_UNAVAILABLE": "Scan findings are not available for this image.",
    "LIMIT_EXCEEDED": "The scan limit has been exceeded.",
    "SCAN_ELIGIBILITY_EXPIRED": "Scan eligibility of the image has expired.",
}
_FINISHED = frozenset({"COMPLETE", "ACTIVE"})
_SCORES = {"CRITICAL": 9.8, "HIGH": 7.5, "MEDIUM": 5.3, "LOW": 3.1}


def _wanted(data: Record) -> tuple[str, Record | None, Any]:
    name, identity = data.get("repositoryName", ""), data.get("imageId") or {}
    if name not in ecr._repositories:
        return name, None, corrected._unknown_repository(name)
    image = corrected.find(name, identity)
    return name, image, None if image is not None else corrected.unknown_image(name, identity)


def _no_scan(image: Record) -> Any:
    digest = image["imageDigest"]
    return error_response_json(
        "ScanNotFoundException",
        f"Image scan does not exist for the image with imageId {{imageDigest:'{digest}', "
        f"imageTag:'null'}} in the repository with name '{image['repositoryName']}' in the "
        f"registry with id '{get_account_id()}'",
        400,
    )


def _now(image: Record) -> tuple[str, list[Record]] | None:
    """Status and findings at this look; a scan with ``polls`` is PENDING that many times first."""
    known = state.emulator().scans.get(image["imageDigest"])
    if known is None and _on_push(image):
        return "COMPLETE", []
    if known is None or known["outcome"] == "NOT_FOUND":
        return None
    if known["polls"] > 0:
        known["polls"] -= 1
        return "PENDING", []
    outcome = "COMPLETE" if known["outcome"] == "CLEAN" else known["outcome"]
    findings = known["findings"] if known["outcome"] != "CLEAN" else []
    return outcome, list(findings) if outcome in _FINISHED else []


def _on_push(image: Record) -> bool:
    settings = ecr._repositories[image["repositoryName"]].get("imageScanningConfiguration") or {}
    return bool(settings.get("scanOnPush"))


def basic(finding: Record) -> Record:
    """A finding as basic scanning reports it."""
    return {
        "name": finding["id"],
        "description": finding.get("description", ""),
        "uri": f"https://security-tracker.debian.org/tracker/{finding['id']}",
        "severity": finding["severity"],
        "attributes": [
            {"key": "package_name", "value": finding["package"]},
            {"key": "package_version", "value": finding.get("version", "1.0")},
            {"key": "CVSS2_SCORE", "value": str(_SCORES.get(finding["severity"], 0.0))},
        ],
    }


def enhanced(finding: Record, image: Record) -> Record:
    """A finding as enhanced scanning (Amazon Inspector) reports it."""
    where = f"{get_region()}:{get_account_id()}"
    fixed = finding.get("fixed_in") or ""
    package = {
        "name": finding["package"],
        "version": finding.get("version", "1.0"),
        "packageManager": "OS",
        "arch": "AMD64",
        **({"fixedInVersion": fixed} if fixed else {}),
    }
    return {
        "awsAccountId": get_account_id(),
        "description": finding.get("description", ""),
        "findingArn": f"arn:aws:inspector2:{where}:finding/{finding['id'].lower()}",
        "firstObservedAt": state.now(),
        "lastObservedAt": state.now(),
        "severity": finding["severity"],
        "score": _SCORES.get(finding["severity"], 0.0),
        "status": "ACTIVE",
        "title": f"{finding['id']} - {finding['package']}",
        "type": "PACKAGE_VULNERABILITY",
        "fixAvailable": "YES" if fixed else "NO",
        "exploitAvailable": finding.get("exploit", "NO"),
        "packageVulnerabilityDetails": {
            "vulnerabilityId": finding["id"],
            "source": "DEBIAN_CVE",
            "vulnerablePackages": [package],
        },
        "resources": [
            {
                "type": "AWS_ECR_CONTAINER_IMAGE",
                "id": f"arn:aws:ecr:{where}:repository/{image['repositoryName']}/"
                f"{image['imageDigest']}",
            }
        ],
    }


def describe_image_scan_findings(data: Record) -> Any:
    """DescribeImageScanFindings, a page at a time."""
    name, image, refused = _wanted(data)
    if image is None:
        return refused
    scan = _now(image)
    if scan is None:
        return _no_scan(image)
    status, findings = scan
    answer: Record = {
        "registryId": get_account_id(),
        "repositoryName": name,
        "imageId": {"imageDigest": image["imageDigest"]},
        "imageScanStatus": {"status": status, "description": _REASONS.get(status, "")},
    }
    if image["imageDigest"] not in state.emulator().scans:
        why = "The embedded scanner knows no vulnerability: set what it finds."
        answer["imageScanStatus"]["description"] = why
    if status in _FINISHED:
        start, size = int(data.get("nextToken") or 0), int(data.get("maxResults") or 100)
        page = findings[start : start + size]
        counts: dict[str, int] = {}
        for finding in findings:
            counts[finding["severity"]] = counts.get(finding["severity"], 0) + 1
        shown = {"findingSeverityCounts": counts, "imageScanCompletedAt": state.now()}
        if status == "ACTIVE":
            shown["enhancedFindings"] = [enhanced(finding, image) for finding in page]
        else:
            shown["findings"] = [basic(finding) for finding in page]
        answer["imageScanFindings"] = shown
        if start + size < len(findings):
            answer["nextToken"] = str(start + size)
    return json_response(answer)


def start_image_scan(data: Record) -> Any:
    """StartImageScan: what was set for the digest is what will be found."""
    name, image, refused = _wanted(data)
    if image is None:
        return refused
    known = state.emulator().scans.setdefault(
        image["imageDigest"], {"outcome": "UNSUPPORTED_IMAGE", "findings": [], "polls": 1}
    )
    if known["outcome"] == "ACTIVE":
        return error_response_json(
            "ValidationException", "This feature is disabled for enhanced scanning.", 400
        )
    return json_response(
        {
            "registryId": get_account_id(),
            "repositoryName": name,
            "imageId": {"imageDigest": image["imageDigest"]},
            "imageScanStatus": {"status": "IN_PROGRESS"},
        }
    )


def list_image_referrers(data: Record) -> Any:
    """ListImageReferrers: manifests whose subject is the digest (OCI image-spec 1.1)."""
    name = data.get("repositoryName", "")
    if name not in ecr._repositories:
        return corrected._unknown_repository(name)
    subject = (data.get("subjectId") or {}).get("imageDigest", "")
    kinds = set((data.get("filter") or {}).get("artifactTypes") or [])
    referrers = []
    for image in ecr._images.get(name, []):
        manifest = json.loads(image.get("imageManifest") or "{}")
        if (manifest.get("subject") or {}).get("digest") != subject:
            continue
        kind = manifest.get("artifactType") or (manifest.get("config") or {}).get("mediaType", "")
        if kinds and kind not in kinds:
            continue
        referrers.append(
            {
                "digest": image["imageDigest"],
                "mediaType": image["imageManifestMediaType"],
                "artifactType": kind,
                "size": len(image["imageManifest"]),
                "annotations": manifest.get("annotations") or {},
                "artifactStatus": "ACTIVE",
            }
        )
    return json_response({"referrers": referrers})


_CALLS = {
    "DescribeImageScanFindings": describe_image_scan_findings,
    "ListImageReferrers": list_image_referrers,
    "StartImageScan": start_image_scan,
}


@corrects("ecr.scan-calls", "ecr.handle_request")
async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query: Record
) -> Any:
    """ECR's calls, with the three that MiniStack lacks."""
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    call = _CALLS.get(action)
    data = json.loads(body or b"{}")
    other = str(data.get("registryId") or "")
    if other and other != get_account_id() and registry.shares_across_accounts():
        name = str(data.get("repositoryName", ""))
        permission = PERMISSION_OF.get(f"ecr:{action}", f"ecr:{action}")
        if not registry.shares((other, get_region()), name, get_account_id(), permission):
            return _not_shared(permission, name, other)
        with request_scope(other, get_region()):
            if call is not None:
                return call(data)
            return await original("ecr.handle_request")(method, path, headers, body, query)
    if call is None:
        return await original("ecr.handle_request")(method, path, headers, body, query)
    return call(data)


def _not_shared(permission: str, name: str, account: str) -> Any:
    arn = f"arn:aws:ecr:{get_region()}:{account}:repository/{name}"
    return error_response_json(
        "AccessDeniedException",
        f"User: arn:aws:iam::{get_account_id()}:root is not authorized to perform: {permission} on "
        f"resource: {arn} because no resource-based policy allows the {permission} action",
        400,
    )
