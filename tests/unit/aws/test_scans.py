"""ECR's pages of a scan: what was not read is not clean."""

from __future__ import annotations

from shipway.aws import scans
from shipway.values import Digest

ONE = Digest(f"sha256:{'1' * 64}")


def test_findings_that_were_not_all_read_are_not_judged() -> None:
    def ask(_: str) -> scans.Page:
        return {"imageScanStatus": {"status": "COMPLETE"}, "nextToken": "more"}

    scan = scans.read(ONE, ask)
    assert scan.status == "FINDINGS_UNAVAILABLE"
    assert "100 pages" in scan.reason


def test_the_last_page_ends_the_reading() -> None:
    pages = {"": {"imageScanStatus": {"status": "COMPLETE"}, "nextToken": "2"}, "2": {}}
    assert scans.read(ONE, pages.__getitem__).status == "COMPLETE"
