"""HTML and SVG as values: what is text is escaped, once, and cannot become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final, TypeAlias, Union

# What no reader may see as it is: control characters, and those that turn the direction of text
# (Unicode Technical Report 36, "Bidirectional Text Spoofing").
_CONTROLS: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff"
)
_UNSEEN: Final = re.compile(f"[{_CONTROLS}]")
_ANY: Final = re.compile(f"[{_CONTROLS}&<>\"']")
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
)
_VOID: Final = frozenset({"br", "hr", "input", "meta", "link"})


class Html(str):
    """Text that is markup already; only :func:`tag` and :func:`raw` make it."""

    __slots__ = ()


Child: TypeAlias = Union[str, float, Iterable["Child"], None]  # noqa: UP007 - names itself


def raw(markup: str) -> Html:
    """Markup of our own, as it is; never of anything that was read."""
    return Html(markup)


def escape(text: str) -> Html:
    """Text as it is to be read: control characters are shown, not obeyed."""
    if not _ANY.search(text):
        return Html(text)
    seen = _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return Html(seen.translate(_ESCAPES))


def tag(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Html:
    """An element.

    Args:
        name: Its name.
        children: Texts, which are escaped; elements; or several of them.
        attributes: ``class_`` becomes ``class``, ``data_x`` becomes ``data-x``; ``None`` and
            ``False`` are left out.
    """
    written = "".join(
        [
            f" {_key(key)}" + ("" if value is True else f'="{_value(value)}"')
            for key, value in attributes.items()
            if value is not None and value is not False
        ]
    )
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{joined(children)}</{name}>")


@cache
def _key(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def joined(children: Iterable[Child]) -> Html:
    """Children one after the other."""
    return Html("".join([_child(child) for child in children]))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, (str, int, float)):
        return escape(str(child))
    return joined(child)


def _value(value: str | float) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return escape(str(value))
