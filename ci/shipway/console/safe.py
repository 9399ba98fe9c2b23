"""Texts of strangers, made harmless: a container's log may hold anything.

Three things must not happen: a terminal obeys a text (control characters, escape sequences), a
reader is shown another order than the bytes have (bidirectional marks), and GitHub's runner takes
a text for a workflow command.
"""

from __future__ import annotations

import re
import unicodedata

LIMIT = 4000
"""Longest line that is shown, in characters; a megabyte on one line helps nobody."""

# ECMA-48: CSI sequences, then OSC/DCS/SOS/PM/APC strings that have an end, then two-byte escapes.
# A string without its end stays and is shown, or it would hide everything after it.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-Z\\`-~]"
)
_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def _show(character: str) -> str:
    """Write a character that must not be printed as Python's own escape of it."""
    if unicodedata.category(character) not in _UNSHOWABLE:
        return character
    return character.encode("unicode_escape").decode("ascii")


def clean(text: str) -> str:
    """Return ``text`` as one line that moves no cursor: no control character is left in it.

    Colour and cursor sequences are dropped, since a tool that prints colour means no harm; what
    remains of control, format and surrogate characters is shown as its escape. Tabs become
    spaces. Longer than :data:`LIMIT` is cut, and says so.
    """
    if len(text) > LIMIT:
        text = f"{text[:LIMIT]}… ({len(text) - LIMIT} more characters)"
    if text.isascii() and text.isprintable():
        return text
    text = _SEQUENCE.sub("", text).expandtabs(4)
    return "".join(_show(character) for character in text)


def clean_lines(text: str) -> tuple[str, ...]:
    """Split at line ends, then clean each line; a progress bar's bare CR counts as a line end."""
    return tuple(clean(line) for line in re.split(r"\r\n|\n|\r", text.removesuffix("\n")))


def inert(line: str) -> str:
    """Return a line in which GitHub's runner finds no workflow command.

    The runner (actions/runner, ActionCommand.cs) trims white space and then looks for ``::`` at
    the start, and for the older ``##[`` anywhere in the line.
    """
    line = line.replace("##[", "## [")
    stripped = line.lstrip()
    if stripped.startswith("::"):
        return f"{line[: len(line) - len(stripped)]}: :{stripped[2:]}"
    return line


def escape_data(text: str) -> str:
    """Escape the message of a workflow command as GitHub's toolkit does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Escape a property (``title=``, ``file=``) of a workflow command as the toolkit does."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def escape_markdown(text: str) -> str:
    """Escape text for GitHub's Markdown so that it stands there as it is, also in a table."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~$@-])", r"\\\1", text)


def fence(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Put lines into a Markdown code block whose fence is longer than any run inside."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    ticks = "`" * max(3, longest + 1)
    return (f"{ticks}text", *lines, ticks)
