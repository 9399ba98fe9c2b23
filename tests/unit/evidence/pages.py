"""Pages read as a browser reads them, and what hostile records say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "input", "br"}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></svg></style></script><b>",
    "' onload='x",
    "javascript:alert(1)",
    "\x00\x1b[2J\u202e\u2028\ud800",
)


class Page(HTMLParser):
    """Reads a page and minds that every element that is opened is closed in order."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(content.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[name] += 1
        self.attributes += [(name, key, value or "") for key, value in attrs]
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def everywhere(value: Any, change: Callable[[str], str]) -> Any:
    """A record with every text in it changed, but for those the page is made by."""
    if isinstance(value, dict):
        fixed_keys = {"at", "startedOn", "finishedOn", "event", "_type", "predicateType"}
        return {
            key: part if key in fixed_keys else everywhere(part, change)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [everywhere(part, change) for part in value]
    return change(value) if isinstance(value, str) else value


def assert_closed(page: Page) -> None:
    """It asks nobody for anything, and its policy lets nothing run but its own."""
    asks = {
        (name, key, value)
        for name, key, value in page.attributes
        if key in {"src", "href", "srcset", "action", "data", "xlink:href"} and name != "a"
    }
    assert asks == {("link", "href", "data:,")}
    policy = next(value for _, key, value in page.attributes if key == "content" and "src" in value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert (page.tags["script"], page.tags["style"]) == (1, 1)
    assert not [key for _, key, _ in page.attributes if key == "style" or key.startswith("on")]
