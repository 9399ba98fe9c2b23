"""Marks, colours, and what stands in for them where a terminal knows less.

Only the eight named colours, bold and dim are used: a person's own palette decides how they look,
so they can be read on a light and on a dark background. Every state has a mark of its own; colour
only repeats what the mark says.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GOOD = "✓"
BAD = "✗"
CALM = "·"
BEGIN = "▸"
SKIP = "-"
WARN = "!"
BACK = "↩"
BAR = "│"
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FULL = "█"
EMPTY = "░"

ASCII = MappingProxyType(
    str.maketrans(
        {
            GOOD: "+",
            BAD: "x",
            CALM: ".",
            BEGIN: ">",
            BACK: "<",
            BAR: "|",
            FULL: "#",
            EMPTY: ".",
            "…": "...",
            "→": "->",
            "–": "-",
            "×": "x",
            "’": "'",
            **{spin: "|/-\\"[index % 4] for index, spin in enumerate(SPINNER)},
        }
    )
)
"""What is written where the output's encoding has no such character."""

STYLES: Mapping[str, str] = MappingProxyType(
    {
        "": "",
        "title": "bold",
        "stage": "bold",
        "good": "green",
        "bad": "bold red",
        "warn": "yellow",
        "busy": "cyan",
        "back": "yellow",
        "cause": "bold",
        "next": "bold",
        "quiet": "dim",
        "new": "green",
        "old": "dim",
    }
)
"""Style name to a rich style; the same words are understood by :func:`paint`."""

_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def paint(text: str, style: str) -> str:
    """Put the escape sequences of a style around a text (ECMA-48, SGR)."""
    codes = ";".join(_SGR[word] for word in STYLES[style].split())
    return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text


def wants_colour(env: Mapping[str, str], *, terminal: bool) -> bool:
    """Decide on colour: NO_COLOR wins (no-color.org), then FORCE_COLOR, then the terminal."""
    if env.get("NO_COLOR"):
        return False
    if env.get("FORCE_COLOR", "0") not in {"", "0"}:
        return True
    return terminal and env.get("TERM") not in {"dumb", "unknown"}


def can_draw(encoding: str | None) -> bool:
    """Whether an output's encoding holds every mark."""
    try:
        f"{GOOD}{BAD}{CALM}{BEGIN}{BACK}{BAR}{FULL}{EMPTY}{SPINNER}…→".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
