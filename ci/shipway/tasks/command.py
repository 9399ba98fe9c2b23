"""A task as a command: what all of them share, from the decorator to the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task, task

HELP: Final = {
    "env": "environment of ci/delivery.toml; in GitHub Actions the release contract names it",
    "image": "REPOSITORY@sha256:… that exists already: roll it out without a build",
    "json": "print one JSON object for each event",
    "verbose": "print all of BuildKit's output",
}
"""Options that several tasks have, and what they are."""

OVERRIDES: Final = {
    "rollback-to": "commit that may be older than what runs; it must be the one delivered",
    "through-freeze": '"NAME: why" of the one freeze that is to be gone through',
}
"""The same for what a person may ask the release contract to allow once."""


class _Compiled(Task[Callable[..., None]]):
    """A task that keeps the bytecode of what it imports, unless Python was told not to.

    Invoke keeps none without --write-pyc. What uv installed nobody has compiled yet, and each
    command would do it anew (0.3 s and more for boto3 and pydantic). What a repository's own
    tasks.py imports stays as Invoke has it: a new __pycache__ there is a work tree with changes.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(given, Context) and given.config.run.dry for given in args):
            # Invoke's own --dry reaches only Context.run: the delivery would take place.
            raise Exit(
                "Invoke's --dry reaches no task of shipway, which would run for real: nothing was "
                "done. The task `plan` shows what deploy would do, and changes nothing",
                code=2,
            )
        before = sys.dont_write_bytecode
        sys.dont_write_bytecode = before and bool(sys.flags.dont_write_bytecode)
        try:
            return super().__call__(*args, **kwargs)
        except KeyboardInterrupt:  # before there was a console to say so; Invoke would say nothing
            raise Exit("interrupted: nothing further is changed", code=130) from None
        finally:
            sys.dont_write_bytecode = before


shipway_task = partial(task, klass=_Compiled)
"""The decorator of every task."""


def leave(code: int) -> None:
    """End with this exit code; 0 goes on.

    Raises:
        invoke.exceptions.Exit: The code is not 0.
    """
    if code:
        raise Exit(code=code)
