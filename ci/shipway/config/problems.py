"""Problems of a configuration file: every one of them, each with its line and its path."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.config.positions import KeyPath
from shipway.errors import ConfigurationError

EVERY_KEY: Final = "every key and what it may be: docs/configuration.md of shipway"
"""The page is not in the repository of whoever reads this, but in shipway's."""
NOT_WRITTEN: Final = f"shipway init writes it; {EVERY_KEY}"
_ABBREVIATED: Final = 3
"""Letters that a word must have to be taken for the beginning of another."""
_BARE: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_LONGEST_KEY: Final = 80
"""Letters of a key that are shown."""
_LONGEST_WORD: Final = 80
"""Nobody misspells a word of more letters; comparing it would take long."""
_MOST: Final = 100
"""Problems of one file that are shown; who has more has given the wrong file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong at one place; ``more`` is printed below it, aligned with the path."""

    path: KeyPath
    text: str
    more: tuple[str, ...] = ()


def dotted(path: KeyPath) -> str:
    """``environments.staging.services.web``; array elements as ``platforms[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{as_key(part)}"
    return text.removeprefix(".")


def as_key(name: str) -> str:
    """A key as TOML writes it: bare where it may be, else quoted; ASCII, and not too long."""
    shortened = name if len(name) <= _LONGEST_KEY else f"{name[:_LONGEST_KEY]}..."
    return name if _BARE.fullmatch(name) else json.dumps(shortened)


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of a path or, where it is not in the file, of the nearest table around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def problem_lines(
    problems: Iterable[Problem], *, path: str, lines: Mapping[KeyPath, int]
) -> tuple[str, ...]:
    """The problems in the order of their lines: ``ci/delivery.toml:31  a.b: unknown key``."""
    ordered = sorted(
        problems,
        key=lambda problem: (
            line_of(problem.path, lines),
            tuple(map(str, problem.path)),
            problem.text,
        ),
    )
    rows = []
    for problem in ordered[:_MOST]:
        start = f"{path}:{line_of(problem.path, lines)}  "
        key = dotted(problem.path)
        rows.append(f"{start}{key}: {problem.text}" if key else f"{start}{problem.text}")
        rows += [f"{'':{len(start)}}{line}" for line in problem.more]
    if len(ordered) > _MOST:
        rows.append(f"{path}  and {len(ordered) - _MOST} more")
    return tuple(rows)


def configuration_error(
    problems: Sequence[Problem], *, path: str, lines: Mapping[KeyPath, int]
) -> ConfigurationError:
    """One error that holds every problem."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ConfigurationError(
        f"{count} in {path}",
        details=problem_lines(problems, path=path, lines=lines),
        remedy=EVERY_KEY,
    )


def closest(word: str, words: Iterable[str]) -> str:
    """The word that was probably meant, or an empty text where nothing is near."""
    candidates = list(words)
    if len(word) > _LONGEST_WORD:
        return ""
    close = difflib.get_close_matches(word, candidates, n=1)
    if close or len(word) < _ABBREVIATED:
        return close[0] if close else ""
    # "prod" has too little of "production" for difflib's bound, and is what people type.
    longer = [candidate for candidate in candidates if candidate.startswith(word)]
    return longer[0] if len(longer) == 1 else ""


def nearest(word: str, words: Iterable[str]) -> str:
    """``; did you mean "container"?``, or an empty text where nothing is near."""
    close = closest(word, words)
    return f'; did you mean "{close}"?' if close else ""
