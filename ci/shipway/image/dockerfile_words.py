"""Words of a Dockerfile: quotes, escapes, variables and heredocs, as BuildKit's lexer has them.

The facts are those of BuildKit's ``frontend/dockerfile/shell/lex.go`` and ``parser/parser.go``.
What BuildKit refuses, or what only its newer releases can do, raises :class:`UnsureError`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SPACES: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
)
"""Go's ``unicode.IsSpace``; Python's own ``str.strip`` takes away more."""
_NAME: Final = re.compile(r"[0-9]+|[@*#?\-$!]|[^\W\d]\w*")
_HEREDOC: Final = re.compile(r"[0-9]*<<(?P<chomp>-?)[ \t\n\f\r]*(?P<word>[^<]*)")


class UnsureError(ValueError):
    """Why what BuildKit makes of a Dockerfile cannot be said from its text."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its variables put in.

    Attributes:
        text: What it is.
        unknown: Variables whose value decides what it is and cannot be known; then ``text`` is of
            no use.
    """

    text: str
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Heredoc:
    """What ``<<WORD`` opens.

    Attributes:
        end: The line that ends it.
        chomp: Whether tabs before that line count for nothing (``<<-``).
    """

    end: str
    chomp: bool


def expand(text: str, values: Mapping[str, str | None], escape: str) -> Word:
    """One word without its quotes and with its variables put in.

    Args:
        text: As the Dockerfile has it.
        values: Variables; ``None`` for one that has a value nobody here knows.
        escape: The Dockerfile's escape sign.

    Raises:
        UnsureError: A quote or a brace is open, or a substitution is none that every BuildKit has.
    """
    lexer = _Lexer(text, values, escape)
    result = lexer.read("")
    return Word(result, frozenset(lexer.unknown))


def heredocs(line: str) -> tuple[Heredoc, ...]:
    """What a RUN, COPY or ADD opens, in order; whether it is in JSON form is the caller's to ask.

    Raises:
        UnsureError: The word of a heredoc has an open quote.
    """
    if "<<" not in line:
        return ()
    lexer = _Lexer(line, {}, "\\", raw=True)
    try:
        lexer.read("")
    except UnsureError:
        # BuildKit takes a line with an open quote for the shell's business.
        return ()
    opened = []
    for word in lexer.finished():
        if (match := _HEREDOC.fullmatch(word)) and match["word"]:
            inner = _Lexer(match["word"], {}, "\\", keep_unset=True)
            inner.read("")
            names = inner.finished()
            if len(names) == 1:
                opened.append(Heredoc(end=names[0], chomp=bool(match["chomp"])))
    return tuple(opened)


@dataclass(slots=True)
class _Lexer:
    """Where reading stands.

    Attributes:
        text: What is read.
        values: Variables.
        escape: The escape sign.
        raw: Whether quotes, escapes and variables stay as they are written.
        keep_unset: Whether a variable without a value stays as it is written.
        unknown: Variables that decided something and are not known.
        words: Words that are finished, for a heredoc is a word of its own.
    """

    text: str
    values: Mapping[str, str | None]
    escape: str
    raw: bool = False
    keep_unset: bool = False
    position: int = 0
    unknown: set[str] = field(default_factory=set)
    words: list[str] = field(default_factory=list)
    word: str = ""

    def finished(self) -> list[str]:
        """All words, the last one included."""
        return [*self.words, *([self.word] if self.word else [])]

    def read(self, stop: str) -> str:
        """Read until the stop sign, or to the end where there is none."""
        result = ""
        while sign := self._peek():
            if sign == stop:
                self.position += 1
                return result
            if sign == "$":
                part = self._variable()
                for character in part:
                    self._add(character)
            elif sign == "'":
                part = self._single()
                self.word += part
            elif sign == '"':
                part = self._double()
                self.word += part
            elif sign == "<":
                part = self._less()
                self.word += part
            elif sign == self.escape:
                self.position += 1
                following = self._next()
                part = (sign if self.raw else "") + following
                self.word += part
            else:
                part = self._next()
                self._add(part)
            result += part
        if stop:
            raise UnsureError(f"a {stop} is missing")
        return result

    def _add(self, character: str) -> None:
        if character not in SPACES:
            self.word += character
        elif self.word:
            self.words.append(self.word)
            self.word = ""

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _next(self) -> str:
        character = self._peek()
        self.position += 1
        return character

    def _single(self) -> str:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            raise UnsureError("a single quote is open")
        inner = self.text[self.position + 1 : end]
        self.position = end + 1
        return f"'{inner}'" if self.raw else inner

    def _double(self) -> str:
        self.position += 1
        result = ""
        while sign := self._peek():
            if sign == '"':
                self.position += 1
                return f'"{result}"' if self.raw else result
            if sign == "$":
                result += self._variable()
                continue
            self.position += 1
            following = self._peek()
            if sign == self.escape and following and following in ('"', "$", self.escape):
                self.position += 1
                result += (sign if self.raw else "") + following
            elif sign != self.escape or following:
                result += sign
        raise UnsureError("a double quote is open")

    def _less(self) -> str:
        """``<<`` and the blanks behind it are of one word with what follows."""
        self.position += 1
        if self._peek() != "<":
            return "<"
        start = self.position - 1
        self.position += 1
        while (sign := self._peek()) and sign in "\t\r ":
            self.position += 1
        return self.text[start : self.position]

    def _variable(self) -> str:
        start = self.position
        self.position += 1
        if self._peek() != "{":
            if not (match := _NAME.match(self.text, self.position)):
                return "$"
            self.position = match.end()
            return self._value(match[0], self.text[start : self.position])
        self.position += 1
        match = _NAME.match(self.text, self.position)
        if not match:
            raise UnsureError("a substitution without a name")
        self.position = match.end()
        return self._substituted(match[0], start)

    def _value(self, name: str, written: str) -> str:
        if self.raw or self.keep_unset:
            return written
        value = self.values.get(name)
        if value is None:
            self.unknown.add(name)
        return value or ""

    def _substituted(self, name: str, start: int) -> str:
        sign = self._next()
        if sign == "}":
            return self._value(name, self.text[start : self.position])
        colon = sign == ":"
        if colon:
            sign = self._next()
        if self.raw or self.keep_unset:
            return self._as_written(start, sign, colon=colon)
        if not sign or sign not in "+-?":
            raise UnsureError(f"${{{name}{sign}…}} is a substitution that not every BuildKit has")
        # The unknown variables of a word that is not taken decide nothing.
        outside, self.unknown = self.unknown, set()
        alternative = self.read("}")
        inside, self.unknown = self.unknown, outside
        value = self.values.get(name)
        if name in self.values and value is None:
            self.unknown.add(name)
            return ""
        usable = value is not None and (value != "" or not colon)
        if sign == "?" and not usable:
            raise UnsureError(f"${{{name}?…}} has no value")
        if usable is (sign == "+"):
            self.unknown |= inside
            return alternative
        return value or "" if usable else ""

    def _as_written(self, start: int, sign: str, *, colon: bool) -> str:
        """A substitution that stays; one that BuildKit does not take makes the line the shell's."""
        taken = sign not in "#%" if colon else sign in "+-?#%/"
        if not sign or not taken:
            raise UnsureError("a substitution of the shell's own")
        outer, words = self.word, list(self.words)
        if sign == "/" and not colon:
            self.position += self._peek() == "/"
            self.read("/")
        self.read("}")
        self.word, self.words = outer, words
        return self.text[start : self.position]
