"""The tree for a person, the object for a machine, and the verdict. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from shipway.doctor.finding import Finding, Section, State
from shipway.redact import redact

MARKS: dict[State, str] = {"ok": "✓", "wrong": "✗", "not checked": "·"}
_LONG = 40
"""Characters of a name; the texts behind a longer one stand a little further to the right."""


def lines(sections: Sequence[Section]) -> Iterator[str]:
    """A branch for each section, a line for each finding, its remedy below it."""
    for section in sections:
        names = (len(finding.name) for finding in section.findings)
        widest = min(max(names, default=0), _LONG)
        yield f" {section.name}"
        for finding in section.findings:
            state = "" if finding.state == "ok" else f"{finding.state}: "
            yield f"   {MARKS[finding.state]} {finding.name:<{widest}}  {state}{finding.text}"
            for detail in finding.details:
                yield f"     {'':<{widest}}  {detail}"
            if finding.remedy:
                yield f"     {'':<{widest}}  → {finding.remedy}"


def document(sections: Sequence[Section]) -> dict[str, object]:
    """The same as a JSON object."""
    counts = count(sections)
    return {
        "ready": not counts["wrong"],
        "counts": {state: counts[state] for state in MARKS},
        "sections": [
            {
                "name": section.name,
                "findings": [finding.document() for finding in section.findings],
            }
            for section in sections
        ],
    }


def count(sections: Sequence[Section]) -> Counter[State]:
    """How many findings are in each state."""
    return Counter(finding.state for section in sections for finding in section.findings)


def verdict(sections: Sequence[Section]) -> str:
    """The last word."""
    counts = count(sections)
    words = [f"{counts['ok']} ok"]
    words += [f"{counts[state]} {state}" for state in ("wrong", "not checked") if counts[state]]
    return f"{', '.join(words)}. Nothing was changed."


def without(sections: Sequence[Section], secrets: frozenset[str]) -> tuple[Section, ...]:
    """The same with secrets hidden in all that is told."""

    def hidden(text: str) -> str:
        return redact(text, secrets, assignments=False)

    def cleaned(finding: Finding) -> Finding:
        return replace(
            finding,
            text=hidden(finding.text),
            remedy=hidden(finding.remedy),
            details=tuple(map(hidden, finding.details)),
        )

    return tuple(
        replace(section, findings=tuple(map(cleaned, section.findings))) for section in sections
    )
