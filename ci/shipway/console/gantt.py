"""A time line as GitHub draws it in a job summary: a mermaid gantt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

# mermaid's own signs (: ends a name, ; and # begin something else) have no place in a name.
_PLAIN: Final = re.compile(r"[^\w .,/()-]+")
_TAGS: Final = {"good": "done, ", "bad": "crit, ", "open": "active, ", "skip": ""}
_MOST: Final = 60


def gantt(spans: Sequence[tuple[str, str, float, float, str]]) -> Iterator[str]:
    """Lines of a fenced block; none where there is nothing to draw.

    Args:
        spans: Section, name, start and end in seconds, and how it ended.
    """
    if not spans:
        return
    # Milliseconds since a beginning that nobody reads: the axis shows minutes and seconds.
    yield from ("```mermaid", "gantt", "    dateFormat x", "    axisFormat %M:%S")
    section = ""
    for number, (stage, name, start, end, outcome) in enumerate(spans[:_MOST]):
        if stage != section:
            section = stage
            yield f"    section {_name(stage)}"
        begin = round(start * 1000)
        stop = max(round(end * 1000), begin + 1)
        yield f"    {_name(name)} :{_TAGS.get(outcome, '')}s{number}, {begin}, {stop}"
    yield "```"


def _name(text: str) -> str:
    return _PLAIN.sub(" ", text).strip()[:60] or "-"
