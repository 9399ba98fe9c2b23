"""Which files of a context BuildKit sees: ``.dockerignore``, as Docker reads it.

The rules are those of Docker's "Build context" page, which differ from git's: a pattern is rooted
at the context, matches a file or everything below a folder, ``*`` and ``?`` stay within a path
part, ``**`` does not, ``!`` takes files back, and the last pattern that matches decides, also for
a file below a folder that was left out. No library on the index follows them in all of this.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line: what it matches, and whether it takes back what others left out."""

    expression: re.Pattern[str]
    back: bool


def parse(text: str) -> tuple[Pattern, ...]:
    """Read a ``.dockerignore``; comments and empty lines are left out.

    A line that is no pattern (an unclosed ``[``) matches nothing here; BuildKit refuses it, so the
    build fails before anything could rest on it.
    """
    patterns = []
    for number, raw in enumerate(text.splitlines()):
        line = raw.removeprefix("\ufeff") if number == 0 else raw
        if line.startswith("#"):
            continue
        line = line.strip()
        back = line.startswith("!")
        line = line[1:].strip() if back else line
        if not line:
            continue
        cleaned = posixpath.normpath(line)
        # Cleaning goes first, then the root: "/a", "./a" and "a" are the same.
        cleaned = cleaned.lstrip("/") if len(cleaned) > 1 else cleaned
        if cleaned in {".", "/", ""}:
            continue
        expression = _compiled(cleaned)
        if expression is not None:
            patterns.append(Pattern(expression, back))
    return tuple(patterns)


def ignored(path: str, patterns: Iterable[Pattern]) -> bool:
    """Whether a file is left out.

    Args:
        path: Relative to the context, with ``/`` between its parts.
        patterns: In the file's order.
    """
    parts = path.split("/")
    beginnings = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    left_out = False
    for pattern in patterns:
        if pattern.back == left_out and any(map(pattern.expression.fullmatch, beginnings)):
            left_out = not pattern.back
    return left_out


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        if pattern.startswith("**", at):
            at += 2
            while pattern.startswith("*", at):
                at += 1
            if pattern.startswith("/", at):  # "**/x" is x at any depth, the top included
                at += 1
                parts.append("(?:.*/)?")
            else:
                parts.append(".*")
            continue
        if sign == "[":
            character_class = _class(pattern, at)
            if character_class is None:
                return None
            text, at = character_class
            parts.append(text)
            continue
        if sign == "\\" and at + 1 < len(pattern):
            at += 1
            parts.append(re.escape(pattern[at]))
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(sign, re.escape(sign)))
        at += 1
    return re.compile("".join(parts), re.DOTALL)


def _class(pattern: str, start: int) -> tuple[str, int] | None:
    """A ``[…]`` as Go's ``filepath.Match`` reads it; ``None`` where it does not close."""
    at = start + 1
    negated = pattern.startswith("^", at)
    at += negated
    members: list[str] = []
    while at < len(pattern) and (pattern[at] != "]" or not members):
        if pattern[at] == "\\" and at + 1 < len(pattern):
            at += 1
        sign = pattern[at]
        # A hyphen between two signs is a range.
        members.append("-" if sign == "-" and members else re.escape(sign))
        at += 1
    if at >= len(pattern) or not members:
        return None
    text = f"[{'^' if negated else ''}{''.join(members)}]"
    try:
        re.compile(text)
    except re.error:
        return None
    return f"(?!/){text}", at + 1
