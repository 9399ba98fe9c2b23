"""Where a file differs from what the contract says it must be: every place, with its line.

Pure: texts in, differences out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.errors import ConfigurationError
from shipway.policy.compile.workflow import Region

_MARK: Final = re.compile(r"\s*# (>>>|<<<) (\w+)\b.*")
_TOP_KEYS: Final = frozenset({"name", "run-name", "permissions", "jobs", "defaults"})
_JOB_KEYS: Final = frozenset({"name", "runs-on", "steps", "env", "defaults", "secrets"})
_JOB_COLUMN: Final = 2
_KEY_COLUMN: Final = 4
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place that differs.

    Attributes:
        path: The file, from the repository's root.
        line: The first line that differs, counted from 1.
        what: What it decides.
        actual: The lines that are there.
        expected: The lines that should be there.
    """

    path: str
    line: int
    what: str
    actual: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """For a person: the place, then what is there and what should be."""
        return (
            f"{self.path}:{self.line}  {self.what}",
            *(f"  - {_cut(line)}" for line in self.actual),
            *(f"  + {_cut(line)}" for line in self.expected),
        )


def _cut(line: str) -> str:
    text = line.strip()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def compare_file(path: str, text: str | None, expected: str, what: str) -> tuple[Difference, ...]:
    """The differences of a file that is rendered as a whole; ``None`` where it is not there."""
    if text is None:
        return (Difference(path=path, line=1, what=f"{what}: the file is missing"),)
    return tuple(_compare_lines(path, text.splitlines(), expected.splitlines(), 1, what))


def compare_regions(
    path: str, text: str | None, regions: Sequence[Region]
) -> tuple[Difference, ...]:
    """The differences of a file with regions of ours, and what stands in their way elsewhere."""
    if text is None:
        return (Difference(path=path, line=1, what="the workflow is missing"),)
    lines = text.splitlines()
    places = _region_places(lines)
    differences: list[Difference] = []
    for region in regions:
        if region.name not in places:
            what = f"{region.what}: there is no region {region.name}"
            markers = (f"# >>> {region.name}", f"# <<< {region.name}")
            differences.append(Difference(path=path, line=1, what=what, expected=markers))
            continue
        start, end = places[region.name]
        differences += _compare_lines(path, lines[start:end], region.lines, start + 1, region.what)
    differences += _outside_regions(path, lines, places)
    return tuple(sorted(differences, key=lambda difference: difference.line))


def fill_regions(path: str, text: str, regions: Sequence[Region]) -> str:
    """The text with every region as it should be.

    Raises:
        ConfigurationError: A region has no markers in the text.
    """
    lines = text.splitlines()
    for region in regions:
        places = _region_places(lines)
        if region.name not in places:
            raise ConfigurationError(
                f"{path} has no region {region.name} ({region.what})",
                where=path,
                remedy=f"put the lines `# >>> {region.name}` and `# <<< {region.name}` where it "
                "belongs; docs/release-contract.md shows a whole workflow",
            )
        start, end = places[region.name]
        lines[start:end] = region.lines
    return "\n".join(lines) + "\n"


def _region_places(lines: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Where each region's content begins and ends; one that is opened twice counts as none."""
    starts: dict[str, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for index, line in enumerate(lines):
        mark = _MARK.fullmatch(line)
        if mark is None:
            continue
        name = mark[2]
        if mark[1] == ">>>":
            starts[name] = -1 if name in starts else index + 1
        elif starts.get(name, -1) >= 0:
            places[name] = (starts[name], index)
    return {name: place for name, place in places.items() if starts[name] >= 0}


def _compare_lines(
    path: str, actual: Sequence[str], expected: Sequence[str], first: int, what: str
) -> Iterator[Difference]:
    matcher = difflib.SequenceMatcher(None, actual, expected, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            yield Difference(
                path=path,
                line=first + i,
                what=what,
                actual=tuple(actual[i:j]),
                expected=tuple(expected[k:m]),
            )


def _outside_regions(
    path: str, lines: Sequence[str], places: dict[str, tuple[int, int]]
) -> Iterator[Difference]:
    """What is outside the regions and would decide with them: other events, jobs, conditions.

    Read line by line on purpose: only the plain way to write a workflow is accepted, so nothing
    can hide in another spelling of YAML.
    """
    inside = {index for start, end in places.values() for index in range(start, end)}
    guarded, section, in_guarded_job = places.get("job", (len(lines), 0))[0], "", True
    for index, line in enumerate(lines):
        text = line.split(" #")[0].rstrip()
        if index in inside or not text.strip() or text.lstrip().startswith("#"):
            continue
        indent, key = len(text) - len(text.lstrip()), text.strip().partition(":")[0]
        if indent == 0:
            section = key
        if section == "jobs" and 0 < indent <= _JOB_COLUMN:
            in_guarded_job = text.endswith(":") and index == _last_job_line(lines, guarded)
        wrong = _decides_why(text, key, indent, section, in_guarded_job=in_guarded_job)
        if wrong:
            yield Difference(path=path, line=index + 1, what=wrong, actual=(line,))


def _last_job_line(lines: Sequence[str], before: int) -> int:
    """Where the job begins that stands last before a line."""
    starts = (at for at in range(before) if re.match(rf" {{1,{_JOB_COLUMN}}}\w", lines[at]))
    return max(starts, default=-1)


def _decides_why(text: str, key: str, indent: int, section: str, *, in_guarded_job: bool) -> str:
    """Why a line outside the regions would decide with them, or an empty text."""
    if (indent == 0 and key not in _TOP_KEYS) or "\t" in text:
        return f"{key!r} at the top is decided in the regions"
    if section == "permissions" and text != "permissions: {}":
        return "permissions at the top are {}: a job asks for what it needs"
    if section == "jobs" and 0 < indent <= _JOB_COLUMN and not in_guarded_job:
        return "only the one guarded job may be here"
    if section == "jobs" and _JOB_COLUMN < indent <= _KEY_COLUMN and key not in _JOB_KEYS:
        return f"{key!r} of the job is decided in the regions"
    if section == "jobs" and indent == 0 and text != "jobs:":
        return "jobs are written one key to a line"
    return ""
