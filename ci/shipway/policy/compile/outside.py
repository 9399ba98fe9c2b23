"""What stands outside the regions of a workflow and would decide with them.

Read line by line on purpose: only the plain way to write a workflow is accepted, so nothing can
hide in another spelling of YAML. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.policy.requirements import Runner

_TOP_KEYS: Final = frozenset({"name", "run-name", "permissions", "jobs", "defaults"})
_JOB_KEYS: Final = frozenset({"name", "runs-on", "steps", "env", "defaults", "secrets"})
_JOB_COLUMN: Final = 2
_KEY_COLUMN: Final = 4
# GitHub Docs, "Choosing the runner for a job": the labels that GitHub's own machines have.
_HOSTED: Final = re.compile(r"(?:ubuntu|windows|macos)-[\w.-]+")
_SELF_HOSTED: Final = "self-hosted"
# "Workflow syntax", jobs.<job_id>.steps[*].shell: a command of one's own holds {0}.
_OWN_SHELL: Final = re.compile(r"shell:.*\{0\}")


@dataclass(slots=True)
class _Place:
    """Where a line stands.

    Attributes:
        section: The key at the top above it.
        key: The key of the job above it.
        guarded: Whether it belongs to the job that the contract guards.
    """

    section: str = ""
    key: str = ""
    guarded: bool = True


def deciding_lines(
    lines: Sequence[str], regions: Mapping[str, tuple[int, int]], runner: Runner
) -> Iterator[tuple[int, str]]:
    """Every line outside the regions that would decide with them, and why.

    Args:
        lines: The workflow.
        regions: Where each region's content begins and ends, as indices of lines.
        runner: What kind of runner the contract asks for.
    """
    inside = {index for start, end in regions.values() for index in range(start, end)}
    guarded = _last_job_line(lines, regions.get("job", (len(lines), 0))[0])
    place = _Place()
    for index, line in enumerate(lines):
        text = line.split(" #")[0].rstrip()
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        indent = len(text) - len(text.lstrip())
        key = text.strip().partition(":")[0]
        if indent == 0:
            place.section, place.key = key, ""
        elif place.section == "jobs" and indent <= _JOB_COLUMN:
            place.key = ""
            if index not in inside:
                place.guarded = text.endswith(":") and index == guarded
        elif place.section == "jobs" and indent <= _KEY_COLUMN:
            place.key = key
        if index not in inside and (why := _why(text, key, indent, place, runner)):
            yield index, why


def _last_job_line(lines: Sequence[str], before: int) -> int:
    """Where the job begins that stands last before a line."""
    starts = (at for at in range(before) if re.match(rf" {{1,{_JOB_COLUMN}}}\w", lines[at]))
    return max(starts, default=-1)


def _why(text: str, key: str, indent: int, place: _Place, runner: Runner) -> str:
    """Why a line would decide with the regions, or an empty text."""
    if "\t" in text:
        return "a tab: indent with spaces"
    if place.section not in _TOP_KEYS:
        what = place.section if indent else key
        return f"{what!r} at the top is decided in the regions"
    if place.section == "permissions" and text != "permissions: {}":
        return "permissions at the top are {}: a job asks for what it needs"
    if _OWN_SHELL.search(text):
        return "a shell of its own can hide that a step failed"
    return _why_in_jobs(text, key, indent, place, runner) if place.section == "jobs" else ""


def _why_in_jobs(text: str, key: str, indent: int, place: _Place, runner: Runner) -> str:
    if indent == 0:
        return "" if text == "jobs:" else "jobs are written one key to a line"
    if indent <= _JOB_COLUMN:
        return "" if place.guarded else "only the one guarded job may be here"
    if place.key not in _JOB_KEYS:
        return f"{place.key!r} of the job is decided in the regions"
    if indent <= _KEY_COLUMN and key == "runs-on":
        return _why_this_runner(text.partition(":")[2].strip(), runner)
    if place.key == "steps" and key.removeprefix("- ").strip() == "continue-on-error":
        return "a step that fails must fail the job"
    return ""


def _why_this_runner(label: str, runner: Runner) -> str:
    """The gate refuses a run on another kind of runner; here it is told before the push."""
    if not label or "${{" in label:
        return "runs-on names its runner plainly, on one line"
    if runner == "github-hosted" and _SELF_HOSTED in label:
        return "the contract asks for a runner of GitHub's ([github] runner)"
    if runner == "self-hosted" and _HOSTED.fullmatch(label.strip("[]\"' ")):
        return "the contract asks for a runner of one's own ([github] runner)"
    return ""
