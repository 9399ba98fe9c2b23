"""``inv logs``: what the containers of a service or a job wrote, and what they write now."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from shipway.cli.run_command import run_command
from shipway.console import Console
from shipway.delivery.service_logs import LogLine, ServiceLogs, chosen, chosen_job, seconds_of
from shipway.delivery.status import open_environment
from shipway.errors import UsageError
from shipway.observer import Concluded
from shipway.wiring import delivery_context

_PAUSE: Final = 2.0
_LOOKS: Final = 5
"""Looks at the streams after which the tasks are looked for again: a rollout makes new ones."""
_SHOWN_TASK: Final = 8


def run(
    env: str, *, service: str, job: str, since: str, follow: bool, revision: int, json: bool
) -> int:
    """Read; nothing is raised but what is a bug of ours.

    Args:
        env: ``--env``.
        service: The key of one service; empty for all, unless a job is named.
        job: The key of one job; its tasks alone are read then.
        since: How far back, such as ``10m``.
        follow: Whether to read on until Ctrl-C.
        revision: The one revision whose tasks count; 0 for every one.
        json: One JSON object of type ``log`` for each line, instead of words.

    Returns:
        0, also where nothing was written.
    """

    def work(console: Console) -> int:
        ago = timedelta(seconds=seconds_of(since))
        if revision < 0:
            raise UsageError(
                f"{revision} is no revision", where="--revision", remedy="revisions begin with 1"
            )
        if service and job:
            raise UsageError(
                "a service and a job are two things",
                where="--job",
                remedy="name one of them: a job's tasks are no service's",
            )
        context = delivery_context(console)
        environment, aws = open_environment(env, context)
        logs = ServiceLogs(
            environment,
            aws,
            () if job else chosen(environment, service),
            jobs=chosen_job(environment, job) if job else (),
            revision=revision,
            since=context.clock.now() - ago,
        )
        told: set[str] = set()
        try:
            _look(logs, console, told)
            while follow:
                for _ in range(_LOOKS):
                    context.clock.sleep(_PAUSE)
                    _tell(logs, console)
                _look(logs, console, told)
        except KeyboardInterrupt:
            if not follow:
                raise
        text = "1 line." if logs.count == 1 else f"{logs.count} lines."
        console(Concluded(text=text, kind="logs", exit_code=0))
        return 0

    return run_command(work, interrupted="nothing was changed", json=json)


def _look(logs: ServiceLogs, console: Console, told: set[str]) -> None:
    """See which tasks there are, say once what cannot be read, and show what was written."""
    for note in logs.find_tasks():
        if note not in told:
            console.say(f" {note}")
        told.add(note)
    _tell(logs, console)


def _tell(logs: ServiceLogs, console: Console) -> None:
    for line in logs.read():
        console.answer("log", line.document(), shown(line).splitlines())


def shown(line: LogLine) -> str:
    """A line for a person: when, whose, what. Pure."""
    task = line.task[:_SHOWN_TASK]
    return f" {line.at:%Y-%m-%d %H:%M:%S}  {line.key}/{line.container} {task}  {line.text}"
