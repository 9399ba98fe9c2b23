"""Reports for people: one self-contained HTML page, rendered from records by pure code."""

from __future__ import annotations

from shipway.evidence.report.delivery import report

__all__ = ["NAME", "report"]

NAME = "report.html"
