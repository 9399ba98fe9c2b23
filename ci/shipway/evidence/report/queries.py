"""What the search of the page of all deliveries understands, as links that fill it in."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import quote

from shipway.evidence.canonical_json import moment

MARK: Final = "#?"
"""What an address ends with before a query."""


def query(
    *words: str,
    env: str = "",
    is_: str = "",
    by: str = "",
    begin: datetime | None = None,
    end: datetime | None = None,
) -> str:
    """A link to the deliveries that match all of it.

    Args:
        words: Texts that stand somewhere in the row or among its digests.
        env: The environment.
        is_: What became of it, or what it counts as.
        by: A part of who delivered.
        begin: Only what ended then or later.
        end: Only what ended before.
    """
    named = {"env": env, "is": is_, "by": by}
    moments = {"from": begin, "to": end}
    terms = (
        *map(_quoted, words),
        *(f"{name}:{_quoted(text)}" for name, text in named.items() if text),
        *(f"{name}:{moment(at)}" for name, at in moments.items() if at),
    )
    return MARK + quote(" ".join(terms), safe=":")


def _quoted(text: str) -> str:
    """As one term; a quotation mark in it cannot be said."""
    safe = text.replace('"', " ").encode("utf-8", "replace").decode()
    return f'"{safe}"' if safe.split() != [safe] else safe
