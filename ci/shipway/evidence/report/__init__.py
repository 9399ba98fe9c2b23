"""Reports for people: one self-contained HTML page, rendered from records by pure code."""

from __future__ import annotations

from shipway.evidence.report.delivery import report
from shipway.evidence.report.rehearsal import rehearsal

__all__ = ["NAME", "rehearsal", "report"]

NAME = "report.html"
