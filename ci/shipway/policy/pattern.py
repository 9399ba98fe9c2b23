"""Ref patterns: the whole language is literal characters and ``*``.

``*`` stands for any run of characters, also an empty one, that holds no ``/``: as in the filter
patterns of a workflow's ``on:`` (GitHub Docs, Workflow syntax, "Filter pattern cheat sheet"), so
that gate and workflow cannot differ. Matching compares the whole ref, character by character, in
time linear in its length; no regular expression is made from a pattern.
"""

from __future__ import annotations

import json
import string

BRANCHES = "refs/heads/"
TAGS = "refs/tags/"

_LETTERS = frozenset(string.ascii_letters + string.digits + "._-/")
# "+" is legal in a ref (semantic versions carry it) and an operator in GitHub's filter patterns.
_REF_CHARACTERS = _LETTERS | {"+"}
_PATTERN_CHARACTERS = _LETTERS | {"*"}
_LONGEST_REF = 1024
_LONGEST_SHOWN = 80


def quoted(text: str, *, plain: bool = False) -> str:
    """Text from outside, fit to print: in double quotes, ASCII, at most 80 characters.

    ``plain`` leaves the quotes off where the text holds nothing that could mislead a reader.
    """
    shortened = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    if plain and shortened and _REF_CHARACTERS.issuperset(shortened):
        return shortened
    return json.dumps(shortened)


def matches(pattern: str, ref: str) -> bool:
    """Whether the whole of ``ref`` is what ``pattern`` describes."""
    if "*" not in pattern:
        return pattern == ref
    globs, parts = pattern.split("/"), ref.split("/")
    return len(globs) == len(parts) and all(map(_part_matches, globs, parts))


def _part_matches(glob: str, text: str) -> bool:
    first, *others = glob.split("*")
    if not others:
        return first == text
    *middle, last = others
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    # The earliest place for each literal leaves the most room for the next: greedy is exact.
    at, end = len(first), len(text) - len(last)
    for literal in middle:
        position = text.find(literal, at, end)
        if position < 0:
            return False
        at = position + len(literal)
    return True


def intersect(first: str, second: str) -> bool:
    """Whether there is a text that both patterns match."""
    if "*" not in first:
        return matches(second, first)
    if "*" not in second:
        return matches(first, second)
    if not _beginnings_agree(first, second):
        return False
    first_parts, second_parts = first.split("/"), second.split("/")
    return len(first_parts) == len(second_parts) and all(
        map(_parts_intersect, first_parts, second_parts)
    )


def _parts_intersect(first: str, second: str) -> bool:
    """Read the first glob, and keep how far the second may have been read: a bit for each place.

    Integers hold the bits, so that it takes a few operations for each character of the first.
    """
    if not _beginnings_agree(first, second):
        return False
    length = len(second)
    everywhere = (1 << (length + 1)) - 1
    places: dict[str, int] = {}
    for position, character in enumerate(second):
        places[character] = places.get(character, 0) | 1 << position
    stars = places.get("*", 0)

    def past_stars(reached: int) -> int:
        """A star may also stand for nothing."""
        while (further := reached | (reached & stars) << 1) != reached:
            reached = further
        return reached

    reached = past_stars(1)
    for character in first:
        if character == "*":
            # It takes whatever comes next in the second, as much as it likes.
            lowest = reached & -reached
            reached = everywhere & ~(lowest - 1)
        else:
            reached = past_stars((reached & places.get(character, 0)) << 1 | reached & stars)
        if not reached:
            return False
    return bool(reached >> length & 1)


def _beginnings_agree(first: str, second: str) -> bool:
    """Whether what stands before each one's first star, and behind its last, can be one text.

    Without a star it is the whole.
    """
    pairs = (
        (first.partition("*")[0], second.partition("*")[0]),
        (first.rpartition("*")[2][::-1], second.rpartition("*")[2][::-1]),
    )
    return all(one.startswith(other) or other.startswith(one) for one, other in pairs)


def pattern_flaw(pattern: str) -> str:
    """What is wrong with a pattern, or an empty text."""
    if not pattern.startswith((BRANCHES, TAGS)):
        return (
            "should begin with refs/heads/ or refs/tags/, so that it cannot match "
            f"a branch and a tag; it is {quoted(pattern)}"
        )
    if "**" in pattern:
        return 'holds "**"; only a single * is known, which stops at a "/"'
    character = next((c for c in pattern if c not in _PATTERN_CHARACTERS), "")
    if character:
        return f"holds {_named(character)}; a pattern has only letters, digits, . _ - / and *"
    flaw = _shape_flaw(pattern)
    return f"matches nothing: {flaw}" if flaw else ""


def ref_flaw(ref: str) -> str:
    """Why a ref can never be released, whatever the contract says; or an empty text.

    Stricter than git, which allows ``$(id)-stable`` and look-alike letters of other scripts
    (git-check-ref-format): a release ref is one that cannot mislead a shell, a log or a reader.
    """
    if not ref:
        return "there is no ref"
    if len(ref) > _LONGEST_REF:
        return f"the ref is {len(ref)} characters long"
    character = next((c for c in ref if c not in _REF_CHARACTERS), "")
    if character:
        return f"the ref holds {_named(character)}; only letters, digits and . _ + - / are accepted"
    flaw = _shape_flaw(ref)
    return f"the ref is malformed: {flaw}" if flaw else ""


def _shape_flaw(ref: str) -> str:
    """Git's own rules for the parts of a name (git-check-ref-format)."""
    if ".." in ref:
        return 'it holds ".."'
    parts = ref.split("/")
    if "" in parts:
        return "a part of it is empty"
    if any(part.startswith(".") for part in parts):
        return 'a part of it begins with "."'
    if any(part.endswith(".lock") for part in parts) or ref.endswith("."):
        return 'it ends in "." or ".lock"'
    return ""


def _named(character: str) -> str:
    """A character by itself where it can be read, else by its code point."""
    if character.isascii() and character.isprintable():
        return f'"{character}"' if character != '"' else "'\"'"
    return f"U+{ord(character):04X}"
