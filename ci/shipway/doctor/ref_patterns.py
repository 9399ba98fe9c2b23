"""How GitHub's patterns of refs meet the contract's. Pure.

GitHub matches by ``fnmatch`` with ``FNM_PATHNAME`` ("Creating rulesets for a repository",
"Deployments and environments", GitHub Docs): ``*`` and ``?`` stop at a ``/``, and ``**/`` stands
for any folders, none included. The contract's ``*`` stops at a ``/``, too.
"""

from __future__ import annotations

from functools import cache
from typing import Final

_FOLDERS: Final = "**"
_UNSURE: Final = "["


def covers(pattern: str, ref: str) -> bool:
    """Whether every ref that the contract's pattern means is one of GitHub's, as far as is sure.

    Args:
        pattern: GitHub's.
        ref: The contract's.
    """
    if pattern == ref:
        return True
    if _UNSURE in pattern:  # a class of characters: nobody writes one for tags
        return False
    return _covers(tuple(pattern.split("/")), tuple(ref.split("/")))


@cache
def _covers(pattern: tuple[str, ...], ref: tuple[str, ...]) -> bool:
    if not pattern or not ref:
        return not pattern and not ref
    if pattern[0] == _FOLDERS and len(pattern) > 1:
        return any(_covers(pattern[1:], ref[start:]) for start in range(len(ref)))
    return _word_covers(pattern[0], ref[0]) and _covers(pattern[1:], ref[1:])


@cache
def _word_covers(pattern: str, word: str) -> bool:
    """The same between two slashes; the contract's ``*`` is covered by nothing but a ``*``."""
    if not pattern:
        return not word
    if pattern[0] == "*":
        return any(_word_covers(pattern[1:], word[start:]) for start in range(len(word) + 1))
    if not word:
        return False
    same = word[0] != "*" if pattern[0] == "?" else pattern[0] == word[0]
    return same and _word_covers(pattern[1:], word[1:])


def overlaps(pattern: str, ref: str) -> bool:
    """Whether some ref that the contract's pattern means may be one of GitHub's."""
    return _UNSURE in pattern or _overlaps(tuple(pattern.split("/")), tuple(ref.split("/")))


@cache
def _overlaps(pattern: tuple[str, ...], ref: tuple[str, ...]) -> bool:
    if not pattern or not ref:
        return not pattern and not ref
    if pattern[0] == _FOLDERS and len(pattern) > 1:
        return any(_overlaps(pattern[1:], ref[start:]) for start in range(len(ref)))
    return _words_overlap(pattern[0], ref[0]) and _overlaps(pattern[1:], ref[1:])


@cache
def _words_overlap(one: str, other: str) -> bool:
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _words_overlap(one[1:], other) or _words_overlap(one, other[1:])
    if other[0] == "*":
        return _words_overlap(one, other[1:]) or _words_overlap(one[1:], other)
    return (one[0] in {"?", other[0]}) and _words_overlap(one[1:], other[1:])
