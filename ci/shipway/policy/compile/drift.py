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
from shipway.policy.compile.outside import deciding_lines
from shipway.policy.compile.workflow import Region
from shipway.policy.requirements import Runner

_MARK: Final = re.compile(r"\s*# (>>>|<<<) (\w+)\b.*")
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
    path: str, text: str | None, regions: Sequence[Region], *, runner: Runner = "github-hosted"
) -> tuple[Difference, ...]:
    """The differences of a file with regions of ours, and what stands in their way elsewhere.

    Args:
        path: The file, from the repository's root.
        text: What it holds; ``None`` where it is not there.
        regions: What its regions must hold.
        runner: What kind of runner the contract asks for.
    """
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
    differences += [
        Difference(path=path, line=index + 1, what=why, actual=(lines[index],))
        for index, why in deciding_lines(lines, places, runner)
    ]
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
