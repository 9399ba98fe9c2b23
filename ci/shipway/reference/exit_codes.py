"""Every exit code, from the error tree and the verdicts; ``docs/exit-codes.md`` is this, printed.

Run ``nox -s generate`` after a change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shipway.delivery.status import NOT_AS_RECORDED
from shipway.errors import RolloutError, ShipwayError
from shipway.reference.write import write_page
from shipway.rollout.judge.verdict import VERDICTS
from shipway.rollout.plan import CHANGES, NO_CHANGE

ANSWERS = (NO_CHANGE, CHANGES, NOT_AS_RECORDED)
"""What ends a task that answers a question: nothing went wrong."""


@dataclass(frozen=True, slots=True, order=True)
class ExitCode:
    """One row: the code, what machines read beside it, and what it means."""

    code: int
    kind: str
    meaning: str


def exit_codes() -> tuple[ExitCode, ...]:
    """All of them, by code; verdicts and errors of one code and one name make one row."""
    rows = {(v.exit_code, v.name): v.sentence for v in (*VERDICTS, *ANSWERS)}
    for error in _errors(ShipwayError):
        if error is not RolloutError:  # it has the code and the name of its verdict
            first = (error.__doc__ or "").strip().splitlines()[0]
            sentence = rows.get((error.exit_code, error.kind))
            rows[error.exit_code, error.kind] = (
                f"{first} In a rollout: {sentence}" if sentence else first
            )
    return tuple(sorted(ExitCode(code, kind, text) for (code, kind), text in rows.items()))


def page() -> str:
    """The whole page, in Markdown."""
    lines = [
        "# Exit codes",
        "",
        "What `inv` ends with. Nox turns every failure into 1, so machines that run `nox` read the",
        "name instead: in the evidence, in `$GITHUB_OUTPUT`, in `--json`.",
        "A task or an option that does not exist ends with Invoke's own sentence and 1. Made from",
        "`ci/shipway/errors.py`, `ci/shipway/rollout/judge/verdict.py` and the answers of `plan`",
        "and `status` by `nox -s generate`.",
        "",
        "| code | name | meaning |",
        "| ---: | --- | --- |",
    ]
    lines += [f"| {row.code} | `{row.kind}` | {_plain(row.meaning)} |" for row in exit_codes()]
    return "\n".join(lines) + "\n"


def _errors(base: type[ShipwayError]) -> Iterator[type[ShipwayError]]:
    yield base
    for subclass in base.__subclasses__():
        if subclass.__module__ == ShipwayError.__module__:
            yield from _errors(subclass)


def _plain(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page where the arguments say."""
    write_page(
        "shipway.reference.exit_codes",
        page(),
        description="Write every exit code as a Markdown page.",
        argv=argv,
    )


if __name__ == "__main__":
    main()
