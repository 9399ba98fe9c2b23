"""On which line of a TOML file each key stands.

``tomllib`` gives values without positions, and tomlkit, which keeps the file's layout, does
not tell a line either; so the text is walked once more, only for where things are. What is walked
has been accepted by tomllib before: the walk may therefore trust the grammar (TOML v1.0.0) and
needs to know only where strings, tables and arrays begin and end.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Mapping

KeyPath = tuple[str | int, ...]
"""Keys and, in arrays, indices from 0: ``("environments", "staging", "services", "web")``."""

_BARE_END = frozenset(" \t\n,]}#=.")
_BLANK = frozenset(" \t")
_DEEPEST = 64
"""Parts of a dotted key."""
_WIDE_BLANK = frozenset(" \t\n\r,")


def positions(text: str) -> Mapping[KeyPath, int]:
    """The line, from 1, on which each key, table and array element is first named.

    Args:
        text: A document that ``tomllib.loads`` accepts, with line feeds alone as line ends.

    Raises:
        RecursionError: It is nested too deeply.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    """One pass over the text; ``at`` is the index of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.elements: dict[KeyPath, int] = {}
        self.starts = [0, *(i + 1 for i, c in enumerate(text) if c == "\n")]

    def document(self) -> None:
        table: KeyPath = ()
        while self.skip(_WIDE_BLANK):
            if self.take("[["):
                table = self.header(array=True)
            elif self.take("["):
                table = self.header(array=False)
            else:
                self.pair(table)

    def header(self, *, array: bool) -> KeyPath:
        """``[a.b]`` or ``[[a.b]]``; a part that is an array of tables means its last element."""
        line = self.line()
        path: KeyPath = ()
        keys = self.keys()
        for number, key in enumerate(keys):
            path = (*path, key)
            self.note(path, line)
            if array and number == len(keys) - 1:
                self.elements[path] = self.elements.get(path, -1) + 1
            if path in self.elements:
                path = (*path, self.elements[path])
                self.note(path, line)
        self.at += 2 if array else 1
        return path

    def pair(self, table: KeyPath) -> None:
        """``a.b = value``."""
        line = self.line()
        path = table
        for key in self.keys():
            path = (*path, key)
            self.note(path, line)
        self.at += 1  # the equals sign
        self.value(path)

    def keys(self) -> list[str]:
        """A dotted key; ends before ``=`` or ``]``.

        Raises:
            RecursionError: It has more parts than any configuration.
        """
        keys = []
        while True:
            self.skip(_BLANK)
            keys.append(self.key())
            self.skip(_BLANK)
            if not self.take("."):
                return keys
            if len(keys) > _DEEPEST:
                raise RecursionError

    def key(self) -> str:
        start = self.at
        if self.text[start] in "\"'":
            self.string()
            (key,) = tomllib.loads(f"{self.text[start : self.at]} = 0")
            return key
        while self.text[self.at] not in _BARE_END:
            self.at += 1
        return self.text[start : self.at]

    def value(self, path: KeyPath) -> None:
        self.skip(_BLANK)
        if self.text[self.at] in "\"'":
            self.string()
        elif self.take("["):
            self.array(path)
        elif self.take("{"):
            while self.skip(_WIDE_BLANK) and not self.take("}"):
                self.pair(path)
        else:
            # A number, a boolean or a time; one blank may stand between a date and a time, and
            # what follows it then reads as nothing but blanks or the time's digits.
            while self.at < len(self.text) and self.text[self.at] not in "\n,]}#":
                self.at += 1

    def array(self, path: KeyPath) -> None:
        index = 0
        while self.skip(_WIDE_BLANK) and not self.take("]"):
            element = (*path, index)
            self.note(element, self.line())
            self.value(element)
            index += 1

    def string(self) -> None:
        """Any of the four kinds; a basic string's backslash protects what follows it."""
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(mark)
        while not self.text.startswith(mark, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(mark)
        # A multi-line string may end in one or two quotes of its own before the mark.
        while len(mark) > 1 and self.text.startswith(quote, self.at):
            self.at += 1

    def skip(self, characters: frozenset[str]) -> bool:
        """Pass over characters and, where lines may end, comments; False at the end."""
        while self.at < len(self.text):
            if self.text[self.at] in characters:
                self.at += 1
            elif self.text[self.at] == "#" and "\n" in characters:
                end = self.text.find("\n", self.at)
                self.at = end if end >= 0 else len(self.text)
            else:
                return True
        return False

    def take(self, mark: str) -> bool:
        matches = self.text.startswith(mark, self.at)
        if matches:
            self.at += len(mark)
        return matches

    def line(self) -> int:
        return bisect_right(self.starts, self.at)

    def note(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)
