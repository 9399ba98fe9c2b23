"""The embedded AWS, alone or with a whole delivery that is rehearsed in it."""

from __future__ import annotations

from invoke.context import Context

from shipway.tasks.command import HELP, leave, shipway_task


@shipway_task(
    help={
        "down": "end the sandbox that runs in the background, and all it started",
        "json": "print one JSON object for each event",
    }
)
def sandbox(_: Context, *, down: bool = False, json: bool = False) -> None:
    """Start the embedded AWS in the background, or end it; no account is needed."""
    from shipway.cli.sandbox import run

    leave(run(down=down, json=json))


@shipway_task(help={key: HELP[key] for key in ("json", "verbose")})
def rehearse(_: Context, *, json: bool = False, verbose: bool = False) -> None:
    """Walk a whole delivery, good and bad releases, in the sandbox; no account is needed."""
    from shipway.cli.rehearse import run

    leave(run(as_json=json, verbose=verbose))
