"""The small parts of a report: tables, facts, links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from shipway.evidence.report.html import Child, Html, tag

GOOD: Final = "✓"
BAD: Final = "✗"


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Child]], *, id_: str | None = None
) -> Html | None:
    """A table; nothing where it has no rows. A column that begins with ``#`` holds numbers."""
    body = [
        tag("tr", [_cell(column, child) for column, child in zip(columns, row, strict=True)])
        for row in rows
    ]
    if not body:
        return None
    head = tag("tr", [tag("th", name.lstrip("#!"), class_=_class(name)) for name in columns])
    return tag("div", tag("table", tag("thead", head), tag("tbody", body), id=id_), class_="wide")


def _cell(column: str, child: Child) -> Html:
    return tag("td", child, class_=_class(column))


def _class(column: str) -> str | None:
    return {"#": "n", "!": "w"}.get(column[:1])


def facts(pairs: Iterable[tuple[str, Child]]) -> Html:
    """Names and what they are; a pair without anything is left out."""
    return tag(
        "dl",
        [(tag("dt", name), tag("dd", value)) for name, value in pairs if value not in {"", None}],
    )


def code(text: object) -> Html | None:
    """A digest, a path, a name: to the letter."""
    return tag("code", str(text)) if text not in {None, ""} else None


def link(address: str, text: str = "") -> Html:
    """A link that can only lead to a web page or to a file beside; anything else is text."""
    try:
        safe = urlsplit(address).scheme in {"https", "http", ""} and not address.startswith("//")
    except ValueError:
        safe = False
    return tag("a", text or address, href=address) if safe else tag("code", text or address)


def section(title: str, *children: Child) -> Html | None:
    """A heading and what stands below it; nothing where nothing does."""
    there = [child for child in children if child is not None]
    return tag("section", tag("h2", title), there) if there else None


def mark(*, good: bool, text: str) -> Html:
    """A verdict: a sign, a word and a colour, so that none of them is needed alone."""
    return tag("span", f"{GOOD if good else BAD} {text}", class_="good" if good else "bad")


def size(count: int) -> str:
    """Bytes for people."""
    number = float(count)
    for unit in ("B", "kB", "MB"):
        if number < 1000:  # noqa: PLR2004 - SI units, as registries count
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
