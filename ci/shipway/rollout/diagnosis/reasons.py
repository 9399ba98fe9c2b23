"""Why a task stopped, in plain words, and how much one such stop proves.

ECS tells it in three places that must be read together: ``stopCode``, ``stoppedReason``, and the
``reason`` and ``exitCode`` of each container. The words are in
:mod:`shipway.rollout.diagnosis.texts`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from shipway.rollout.diagnosis.texts import BY_CODE, EXITS, SIGNALS, TEXTS, Weight
from shipway.rollout.snapshot import Container, Task

_COMPILED = tuple(
    (kind, weight, re.compile(rx, re.IGNORECASE), text) for kind, weight, rx, text in TEXTS
)

_PLAIN_CODES = frozenset({1, 2, 255})
_STOPPED_WITH_ANOTHER = frozenset({137, 143})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One stopped task, read.

    Attributes:
        kind: The distinct sort of failure, such as ``exit`` or ``image-missing``.
        weight: What one such stop proves.
        text: In plain words, to follow "task …:".
        ecs: ECS's own words, without repeats.
        signature: Equal for failures that are the same failure.
        container: The container that is to blame, or empty.
        exit_code: Its exit code, where it got that far.
        helpers: Helpers that had failed before, in words: never the cause, and worth a line.
    """

    kind: str
    weight: Weight
    text: str
    ecs: str
    signature: str
    container: str = ""
    exit_code: int | None = None
    helpers: str = ""


def exit_meaning(code: int) -> str:
    """What an exit code says, in a few words; signals by number where they have no name here."""
    if code in EXITS:
        return EXITS[code]
    if code in SIGNALS:
        return f"killed by signal {code - 128}"
    return "the program failed; its log says why"


def says_more(code: int) -> bool:
    """Whether a code says more than that the program failed: the others are a program's own."""
    return code not in _PLAIN_CODES and (code in EXITS or code in SIGNALS)


def read_text(text: str) -> tuple[str, Weight, str] | None:
    """Kind, weight and plain words of one of ECS's messages; ``None`` where it says nothing."""
    for kind, weight, pattern, words in _COMPILED:
        if pattern.search(text):
            return kind, weight, words
    return None


@functools.lru_cache(maxsize=4096)
def read(task: Task) -> Reading | None:
    """Why ``task`` stopped, or ``None`` while that cannot be known yet.

    A task shows its reason while it is still stopping, but an exit code only once its containers
    are down: such a task is not read before the code is there.
    """
    ecs = own_words(task)
    by_code = BY_CODE.get(task.stop_code)
    if by_code is not None:
        return Reading(
            kind=by_code[0], weight="ignored", text=by_code[1], ecs=ecs, signature=by_code[0]
        )
    culprit = _culprit(task)
    known = read_text(ecs)
    if known is not None:
        kind, weight, words = known
        name = culprit.name if culprit is not None else ""
        if kind.startswith("image-") and name and len(task.containers) > 1:
            words = words.replace("the image", f'the image of container "{name}"', 1)
        code = culprit.exit_code if culprit is not None else None
        return Reading(
            kind=kind,
            weight=weight,
            text=words,
            ecs=ecs,
            signature=f"{kind} {name if kind in {'memory', 'command', 'start'} else ''}".strip(),
            container=name,
            exit_code=code,
            helpers=_failed_helpers(task, name),
        )
    if task.stop_code == "ServiceSchedulerInitiated":
        # The scheduler stops tasks to scale and to replace; what it stops for health it says.
        return Reading(
            kind="scaling",
            weight="ignored",
            text="ECS stopped it to scale or to replace it",
            ecs=ecs,
            signature="scaling",
        )
    if culprit is not None and culprit.exit_code is not None:
        code = culprit.exit_code
        return Reading(
            kind="exit",
            weight="repeated",
            text=f'container "{culprit.name}" exited with code {code}',
            ecs=ecs,
            signature=f"exit {culprit.name} {code}",
            container=culprit.name,
            exit_code=code,
            helpers=_failed_helpers(task, culprit.name),
        )
    if task.last_status != "STOPPED":
        return None
    plain = re.sub(r"[0-9a-f]{8,}|\d+", "#", ecs)
    return Reading(
        kind="unknown",
        weight="repeated" if ecs else "transient",
        text="ECS stopped it",
        ecs=ecs,
        signature=f"unknown {plain}",
    )


def own_words(task: Task) -> str:
    """ECS's texts about this stop, joined, each once."""
    parts: list[str] = []
    for text in (task.stopped_reason, *(c.reason for c in task.containers)):
        if text and not any(text in part for part in parts):
            parts.append(text)
    return "; ".join(parts)


def _culprit(task: Task) -> Container | None:
    """The container whose end ended the task.

    When an essential container exits, ECS stops the others: they end with 143, or 137 where they
    do not listen. So the one with any other code is to blame; then one that was killed; then one
    that ended with 0. A helper, which is not essential, ends no task; where no essential container
    ever came up it may be what they waited for (``dependsOn``).
    """
    ended = [c for c in task.containers if c.exit_code is not None]
    ended = [c for c in ended if c.essential] or ended
    if not ended:
        failed = [c for c in task.containers if c.reason]
        return failed[0] if failed else None

    def order(container: Container) -> int:
        if container.reason and re.search("memory", container.reason, re.IGNORECASE):
            return 0
        if container.exit_code == 0:
            return 3
        return 2 if container.exit_code in _STOPPED_WITH_ANOTHER else 1

    return min(ended, key=order)


def _failed_helpers(task: Task, culprit: str) -> str:
    """The helpers that ended badly by themselves; empty where none did."""
    failed = [
        f'"{each.name}" with {each.exit_code}'
        for each in task.containers
        if not each.essential
        and each.name != culprit
        and each.exit_code not in {0, None, *_STOPPED_WITH_ANOTHER}
    ]
    return f"not essential, and exited before: {', '.join(failed)}" if failed else ""
