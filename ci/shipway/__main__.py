"""The command ``shipway``: Invoke's program over the tasks of :mod:`shipway.tasks`.

``shipway deploy``, ``inv deploy`` and ``nox -s deploy`` are one code. This one needs no
``tasks.py``, and shows no option that a delivery does not have (Invoke, "Using Invoke as a
library").
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.program import Program

from shipway import __version__
from shipway.errors import UsageError
from shipway.tasks import namespace

_OURS: Final = frozenset({"complete", "help", "list", "print-completion-script", "version"})
"""Invoke's other options speak of ``Context.run``, which no task of ours uses. ``--dry`` above all:
it would promise that nothing is changed."""


_HELP: Final = ("--help", "-h")
_TAKES_A_WORD: Final = frozenset(
    name for name in namespace.task_names if any(namespace[name].positional)
)
"""Tasks whose first word Invoke takes for their argument, whatever it looks like."""

_SIGPIPE: Final = 141
"""128 + SIGPIPE, as a shell reports who writes into a closed pipe."""


def help_first(argv: list[str]) -> list[str]:
    """``shipway run --help`` as Invoke understands it: ``shipway --help run``. Pure."""
    words = list(argv)
    for at, (task, option) in enumerate(pairwise(words)):
        if task in _TAKES_A_WORD and option in _HELP:
            words[at : at + 2] = [option, task]
            break
    return words


class ShipwayProgram(Program):
    """Invoke's program with our options only; a wrong word ends with the exit code of a usage."""

    def core_args(self) -> list[Argument]:
        """The options that stand before a task's name."""
        return [argument for argument in super().core_args() if argument.name in _OURS]

    @property
    def args(self) -> Any:
        """What was given, with Invoke's defaults for the options that it still looks up."""
        given = self.core[0].args
        merged = type(given)()
        for argument in super().core_args():
            merged[argument.name] = argument
        merged.update(given)
        return merged

    def parse_core(self, argv: list[str] | None) -> None:
        """Read the words before a task's name."""
        words = help_first(sys.argv if argv is None else argv)
        self._usage(lambda: super(ShipwayProgram, self).parse_core(words))

    def parse_tasks(self) -> None:
        """Read the tasks and their options."""
        self._usage(super().parse_tasks)

    def parse_cleanup(self) -> None:
        """Answer ``--help``, ``--list`` and completion."""
        self._usage(super().parse_cleanup)

    def print_help(self) -> None:
        """The options, and every task with a line of its own."""
        sys.stdout.write("Usage: shipway TASK [--options]\n\nOptions:\n\n")
        self.print_columns(self.initial_context.help_tuples())
        self.list_tasks()

    def print_task_help(self, name: str) -> None:
        """What a task does, and its options; Invoke's page has words of its own for both."""
        options = self.parser.contexts[name].help_tuples()
        what = inspect.getdoc(self.collection[name]) or ""
        sys.stdout.write(f"Usage: shipway {name} [--options]\n\n{what}\n\nOptions:\n\n")
        self.print_columns(options)

    def task_list_opener(self, extra: str = "") -> str:
        """What stands above the tasks."""
        return f"Tasks{extra}"

    def _usage(self, parse: Callable[[], None]) -> None:
        try:
            parse()
        except ParseError as error:
            text = f"{error}\n{self.binary} --help lists the tasks, {self.binary} TASK --help one"
            raise Exit(text, code=UsageError.exit_code) from error


program: Final = ShipwayProgram(
    name="shipway",
    binary="shipway",
    binary_names=["shipway"],
    namespace=namespace,
    version=__version__,
)


def main() -> None:
    """What the console script ``shipway`` starts."""
    try:
        program.run()
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough; Python would complain of it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_SIGPIPE)


if __name__ == "__main__":
    main()
