"""What is to be done about a job, and how a task ended. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from shipway.config.job import When
from shipway.rollout.diagnosis.reasons import exit_meaning, read, says_more
from shipway.rollout.snapshot import Container, Task

STOPPED: Final = "STOPPED"
REMEMBERED: Final = 3600.0
"""Seconds for which ECS shows a task that stopped (ECS API Reference, DescribeTasks)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is to be done about a job now.

    Attributes:
        what: ``start`` a task, ``follow`` the one that runs, or nothing: it is ``done`` for this
            release, or there is no release to run it for (``idle``).
        why: For a person, where nothing is started.
        task: The task that runs or did it.
    """

    what: Literal["start", "follow", "done", "idle"]
    why: str = ""
    task: Task | None = None


def due(
    when: When, tasks: Sequence[Task], container: str, *, moves: bool, age: float | None
) -> Due:
    """Whether a job has to run for a release.

    Args:
        when: When it runs.
        tasks: Every task that was started for this job of this release, as far as ECS knows.
        container: Whose exit code decides.
        moves: Whether the release changes a service, or watches one that is changing.
        age: Seconds since what runs was deployed; ``None`` where ECS does not say.
    """
    running = next((task for task in tasks if task.last_status != STOPPED), None)
    if running is not None:
        return Due(what="follow", why=f"task {running.id[:8]} runs already", task=running)
    done = next((task for task in tasks if exit_code(task, container) == 0), None)
    if done is not None and when != "by-hand":
        return Due(what="done", why=f"task {done.id[:8]} ran it for this release", task=done)
    why = "" if moves else _needless(when, age)
    return Due(what="idle", why=why) if why else Due(what="start")


def _needless(when: When, age: float | None) -> str:
    """Why a job is not run where nothing is rolled out; empty where it is."""
    if when == "before":
        return "nothing is rolled out"
    if when == "after" and age is not None and age > REMEMBERED:
        return "nothing is rolled out, and ECS forgot by now whether it ran after that release"
    return ""


def exit_code(task: Task, container: str) -> int | None:
    """The exit code that decides, once the task has stopped; ``None`` before, or without one."""
    if task.last_status != STOPPED:
        return None
    return _container(task, container).exit_code


def ended(task: Task, container: str) -> str:
    """How a task that has stopped ended, in a few words: ``exited with 3``.

    The code of the job's container decides. Where another container failed first, ECS ended the
    job's with a signal: that one is named.
    """
    code = exit_code(task, container)
    reading = read(task)
    if code == 0:
        return "exited with 0"
    if reading is not None and (code is None or reading.container not in {"", container}):
        return reading.text
    if code is not None:
        meaning = f" ({exit_meaning(code)})" if says_more(code) else ""
        return f"exited with {code}{meaning}"
    return task.stopped_reason or "ECS stopped it and does not say why"


def _container(task: Task, name: str) -> Container:
    return next((each for each in task.containers if each.name == name), Container(name=name))
